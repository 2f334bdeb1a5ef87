"""Predictions while models change: swaps, rollbacks, pins."""

import re
import subprocess
import threading

import pytest
import requests
from line import GATEWAY, program, until
from policies import RAW

from conftest import ALWAYS, TRAIN

MODEL = "/models/vehicle-insurance"


def train(line, seed, **evaluate):
    return line.ended(line.train(train=TRAIN | {"seed": seed, "max_depth": 2 + seed % 3}, evaluate=ALWAYS | evaluate))


class Caller(threading.Thread):
    """Predicts as fast as it can, and notes every status and the order of versions."""

    def __init__(self, url):
        super().__init__()
        self.url, self.is_over = url, False
        self.statuses, self.versions, self.n_answers = set(), [], 0

    def run(self):
        with requests.Session() as session:
            while not self.is_over:
                answer = session.post(self.url + "/predict", json=RAW, timeout=30)
                self.statuses.add(answer.status_code)
                self.n_answers += 1
                version = answer.json().get("version")
                if not self.versions or self.versions[-1] != version:
                    self.versions.append(version)


def test_swaps_under_load_fail_no_request(line):
    train(line, 1)
    callers = [Caller(line.url) for _ in range(2)]
    for caller in callers:
        caller.start()
    try:
        for seed in range(2, 6):
            assert train(line, seed)["version"] == seed
            until(lambda: all(caller.versions[-1:] == [seed] for caller in callers), f"version {seed} answers")
    finally:
        for caller in callers:
            caller.is_over = True
        for caller in callers:
            caller.join()
    for caller in callers:
        assert caller.statuses == {200} and caller.n_answers > 20
        assert caller.versions == [1, 2, 3, 4, 5]


def test_a_run_has_ended_when_its_version_answers(line):
    for seed in range(1, 4):
        assert train(line, seed)["version"] == line.predict(RAW)["version"] == seed


