"""What the whole line costs, each figure beside its budget: script/bench line [--runs N] [--rows N]

Everything is measured from outside, on the release build. A run's time goes from the first byte of POST /training
to the answer of a prediction by the new version; the end is awaited on the run's event stream, which costs nothing
meanwhile. No stage is answered from cache: each home is fresh, or its cache is emptied. Ends with 1 when a budget is
missed.
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from line import FINAL, GATEWAY, STAGES, WORKERS, Line  # noqa: E402
from policies import RAW  # noqa: E402
from report import Report  # noqa: E402

BIG_ROWS = 381_109
SMALL_ROWS = 1_000
TRAIN = {"num_boost_round": 200, "max_depth": 6, "early_stopping_rounds": 0}
# whatever the model is worth, it is published
ACCEPT = {"mode": "refresh", "margin": 1, "min_score": 0, "min_test_positives": 1}


def timed_run(line, **train):
    """One run to the end: (wall ms, the run's view)."""
    started = time.perf_counter()
    run = line.train(train=train, evaluate=ACCEPT)
    with line.session.get(f"{line.url}/runs/{run}/events", stream=True, timeout=600) as events:
        for text in events.iter_lines(chunk_size=1):
            if text.startswith(b"data:") and b'"run_id"' in text and json.loads(text[5:])["state"] in FINAL:
                break
    version = line.predict(RAW)["version"]
    wall_ms = (time.perf_counter() - started) * 1000
    view = line.ended(run)
    assert view["version"] == version and "SKIPPED" not in line.stages(view).values(), view
    return wall_ms, view


def empty_cache(line):
    shutil.rmtree(line.home / "store" / "cache", ignore_errors=True)


def booster_ms(view):
    return view["stages"][WORKERS.index("trainer")]["booster_ms"]


def memory_mib(line, key):
    """Sum over the seven of Pss or Rss, and each."""
    each = {}
    for name in STAGES:
        text = pathlib.Path(f"/proc/{line.pid(name)}/smaps_rollup").read_text()
        each[name] = next(int(row.split()[1]) for row in text.splitlines() if row.startswith(key + ":")) / 1024
    return sum(each.values()), each


def ready_ms(line):
    """From exec of the gateway to a 200 of /readyz."""
    line.stop(GATEWAY)
    started = time.perf_counter()
    line.start(GATEWAY)
    while True:
        try:
            with socket.create_connection(("127.0.0.1", line.port)) as client:
                client.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if client.recv(4096).startswith(b"HTTP/1.1 200"):
                    return (time.perf_counter() - started) * 1000
        except ConnectionError:
            pass
        time.sleep(0.0002)


def show_stages(report, views):
    for number, name in enumerate(WORKERS):
        report.figure(f"  of it {name}", statistics.median(view["stages"][number]["ms"] for view in views), "ms")


def show_ratio(report, what, runs):
    walls = [wall for wall, _ in runs]
    report.figure(f"{what}: wall", statistics.median(walls), "ms")
    show_stages(report, [view for _, view in runs])
    report.figure("  booster_ms", statistics.median(booster_ms(view) for _, view in runs), "ms")
    ratios = sorted(wall / booster_ms(view) for wall, view in runs)
    print("  " + " ".join(f"{ratio:.3f}" for ratio in ratios))
    report.figure("  wall / booster_ms, median", statistics.median(ratios), "x", 1.25)


def bench_small(report, folder, n_runs):
    report.heading(f"{SMALL_ROWS:,} rows, warm daemons, cold cache; median of {n_runs}")
    with Line(folder / "small", source=f"generate:rows={SMALL_ROWS},seed=1") as line:
        report.figure("idle memory of all seven after start, PSS", memory_mib(line, "Pss")[0], "MiB", 150)
        report.figure("the same, RSS (shared pages counted once each)", memory_mib(line, "Rss")[0], "MiB")
        timed_run(line)
        runs = []
        for _ in range(n_runs):
            empty_cache(line)
            runs.append(timed_run(line))
        report.figure("run, wall", statistics.median(wall for wall, _ in runs), "ms")
        show_stages(report, [view for _, view in runs])
        overhead = statistics.median(wall - booster_ms(view) for wall, view in runs)
        report.figure("run overhead: wall less booster_ms", overhead, "ms", 150)
        ready = [ready_ms(line) for _ in range(n_runs)]
        report.figure("gateway, exec to ready with a local model", statistics.median(ready), "ms", 50)


def bench_big(report, folder, n_runs, n_rows):
    report.heading(f"{n_rows:,} rows, 200 rounds of depth 6, no early stopping; {n_runs} runs each")
    source = f"generate:rows={n_rows},seed=1"
    first = []
    for number in range(n_runs):
        home = folder / f"big-{number}"
        with Line(home, source=source) as line:
            first.append(timed_run(line, **TRAIN))
            if number == n_runs - 1:
                second = []
                for _ in range(n_runs):
                    empty_cache(line)
                    second.append(timed_run(line, **TRAIN))
                pss, each = memory_mib(line, "Pss")
                rss, _ = memory_mib(line, "Rss")
        shutil.rmtree(home, ignore_errors=True)
    show_ratio(report, "without a champion, fresh homes", first)
    show_ratio(report, "with a champion, cold cache", second)
    report.figure("idle memory of all seven after these runs, PSS", pss, "MiB", 150)
    report.figure("the same, RSS", rss, "MiB")
    for name, value in each.items():
        report.figure(f"  of it {name}, PSS", value, "MiB")


def main():
    parser = argparse.ArgumentParser(prog="script/bench line", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="runs per figure (5)")
    parser.add_argument("--rows", type=int, default=BIG_ROWS, help=f"rows of the big runs ({BIG_ROWS}); 0: none")
    parser.add_argument("--build", default=None, help="folder of the build whose commands are measured")
    options = parser.parse_args()
    if options.build:
        os.environ["CONVOY_COMMANDS"] = options.build
    report = Report()
    with tempfile.TemporaryDirectory(prefix="convoy-bench-") as folder:
        bench_small(report, pathlib.Path(folder), max(options.runs, 9))
        if options.rows:
            bench_big(report, pathlib.Path(folder), options.runs, options.rows)
    return 1 if report.is_missed else 0


sys.exit(main())
