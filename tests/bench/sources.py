"""What reaching real parts costs, each figure beside its budget: script/bench sources [--runs N] [--rows N]

Reading a collection of MongoDB stands in sources_mongo.py.

A push of 100 MB into a server of S3 on this machine (versitygw), by the store as stages call it, against `curl -T` of
the same file to the same server with an address that was signed before, in turn. curl's time is that of its process;
the store's that of publishing a blob whose digest is known, as it is when one was written. What neither can do without
is to have the bytes received, checked and kept by the server. Ends with 1 when a budget is missed.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import sources_mongo  # noqa: E402
from report import Report  # noqa: E402
from s3 import BUCKET, Gate, Missing, Registry, Versitygw  # noqa: E402

PUSH_BYTES = 100_000_000
PUSH_BUDGET = 0.9
MOVE_BUDGET = 3
ROWS = 381_109


def store_push(tool, server, folder, path, n):
    done = subprocess.run([tool, f"s3://{BUCKET}/store-{n}", folder / f"cache-{n}", "push", path],
                          env=server.environment, capture_output=True, text=True, timeout=300)
    lines = done.stdout.split("\n")
    assert done.returncode == 0 and "0" in lines, done.stdout + done.stderr
    return float(lines[1].split()[1])


def curl_push(server, path, n):
    url = server.boto3().generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": f"curl-{n}"})
    started = time.perf_counter()
    subprocess.run(["curl", "-sSf", "-T", path, url], check=True, timeout=300, capture_output=True)
    return (time.perf_counter() - started) * 1000


def bench_push(report, tool, n_runs):
    # in memory where that can be: a disk that others write to is not what is compared
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as name, \
            Versitygw(pathlib.Path(name) / "server") as server:
        folder = pathlib.Path(name)
        path = folder / "content"
        store, curl = [], []
        for n in range(n_runs + 1):
            path.write_bytes(os.urandom(PUSH_BYTES))
            for side, push in ((store, lambda: store_push(tool, server, folder, path, n)),
                               (curl, lambda: curl_push(server, path, n)))[::1 if n % 2 else -1]:
                side.append(push())
        store_ms, curl_ms = statistics.median(store[1:]), statistics.median(curl[1:])
    report.heading(f"A push of 100 MB to a server of S3 on this machine; medians of {n_runs}")
    for what, ms in (("the store", store_ms), ("curl -T", curl_ms)):
        report.figure(what, PUSH_BYTES / 1e6 / ms * 1000, "MB/s")
    report.figure("the store / curl -T", curl_ms / store_ms, "x", at_least=PUSH_BUDGET)


def bench_move(report, tool):
    """Counted before the server, from a process that looks now and then, as the gateway does."""
    with tempfile.TemporaryDirectory() as name, Versitygw(pathlib.Path(name) / "server") as server, \
            Gate(server) as gate, Registry(tool, gate, name) as registry:
        for expected in range(3):
            assert registry("push", expected) == 0
        counts = []
        for move in [("roll-back", 3), ("promote", 3)]:
            assert registry("look") == 0
            gate.clear()
            assert registry(*move) == 0
            counts.append(gate.count())
    report.heading("A move in a registry in S3")
    report.figure("a rollback", counts[0], "requests", budget=MOVE_BUDGET)
    report.figure("a promotion", counts[1], "requests", budget=MOVE_BUDGET)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=ROWS, help=f"documents of the collection ({ROWS})")
    options = parser.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="convoy-bench-") as folder:
        sources_mongo.bench(report, pathlib.Path(folder), options.build.resolve(), options.runs, options.rows)
    try:
        bench_push(report, options.build / "tests" / "stage" / "store_tool", options.runs)
        bench_move(report, options.build / "tests" / "stage" / "registry_tool")
    except Missing as missing:
        sys.exit(f"bench: {missing}")
    sys.exit(report.is_missed)


if __name__ == "__main__":
    main()
