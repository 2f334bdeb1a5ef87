"""Predictions of a published version, and aliases that move while they are asked for."""

import json
import os
import re
import subprocess
import threading

import pytest
import requests
from gateway import Gateway, until

ROW = {"age": 30, "income": 1.5, "visits": 2, "insured": 1, "sex": "f", "size": "small", "color": "red", "zone": 1}
ENCODED = {"age": 30, "income": 1.5, "visits": 2, "insured": 1, "sex": 0, "size_small": 1, "size_large": 0,
           "color": "red", "zone_code": 10}
MODEL = "/models/toys"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as gateway:
        gateway.stop()
        gateway.publish(4)
        gateway.start()
        yield gateway


@pytest.fixture(autouse=True)
def at_version_one(gateway):
    assert gateway.post(MODEL + "/aliases/champion", {"version": 1}).status_code == 200
    assert gateway.post(MODEL + ":unpin").status_code == 200


def predict(gateway, row):
    answer = gateway.post("/predict", row)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(gateway, body, kind="application/json", want=422):
    answer = gateway.session.post(gateway.url + "/predict", data=body, headers={"Content-Type": kind}, timeout=60)
    assert answer.status_code == want, answer.text
    return answer.json()


def test_a_local_model_answers_from_the_first_request_on(gateway):
    gateway.stop()
    gateway.start()
    assert predict(gateway, ROW)["version"] == 1


def test_a_row_as_an_object(gateway):
    answer = predict(gateway, {"id": 17, **ROW})
    assert list(answer) == ["prediction", "label", "probability", "threshold", "id", "model", "version"]
    assert answer["prediction"] in (0, 1) and answer["label"] == ["Bought-No", "Bought-Yes"][answer["prediction"]]
    assert 0 < answer["probability"] < 1 and answer["model"] == "toys" and str(answer["id"]) == "17"
    assert answer["prediction"] == (answer["probability"] >= answer["threshold"])
    assert "id" not in predict(gateway, ROW)


def test_raw_encoded_form_and_any_order_agree(gateway):
    want = predict(gateway, ROW)
    assert predict(gateway, ENCODED) == want
    assert predict(gateway, dict(reversed(ROW.items()))) == want
    form = gateway.session.post(gateway.url + "/predict", data=ROW, timeout=60)
    assert form.request.headers["Content-Type"] == FORM and form.json() == want
    with_charset = gateway.session.post(gateway.url + "/predict", data=form.request.body,
                                        headers={"Content-Type": FORM + "; charset=utf-8"}, timeout=60)
    assert with_charset.json() == want


def test_an_array_is_answered_in_order(gateway):
    rows = [{**ROW, "id": i, "age": 20 + i} for i in range(50)]
    answers = predict(gateway, rows)
    assert answers == [predict(gateway, row) for row in rows]
    assert predict(gateway, []) == []


def test_rows_that_break_the_schema(gateway):
    assert refused(gateway, b'{"age":30', want=400)["code"] == "JSON_MALFORMED"
    assert refused(gateway, b"", want=400)["error"]
    assert refused(gateway, b"17")["error"]
    assert refused(gateway, b"[17]")["row"] == 0
    assert refused(gateway, b"<row/>", "application/xml", 415)["error"]
    for body in (b' \n{"age":40}', b"[]"):
        for kind in ("application/x-www-form-urlencoded", None):
            assert "send content-type: application/json" in refused(gateway, body, kind, 415)["error"]
    for change, column in [({"age": 200}, "age"), ({"age": "30"}, "age"), ({"age": True}, "age"),
                           ({"sex": "x"}, "sex"), ({"agee": 1}, "agee"), ({"sex_": 1}, "sex_"),
                           ({"size_small": 1}, "size"), ({"insured": 2}, "insured")]:
        answer = gateway.post("/predict", {**ROW, **change})
        assert answer.status_code == 422, answer.text
        assert answer.json()["column"] in (column, *change) and answer.json()["code"]
        answer = gateway.post("/predict", [ROW, {**ROW, **change}]).json()
        assert answer["row"] == 1
    missing = dict(ROW)
    del missing["age"]
    assert gateway.post("/predict", missing).json()["column"] == "age"
    assert refused(gateway, b"age=old&sex=f", FORM)["column"] == "age"
    assert refused(gateway, b"x=" + b"y" * (2 << 20), FORM)["code"] == "FORM_TOO_LARGE"


