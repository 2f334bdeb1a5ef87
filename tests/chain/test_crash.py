"""kill -9 of any daemon at any moment loses no accepted run, registers no version twice and leaves no torn artifact."""

import random
import time

import pytest
import requests
from line import GATEWAY, STAGES, WORKERS, Line, until

from conftest import SOURCE, check_whole, read_manifests, run_under_kills

POINTS = ["accepted", "working", "stored", "committed"]


@pytest.mark.crash_points
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("stage", WORKERS)
def test_a_stage_killed_at_a_crash_point(tmp_path, parameters, undisturbed, stage, point):
    with Line(tmp_path / "home", source=SOURCE, CONVOY_CRASH=f"{stage}:{point}:1") as line:
        run = line.train(**parameters)
        line.crashed(stage)
        before = read_manifests(line, run)
        assert (stage in before) == (point in ("stored", "committed"))
        line.start(stage)
        check_whole(line, run, undisturbed)
        after = read_manifests(line, run)
        if point == "stored":
            del before[stage]  # its daemon could not know, and did it again
        assert {name: after[name] for name in before} == before
        for name in WORKERS:
            assert len(line.outcomes(name, run)) <= 1
            assert line.rows(name, "SELECT count(*) AS n FROM inbox") == [{"n": 0}]
            assert line.rows(name, "SELECT count(*) AS n FROM dead") == [{"n": 0}]


@pytest.mark.crash_points
def test_a_message_that_always_crashes_its_daemon(tmp_path, parameters):
    with Line(tmp_path / "home", source=SOURCE, CONVOY_CRASH="transformer:working") as line:
        run = line.train(**parameters)
        view = line.ended(run, "FAILED", revive=["transformer"])
        assert view["error"]["stage"] == "transformer" and view["error"]["code"] == "STAGE_CRASHED"
        assert line.stages(view) == {"ingestor": "SUCCEEDED", "validator": "SUCCEEDED", "transformer": "FAILED",
                                     "trainer": "PENDING", "evaluator": "PENDING", "pusher": "PENDING"}
        assert line.log("transformer").count("crashing, as CONVOY_CRASH says") == 32
        assert [row["key"] for row in line.rows("transformer", "SELECT key FROM dead")] == [run]
        assert line.versions() == []
        # the daemon lives on, and without the cause the run can be had
        line.stop("transformer")
        line.start("transformer", CONVOY_CRASH="")
        assert line.post(f"/runs/{run}:retry").status_code == 202
        view = line.ended(run)
        assert view["attempt"] == 2 and view["version"] == 1


@pytest.mark.parametrize("seed", range(6))
def test_daemons_killed_at_random_moments(tmp_path, parameters, undisturbed, seed):
    chance = random.Random(seed)
    with Line(tmp_path / "home", source=SOURCE) as line:
        run = line.train(**parameters)
        for _ in range(chance.randint(2, 5)):
            time.sleep(chance.uniform(0, 0.15))  # the moment, nothing is waited for
            victims = chance.sample(STAGES, chance.randint(1, 3))
            line.kill(*victims)
            line.start(*victims)
        line.ready()
        check_whole(line, run, undisturbed)


@pytest.mark.parametrize("seed", range(4))
def test_all_seven_killed_at_once(tmp_path, parameters, undisturbed, seed):
    chance = random.Random(seed)
    with Line(tmp_path / "home", source=SOURCE) as line:
        run = line.train(**parameters)
        time.sleep(chance.uniform(0, 0.5))  # the moment, nothing is waited for
        line.kill()
        line.start(*chance.sample(STAGES, len(STAGES)))
        line.ready()
        check_whole(line, run, undisturbed)


@pytest.mark.once
def test_many_runs_under_many_kills(tmp_path):
    with Line(tmp_path / "home", source=SOURCE) as line:
        runs = run_under_kills(line, n_runs=25, n_kills=15, n_kills_max=400, pause_s=0.2)
        assert [version["run_id"] for version in reversed(line.models()["versions"])] == runs
        assert [move["run_id"] for move in line.history()] == runs
        line.check_files()


@pytest.mark.crash_points
@pytest.mark.parametrize("point", ["stored", "committed"])
def test_the_gateway_killed_before_it_answers(tmp_path, parameters, undisturbed, point):
    """A client that got no answer asks again under the same key, and there is one run."""
    with Line(tmp_path / "home", source=SOURCE, CONVOY_CRASH=f"gateway:{point}:1") as line:
        with pytest.raises(requests.ConnectionError):
            line.train(key="once", **parameters)
        line.crashed(GATEWAY)
        line.start(GATEWAY)
        line.ready()
        run = line.train(key="once", **parameters)
        check_whole(line, run, undisturbed)
        assert [run["run_id"] for run in line.get("/runs").json()["runs"]] == [run]


@pytest.mark.crash_points
@pytest.mark.parametrize("number", range(2, 9))
def test_the_gateway_killed_after_each_commit(tmp_path, parameters, undisturbed, number):
    with Line(tmp_path / "home", source=SOURCE, CONVOY_CRASH=f"gateway:committed:{number}") as line:
        run = line.train(**parameters)
        line.crashed(GATEWAY)
        line.start(GATEWAY)
        line.ready()
        check_whole(line, run, undisturbed)


@pytest.mark.parametrize("moment", ["run", "release"])
def test_the_gateway_killed(tmp_path, parameters, undisturbed, moment):
    with Line(tmp_path / "home", source=SOURCE) as line:
        last = "transformer" if moment == "run" else "pusher"
        line.stop(last)
        run = line.train(**parameters)
        until(lambda: line.run(run)["stages"][WORKERS.index(last)]["state"] == "RUNNING", f"{last} has its turn")
        if moment == "run":
            line.kill(GATEWAY)
            line.start(last)
            until(lambda: line.has_manifest(run, "pusher"), "the line goes on without its gateway")
        else:
            line.start(last)
            until(lambda: line.versions() == [1], "the version is published")
            line.kill(GATEWAY)
        line.start(GATEWAY)
        line.ready()
        check_whole(line, run, undisturbed)
        until(lambda: line.models()["aliases"] == {"champion": 1}, "the champion")
