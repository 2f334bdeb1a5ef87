"""What the tests of the MongoDB source share: rows, the servers that hold them, and the ingestor's work on them."""

import json
import os
import pathlib
import subprocess
import sys

import pymongo
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))

from mongo_server import SERVERS, Canned, Ferret, Java  # noqa: E402, F401
from proxy import Proxy  # noqa: E402, F401

SCHEMA = """
schema: 1
environments: [TRAINING, SERVING]
columns:
  - {name: id, role: key, type: int}
  - {name: weight, type: float}
  - {name: colour, type: category, values: [red, green, "dark blue, almost black"]}
  - {name: note, role: ignore, type: category}
  - {name: ripe, role: label, type: bool}
"""
COLOURS = ["red", "green", "dark blue, almost black"]
DATABASE, COLLECTION = "orchard", "fruit-of 2026"


def make_rows(n, note_bytes=20):
    """Rows as any reader of JSON sees them; some values are missing."""
    return [{"id": i * 3 - 7, "weight": i / 4 - 1000 if i % 7 else None, "colour": COLOURS[i % 3],
             "note": f"{i:06d}".ljust(note_bytes, "x"), "ripe": i % 2} for i in range(n)]


def as_documents(rows):
    return [{"_id": row["id"], **row} for row in rows]


def fill(port, documents, collection=COLLECTION, **options):
    client = pymongo.MongoClient("127.0.0.1", port, directConnection=True, **options)
    into = client[DATABASE][collection]
    for i in range(0, len(documents), 2000):
        into.insert_many(documents[i : i + 2000])
    client.close()


def write_ndjson(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"file://{path}"


class Ingestor:
    """tests/support/ingest_rows with a store of its own for each call."""

    def __init__(self, folder):
        self.folder = folder
        self.schema = folder / "schema.yaml"
        self.schema.write_text(SCHEMA)
        self.n_calls = 0
        self.before = []

    def start(self, uri, bad="0", database=DATABASE, collection=COLLECTION, environment=None):
        self.n_calls += 1
        self.store = self.folder / f"store-{self.n_calls}"
        return subprocess.Popen(
            [*self.before, os.environ["INGEST_ROWS"], self.schema, uri, f"file://{self.store}", bad, database, collection],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})

    def finish(self, process):
        """What it made, and what it said."""
        out, said = process.communicate(timeout=200)
        assert process.returncode == 0, said
        return json.loads(out), said

    def __call__(self, uri, **options):
        return self.finish(self.start(uri, **options))[0]

    def refuse(self, uri, **options):
        """What it said when it would not."""
        process = self.start(uri, **options)
        out, said = process.communicate(timeout=200)
        assert process.returncode == 1, out
        return said


@pytest.fixture
def ingest(tmp_path):
    return Ingestor(tmp_path)


def digests(ingestion):
    return [(ingestion[part]["sha256"], ingestion[part]["content"], ingestion[part]["n_rows"])
            for part in ("train", "test")]


def contents(ingestion):
    return [(ingestion[part]["content"], ingestion[part]["n_rows"]) for part in ("train", "test")]
