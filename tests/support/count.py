"""Adds up what the tests of several build folders said, and prints one line: N passed, N failed, N skipped.

usage: count.py [NAME=passed|failed …] -- BUILD_FOLDER…

Meson counts programs; a person wants cases. cmocka prints one line a case, pytest one closing line; a program that
prints neither counts as one. A program that failed without naming a case (it crashed, or leaked) counts as one failed.
"""

import json
import pathlib
import re
import sys

CMOCKA = {"passed": r"^\[\s+OK\s+\]", "failed": r"^\[\s+FAILED\s+\] \w+$", "skipped": r"^\[\s+SKIPPED\s+\]"}
PYTEST = re.compile(r"(\d+) (passed|failed|skipped|error)")


def count_cases(text):
    """The cases that a program's output names."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for word, pattern in CMOCKA.items():
        counts[word] = len(re.findall(pattern, text, re.MULTILINE))
    closing = [line for line in text.splitlines() if PYTEST.search(line) and " in " in line]
    if closing and not any(counts.values()):
        for number, word in PYTEST.findall(closing[-1]):
            counts["failed" if word == "error" else word] += int(number)
    return counts


def count_program(entry):
    counts = count_cases(entry.get("stdout", "") + entry.get("stderr", ""))
    if entry["result"] == "SKIP":
        return {"passed": 0, "failed": 0, "skipped": 1}
    if entry["result"] not in ("OK", "EXPECTEDFAIL"):
        counts["failed"] = max(1, counts["failed"])
    elif not any(counts.values()):
        counts["passed"] = 1
    return counts


def main():
    at = sys.argv.index("--")
    total = {"passed": 0, "failed": 0, "skipped": 0}
    for check in sys.argv[1:at]:
        name, result = check.split("=")
        total[result] += 1
        if result == "failed":
            print(f"failed: check {name}")
    for folder in sys.argv[at + 1 :]:
        log = pathlib.Path(folder, "meson-logs", "testlog.json")
        entries = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        if not entries:
            print(f"failed: {folder} ran no test")
            total["failed"] += 1
        for entry in entries:
            counts = count_program(entry)
            for word, number in counts.items():
                total[word] += number
            if counts["failed"]:
                print(f"failed: {folder} {entry['name']}")
            if counts["skipped"]:
                print(f"skipped: {counts['skipped']} in {folder} {entry['name']}")
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**total))
    return 1 if total["failed"] or not total["passed"] else 0


sys.exit(main())
