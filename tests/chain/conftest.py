"""What the tests of the whole line share: small data, few rounds, and the digests of a run that nothing disturbed.

CONVOY_COMMANDS names the build whose daemons run (meson.build sets it). Tests marked `once` say nothing about memory or
undefined behaviour that others do not, and are left out of the sanitized build; those marked `crash_points` need a
build that has them.
"""

import os
import pathlib
import random
import sys
import time

import pytest
import requests

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from line import STAGES, WORKERS, Line  # noqa: E402

# a few hundred milliseconds of work
SOURCE = "generate:rows=4000,seed=1"
TRAIN = {"num_boost_round": 10, "max_depth": 3}
EVALUATE = {"min_test_positives": 30, "min_score": 0.2, "bootstrap": 200}
# so that a second model, about as good, is accepted too
ALWAYS = EVALUATE | {"mode": "refresh", "margin": 1}


def read_manifests(line, run):
    """The manifests of the stages that have ended by now, byte by byte."""
    return {stage: (line.store_folder / "runs" / run / f"{stage}.json").read_bytes()
            for stage in WORKERS if line.has_manifest(run, stage)}


def check_whole(line, run, undisturbed):
    """The run ended well and made one version, and its files are those of a run that nothing disturbed."""
    view = line.ended(run)
    assert view["accepted"] and view["promoted"] and view["version"] == 1 and view["attempt"] == 1
    # a cached stage whose daemon died between cache entry and spool finds its own entry
    assert set(line.stages(view).values()) <= {"SUCCEEDED", "SKIPPED"}
    assert line.versions() == [1] and len(line.history()) == 1
    assert len(list((line.registry_folder / "vehicle-insurance" / "versions").iterdir())) == 1
    assert line.models()["aliases"] == {"champion": 1}
    line.check_files()
    assert line.digests(run) == undisturbed


def pytest_configure(config):
    config.addinivalue_line("markers", "once: not under the sanitizers")
    config.addinivalue_line("markers", "crash_points: needs a build with crash points")


def pytest_collection_modifyitems(config, items):
    def is_wanted(item):
        if item.get_closest_marker("once") and os.environ.get("SANITIZED"):
            return False
        return not item.get_closest_marker("crash_points") or os.environ.get("CRASH_POINTS")
    left_out = [item for item in items if not is_wanted(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if is_wanted(item)]


@pytest.fixture(scope="session")
def parameters():
    """Of POST /training, for runs that take no time and are accepted."""
    return {"train": TRAIN, "evaluate": EVALUATE}


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, parameters):
    """The digests of a run on a fresh store that nothing disturbed."""
    with Line(tmp_path_factory.mktemp("undisturbed") / "home", source=SOURCE) as line:
        run = line.train(**parameters)
        assert line.ended(run)["version"] == 1
        line.check_files()
        return line.digests(run)


@pytest.fixture
def line(tmp_path):
    """A line of the test's own, on a fresh home."""
    with Line(tmp_path / "home", source=SOURCE) as line:
        yield line


def run_under_kills(line, n_runs, n_kills, n_kills_max, pause_s, between=lambda n: None):
    """Queued runs, each of another model, while one or two daemons die every now and then, n_kills times at least;
    between(n) is called while those of the n-th time are dead. None is lost, none published twice. Returns the runs."""
    chance = random.Random(1)
    runs = [line.train(train=TRAIN | {"seed": seed, "max_depth": 2 + seed % 3}, evaluate=ALWAYS)
            for seed in range(n_runs)]

    def states():
        try:
            return [line.run(run)["state"] for run in runs]
        except requests.ConnectionError:
            return []

    n = 0
    while n < n_kills or set(states()) != {"SUCCEEDED"}:
        assert "FAILED" not in states() and n < n_kills_max, line.tails()
        victims = chance.sample(STAGES, chance.randint(1, 2))
        line.kill(*victims)
        between(n)
        line.start(*victims)
        n += 1
        time.sleep(chance.uniform(0, pause_s))  # the moment, nothing is waited for
    line.ready()
    views = [line.run(run) for run in runs]
    assert all(view["accepted"] and view["attempt"] == 1 for view in views)
    assert [view["version"] for view in views] == list(range(1, n_runs + 1))
    assert line.versions() == list(range(1, n_runs + 1))
    return runs
