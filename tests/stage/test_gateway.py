"""The gateway's calls, one by one, between a client and a line that the test plays."""

import contextlib
import json
import re
import socket
import sqlite3
import subprocess

import msgpack
import pytest
import requests
from gateway import Gateway, until

NOBODY = "01890a5d-ac96-774b-bcce-b302099a8057"
STAGES = ["ingestor", "validator", "transformer", "trainer", "evaluator", "pusher"]


@pytest.fixture
def gateway():
    with Gateway() as gateway:
        yield gateway


def states(view):
    return [stage["state"] for stage in view["stages"]]


def error(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert body["error"] and re.fullmatch("[A-Z0-9_]+", body["code"]), body
    return body


# runs


def test_a_run_from_request_to_release(gateway):
    with gateway.line() as line:
        run = gateway.train({"parameters": {"train": {"seed": 5, "max_depth": 3}}})
        request = line.receive("ingestor")
        assert (request.version, request.type, request.run, request.attempt) == (1, "gateway_to_ingestor", run, 1)
        order = request.body["order"]
        assert order["parameters"]["name"] == "toys" and order["parameters"]["train"]["seed"] == 5
        assert {"name": "max_depth", "value": "3"} in order["parameters"]["train"]["settings"]
        assert order["champion"] is None and order["cause"] == "http"
        schema = order["schema"]["sha256"]
        stored = gateway.home / "store" / "blobs" / "sha256" / schema[:2] / schema
        assert stored.read_bytes() == (gateway.pipeline / "schema.yaml").read_bytes()
        manifest = json.loads((gateway.home / "store" / "runs" / run / "run.json").read_text())
        assert manifest["state"] == "RUNNING"
        view = gateway.view(run)
        assert view["state"] == "RUNNING" and states(view) == ["RUNNING"] + ["PENDING"] * 5
        assert view["parameters"]["name"] == "toys" and view["parameters"]["train"]["seed"] == 5
        assert {"name": "max_depth", "value": "3"} in view["parameters"]["train"]["settings"]
        assert view["overrides"] == {"train": {"seed": 5, "max_depth": "3"}}
        assert "parameters" not in gateway.get("/runs").json()["runs"][0]
        line.end(run, 1, "ingestor")
        until(lambda: states(gateway.view(run)) == ["SUCCEEDED", "RUNNING"] + ["PENDING"] * 4, "the validator's turn")
        line.end(run, 1, "validator", drifted=[("age", 0.5), ("sex", 0.25)])
        for stage in STAGES[2:]:
            line.end(run, 1, stage)
        line.release(run, 1, version=3, promoted=False, reasons=["CHAMPION_PINNED"])
        view = gateway.is_in(run, "SUCCEEDED")
        for call, done in {"cancel": "canceled", "retry": "retried"}.items():
            assert f"cannot be {done}: it has SUCCEEDED" in error(gateway.post(f"/runs/{run}:{call}"), 409)["error"]
        assert states(view) == ["SUCCEEDED"] * 6
        assert (view["accepted"], view["promoted"], view["version"]) == (True, False, 3)
        assert [reason["code"] for reason in view["reasons"]] == ["CHAMPION_PINNED"]
        assert view["metrics"]["candidate"]["f1"] == 0.5 and "champion" not in view["metrics"]
        assert view["stages"][1]["drifted"] == [{"column": "age", "distance": 0.5}, {"column": "sex", "distance": 0.25}]
        assert "drifted" not in view["stages"][0]
        assert view["stages"][3]["booster_ms"] == 11 and view["finished_at"] > view["created_at"]
        manifest = json.loads((gateway.home / "store" / "runs" / run / "run.json").read_text())
        assert manifest["state"] == "SUCCEEDED"


def test_the_words_of_the_line_come_in_any_order(gateway):
    with gateway.line() as line:
        run = gateway.train()
        line.release(run, 1, accepted=False, promoted=False, version=0, reasons=["F1_TOO_LOW"])
        for stage in reversed(STAGES):
            assert gateway.view(run)["state"] == "RUNNING"
            line.end(run, 1, stage)
        view = gateway.is_in(run, "SUCCEEDED")
        assert view["accepted"] is False and "version" not in view and "promoted" not in view


def test_a_failure_and_its_retry(gateway):
    with gateway.line() as line:
        run = gateway.train()
        error(gateway.post(f"/runs/{run}:retry"), 409)
        line.receive("ingestor")
        line.end(run, 1, "ingestor")
        line.end(run, 1, "validator", "FAILED", error="ENUM_TYPE_UNEXPECTED_STRING_VALUES")
        view = gateway.is_in(run, "FAILED")
        assert view["error"]["stage"] == "validator" and view["error"]["message"] == "it is broken"
        assert states(view) == ["SUCCEEDED", "FAILED"] + ["PENDING"] * 4
        answer = gateway.post(f"/runs/{run}:retry")
        assert answer.status_code == 202
        assert answer.json()["run_id"] == run and answer.json()["attempt"] == 2
        assert line.receive("ingestor").attempt == 2
        line.end(run, 1, "transformer", "FAILED", error="LATE")  # of the attempt before
        line.succeed(run, attempt=2, promoted=False)
        view = gateway.is_in(run, "SUCCEEDED")
        assert view["attempt"] == 2 and "error" not in view
        error(gateway.post(f"/runs/{run}:retry"), 409)


def test_cancel_reaches_every_stage(gateway):
    with gateway.line() as line:
        run, waiting = gateway.train(), gateway.train()
        line.receive("ingestor")
        assert gateway.post(f"/runs/{waiting}:cancel").json()["state"] == "CANCELED"
        answer = gateway.post(f"/runs/{run}:cancel")
        assert answer.status_code == 202 and answer.json()["state"] == "CANCELING"
        for stage in STAGES:
            command = line.receive(stage)
            assert (command.type, command.run, command.attempt) == ("gateway_to_stage", run, 1)
            assert command.body == {"command": "cancel"}
        assert gateway.post(f"/runs/{run}:cancel").status_code == 202
        line.end(run, 1, "ingestor", "CANCELED")
        gateway.is_in(run, "CANCELED")
        answer = error(gateway.post(f"/runs/{run}:cancel"), 409)
        assert answer["code"] == "RUN_STATE" and answer["error"].endswith("cannot be canceled: it is CANCELED")
        error(gateway.post(f"/runs/{waiting}:cancel"), 409)
        assert gateway.post(f"/runs/{run}:retry").status_code == 202
        assert line.receive("ingestor", "gateway_to_ingestor").attempt == 2


def test_too_little_data_ends_a_run(gateway):
    with gateway.line() as line:
        run = gateway.train()
        for stage in STAGES[:4]:
            line.end(run, 1, stage)
        line.end(run, 1, "evaluator", ends_run="INSUFFICIENT_DATA")
        view = gateway.is_in(run, "SUCCEEDED")
        assert view["accepted"] is False and [reason["code"] for reason in view["reasons"]] == ["INSUFFICIENT_DATA"]
        assert states(view)[5] == "PENDING"


def test_one_run_at_a_time(gateway):
    with gateway.line() as line:
        runs = [gateway.train() for _ in range(3)]
        assert [gateway.view(run)["state"] for run in runs] == ["RUNNING", "PENDING", "PENDING"]
        for run in runs:
            assert line.receive("ingestor").run == run
            assert line.hears_nothing("ingestor", 0.05)
            line.succeed(run, promoted=False)
            gateway.is_in(run, "SUCCEEDED")


def test_a_busy_line_may_refuse():
    with Gateway(serve="when_busy: refuse") as gateway, gateway.line() as line:
        run = gateway.train()
        assert error(gateway.post("/training"), 409)["code"] == "RUN_IN_FLIGHT"
        line.end(run, 1, "ingestor", "FAILED", error="BROKEN")
        gateway.is_in(run, "FAILED")
        gateway.train()


def test_letters_follow_a_stage_that_moved(gateway):
    gateway.stop()
    gateway.start(CONVOY_ENDPOINT_INGESTOR=f"ipc://{gateway.home}/run/elsewhere.sock")
    run = gateway.train()
    gateway.stop()
    gateway.start()
    with gateway.line() as line:
        assert line.receive("ingestor").run == run


def test_idempotency_keys(gateway):
    body = {"parameters": {"train": {"seed": 2}}}
    run = gateway.train(body, key="a key")
    assert gateway.train(body, key="a key") == run
    error(gateway.post("/training", headers={"Idempotency-Key": "a key"}), 422)
    assert gateway.train(body, key="another") != run
    for key in ("", "x" * 256, "caf\xe9"):
        error(gateway.post("/training", body, headers={"Idempotency-Key": key.encode("latin-1")}), 400)
    gateway.kill()
    gateway.start()
    assert gateway.train(body, key="a key") == run
    assert len(gateway.get("/runs").json()["runs"]) == 2


@pytest.mark.parametrize("point", ["stored", "committed"])
def test_killed_between_ledger_and_answer(point):
    """The client asks again with its key: the run is there once, whatever had become durable."""
    with Gateway() as gateway:
        gateway.stop()
        gateway.start(CONVOY_CRASH=f"gateway:{point}:1")
        with pytest.raises(requests.ConnectionError):
            gateway.post("/training", headers={"Idempotency-Key": "once"})
        assert gateway.process.wait(60) == -9
        gateway.start(CONVOY_CRASH=f"gateway:{point}:1")
        with gateway.line() as line:
            before = [run["run_id"] for run in gateway.get("/runs").json()["runs"]]
            assert len(before) == (1 if point == "committed" else 0)
            run = gateway.train(key="once")
            assert before in ([], [run])
            assert line.receive("ingestor").run == run
            assert gateway.train(key="once") == run
            line.succeed(run, promoted=False)
            gateway.is_in(run, "SUCCEEDED")
            assert len(gateway.get("/runs").json()["runs"]) == 1
            assert line.hears_nothing("ingestor", 0.05)


def test_killed_at_every_change(gateway):
    """A gateway that dies at each of its commits in turn brings its run to the end, and tells each thing once."""
    gateway.stop()
    gateway.start()
    run = gateway.train()
    with gateway.line() as line:
        gateway.kill()
        line.waits = False
        for n, stage in enumerate([*STAGES, "release"], 1):
            gateway.start(CONVOY_CRASH=f"gateway:committed:{n}")
            line.settle()
            if stage == "release":
                line.release(run, 1, promoted=False)
            else:
                line.end(run, 1, stage)
            assert gateway.process.wait(60) == -9
        gateway.start()
        line.settle()
        view = gateway.is_in(run, "SUCCEEDED")
        assert states(view) == ["SUCCEEDED"] * 6
        assert line.receive("ingestor").run == run and line.hears_nothing("ingestor", 0.05)
        events = [kind for _, kind, _ in gateway.events(run)]
        assert events.count("stage") == 11 and events.count("run") == 2


def test_bad_requests(gateway):
    def post(data, kind="application/json"):
        return gateway.session.post(gateway.url + "/training", data=data, headers={"Content-Type": kind}, timeout=60)
    assert error(post(b"{"), 400)["code"] == "JSON_MALFORMED"
    assert "max_depth" in error(post(b'{"parameters":{"train":{"max_dept":3}}}'), 422)["error"]
    assert error(post(b'{"parameters":{"train":{"max_depth":"deep"}}}'), 422)["column"].endswith("max_depth")
    error(post(b'{"source":{"uri":"file:///etc/passwd"}}'), 422)
    error(post(b'{"parameters":{"split":{"salt":2}}}'), 422)
    error(post(b"x=1", "text/plain"), 415)
    error(gateway.session.post(gateway.url + "/training", data=b" " * (17 << 20), timeout=60), 413)
    for path in (f"/runs/{NOBODY}", f"/runs/{NOBODY}/events", "/runs/nonsense", "/runs/" + "x" * 300, "/nowhere"):
        error(gateway.get(path), 404)
    for call in ("cancel", "retry"):
        error(gateway.post(f"/runs/{NOBODY}:{call}"), 404)
    error(gateway.get("/runs?before=soon"), 400)
    answer = gateway.session.delete(gateway.url + "/runs", timeout=60)
    assert error(answer, 405)["code"] == "METHOD_NOT_ALLOWED"
    assert error(gateway.get("/nowhere"), 404)["code"] == "NOT_FOUND"
    assert error(post(b"x=1", "text/plain"), 415)["code"] == "UNSUPPORTED_MEDIA_TYPE"
    assert error(gateway.post("/predict", {}), 503)["code"] == "SERVICE_UNAVAILABLE"
    assert answer.headers["Allow"] == "GET, HEAD"
    assert gateway.get("/training").json() == {"runs": []}


def test_pages_of_runs(gateway):
    runs = [gateway.train() for _ in range(103)]
    page = gateway.get("/runs").json()
    assert [run["run_id"] for run in page["runs"]] == runs[:2:-1]
    rest = gateway.get(f"/runs?before={page['next']}").json()
    assert [run["run_id"] for run in rest["runs"]] == runs[2::-1] and "next" not in rest


# events


def test_events_in_order_and_from_the_middle(gateway):
    with gateway.line() as line:
        run = gateway.train()
        stream = gateway.events(run)
        number, kind, data = next(stream)
        assert kind == "run" and json.loads(data)["state"] == "RUNNING"
        line.progress(run, 1, "ingestor", 30, 100)
        none, kind, data = next(stream)
        assert none is None and kind == "stage"
        assert json.loads(data)["progress"] == {"done": 30, "total": 100, "unit": "rows"}
        assert gateway.view(run)["stages"][0]["progress"]["done"] == 30
        line.end(run, 1, "ingestor")
        line.end(run, 1, "validator", "FAILED", error="BROKEN")
        rest = list(stream)  # the stream ends with the run
        seen = [(kind, json.loads(data).get("name"), json.loads(data)["state"]) for _, kind, data in rest]
        assert seen == [("stage", "ingestor", "SUCCEEDED"), ("stage", "validator", "RUNNING"),
                        ("stage", "validator", "FAILED"), ("run", None, "FAILED")]
        numbers = [number, *(event[0] for event in rest)]
        assert numbers == sorted(set(numbers))
        assert list(gateway.events(run, last=rest[1][0])) == rest[2:]
        # all is known: 204 tells a browser not to come again
        assert gateway.get(f"/runs/{run}/events", headers={"Last-Event-ID": str(numbers[-1])}).status_code == 204
        # a number that was never given is as none
        assert len(list(gateway.events(run, last=10**9))) == len(numbers)


def test_a_stream_goes_on_after_a_restart(gateway):
    with gateway.line() as line:
        run = gateway.train()
        last = next(gateway.events(run))[0]
        gateway.stop()
        gateway.start()
        stream = gateway.events(run, last=last)
        line.end(run, 1, "ingestor", "FAILED", error="BROKEN")
        assert [kind for _, kind, _ in stream] == ["stage", "run"]


def test_stop_ends_streams_and_idle_connections(gateway):
    run = gateway.train()
    stream = gateway.events(run)
    next(stream)
    with socket.create_connection(("127.0.0.1", gateway.port)) as idle:
        half = socket.create_connection(("127.0.0.1", gateway.port))
        half.sendall(b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nab")
        until(lambda: 'convoy_http_connections 4' in gateway.get("/metrics").text, "all are connected")
        assert gateway.stop() == 0
        assert list(stream) == []
        assert idle.recv(1) == b"" and half.recv(1) == b""
        half.close()
    gateway.start()


# messages that must be refused


MALFORMED = [b"", b"\xdd\xff\x00\x00\x00", b"\x91" * 100000, b"\xc0"]


def test_a_refused_message_fails_the_run_it_is_about(gateway):
    """What it told is never known: the run must not block the line for ever."""
    with gateway.line() as line:
        runs = [gateway.train() for _ in range(len(MALFORMED) + 5)]

        def refused(run):
            yield from MALFORMED
            yield msgpack.packb([9, "stage_to_gateway", run, 1, 1, 1, "", {}])
            yield line.frame("pusher_to_gateway", run, 1, {"model": "toys"})
            yield line.frame("stage_to_gateway", run, 0, {"stage": "ingestor"})
            yield line.frame("stage_to_gateway", run, 1, {"stage": "ingestor"})
        for n, run in enumerate(runs[:-1]):
            assert line.receive("ingestor", "gateway_to_ingestor").run == run
            stream = gateway.events(run)
            line.post(list(refused(run))[n], run)
            view = gateway.is_in(run, "FAILED")
            assert view["error"]["code"] == "MESSAGE_REJECTED" and view["finished_at"], view
            assert view["error"]["message"].startswith("the gateway refused "), view
            assert gateway.is_in(runs[n + 1], "RUNNING")
            *_, (_, kind, data) = stream
            assert kind == "run" and json.loads(data)["state"] == "FAILED"
            manifest = json.loads((gateway.home / "store" / "runs" / run / "run.json").read_text())
            assert manifest["state"] == "FAILED" and manifest["failure"]["error"]["code"] == "MESSAGE_REJECTED"
            command = line.receive("transformer")  # which may be at work on it
            assert (command.type, command.run) == ("gateway_to_stage", run)
        assert "stage_to_gateway: FIELD_" in view["error"]["message"] and states(view)[0] == "FAILED", view
        until(lambda: f"convoy_messages_dead {len(runs) - 1}" in gateway.get("/metrics").text, "all are dead messages")
        # a build that understands can go on where it ended
        assert gateway.post(f"/runs/{run}:retry").status_code == 202
        line.end(runs[-1], 1, "ingestor", "FAILED", error="BROKEN")
        assert line.receive("ingestor", "gateway_to_ingestor").run == runs[-1]
        assert line.receive("ingestor", "gateway_to_ingestor").attempt == 2


def test_a_stage_that_could_not_read_the_attempt_fails_the_run(gateway):
    """Its message was of another build: attempt 0 stands for the one that runs."""
    with gateway.line() as line:
        run = gateway.train()
        line.end(run, 0, "validator", "FAILED", error="MESSAGE_REJECTED")
        view = gateway.is_in(run, "FAILED")
        assert view["error"]["stage"] == "validator" and view["error"]["code"] == "MESSAGE_REJECTED"
        assert gateway.is_in(gateway.train(), "RUNNING")


@pytest.mark.parametrize("point", ["stored", "committed"])
def test_killed_around_a_refusal(gateway, point):
    """Refused and told is one commit: whatever comes between, the run ends, and is told to have ended once."""
    run = gateway.train()
    gateway.kill()
    gateway.start(CONVOY_CRASH=f"gateway:{point}:1")
    with gateway.line() as line:
        line.send(line.frame("stage_to_gateway", run, 1, {"stage": "ingestor"}), run)
        assert gateway.process.wait(60) == -9
        gateway.start()
        line.settle()
        assert gateway.is_in(run, "FAILED")["error"]["code"] == "MESSAGE_REJECTED"
        events = [(kind, json.loads(data)["state"]) for _, kind, data in gateway.events(run)]
        assert events == [("run", "RUNNING"), ("stage", "FAILED"), ("run", "FAILED")]


def test_malformed_messages_are_kept_and_do_no_harm(gateway):
    with gateway.line() as line:
        run = gateway.train()
        for frame in MALFORMED:
            line.post(frame, NOBODY)
        line.post(line.frame("gateway_to_stage", run, 1, {"command": "cancel"}), run)
        line.post(line.frame("stage_to_gateway", run, 2, {"stage": "ingestor"}), run)
        line.post(msgpack.packb([9, "stage_to_gateway", run, 1, 1, 1, "", {}]), NOBODY)
        line.end(NOBODY, 1, "ingestor")
        line.progress(NOBODY, 1, "ingestor", 1, 2)
        line.tell_lossy("progress", run, 1, {"stage": "gateway"})
        until(lambda: "convoy_messages_dead 8" in gateway.get("/metrics").text, "eight dead messages")
        assert 'convoy_messages_total{outcome="rejected"} 7' in gateway.get("/metrics").text
        assert states(gateway.view(run)) == ["RUNNING"] + ["PENDING"] * 5


# health


def test_a_message_that_fails_each_time_is_given_up(gateway):
    """The run ends, the message is kept in dead, and the line goes on."""
    with gateway.line() as line, contextlib.closing(sqlite3.connect(gateway.home / "spool/gateway.db")) as ledger:
        run, waiting = gateway.train(), gateway.train()
        ledger.execute("CREATE TRIGGER refuse BEFORE INSERT ON run_stage WHEN NEW.finished_at > 0 AND "
                       "NOT EXISTS (SELECT 1 FROM dead) BEGIN SELECT RAISE(ABORT, 'not yet'); END")
        ledger.commit()
        line.end(run, 1, "ingestor")
        failed = gateway.is_in(run, "FAILED")
        assert failed["error"]["code"] == "MESSAGE_REJECTED" and "MESSAGE_UNHANDLED" in failed["error"]["message"]
        gateway.is_in(waiting, "RUNNING")
        reason, = ledger.execute("SELECT reason FROM dead").fetchone()
        assert "tried 9 times" in reason


def test_health_and_readiness(gateway):
    assert gateway.get("/healthz").json() == {"status": "ok"}
    answer = gateway.get("/readyz")
    assert answer.status_code == 200 and answer.json()["model"] == "none"
    answer = gateway.get("/readyz?line=1")
    assert answer.status_code == 503 and answer.json()["ready"] is False
    with gateway.line() as line:
        line.beat(STAGES[:5])
        until(lambda: gateway.get("/readyz?line=1").json()["stages"]["evaluator"], "a beat")
        assert gateway.get("/readyz?line=1").status_code == 503
        line.beat()
        until(lambda: gateway.get("/readyz?line=1").status_code == 200, "six beats")
        assert 'convoy_stage_up{stage="pusher"} 1' in gateway.get("/metrics").text
    assert gateway.get("/readyz").status_code == 200
    until(lambda: gateway.get("/readyz?line=1").status_code == 503, "the beats are old")


def test_metrics_count(gateway):
    gateway.train()
    gateway.get("/nowhere")
    text = until(lambda: (text := gateway.get("/metrics").text) and 'convoy_runs{state="RUNNING"} 1' in text and text,
                 "the run is counted")
    assert 'convoy_http_requests_total{code="4xx"} 1' in text and "convoy_build_info{version=" in text
    assert 'convoy_model_version{model="toys"} 0' in text
    for line in text.splitlines():
        assert line.startswith("#") or len(line.split(" ")) == 2, line


# who may call, and how much


def test_a_token_guards_what_changes():
    with Gateway(CONVOY_TOKEN="secret") as gateway:
        run = "/runs/" + NOBODY
        calls = ["/training", run + ":cancel", run + ":retry", "/models/toys/aliases/x", "/models/toys:rollback",
                 "/models/toys:pin", "/models/toys:unpin"]
        for path in calls:
            for wrong in (None, "Bearer ", "Bearer Secret", "Basic secret", "secret"):
                answer = gateway.post(path, headers={"Authorization": wrong} if wrong else None)
                error(answer, 401)
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        gateway.session.headers["Authorization"] = "Bearer secret"
        gateway.train()
        for path in calls[1:3]:
            error(gateway.post(path), 404)
        del gateway.session.headers["Authorization"]
        for path in ("/runs", "/models", "/healthz", "/metrics", "/"):
            assert gateway.get(path).status_code == 200
        assert "secret" not in gateway.log.read_text()


def test_no_other_address_without_a_token():
    with Gateway() as gateway:
        gateway.stop()
        done = gateway.run("--listen", "0.0.0.0")
        assert done.returncode == 2 and "code=TOKEN_MISSING --listen: " in done.stderr and "CONVOY_TOKEN" in done.stderr
        assert gateway.run("--listen", "0.0.0.0", CONVOY_TOKEN="").returncode == 2
        assert gateway.run("--listen", "0.0.0.0", "--check", CONVOY_TOKEN="x").returncode == 0
        assert gateway.run("--listen", "::1", "--check").returncode == 0
        gateway.start("--listen", "0.0.0.0", CONVOY_TOKEN="x")


def test_a_page_elsewhere_may_not_start_a_run(gateway):
    error(gateway.post("/training", headers={"Origin": "http://example.org"}), 403)
    assert gateway.get("/runs").json() == {"runs": []}
    assert gateway.post("/training", headers={"Origin": gateway.url}).status_code == 202


def test_a_page_of_a_name_made_to_point_here_may_not_start_a_run(gateway):
    def train(host, **headers):
        return gateway.post("/training", headers={"Host": host} | headers)
    for host in ("evil.example", f"evil.example:{gateway.port}", "localhost.evil.example"):
        assert error(train(host, Origin=f"http://{host}"), 403)["code"] == "HOST_NOT_LOOPBACK"
        error(gateway.get("/runs", headers={"Host": host, "Origin": f"http://{host}"}), 403)
    assert gateway.get("/runs").json() == {"runs": []}
    for host in (f"localhost:{gateway.port}", f"[::1]:{gateway.port}"):
        assert train(host, Origin=f"http://{host}").status_code == 202
    assert train("gateway:5080").status_code == 202  # no page


def test_limits_of_connections():
    with Gateway(serve="max_connections: 3") as gateway:
        gateway.session.close()
        held = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(3)]
        for one in held:
            one.sendall(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
            assert one.recv(100).startswith(b"HTTP/1.1 200 ")
        answer = error(gateway.get("/healthz"), 503)
        assert "3 connections" in answer["error"]
        held.pop().close()
        until(lambda: gateway.get("/healthz").status_code == 200, "there is room again")
        for one in held:
            one.close()


def test_idle_clients_leave_files_to_the_store():
    """As many as like may connect: those that are served go on, runs are recorded, and others are told to come again."""
    with Gateway(files=(256, 256)) as gateway:
        assert "this process may open 256 files" in gateway.log.read_text()
        run = gateway.train()
        idle = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(400)]
        try:
            for _ in range(3):
                assert gateway.get("/healthz").status_code == 200
                assert gateway.view(run)["run_id"] == run
                gateway.train()
            assert "Too many open files" not in gateway.log.read_text()
        finally:
            for one in idle:
                one.close()

        def answered():
            with contextlib.suppress(requests.ConnectionError), requests.Session() as other:
                return other.get(gateway.url + "/healthz", timeout=60).status_code == 200
        until(answered, "there is room again")


def test_the_soft_limit_of_files_is_raised():
    with Gateway(files=(64, 1024)) as gateway:
        idle = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(300)]
        with requests.Session() as other:
            assert other.get(gateway.url + "/healthz", timeout=60).status_code == 200
        for one in idle:
            one.close()


