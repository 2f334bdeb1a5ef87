"""convoy gc on a line that runs: what is old and of no use goes, and everything that is in use goes on."""

import json
import os
import subprocess
import time

import pytest

from line import Line, copy_pipeline, program
from policies import RAW

from conftest import ALWAYS, SOURCE, TRAIN


@pytest.fixture
def line(tmp_path):
    pipeline = copy_pipeline(tmp_path / "pipeline", runs=2, versions=0, grace_hours=2)
    with Line(tmp_path / "home", source=SOURCE, pipeline=pipeline) as line:
        yield line


def gc(line, *arguments, want=0):
    done = subprocess.run([program("convoy"), "gc", *arguments], env=line.environment, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == want, done.stdout + done.stderr
    return done.stdout


def make_old(line):
    """Everything in store and registry was written a day ago."""
    then = time.time() - 24 * 3600
    for folder in ("store", "registry"):
        for path in (line.home / folder).rglob("*"):
            if path.is_file():
                os.utime(path, (then, then))


def blobs(line):
    return {path.name for path in (line.store_folder / "blobs").rglob("*") if path.is_file()}


def run_folders(line):
    return {path.parent.name for path in (line.store_folder / "runs").glob("*/run.json")}


def train(line, seed, **evaluate):
    return line.train(train=TRAIN | {"seed": seed, "subsample": 0.8}, evaluate=ALWAYS | evaluate)


def test_what_nobody_needs_goes(line):
    # the first makes the champion; the next three end at the gate, each with a matrix and a model of its own
    runs = [train(line, 1)]
    line.ended(runs[0])
    for seed in (2, 3, 4):
        runs.append(train(line, seed, min_score=0.99))
        assert line.ended(runs[-1])["accepted"] is False
    before = blobs(line)

    # all is young
    assert "removed 0 runs" in gc(line)
    assert blobs(line) == before and run_folders(line) == set(runs)

    make_old(line)
    told = json.loads(gc(line, "--dry-run", "--json"))
    assert [entry["name"] for entry in told["removed"] if entry["kind"] == "run"] == [runs[1]]
    assert told["dry_run"] and told["runs"] == told["runs"] | {"removed": 1, "kept": 3}
    assert blobs(line) == before and run_folders(line) == set(runs)

    words = gc(line)
    assert f"removed run {runs[1]}" in words and "removed 1 run (3 kept), 0 versions (1 kept)" in words
    assert run_folders(line) == set(runs) - {runs[1]}
    gone = before - blobs(line)
    assert gone == {entry["name"] for entry in told["removed"] if entry["kind"] == "blob"} and gone
    line.check_files()
    for run in (runs[0], runs[2], runs[3]):
        for name in ("ingestor", "validator", "transformer", "trainer", "evaluator", "pusher"):
            assert not gone & set(blob_names(line, run, name))

    # the champion answers, what it was made from is exported, and the line goes on
    assert line.predict(RAW)["version"] == 1
    out = line.home.parent / "out"
    subprocess.run([program("convoy"), "export", runs[0], "--out", out], env=line.environment, check=True)
    again = line.ended(train(line, 2, min_score=0.99))
    assert again["metrics"]["candidate"]
    assert line.ended(train(line, 5))["version"] == 2


def blob_names(line, run, stage):
    """Every digest in a stage's manifest, the keys of what it is cached by aside."""
    text = (line.store_folder / "runs" / run / f"{stage}.json").read_text()

    def walk(value):
        if isinstance(value, dict):
            for key, member in value.items():
                if key == "sha256":
                    yield member
                yield from walk(member)
        elif isinstance(value, list):
            for member in value:
                yield from walk(member)
    return walk(json.loads(text))


def test_beside_a_run_and_killed_at_any_time(line):
    """gc is killed again and again while runs go on; in the end they have all succeeded, and nothing dangles."""
    line.ended(train(line, 1))
    for seed in (2, 3):
        line.ended(train(line, seed, min_score=0.99))
    for pause_ms in range(0, 30, 3):
        make_old(line)
        run = train(line, 10 + pause_ms, min_score=0.99)
        collector = subprocess.Popen([program("convoy"), "gc"], env=line.environment, stdout=subprocess.DEVNULL)
        time.sleep(pause_ms / 1000)
        collector.kill()
        collector.wait()
        gc(line)
        line.ended(run)
        kept = blobs(line)
        for folder in run_folders(line):
            for manifest in (line.store_folder / "runs" / folder).glob("[!r]*.json"):
                missing = set(blob_names(line, folder, manifest.stem)) - kept - version_files(line)
                assert not missing, f"{manifest} names {missing}"
    line.check_files()
    assert line.predict(RAW)["version"] == 1


def version_files(line):
    """The digests of files of versions, which manifests name, too."""
    names = set()
    for version in line.versions():
        manifest = json.loads((line.version_folder(version) / "manifest.json").read_text())
        names |= {file["sha256"] for file in manifest["files"].values()}
    return names


def test_a_wrong_retention_is_named(tmp_path):
    pipeline = copy_pipeline(tmp_path / "pipeline", grace_hours=1)
    environment = os.environ | {"CONVOY_PIPELINE": str(pipeline), "CONVOY_HOME": str(tmp_path / "home")}
    done = subprocess.run([program("convoy"), "gc"], env=environment, capture_output=True, text=True)
    assert done.returncode and "pipeline.yaml:" in done.stderr and "retention.grace_hours" in done.stderr
