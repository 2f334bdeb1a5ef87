"""Cancel in each stage, and retry: nothing is published, and what was done is not done again."""

import os
import signal

import pytest
from line import WORKERS, Line, until
from policies import make_policies

from conftest import SOURCE


def manifests_of(line, run):
    return {stage: (line.store_folder / "runs" / run / f"{stage}.json").read_bytes()
            for stage in WORKERS if line.has_manifest(run, stage)}


def retry(line, run, attempt=2):
    answer = line.post(f"/runs/{run}:retry")
    assert answer.status_code == 202, answer.text
    view = line.ended(run)
    assert view["attempt"] == attempt and view["version"] == 1 and view["accepted"]
    assert line.versions() == [1] and len(line.history()) == 1
    assert line.models()["aliases"] == {"champion": 1}
    return view


@pytest.mark.crash_points
@pytest.mark.parametrize("stage", WORKERS[1:])
def test_cancel_on_arrival_at_a_stage(tmp_path, parameters, undisturbed, stage):
    """The stage before dies with its message unsent, so that the cancel comes first."""
    at = WORKERS.index(stage)
    with Line(tmp_path / "home", source=SOURCE, CONVOY_CRASH=f"{WORKERS[at - 1]}:committed:1") as line:
        run = line.train(**parameters)
        line.crashed(WORKERS[at - 1])
        cancel(line, run)
        until(lambda: "outcome=noted" in line.log(stage), f"{stage} has noted the cancel")
        line.start(WORKERS[at - 1])
        check_canceled(line, run, at, undisturbed)


def test_cancel_on_arrival_at_the_ingestor(line, parameters, undisturbed):
    line.stop("ingestor")
    run = line.train(**parameters)
    cancel(line, run)
    line.start("ingestor")
    check_canceled(line, run, 0, undisturbed)


def cancel(line, run):
    answer = line.post(f"/runs/{run}:cancel")
    assert answer.status_code == 202 and answer.json()["state"] == "CANCELING"
    assert line.post(f"/runs/{run}:retry").status_code == 409


def check_canceled(line, run, at, undisturbed):
    view = line.ended(run, "CANCELED")
    assert list(line.stages(view).values()) == ["SUCCEEDED"] * at + ["CANCELED"] + ["PENDING"] * (5 - at)
    assert line.versions() == [] and line.models()["aliases"] == {}
    assert line.post(f"/runs/{run}:cancel").status_code == 409
    before = manifests_of(line, run)
    retry(line, run)
    after = manifests_of(line, run)
    for done in WORKERS[:at]:
        assert after[done] == before[done], f"{done} was done again"
        assert len(line.outcomes(done, run)) <= 1
    assert line.digests(run) == undisturbed
    assert line.post(f"/runs/{run}:retry").status_code == 409


def test_cancel_while_the_ingestor_reads(tmp_path, parameters):
    with Line(tmp_path / "home", source="generate:rows=30000000,seed=1") as line:
        run = line.train(**parameters)
        until(lambda: line.run(run)["stages"][0].get("progress", {}).get("done"), "the ingestor is at work")
        assert line.post(f"/runs/{run}:cancel").status_code == 202
        view = line.ended(run, "CANCELED")
        assert line.stages(view)["ingestor"] == "CANCELED"
        assert not [path for path in (line.store_folder).rglob("*") if path.stat().st_size > 1 << 20]
        # the next run is not in its way
        line.stop("ingestor")
        line.environment["CONVOY_SOURCE"] = SOURCE
        line.start("ingestor")
        assert line.ended(line.train(**parameters))["version"] == 1


def test_cancel_while_the_trainer_trains(line, parameters):
    slow = {"num_boost_round": 1_000_000, "early_stopping_rounds": 0}
    run = line.train(train=slow, evaluate=parameters["evaluate"])
    until(lambda: line.run(run)["stages"][3].get("progress", {}).get("done"), "the trainer is at work")
    assert line.post(f"/runs/{run}:cancel").status_code == 202
    view = line.ended(run, "CANCELED")
    assert line.stages(view)["trainer"] == "CANCELED" and line.stages(view)["evaluator"] == "PENDING"
    assert line.versions() == []
    assert line.ended(line.train(**parameters))["version"] == 1