def test_too_few_files_are_named():
    with Gateway() as gateway:
        gateway.stop()
        gateway.files = (64, 64)
        done = gateway.run()
        assert done.returncode == 2 and "OPEN_FILES_TOO_FEW" in done.stderr
        gateway.files = None
        gateway.start()


def test_limits_of_bodies():
    with Gateway(serve="max_body_bytes: 1024") as gateway:
        body = b'{"x":"' + b"y" * 2000 + b'"}'
        for chunked in (body, iter([body])):
            answer = gateway.session.post(gateway.url + "/training", data=chunked, timeout=60)
            answer = error(answer, 413)
            assert answer["code"] == "PAYLOAD_TOO_LARGE" and "larger than the 1024 bytes" in answer["error"]
        with socket.create_connection(("127.0.0.1", gateway.port)) as raw:
            raw.sendall(b"GET /" + b"x" * 500000 + b" HTTP/1.1\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 400 ")
        with socket.create_connection(("127.0.0.1", gateway.port)) as raw:
            raw.sendall(b"POST /predict HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")
            assert b'{"error":' in until(lambda: raw.recv(2000), "an answer")


def test_head_has_no_body(gateway):
    for path in ("/healthz", "/runs", "/models", "/metrics", "/"):
        got, head = gateway.get(path), gateway.session.head(gateway.url + path, timeout=60)
        assert head.status_code == got.status_code == 200 and head.content == b""
        assert head.headers["Content-Type"] == got.headers["Content-Type"]
    assert gateway.session.head(gateway.url + "/nowhere", timeout=60).status_code == 404