def test_the_page_is_made_from_the_schema(gateway):
    page = gateway.get("/")
    assert page.status_code == 200 and page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for name in ROW:
        assert f'name="{name}"' in page.text
    assert 'name="bought"' not in page.text
    answer = gateway.session.post(gateway.url + "/", data=ROW, timeout=60)
    assert answer.status_code == 200 and predict(gateway, ROW)["label"] in answer.text
    evil = gateway.session.post(gateway.url + "/", data={**ROW, "sex": "<script>"}, timeout=60)
    assert evil.status_code == 422 and "<script>" not in evil.text and 'role="alert"' in evil.text
    wrong = gateway.session.post(gateway.url + "/", data={**ROW, "age": "old"}, timeout=60).text
    assert "Age in years (age): " in wrong
    marked = re.findall(r'name="([^"]*)"[^>]*aria-invalid="true" aria-describedby="error"', wrong)
    assert marked == ["age"] and wrong.count('id="error"') == 1


def test_models_are_listed(gateway):
    model, = gateway.get("/models").json()["models"]
    assert model["name"] == "toys" and model["aliases"]["champion"] == 1
    assert [version["version"] for version in model["versions"]] == [4, 3, 2, 1]
    for version in model["versions"]:
        assert set(version) >= {"version", "run_id", "created_at", "metrics"}


def test_moves_of_aliases(gateway):
    def move(path, body, want):
        answer = gateway.post(MODEL + path, body)
        assert answer.status_code == want, answer.text
        return answer.json()
    assert move("/aliases/champion", {"version": 2, "expect": 1, "reason": "better"}, 200)["aliases"]["champion"] == 2
    assert predict(gateway, ROW)["version"] == 2  # true as soon as the call is answered
    move("/aliases/champion", {"version": 3, "expect": 1}, 409)
    move("/aliases/champion", {"version": 9}, 404)
    move("/aliases/latest", {"version": 1}, 422)
    move("/aliases/champion", {"verson": 1}, 422)
    move("/aliases/champion", {}, 422)
    move("/aliases/champion", {"version": "2"}, 422)
    move(":rollback", {"from": 1}, 409)
    move(":rollback", {}, 422)
    state = move(":rollback", {"from": 2, "reason": "worse"}, 200)
    assert state["aliases"]["champion"] == 1 and state["pinned"]
    assert predict(gateway, ROW)["version"] == 1
    assert move(":unpin", None, 200)["pinned"] is False
    assert move(":pin", None, 200)["pinned"] is True
    assert gateway.post("/models/other:pin").status_code == 404
    answer = gateway.session.post(gateway.url + MODEL + ":pin", data=b"{}", headers={"Content-Type": "text/plain"},
                                  timeout=60)
    assert answer.status_code == 415
    answer = gateway.get("/readyz")
    assert answer.status_code == 200 and answer.json()["model"] == "ready"


class Caller(threading.Thread):
    def __init__(self, url):
        super().__init__()
        self.url, self.is_over, self.statuses, self.versions, self.failure = url, False, {}, set(), None

    def run(self):
        try:
            with requests.Session() as session:
                while not self.is_over:
                    answer = session.post(self.url + "/predict", json=ROW, timeout=60)
                    self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1
                    self.versions.add(answer.json().get("version"))
        except requests.RequestException as failure:
            self.failure = failure


def test_swaps_under_load_fail_no_request(gateway):
    callers = [Caller(gateway.url) for _ in range(3)]
    for caller in callers:
        caller.start()
    try:
        for i in range(40):
            version = 1 + i % 4
            assert gateway.post(MODEL + "/aliases/champion", {"version": version}).status_code == 200
            assert predict(gateway, ROW)["version"] == version
        until(lambda: all(caller.versions == {1, 2, 3, 4} or not caller.is_alive() for caller in callers),
              "all versions were heard")
    finally:
        for caller in callers:
            caller.is_over = True
        for caller in callers:
            caller.join()
    for caller in callers:
        assert caller.failure is None and list(caller.statuses) == [200], (caller.failure, caller.statuses)


def test_a_release_is_taken_up_before_the_run_ends(gateway):
    """The run SUCCEEDED only when its version answers: the alias moved without a word to this gateway."""
    with gateway.line() as line:
        run = gateway.train()
        order = line.receive("ingestor").body["order"]
        assert order["champion"]["version"] == 1 and len(order["champion"]["manifest"]) == 64
        path = gateway.home / "registry" / "toys" / "aliases.json"
        path.write_text(path.read_text().replace('"champion": 1', '"champion": 3'))
        line.succeed(run, version=3)
        gateway.is_in(run, "SUCCEEDED")
        assert predict(gateway, ROW)["version"] == 3


