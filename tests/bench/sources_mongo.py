"""Reading a collection of MongoDB: Convoy, libmongoc's bare cursor and Python's clients against one server, in turns.

The server is tests/support/canned_mongo, whose replies are prepared, since a real one would limit all of them alike.
How fast its bytes can be had by bare sockets is shown first.
"""

import json
import pathlib
import re
import shutil
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PIPELINE = ROOT / "pipelines" / "vehicle-insurance"
SCHEMA = PIPELINE / "schema.yaml"
VENV = "build/venv-bench"
# Convoy asks for batches of 4 MiB, as many documents as that may be; the others take what a server gives unasked, 16 MiB
HEEDED = 16_384
# a type of schema.yaml to one of pyarrow
ARROW = {"int": "int64", "float": "float64", "bool": "bool_", "category": "string"}


def run(*arguments):
    """Seconds and count."""
    done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    seconds, n = done.stdout.split()
    return float(seconds), int(n)


def arrow_types():
    text = SCHEMA.read_text()
    names = re.findall(r"^  - name: (\w+)", text, re.MULTILINE)
    types = re.findall(r"^    type: (\w+)", text, re.MULTILINE)
    assert names and len(names) == len(types), "schema.yaml is written otherwise"
    return json.dumps({name: ARROW[kind] for name, kind in zip(names, types)})


def bench(report, folder, build, n_runs, n_rows):
    program, canned = build / "tests/bench/mongo", build / "tests/stage/canned_mongo"
    subprocess.run([ROOT / "script/venv", VENV, "tests/bench/requirements.txt"], check=True)
    file = folder / "documents.bson"
    made = subprocess.run([program, "make", SCHEMA, PIPELINE, str(n_rows), file], check=False)
    assert made.returncode == 0
    report.heading(f"{n_rows:,} documents of {file.stat().st_size / n_rows:.0f} bytes from a canned server; medians of "
                   f"{n_runs}, in turns")
    server = subprocess.Popen([canned, file, "--heed", str(HEEDED)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline().rsplit(":", 1)[1])
        measure(report, folder, program, port, n_runs, n_rows)
    finally:
        server.stdin.close()
        server.wait()


def measure(report, folder, program, port, n_runs, n_rows):
    uri, python = f"mongodb://127.0.0.1:{port}/", ROOT / VENV / "bin/python"
    peer, types = pathlib.Path(__file__).with_name("peer_mongo.py"), arrow_types()
    store = folder / "store"
    ways = {
        "wire": [program, "wire", port],
        "drain": [program, "drain", uri],
        "read": [program, "read", SCHEMA, uri],
        "ingest": [program, "ingest", SCHEMA, uri, f"file://{store}"],
        "pandas": [python, "-BWignore", peer, "pandas", uri, types],
        "arrow": [python, "-BWignore", peer, "arrow", uri, types],
    }
    rates = {way: [] for way in ways}
    for _ in range(n_runs):
        for way, command in ways.items():
            shutil.rmtree(store, ignore_errors=True)
            seconds, n = run(*command)
            assert way == "wire" or n == n_rows, f"{way} has read {n}"
            rates[way].append(n_rows / seconds)
    show(report, {way: statistics.median(each) for way, each in rates.items()})


def show(report, rate):
    for way, what in (("wire", "the server, drained by a bare socket"), ("drain", "libmongoc's cursor, untouched"),
                      ("read", "Convoy: rows of the schema"), ("ingest", "Convoy: ingest (rows, split, digests, store)"),
                      ("pandas", "PyMongo -> pandas"), ("arrow", "PyMongoArrow -> Arrow")):
        report.figure(what, rate[way] / 1000, "thousand/s")
    report.figure("ingest / PyMongo -> pandas", rate["ingest"] / rate["pandas"], "x", at_least=5)
    report.figure("ingest / PyMongoArrow", rate["ingest"] / rate["arrow"], "x", at_least=3)
    report.figure("ingest / libmongoc's cursor", rate["ingest"] / rate["drain"], "x", at_least=0.6)
    report.figure("rows alone / libmongoc's cursor", rate["read"] / rate["drain"], "x")
    report.figure("server / libmongoc's cursor (is it the limit?)", rate["wire"] / rate["drain"], "x")
