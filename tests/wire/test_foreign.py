"""Programs in other languages can read and write the messages: Python's msgpack does, by proto/README.md alone."""

import json
import os
import pathlib
import re
import subprocess
import uuid
from datetime import datetime, timezone

import msgpack
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CONVOY_BUILD", ROOT / "build" / "release"))

LINE = ["gateway_to_ingestor", "ingestor_to_validator", "validator_to_transformer", "transformer_to_trainer",
        "trainer_to_evaluator", "evaluator_to_pusher", "pusher_to_gateway"]
BESIDE = ["stage_to_gateway", "gateway_to_stage", "progress", "heartbeat"]
TYPES = LINE + BESIDE


def read_grammar():
    """The records of proto/README.md: {name: [(field, type), ...]}."""
    text = (ROOT / "proto" / "README.md").read_text()
    records = {}
    for block in re.findall(r"```grammar\n(.*?)```", text, re.S):
        for name, brackets, fields in re.findall(r"^(\w+) = ([{\[])\n(.*?)^[}\]]", block, re.S | re.M):
            rows = [line.strip().split(": ", 1) for line in fields.splitlines()]
            assert name not in records
            records[name] = [tuple(row) for row in rows]
    return records


GRAMMAR = read_grammar()
ENVELOPE = [field for field, _ in GRAMMAR["envelope"]]


@pytest.fixture(scope="session")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    subprocess.run([BUILD / "tests" / "wire" / "write_samples", folder], check=True)
    return folder


def read(samples, name):
    return (samples / f"{name}.msgpack").read_bytes()


def decode(samples, name):
    return dict(zip(ENVELOPE, msgpack.unpackb(read(samples, name), strict_map_key=True), strict=True))


def bounds(text):
    low, high = re.fullmatch(r"(\S*)\.\.(\S*)", text).groups()
    return float(low) if low else -float("inf"), float(high) if high else float("inf")


def check(value, kind, path):
    """Asserts that value is what the grammar calls kind."""
    absent = re.fullmatch(r"(.*) or (nil|\"\")", kind)
    if absent:
        if value == (None if absent[2] == "nil" else ""):
            return
        kind = absent[1]
    word, _, limit = kind.partition(" ")
    if kind.startswith('"'):
        assert value in re.findall(r'"([^"]+)"', kind), path
    elif kind.startswith("["):
        inner, most = re.fullmatch(r"\[(\w+)\] \.\.(\d+)", kind).groups()
        assert isinstance(value, list) and len(value) <= int(most), path
        for i, element in enumerate(value):
            check(element, inner, f"{path}[{i}]")
    elif word == "bool":
        assert isinstance(value, bool), path
    elif word in ("int", "time"):
        low, high = bounds(limit) if limit else (0 if word == "time" else -(2**63), 2**63 - 1)
        assert isinstance(value, int) and not isinstance(value, bool) and low <= value <= high, path
    elif word in ("number", "float32"):
        low, high = bounds(limit) if limit else bounds("..")
        assert isinstance(value, float) and low <= value <= high, path
    elif word in ("text", "name", "code"):
        form = {"text": r".*", "name": r"[a-z0-9_-]+", "code": r"[A-Z0-9_]+"}[word]
        assert isinstance(value, str) and re.fullmatch(form, value, re.S), path
        assert len(value.encode()) <= bounds(limit)[1], path
    elif word in ("sha256", "content"):
        assert re.fullmatch("[0-9a-f]{%d}" % (64 if word == "sha256" else 32), value), path
    elif word == "uuid":
        assert str(uuid.UUID(value)) == value, path
    elif word == "traceparent":
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", value), path
    else:
        assert list(value) == [field for field, _ in GRAMMAR[word]], path
        for field, inner in GRAMMAR[word]:
            check(value[field], inner, f"{path}.{field}")


def test_every_type_is_sampled_and_described(samples):
    declared = re.findall(r"^MESSAGE\(\w+, (\w+),", (ROOT / "proto" / "messages.def").read_text(), re.M)
    assert declared == TYPES
    assert sorted(path.stem for path in samples.glob("*.msgpack")) == sorted(TYPES)
    assert set(TYPES) <= set(GRAMMAR)


@pytest.mark.parametrize("name", TYPES)
def test_the_envelope_is_read(samples, name):
    message = decode(samples, name)
    for field, kind in GRAMMAR["envelope"][:-1]:
        check(message[field], kind, field)
    assert message["version"] == 1
    assert message["type"] == name
    assert message["produced_at"] == 1767323045778
    if name == "heartbeat":
        assert (message["run"], message["attempt"], message["traceparent"]) == ("", 0, "")
    else:
        assert uuid.UUID(message["run"]).version == 7
        assert message["attempt"] == 2
        assert message["traceparent"] == "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("name", TYPES)
def test_the_body_is_what_the_grammar_says(samples, name):
    check(decode(samples, name)["body"], name, name)


@pytest.mark.parametrize("name", TYPES)
def test_a_foreign_writer_gives_the_same_bytes(samples, name):
    frame = read(samples, name)
    assert msgpack.packb(msgpack.unpackb(frame)) == frame


