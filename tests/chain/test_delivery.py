"""Messages that come again, runs that come at once, and requests that are sent again."""

import concurrent.futures
import sqlite3
import time
import uuid

import msgpack
import pytest
from line import GATEWAY, STAGES, WORKERS, until

from conftest import ALWAYS, TRAIN


def post_again(line, name, letters):
    """Puts letters (id, peer, key, body) into a stopped daemon's outbox, starts it, and waits for the acks."""
    with sqlite3.connect(line.home / "spool" / f"{name}.db") as spool:
        for letter in letters:
            spool.execute("INSERT INTO outbox (id, peer, key, body, posted_ms) VALUES (?, ?, ?, ?, 0)", letter)
    spool.close()
    line.start(name)
    until(lambda: not line.rows(name, "SELECT 1 FROM outbox"), f"the letters of {name} are acked")


def at_rest(line):
    """Waits until nobody has anything to do or to send."""
    tables = [(name, table) for name in STAGES for table in ("inbox", "outbox")]
    until(lambda: not any(line.rows(name, f"SELECT 1 FROM {table}") for name, table in tables), "all spools are empty")


def snapshot(line, run):
    """What a message that comes again must not change."""
    files = {path: path.stat().st_mtime_ns for folder in ("store", "registry")
             for path in (line.home / folder).rglob("*") if path.is_file()}
    return files, line.run(run), line.models(), {name: line.outcomes(name, run) for name in WORKERS}


def fresh_id():
    """A UUIDv7, as message ids are."""
    number = (int(time.time() * 1000) << 80) | 0x7000 << 64 | 0x8000 << 48 | uuid.uuid4().int & (1 << 48) - 1
    return str(uuid.UUID(int=number))


def test_resent_messages_change_nothing(line, parameters):
    line.stop("ingestor")
    run = line.train(**parameters)
    letters = line.rows(GATEWAY, "SELECT id, peer, key, body FROM outbox")
    assert [letter["key"] for letter in letters] == [run]
    line.start("ingestor")
    line.ended(run)
    at_rest(line)
    # progress is forgotten with the gateway's process
    line.stop(GATEWAY)
    line.start(GATEWAY)
    line.ready()
    before = snapshot(line, run)

    first = letters[0]
    line.stop(GATEWAY)
    post_again(line, GATEWAY, [(number, first["peer"], run, first["body"]) for number in (first["id"], fresh_id())])
    for name, receiver in zip(WORKERS, STAGES[1:], strict=True):
        # what is kept of an end: the length of the notice to the gateway, the notice, the message
        kept = line.rows(name, "SELECT emitted FROM done WHERE run = ?", run)[0]["emitted"]
        n_notice = 4 + int.from_bytes(kept[:4], "little")
        line.stop(name)
        post_again(line, name, [(fresh_id(), GATEWAY, run, kept[4:n_notice]),
                                (fresh_id(), receiver, run, kept[n_notice:])])
        at_rest(line)
    line.ready()
    assert snapshot(line, run) == before
    for name in STAGES:
        assert not line.rows(name, "SELECT reason FROM dead"), line.tails()


def test_a_late_notice_of_another_end_changes_nothing(line, parameters):
    run = line.train(**parameters)
    line.ended(run)
    at_rest(line)
    line.stop(GATEWAY)
    line.start(GATEWAY)
    line.ready()
    before = snapshot(line, run)
    now = int(time.time() * 1000)
    error = {"code": "STAGE_FAILED", "message": "made up", "column": "", "file": "", "line": 0, "position": 0,
             "row": -1}
    body = {"stage": "trainer", "state": "FAILED", "started_at": now, "finished_at": now, "work_ms": 0, "counts": [],
            "drifted": [], "booster_ms": 0, "ends_run": "", "error": error}
    frames = [msgpack.packb([1, "stage_to_gateway", key, attempt, 9, now, "", body])
              for key, attempt in [(run, 2), ("018f0000-0000-7000-8000-000000000000", 1)]]
    line.stop("trainer")
    post_again(line, "trainer", [(fresh_id(), GATEWAY, run, frame) for frame in frames])
    at_rest(line)
    line.ready()
    assert snapshot(line, run) == before
    # the one of a run that nobody knows is kept
    assert len(line.rows(GATEWAY, "SELECT reason FROM dead")) == 1


def test_a_malformed_message_is_kept_and_the_daemon_lives_on(line, parameters):
    good = msgpack.packb([1, "heartbeat", "", 0, 1, 1, "", {}])
    frames = [b"\xdd\xff\x00\x00\x00", b"\x91" * 100_000, good[:-1], good + b"\xc0", b"\xc1",
              msgpack.packb([2, "gateway_to_stage", "", 1, 1, 1, "", {"command": "cancel"}]),
              msgpack.packb([1, "gateway_to_stage", "", 1, 1, 1, "", {"command": "explode"}])]
    line.stop(GATEWAY)
    post_again(line, GATEWAY, [(fresh_id(), "trainer", "", frame) for frame in frames])
    until(lambda: len(line.rows("trainer", "SELECT 1 FROM dead")) == len(frames), "all are among the dead")
    line.ready()
    assert line.ended(line.train(**parameters))["version"] == 1


def test_runs_at_once_go_one_after_the_other(line):
    line.stop("ingestor")
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        runs = list(pool.map(lambda seed: line.train(train=TRAIN | {"seed": seed}, evaluate=ALWAYS), range(5)))
    assert len(set(runs)) == 5
    listed = line.get("/training").json()["runs"]
    assert {run["run_id"] for run in listed} == set(runs)
    queue = [run["run_id"] for run in reversed(listed)]
    assert [run["state"] for run in reversed(listed)] == ["RUNNING"] + ["PENDING"] * 4
    line.start("ingestor")
    views = [line.ended(run) for run in queue]
    assert [view["version"] for view in views] == [1, 2, 3, 4, 5]
    for earlier, later in zip(views, views[1:]):
        assert earlier["finished_at"] <= later["stages"][0]["started_at"]


def test_a_run_that_waits_can_be_canceled(line, parameters):
    line.stop("ingestor")
    first, second, third = (line.train(**parameters) for _ in range(3))
    answer = line.post(f"/runs/{second}:cancel")
    assert answer.status_code == 202 and answer.json()["state"] == "CANCELED"
    line.start("ingestor")
    line.ended(first)
    line.ended(third)
    assert set(line.stages(line.run(second)).values()) == {"PENDING"}


@pytest.mark.parametrize("is_killed", [False, True])
def test_an_idempotency_key_holds_beyond_a_restart(line, parameters, is_killed):
    run = line.train(key="once", **parameters)
    assert line.train(key="once", **parameters) == run
    line.kill(GATEWAY) if is_killed else line.stop(GATEWAY)
    line.start(GATEWAY)
    line.ready()
    assert line.train(key="once", **parameters) == run
    answer = line.post("/training", {"parameters": {}}, headers={"Idempotency-Key": "once"})
    assert answer.status_code == 422, answer.text
    assert line.train(key="twice", **parameters) != run
    assert len(line.get("/runs").json()["runs"]) == 2
    line.ended(run)
