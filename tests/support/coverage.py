"""Prints which share of the lines of each layer the tests of a build with -Db_coverage=true have run.

usage: coverage.py BUILD_FOLDER
"""

import collections
import json
import pathlib
import subprocess
import sys

LAYERS = ("common/base", "common/bus", "common/data", "common/source", "common/model", "common/store", "proto",
          "services", "cli")


def read_lines(folder):
    """{(file, line): was it run} over all objects; a line of a header is run when any object ran it."""
    lines = {}
    notes = sorted(str(path.resolve()) for path in pathlib.Path(folder).rglob("*.gcno"))
    for start in range(0, len(notes), 50):
        result = subprocess.run(["gcov", "--json-format", "--stdout", *notes[start : start + 50]], cwd=folder,
                                capture_output=True, text=True, check=False)
        for text in result.stdout.splitlines():
            for source in json.loads(text)["files"]:
                path = pathlib.Path(folder, source["file"]).resolve()
                for line in source["lines"]:
                    at = (path, line["line_number"])
                    lines[at] = lines.get(at, False) or line["count"] > 0
    return lines


def main():
    folder = sys.argv[1]
    root = pathlib.Path.cwd()
    count = collections.Counter()
    run = collections.Counter()
    for (path, _), was_run in read_lines(folder).items():
        if not path.is_relative_to(root):
            continue
        name = str(path.relative_to(root))
        for layer in LAYERS:
            if name.startswith(layer + "/"):
                count[layer] += 1
                run[layer] += was_run
    for layer in LAYERS:
        if count[layer]:
            print(f"coverage: {layer:14} {100 * run[layer] / count[layer]:5.1f} % of {count[layer]} lines")


main()