def as_manifest(value, kind):
    """The JSON form of a value, None where it is left out: times as RFC 3339, absent values gone."""
    word = kind.split(" ")[0]
    if value is None or (value == "" and not kind.startswith('"')):
        return None
    if word == "time":
        return datetime.fromtimestamp(value / 1000, timezone.utc).isoformat(timespec="milliseconds").replace(
            "+00:00", "Z")
    if kind.startswith("["):
        return [as_manifest(element, kind[1:kind.index("]")]) for element in value]
    if word in GRAMMAR:
        members = {field: as_manifest(value[field], inner) for field, inner in GRAMMAR[word]}
        return {field: member for field, member in members.items() if member is not None}
    return value


@pytest.mark.parametrize("name", TYPES)
def test_manifests_say_the_same(samples, name):
    said = json.loads((samples / f"{name}.json").read_text())
    want = as_manifest(decode(samples, name)["body"], name)

    def without_none(wanted, found):
        """An absent integer is its least value in MessagePack and left out in JSON."""
        if isinstance(wanted, dict) and isinstance(found, dict):
            return {key: without_none(inner, found.get(key)) for key, inner in wanted.items()
                    if key in found or inner not in (0, -1)}
        if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
            return [without_none(*pair) for pair in zip(wanted, found)]
        return wanted

    assert said == without_none(want, said)


def test_the_order_travels_the_whole_line(samples):
    orders = [decode(samples, name)["body"]["order"] for name in LINE[:-1]]
    assert all(order == orders[0] for order in orders)
    order = orders[0]
    assert order["cause"] == "http"
    assert order["champion"] == {"version": 2, "manifest": "c" * 64}
    assert order["schema"] == {"sha256": "5" * 64, "n_bytes": 4096}
    parameters = order["parameters"]
    assert parameters["name"] == "flowers"
    assert parameters["split"] == {"salt": 5, "test_ten_thousandths": 2500}
    assert parameters["transform"] == {"numbers": "passthrough", "columns": [{"name": "Länge", "scaling": "min_max"}]}
    assert parameters["train"]["threshold"] is None
    assert {setting["name"]: setting["value"] for setting in parameters["train"]["settings"]} == {
        "eta": "0.1", "max_depth": "5", "objective": "binary:logistic"}
    assert parameters["evaluate"] == {"mode": "refresh", "threshold": 0.02, "margin": 0.005, "min_score": 0.4,
                                      "min_test_positives": 300, "bootstrap": 2000, "on_accept": "challenger"}


def test_each_stage_adds_its_own(samples):
    last = decode(samples, "evaluator_to_pusher")["body"]
    for name in LINE[:-1]:
        body = decode(samples, name)["body"]
        assert body == {key: last[key] for key in body}
    assert last["ingestion"]["train"] == {"sha256": "1" * 64, "content": "1" * 32, "n_rows": 37512,
                                          "n_bytes": 3001024}
    assert last["ingestion"]["n_rows"] == 50000
    assert last["ingestion"]["rejected"]["n_rows"] == 2
    assert last["validation"]["baseline"]["sha256"] == "7" * 64
    assert last["transformation"]["n_features"] == 11
    assert last["candidate"]["n_rounds"] == 86
    assert last["candidate"]["decision"]["method"] == "expected_f1"
    assert last["candidate"]["decision"]["margin"] == pytest.approx(-1.0986123, abs=1e-7)
    assert last["verdict"]["accepted"] is False
    assert last["verdict"]["compared_version"] == 2
    assert last["verdict"]["reasons"][0]["code"] == "F1_NOT_IMPROVED"
    assert last["verdict"]["champion"]["f1"] == 0.46
    assert last["verdict"]["report"] is None


def test_the_messages_beside_the_line(samples):
    release = decode(samples, "pusher_to_gateway")["body"]
    assert (release["model"], release["version"], release["promoted"]) == ("flowers", 3, True)
    assert release["candidate"]["auc"] == 0.855
    end = decode(samples, "stage_to_gateway")["body"]
    assert (end["stage"], end["state"], end["ends_run"]) == ("validator", "FAILED", "")
    assert end["finished_at"] - end["started_at"] == 41
    assert end["counts"] == [{"name": "n_rows", "value": 49998}, {"name": "n_anomalies", "value": 1}]
    assert end["drifted"] == [{"column": "Länge", "distance": 0.25}]
    assert end["error"]["code"] == "ENUM_TYPE_UNEXPECTED_STRING_VALUES"
    assert (end["error"]["column"], end["error"]["row"]) == ("Farbe", 17)
    assert decode(samples, "gateway_to_stage")["body"] == {"command": "cancel"}
    assert decode(samples, "progress")["body"] == {"stage": "ingestor", "done": 20000, "total": 50000, "unit": "rows"}
    heartbeat = decode(samples, "heartbeat")["body"]
    assert (heartbeat["stage"], heartbeat["state"], heartbeat["pid"]) == ("trainer", "idle", 4711)
    assert [heartbeat[key] for key in ("n_handled", "n_rejected", "n_dead", "n_inbox", "n_outbox")] == [12, 1, 1, 3, 2]
    assert (heartbeat["waits_for"], heartbeat["retry_at"]) == ("No space left on device", 1767323049678)


def test_the_line_is_the_one_of_stages_def():
    rows = re.findall(r"^STAGE\(\w+, (\w+), (\w+), (\w+), (\d+)\)", (ROOT / "proto" / "stages.def").read_text(), re.M)
    assert [row[1] for row in rows] == LINE
    assert [row[2] for row in rows] == LINE[1:] + LINE[:1]
    assert [int(row[3]) for row in rows] == list(range(5551, 5558))
