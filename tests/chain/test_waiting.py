"""What the line waits for is told by every means of looking at it, not by a daemon's log alone."""

import os
import re
import signal
import subprocess

from line import program, until

from conftest import EVALUATE, TRAIN

EASY = [f"--set={section}.{name}={value}" for section, values in (("train", TRAIN), ("evaluate", EVALUATE))
        for name, value in values.items()]


def convoy(line, *arguments):
    done = subprocess.run([program("convoy"), *arguments], capture_output=True, text=True, env=line.environment,
                          timeout=60)
    return done.stdout + done.stderr


def test_a_store_that_is_away_is_told(line):
    store, away = line.home / "store", line.home / "away"
    # the run must be recorded, and the ingestor not have begun, when the store goes
    os.kill(line.pid("ingestor"), signal.SIGSTOP)
    with subprocess.Popen([program("convoy"), "train", *EASY], stdout=subprocess.PIPE, text=True,
                          env=line.environment) as train:
        run = until(lambda: line.get("/runs").json()["runs"], "the run is recorded")[0]["run_id"]
        store.rename(away)
        store.write_text("")
        os.kill(line.pid("ingestor"), signal.SIGCONT)

        wait = until(lambda: line.run(run)["stages"][0].get("waiting"), "the wait is shown")
        assert wait["reason"] == "Not a directory"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", wait["retry_at"])
        assert until(lambda: line.get("/readyz").json().get("waiting"), "the stage is named")["ingestor"]["reason"] \
            == "Not a directory"
        told = r"^ingestor .* waits: Not a directory; tries again at \d\d:\d\d:\d\d UTC$"
        until(lambda: re.search(told, convoy(line, "runs", run), re.MULTILINE), "runs RUN says so")
        until(lambda: re.search(r"^warning +stages +the ingestor waits.*: Not a directory$", convoy(line, "doctor"),
                                re.MULTILINE), "doctor says so")

        store.unlink()
        away.rename(store)
        view = line.ended(run)
        words = train.communicate(timeout=60)[0]
        assert train.returncode == 0
    assert len(re.findall(told.replace(" .* waits", " +waits"), words, re.MULTILINE)) == 1, words
    assert not any("waiting" in stage for stage in view["stages"])
    until(lambda: "waiting" not in line.get("/readyz").json(), "no stage waits")