def test_an_alias_moved_elsewhere_is_followed(gateway):
    path = gateway.home / "registry" / "toys" / "aliases.json"
    path.write_text(path.read_text().replace('"champion": 1', '"champion": 2'))
    until(lambda: predict(gateway, ROW)["version"] == 2, "the move is seen")


def test_a_champion_that_cannot_be_loaded(gateway):
    """The old one goes on answering, and a run is told of the one that is champion, not of none."""
    file = gateway.home / "registry" / "toys" / "versions" / "4" / "model.ubj"
    content = file.read_bytes()
    file.chmod(0o600)
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    gateway.stop()
    gateway.start()
    assert gateway.post(MODEL + "/aliases/champion", {"version": 4}).status_code == 200
    assert predict(gateway, ROW)["version"] == 1 and gateway.get("/readyz").status_code == 200
    with gateway.line() as line:
        run = gateway.train()
        assert line.receive("ingestor").body["order"]["champion"]["version"] == 4
        line.end(run, 1, "ingestor", "FAILED", error="BROKEN")
        gateway.is_in(run, "FAILED")
    gateway.stop()
    gateway.start()
    answer = gateway.get("/readyz")
    assert answer.status_code == 503 and answer.json()["model"] == "unusable"
    assert gateway.post("/predict", ROW).status_code == 503
    assert gateway.get("/").status_code == 200 and gateway.session.post(gateway.url + "/", data=ROW,
                                                                        timeout=60).status_code == 503
    assert gateway.post(MODEL + ":rollback", {"from": 4, "to": 2}).status_code == 200
    assert predict(gateway, ROW)["version"] == 2
    file.write_bytes(content)


def test_versions_come_in_pages_and_are_read_once():
    with Gateway() as gateway:
        gateway.stop()
        gateway.publish(4)
        versions = gateway.home / "registry/toys/versions"
        for number in range(5, 103):  # claimed, and never completed
            (versions / str(number)).mkdir()
        gateway.start()
        page = gateway.get("/models").json()
        pages = [page]
        while "next" in page:
            page = gateway.get(f"/models?before={page['next']}").json()
            pages.append(page)
        assert [[version["version"] for version in page["models"][0]["versions"]] for page in pages] == [[4, 3], [2, 1]]
        assert all(page["models"][0]["aliases"]["champion"] == 1 for page in pages)
        told = subprocess.run([os.environ["CONVOY"], "models", "--json", "--url", gateway.url], check=True,
                              env=gateway.environment, capture_output=True, timeout=60).stdout
        model, = json.loads(told)["models"]
        assert [version["version"] for version in model["versions"]] == [4, 3, 2, 1]
        told = subprocess.run([os.environ["CONVOY"], "models", "--url", gateway.url], check=True,
                              env=gateway.environment, capture_output=True, text=True, timeout=60).stdout
        assert [int(line.split()[0]) for line in told.splitlines()[2:]] == [4, 3, 2, 1]
        (versions / "3/manifest.json").unlink()
        assert gateway.get("/models").json() == pages[0]
        assert gateway.get("/models?before=one").status_code == 400


def test_the_history_comes_in_pages(gateway):
    for number in range(130):
        move = {"version": 1 + number % 2, "reason": str(number)}
        assert gateway.post(MODEL + "/aliases/tried", move).status_code == 200
    first = gateway.get(MODEL + "/history").json()
    last = gateway.get("/models").json()["models"][0]["sequence"]
    assert first["name"] == "toys"
    assert [move["sequence"] for move in first["moves"]] == list(range(last, last - 100, -1))
    assert first["moves"][0]["reason"] == "129" and first["moves"][0]["actor"] == "http"
    moves, page = list(first["moves"]), first
    while "next" in page:
        page = gateway.get(f"{MODEL}/history?before={page['next']}").json()
        moves += page["moves"]
    assert [move["sequence"] for move in moves] == list(range(last, 0, -1))
    assert moves[-1]["action"] == "release"
    assert gateway.get(MODEL + "/history?before=one").status_code == 400
    assert gateway.get("/models/others/history").status_code == 404