# the program


def test_help_check_and_version(gateway):
    assert gateway.run("--help").returncode == gateway.run("--version").returncode == 0
    assert gateway.run("--check").returncode == 0
    assert "home" in gateway.run("--help").stdout
    done = gateway.run("--prot", "1")
    assert done.returncode == 2 and "port" in done.stderr


def test_misconfigured(gateway):
    done = gateway.run()
    assert done.returncode == 2 and "ALREADY_RUNNING" in done.stderr
    done = gateway.run("--home", gateway.folder / "other", "--port", str(gateway.port))
    assert done.returncode == 2 and "PORT_TAKEN" in done.stderr
    done = gateway.run("--listen", "localhost:1")
    assert done.returncode == 2
    good = (gateway.pipeline / "pipeline.yaml").read_text()
    for key, more in {"store.uri": "store: {uri: 's4://x'}\n", "registry": "registry: {bucket: b}\n",
                      "serve.listen": "serve: {listen: 0.0.0.0}\n"}.items():
        (gateway.pipeline / "pipeline.yaml").write_text(good + more)
        done = gateway.run("--home", gateway.folder / "other")
        assert done.returncode == 2 and f" {key}: " in done.stderr, done.stderr
    (gateway.pipeline / "pipeline.yaml").write_text("name: toys\nschema: schema.yaml\nserv: {}\n")
    done = gateway.run()
    assert done.returncode == 2 and "pipeline.yaml" in done.stderr and "serv" in done.stderr