def test_rollback_pins_and_unpin_releases(line):
    for seed in range(1, 4):
        train(line, seed)
    assert line.post(MODEL + ":rollback", {"from": 2, "reason": "late"}).status_code == 409
    answer = line.post(MODEL + ":rollback", {"from": 3, "reason": "wrong answers"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["aliases"]["champion"] == 2 and answer.json()["pinned"]
    assert line.predict(RAW)["version"] == 2
    run = train(line, 4)
    assert run["version"] == 4 and run["accepted"] and run["promoted"] is False
    assert [reason["code"] for reason in run["reasons"]] == ["CHAMPION_PINNED"]
    assert line.models()["aliases"]["challenger"] == 4
    assert line.predict(RAW)["version"] == 2
    assert line.post(MODEL + ":unpin", {}).json()["pinned"] is False
    run = train(line, 5)
    assert run["version"] == 5 and run["promoted"]
    assert line.predict(RAW)["version"] == 5
    # 3 was rolled back from: the way back is 2
    assert line.post(MODEL + ":rollback", {"from": 5}).json()["aliases"]["champion"] == 2
    assert line.post(MODEL + ":rollback", {"from": 2}).json()["aliases"]["champion"] == 1
    answer = line.post(MODEL + ":rollback", {"from": 1})
    assert answer.status_code == 409 and "no earlier champion" in answer.json()["error"]
    assert line.post(MODEL + ":rollback", {"from": 1, "to": 99}).status_code == 404
    moves = line.history()
    assert [move["sequence"] for move in moves] == list(range(1, len(moves) + 1))
    line.check_files()


def test_a_champion_moved_meanwhile_makes_a_challenger(line):
    train(line, 1)
    train(line, 2)
    line.stop("pusher")
    run = line.train(train=TRAIN | {"seed": 3}, evaluate=ALWAYS)
    line.stage_is(run, "pusher", "RUNNING")
    assert line.post(MODEL + "/aliases/champion", {"version": 1, "expect": 2}).status_code == 200
    line.start("pusher")
    view = line.ended(run)
    assert view["version"] == 3 and view["promoted"] is False
    assert [reason["code"] for reason in view["reasons"]] == ["CHAMPION_MOVED"]
    assert line.models()["aliases"]["champion"] == 1 and line.predict(RAW)["version"] == 1


def test_aliases_of_people(line):
    train(line, 1)
    train(line, 2)
    assert line.post(MODEL + "/aliases/shadow", {"version": 1}).json()["aliases"]["shadow"] == 1
    assert line.post(MODEL + "/aliases/shadow", {"version": 2, "expect": 2}).status_code == 409
    assert line.post(MODEL + "/aliases/shadow", {"version": 7}).status_code == 404
    for name in ("latest", "v3", "Shadow"):
        assert line.post(MODEL + "/aliases/" + name, {"version": 1}).status_code == 422
    assert line.post("/models/other/aliases/shadow", {"version": 1}).status_code == 404
    assert line.post(MODEL + "/aliases/shadow", {"versoin": 1}).status_code == 422


@pytest.mark.parametrize("file", ["model.ubj", "transform.json", "manifest.json", "threshold.json", "schema.yaml"])
def test_a_flipped_byte_in_a_version_is_refused(line, file):
    train(line, 1)
    train(line, 2)
    path = line.version_folder(2) / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    line.stop(GATEWAY)
    path.chmod(0o600)
    path.write_bytes(content)
    line.start(GATEWAY)
    until(lambda: line.answers("/healthz"), "the gateway is back")
    until(lambda: line.get("/readyz").json()["model"] == "unusable", "it has looked")
    assert line.get("/readyz").status_code == 503
    # what cannot be loaded, and why, by every means of asking
    trouble = line.get("/readyz").json()["champion"]
    assert trouble["version"] == 2
    if file != "manifest.json":
        assert f"{file} of version 2 of vehicle-insurance" in trouble["error"]
    answer = line.post("/predict", RAW)
    assert answer.status_code == 503
    assert answer.json()["error"].startswith(f"champion version 2 cannot be loaded: {trouble['error']}; ")
    log = line.log(GATEWAY)
    assert f"champion version 2 cannot be loaded: {trouble['error']}; no version answers meanwhile" in log
    assert "version 0" not in log
    doctor = subprocess.run([program("convoy"), "doctor"], env=line.environment, capture_output=True, text=True,
                            timeout=60)
    assert f"champion version 2 cannot be loaded: {trouble['error']}" in doctor.stdout, doctor.stdout
    # the way out
    assert line.post(MODEL + ":rollback", {"from": 2, "reason": "corrupt"}).status_code == 200
    assert line.predict(RAW)["version"] == 1
    until(lambda: "champion" not in line.get("/readyz").json(), "nothing is wrong any more")


def test_the_last_versions_answer_without_the_registry(line):
    """A rollback needs no file: the last few versions stay mapped."""
    train(line, 1)
    train(line, 2)
    for file in ("model.ubj", "transform.json"):
        (line.version_folder(1) / file).unlink()
    assert line.post(MODEL + ":rollback", {"from": 2}).status_code == 200
    assert line.predict(RAW)["version"] == 1


def test_before_the_first_version(line):
    assert line.get("/readyz").status_code == 200
    answer = line.post("/predict", RAW)
    assert answer.status_code == 503 and "no model" in answer.json()["error"]


def test_rollbacks_without_the_registry(line):
    """All that a gateway does while its registry is away, over kill -9, and what the registry hears of it."""
    for seed in range(1, 4):
        train(line, seed)
    serving = line.home / "serving" / "vehicle-insurance" / "versions"
    until(lambda: all((serving / str(version) / "manifest.json").exists() for version in (1, 2, 3)), "all are kept")
    folder, aside = line.home / "registry" / "vehicle-insurance", line.home / "aside"

    def restart():
        line.kill(GATEWAY)
        line.start(GATEWAY)
        until(lambda: line.answers("/readyz"), "the gateway answers")

    folder.rename(aside)
    folder.symlink_to(folder)
    restart()
    assert line.predict(RAW)["version"] == 3
    doctor = subprocess.run([program("convoy"), "doctor"], env=line.environment, capture_output=True, text=True,
                            timeout=60)
    assert re.search(r"^warning +gateway +the registry is away since ", doctor.stdout, re.MULTILINE), doctor.stdout
    for version, reason in ((3, "wrong answers"), (2, "still wrong")):
        answer = line.post(MODEL + ":rollback", {"from": version, "reason": reason})
        assert answer.status_code == 200 and answer.json()["recorded"] is False, answer.text
        assert line.predict(RAW)["version"] == version - 1
        restart()
        assert line.predict(RAW)["version"] == version - 1
    folder.unlink()
    aside.rename(folder)
    until(lambda: "pending" not in line.models(), "the registry hears of it")
    moves = line.history()
    assert [(move["action"], move["reason"], move["changes"][0]["to"]) for move in moves[-2:]] == \
        [("rollback", "wrong answers", 2), ("rollback", "still wrong", 1)]
    assert [move["sequence"] for move in moves] == list(range(1, len(moves) + 1))
    assert line.models()["aliases"]["champion"] == 1 and line.models()["pinned"]
    run = train(line, 4)
    assert run["version"] == 4 and run["promoted"] is False
    line.check_files()
