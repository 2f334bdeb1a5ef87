"""The gateway's ledger is an index: lost, it is made anew from the manifests in the store."""

import subprocess

import pytest
from line import GATEWAY, Line, program
from policies import RAW, make_policies

from conftest import ALWAYS, TRAIN


def listed(line):
    """GET /runs without progress, which is not kept."""
    runs = line.get("/runs").json()["runs"]
    for run in runs:
        for stage in run["stages"]:
            stage.pop("progress", None)
    return runs


@pytest.mark.parametrize("command", [["convoy-gateway", "--rebuild"], ["convoy", "doctor", "--rebuild"]], ids=" ".join)
def test_a_rebuilt_ledger_lists_the_same_runs(tmp_path, command):
    path = tmp_path / "policies.csv"
    with Line(tmp_path / "home", source=f"file://{path}") as line:
        line.ended(line.train(key="first", train=TRAIN, evaluate=ALWAYS), "FAILED")
        make_policies(4000).to_csv(path, index=False)
        kept = line.train(key="second", train=TRAIN, evaluate=ALWAYS)
        line.ended(kept)
        line.ended(line.train(train=TRAIN, evaluate=ALWAYS | {"min_score": 0.99}))
        line.stop("trainer")
        run = line.train(train=TRAIN | {"seed": 2}, evaluate=ALWAYS)
        line.stage_is(run, "trainer", "RUNNING")
        line.post(f"/runs/{run}:cancel")
        line.start("trainer")
        line.ended(run, "CANCELED")
        before = listed(line)
        assert [run["state"] for run in before] == ["CANCELED", "SUCCEEDED", "SUCCEEDED", "FAILED"]
        line.stop(GATEWAY)
        for file in (line.home / "spool").glob("gateway.db*"):
            file.unlink()
        done = subprocess.run([program(command[0]), *command[1:]], env=line.environment, capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == 0 and "4 runs" in done.stdout, done.stdout + done.stderr
        line.start(GATEWAY)
        line.ready()
        assert listed(line) == before
        assert line.train(key="second", train=TRAIN, evaluate=ALWAYS) == kept
        assert line.predict(RAW)["version"] == 1
        assert line.ended(line.train(train=TRAIN | {"seed": 3}, evaluate=ALWAYS))["version"] == 2