def test_an_end_is_recorded_once_the_store_is_back(gateway):
    run, waiting = gateway.train(), gateway.train()
    store, away = gateway.home / "store", gateway.home / "away"
    store.rename(away)
    store.write_text("")
    with gateway.line() as line:
        line.succeed(run, promoted=False)
        until(lambda: "cannot be recorded now" in gateway.log.read_text(), "the end was tried")
        assert gateway.view(run)["state"] == "RUNNING"
        store.unlink()
        away.rename(store)
        gateway.is_in(run, "SUCCEEDED")
        gateway.is_in(waiting, "RUNNING")


def test_a_disk_that_is_full_loses_nothing(gateway):
    """Where a small disk can be made: needs the right to mount."""
    gateway.stop()
    disk = gateway.folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        gateway.start()
        pytest.skip("no right to mount")
    try:
        home, gateway.home = gateway.home, disk / "h"
        gateway.start()
        run = gateway.train(key="first")
        filler = (disk / "filler").open("wb", buffering=0)
        try:
            while filler.write(b"x" * 4096):
                pass
        except OSError:
            pass
        error(gateway.post("/training", headers={"Idempotency-Key": "second"}), 507)
        assert gateway.view(run)["state"] == "RUNNING" and gateway.get("/healthz").status_code == 200
        filler.truncate(0)
        filler.close()
        second = until(lambda: (answer := gateway.post("/training", headers={"Idempotency-Key": "second"}))
                       .status_code == 202 and answer.json()["run_id"], "the disk has room again")
        assert [view["run_id"] for view in gateway.get("/runs").json()["runs"]] == [second, run]
        assert gateway.stop() == 0
        gateway.home = home
        gateway.start()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
