"""What the line waits for is told by every means of looking at it, not by a daemon's log alone."""

import os
import re
import signal
import subprocess

import pymongo
import pytest
from line import Line, program, until
from mongo_server import Ferret
from policies import make_policies
from proxy import Proxy
from s3 import BUCKET, KEYS, Gate, Missing, Versitygw

from conftest import EVALUATE, SOURCE, TRAIN

EASY = [f"--set={section}.{name}={value}" for section, values in (("train", TRAIN), ("evaluate", EVALUATE))
        for name, value in values.items()]

# what failed, and why
AWAY = r"asking about store/blobs/sha256/\S+: Not a directory"


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
        assert re.fullmatch(AWAY, wait["reason"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", wait["retry_at"])
        waiting = until(lambda: line.get("/readyz").json().get("waiting"), "the stage is named")
        assert re.fullmatch(AWAY, waiting["ingestor"]["reason"])
        told = rf"^ingestor .* waits: {AWAY}; tries again at \d\d:\d\d:\d\d UTC$"
        until(lambda: re.search(told, convoy(line, "runs", run), re.MULTILINE), "runs RUN says so")
        until(lambda: re.search(rf"^warning +stages +the ingestor waits.*: {AWAY}$", convoy(line, "doctor"),
                                re.MULTILINE), "doctor says so")

        store.unlink()
        away.rename(store)
        view = line.ended(run)
        words = train.communicate(timeout=60)[0]
        assert train.returncode == 0
    assert len(re.findall(told.replace(" .* waits", " +waits"), words, re.MULTILINE)) == 1, words
    assert not any("waiting" in stage for stage in view["stages"])
    until(lambda: "waiting" not in line.get("/readyz").json(), "no stage waits")


def told_everywhere(line, run, stage, want):
    """The reason of the wait is what /runs, `convoy runs RUN` and `convoy doctor` say."""
    def reason():
        view = {of["name"]: of for of in line.run(run)["stages"]}
        return re.search(want, view[stage].get("waiting", {}).get("reason", ""))

    until(reason, f"the {stage} waits")
    until(lambda: re.search(rf"^{stage} .* waits: .*{want}", convoy(line, "runs", run), re.MULTILINE), "runs RUN says so")
    until(lambda: re.search(rf"^warning +stages +the {stage} waits.*: .*{want}", convoy(line, "doctor"), re.MULTILINE),
          "doctor says so")


def test_a_source_that_is_away_is_told(tmp_path):
    server = Ferret(tmp_path / "mongo", "-user", "annabell", "-password", "pa55w0rd").start()
    try:
        client = pymongo.MongoClient("127.0.0.1", server.port, directConnection=True, username="annabell",
                                     password="pa55w0rd")
        rows = make_policies(3000).to_dict("records")
        client["Proj1"]["Proj1-Data"].insert_many([{"_id": row["id"], **row} for row in rows])
        client.close()
        with Proxy(("127.0.0.1", server.port)) as proxy, \
                Line(tmp_path / "home", MONGODB_URL=f"mongodb://annabell:pa55w0rd@{proxy.address}/") as line:
            proxy.refuse()
            run = line.train(train=TRAIN, evaluate=EVALUATE)
            # while the reader tries again by itself, long before the run is put off
            told_everywhere(line, run, "ingestor",
                            rf"Proj1\.Proj1-Data of MongoDB at 127\.0\.0\.1:{proxy.port} cannot be reached: connections are "
                            "refused")
            proxy.accept()
            view = line.ended(run)
            assert not any("waiting" in stage for stage in view["stages"])
            assert "pa55w0rd" not in "".join(line.log(name) for name in line.processes)
    finally:
        server.stop()


@pytest.fixture
def gate(tmp_path):
    try:
        server = Versitygw(tmp_path / "versitygw").__enter__()
    except Missing as missing:
        pytest.skip(str(missing))
    with Gate(server) as gate:
        yield gate
    server.stop()


def test_a_store_in_s3_that_is_away_is_told(gate, tmp_path):
    environment = {name: value for name, value in gate.environment.items() if name.startswith("AWS_")}
    with Line(tmp_path / "home", source=SOURCE, CONVOY_STORE=f"s3://{BUCKET}/store", MODEL_BUCKET_NAME=BUCKET,
              **environment) as line:
        # the ingestor's datasets, not what the gateway stores of the run
        os.kill(line.pid("ingestor"), signal.SIGSTOP)
        run = line.train(train=TRAIN, evaluate=EVALUATE)
        until(lambda: line.get("/runs").json()["runs"], "the run is recorded")
        gate.fail(10000, status=403, code="AccessDenied", message="Access Denied", method="PUT", path="/store/blobs")
        os.kill(line.pid("ingestor"), signal.SIGCONT)
        told_everywhere(line, run, "ingestor",
                        rf"403 AccessDenied: Access Denied; the keys lack s3:PutObject on arn:aws:s3:::{BUCKET}/store/blobs/")
        gate.clear()
        # what no right but patience mends is told while it is tried again
        gate.fail(10000, status=503, code="SlowDown", message="Reduce your request rate", path="/store/blobs")
        told_everywhere(line, run, "ingestor", "503 SlowDown: Reduce your request rate")
        gate.clear()
        assert line.ended(run)["version"] == 1
        assert KEYS["AWS_SECRET_ACCESS_KEY"] not in "".join(line.log(name) for name in line.processes)
