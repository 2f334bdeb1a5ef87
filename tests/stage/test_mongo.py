"""A collection of MongoDB as a source, against two implementations of it: its rows are those of a file."""

import datetime
import os
import random
import subprocess
import sys

import pyarrow as pa
import pymongo
import pytest
from bson import Decimal128, Int64, ObjectId

from mongo_rows import (COLLECTION, DATABASE, SERVERS, Canned, Ferret, Ingestor, Proxy, as_documents, contents,
                        digests, fill, ingest, make_rows, write_ndjson)

SMALL_PARENT = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""
MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.timezone.utc)


@pytest.fixture(params=SERVERS, ids=lambda kind: kind.name)
def server(request, tmp_path):
    server = request.param(tmp_path / "server").start()
    yield server
    server.stop()


def test_the_rows_are_those_of_a_file(server, ingest, tmp_path):
    rows = make_rows(5000)
    fill(server.port, as_documents(rows))
    want = ingest(write_ndjson(tmp_path / "rows.ndjson", rows))
    assert digests(ingest(server.uri())) == digests(want)
    # the database of the URI holds where the pipeline names none
    assert digests(ingest(server.uri(DATABASE), database="")) == digests(want)


def test_the_order_of_insertion_does_not_matter(server, ingest, tmp_path):
    rows = make_rows(3000)
    want = ingest(write_ndjson(tmp_path / "rows.ndjson", rows))
    shuffled = list(rows)
    random.Random(1).shuffle(shuffled)
    fill(server.port, as_documents(shuffled))
    # _id is the key: even the files are the same
    assert digests(ingest(server.uri())) == digests(want)
    # _id is made up: the content is
    fill(server.port, shuffled, "other")
    assert contents(ingest(server.uri(), collection="other")) == contents(want)


def test_the_order_and_number_of_fields_does_not_matter(server, ingest, tmp_path):
    rows = make_rows(400)
    want = ingest(write_ndjson(tmp_path / "rows.ndjson", rows))
    documents = []
    for i, row in enumerate(rows):
        names = [name for name in row if row[name] is not None or i % 2]
        random.Random(i).shuffle(names)
        documents.append({"_id": row["id"], **{name: row[name] for name in names}})
    fill(server.port, documents)
    assert digests(ingest(server.uri())) == digests(want)


def test_unknown_fields_are_told_of(server, ingest):
    documents = as_documents(make_rows(50))
    documents[20]["taste"] = "sweet"
    for document in documents:
        del document["note"]
    fill(server.port, documents)
    made = ingest(server.uri())
    assert [column["name"] for column in made["new"]] == ["taste"]
    assert [column["name"] for column in made["missing"]] == ["note"]


def test_a_value_that_cannot_be_taken_names_document_and_field(server, ingest):
    documents = as_documents(make_rows(50))
    documents[30]["weight"] = "heavy"
    fill(server.port, documents)
    said = ingest.refuse(server.uri())
    assert 'FLOAT_TYPE_STRING_NOT_FLOAT' in said
    assert f'{DATABASE}.{COLLECTION}: weight: document 83: value "heavy" is no number' in said


def test_bad_rows_can_be_set_aside(server, ingest, tmp_path):
    rows = make_rows(400)
    documents = as_documents(rows)
    documents[30]["weight"] = "heavy"
    documents[31]["colour"] = {"r": 1}
    fill(server.port, documents)
    made = ingest(server.uri(), bad="0.01")
    good = [row for i, row in enumerate(rows) if i not in (30, 31)]
    assert made["n_bad"] == 2
    digest = made["rejected"]["sha256"]
    with pa.memory_map(str(ingest.store / "blobs" / "sha256" / digest[:2] / digest)) as file:
        rejected = pa.ipc.open_file(file).read_all().to_pylist()
    assert [row["source_row"] for row in rejected] == [31, 32]
    assert [row["code"] for row in rejected] == ["FLOAT_TYPE_STRING_NOT_FLOAT", "UNEXPECTED_DATA_TYPE"]
    assert '"weight": "heavy"' in rejected[0]["text"]
    assert digests(made) == digests(ingest(write_ndjson(tmp_path / "good.ndjson", good)))