def test_cancel_heard_by_a_stage_that_was_killed(line, parameters):
    """The tombstone lies in the spool: a trainer killed with it ends the run CANCELED when it is back."""
    os.kill(line.pid("trainer"), signal.SIGSTOP)
    run = line.train(**parameters)
    line.stage_is(run, "trainer", "RUNNING")
    line.kill("trainer")
    assert line.post(f"/runs/{run}:cancel").status_code == 202
    line.start("trainer")
    line.ended(run, "CANCELED")
    retry(line, run)


@pytest.mark.crash_points
@pytest.mark.parametrize("point, state, versions", [("working", "CANCELED", []), ("stored", "SUCCEEDED", [1])])
def test_cancel_before_and_after_a_version_is_there(tmp_path, parameters, point, state, versions):
    """The pusher dies with all files of the version in the registry but the manifest, or with everything done."""
    with Line(tmp_path / "home", source=SOURCE, CONVOY_CRASH=f"pusher:{point}:1") as line:
        run = line.train(**parameters)
        line.crashed("pusher")
        assert (line.registry_folder / "vehicle-insurance" / "versions" / "1" / "model.ubj").exists()
        assert line.versions() == versions
        line.change("pusher", "UPDATE inbox SET due_ms = 1 << 60, pause_ms = 1 << 61")  # so that the cancel comes first
        assert line.post(f"/runs/{run}:cancel").status_code == 202
        line.start("pusher")
        view = line.ended(run, state)
        assert line.versions() == versions and len(line.history()) == len(versions)
        if state == "CANCELED":
            assert "version" not in view
            retry(line, run)


def test_a_stop_lets_go_of_a_run_and_a_start_takes_it_up(line, parameters):
    slow = {"num_boost_round": 1500, "early_stopping_rounds": 0, "max_depth": 6}
    run = line.train(train=slow, evaluate=parameters["evaluate"])
    until(lambda: line.run(run)["stages"][3].get("progress", {}).get("done"), "the trainer is at work")
    line.stop("trainer")
    assert line.run(run)["state"] == "RUNNING"
    line.start("trainer")
    view = line.ended(run)
    assert view["attempt"] == 1 and line.versions() == [1]


def test_retry_after_the_source_is_there(tmp_path, parameters):
    path = tmp_path / "policies.csv"
    with Line(tmp_path / "home", source=f"file://{path}") as line:
        run = line.train(**parameters)
        view = line.ended(run, "FAILED")
        assert view["error"]["stage"] == "ingestor" and view["error"]["code"] == "FILE_NOT_FOUND"
        assert set(list(line.stages(view).values())[1:]) == {"PENDING"}
        assert line.post(f"/runs/{run}:retry").status_code == 202
        assert line.ended(run, "FAILED")["attempt"] == 2
        make_policies(4000).to_csv(path, index=False)
        view = retry(line, run, attempt=3)
        assert "error" not in view


def test_retry_does_not_do_again_what_succeeded(line, parameters):
    """A matrix that has gone fails the trainer; with it back, the run goes on there."""
    os.kill(line.pid("trainer"), signal.SIGSTOP)
    run = line.train(**parameters)
    line.stage_is(run, "trainer", "RUNNING")
    matrix = line.blob(line.manifest(run, "transformer")["output"]["body"]["transformation"]["matrix"]["sha256"])
    matrix.rename(matrix.with_name("hidden"))
    os.kill(line.pid("trainer"), signal.SIGCONT)
    view = line.ended(run, "FAILED")
    assert view["error"]["stage"] == "trainer" and view["error"]["code"] == "ARTIFACT_MISSING"
    before = manifests_of(line, run)
    matrix.with_name("hidden").rename(matrix)
    retry(line, run)
    after = manifests_of(line, run)
    for done in WORKERS[:3]:
        assert after[done] == before[done], f"{done} was done again"


def test_a_flipped_byte_in_an_artifact_is_found(line, parameters):
    os.kill(line.pid("evaluator"), signal.SIGSTOP)
    run = line.train(**parameters)
    line.stage_is(run, "evaluator", "RUNNING")
    test = line.blob(line.manifest(run, "ingestor")["output"]["body"]["ingestion"]["test"]["sha256"])
    content = bytearray(test.read_bytes())
    content[len(content) // 2] ^= 1
    test.chmod(0o600)
    test.write_bytes(content)
    os.kill(line.pid("evaluator"), signal.SIGCONT)
    view = line.ended(run, "FAILED")
    assert view["error"]["stage"] == "evaluator" and view["error"]["code"] == "ARTIFACT_CORRUPT"
    assert line.versions() == []