def test_documents_of_every_type(ingest, tmp_path):
    """The types that the other servers do not know come from a canned one."""
    base = {"weight": 1.5, "colour": "red", "note": "n", "ripe": 1}
    documents = [{"_id": i, "id": i, **base, **change} for i, change in enumerate([
        {"weight": 2}, {"weight": Int64(2**60)}, {"weight": Decimal128("0.1")}, {"weight": Decimal128("NaN")},
        {"weight": float("nan")}, {"weight": MOMENT}, {"ripe": True}, {"ripe": Decimal128("1.0")}, {"ripe": 0.0},
        {"note": ObjectId("00112233445566778899aabb")}, {"note": MOMENT}, {"note": ""}, {"note": None},
        {"id": Decimal128("1.3E+1")}, {"id": Int64(14)}, {"id": 15.0}])]
    rows = [{"id": i, **base, **change} for i, change in enumerate([
        {"weight": 2}, {"weight": 2.0**60}, {"weight": 0.1}, {"weight": None}, {"weight": None},
        {"weight": 1767323045678}, {"ripe": 1}, {"ripe": 1}, {"ripe": 0}, {"note": "00112233445566778899aabb"},
        {"note": "2026-01-02T03:04:05.678Z"}, {"note": None}, {"note": None}, {}, {}, {}])]
    server = Canned(tmp_path / "server", documents).start()
    assert digests(ingest(server.uri())) == digests(ingest(write_ndjson(tmp_path / "rows.ndjson", rows)))
    server.stop()


def test_unknown_places_are_told_at_once(server, ingest):
    fill(server.port, as_documents(make_rows(10)))
    client = pymongo.MongoClient("127.0.0.1", server.port)
    client[DATABASE].create_collection("empty")
    client.close()
    with Proxy(("127.0.0.1", server.port)) as proxy:
        uri = f"mongodb://{proxy.address}/"
        said = ingest.refuse(uri, collection="fruit-of 2025")
        assert f'SOURCE_COLLECTION_UNKNOWN: {DATABASE}.fruit-of 2025: there is no collection "fruit-of 2025"' in said
        assert f'(did you mean {COLLECTION}?)' in said
        said = ingest.refuse(uri, database="orchards")
        if server.name == "mongo-java":  # makes each database that it is asked for
            assert f"SOURCE_COLLECTION_UNKNOWN: orchards.{COLLECTION}" in said
        else:
            assert f'SOURCE_DATABASE_UNKNOWN: orchards.{COLLECTION}: there is no database "orchards"' in said
            assert f'(did you mean {DATABASE}?)' in said
        said = ingest.refuse(uri, collection="empty")
        assert f"EMPTY_SOURCE: {DATABASE}.empty: there are no documents" in said
        assert proxy.n_connections <= 6
    said = ingest.refuse(server.uri(), database="")
    assert "SOURCE_URI_INVALID: mongodb: no database is named" in said


def test_what_a_server_refuses_is_told_at_once(ingest, tmp_path):
    documents = as_documents(make_rows(10))
    for command in ("find", "getMore"):
        server = Canned(tmp_path / command, documents, "--first", "3", "--fail", f"{command}:0:96").start()
        said = ingest.refuse(server.uri())
        assert "SOURCE_READ_REFUSED" in said and "a canned error" in said
        counts = server.counts()
        assert counts["find"] + counts["getMore"] <= 3


def test_validate_and_score_read_a_collection(server, tmp_path):
    pipeline = tmp_path / "pipeline"
    pipeline.mkdir()
    (pipeline / "schema.yaml").write_text((Ingestor(tmp_path).schema).read_text())
    (pipeline / "pipeline.yaml").write_text(
        "name: fruit\nschema: schema.yaml\n"
        f"source: {{uri: 'file:///nowhere', database: {DATABASE}, collection: '{COLLECTION}'}}\n")
    fill(server.port, as_documents(make_rows(50)))
    uri = f"mongodb://127.0.0.1:{server.port}/?appName=s3cretword"
    done = subprocess.run([os.environ["CONVOY"], "validate", "--pipeline", pipeline, uri], capture_output=True,
                          text=True, timeout=60)
    assert "mongodb: 50 rows, " in done.stdout, done.stdout + done.stderr
    assert "s3cretword" not in done.stdout + done.stderr


def test_memory_is_bounded_by_a_batch(ingest, tmp_path):
    """Four times the documents, and no more memory."""
    peaks = []
    for n in (200_000, 800_000):
        server = Canned(tmp_path / f"server-{n}", ({"_id": i, **row} for i, row in enumerate(make_rows(n))),
                        "--bytes", "4000000").start()
        # the peak of a child counts its parent's before exec, so a small parent is put between
        ingest.before = [sys.executable, "-S", "-c", SMALL_PARENT]
        # what AddressSanitizer keeps from being used again is not memory of ours
        options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
        started = ingest.start(server.uri(), environment={"ASAN_OPTIONS": options})
        peaks.append(int(ingest.finish(started)[1].split()[-1]))
        server.stop()
    assert peaks[1] < 1.25 * peaks[0], peaks
