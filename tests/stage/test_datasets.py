"""The ingestor's datasets open unchanged in pyarrow, pandas and polars, and hold the rows of the source, dealt by key."""

import hashlib
import json
import os
import subprocess

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import feather, ipc

SCHEMA = """
schema: 1
environments: [TRAINING, SERVING]
columns:
  - {name: id, role: key, type: int}
  - {name: weight, type: float}
  - {name: colour, type: category, values: [red, green, "dark blue, almost black"]}
  - {name: ripe, role: label, type: bool}
"""

COLOURS = ["red", "green", "dark blue, almost black"]
N_ROWS = 150_000

MASK = (1 << 64) - 1
P1, P2, P3, P4, P5 = (11400714785074694791, 14029467366897019727, 1609587929392839161, 9650029242287828579,
                      2870177450012600261)


def rotate(value, bits):
    return (value << bits | value >> (64 - bits)) & MASK


def xxh64_of_int64(number, seed):
    """XXH64 of the eight little-endian bytes, written from the algorithm's specification."""
    lane = rotate((number & MASK) * P2 & MASK, 31) * P1 & MASK
    value = (rotate((seed + P5 + 8 & MASK) ^ lane, 27) * P1 + P4) & MASK
    value = (value ^ value >> 33) * P2 & MASK
    value = (value ^ value >> 29) * P3 & MASK
    return value ^ value >> 32


def make_frame(n=N_ROWS):
    i = np.arange(n)
    return pd.DataFrame({
        "id": i * 3 - 7,
        "weight": np.where(i % 7 == 0, np.nan, i / 4 - 1000),
        "colour": np.array(COLOURS)[i % 3],
        "ripe": i % 2,
    })


@pytest.fixture
def ingest(tmp_path):
    """Calls tests/support/ingest_rows on a file -> (its answer, path of a dataset's blob)."""
    schema = tmp_path / "schema.yaml"
    schema.write_text(SCHEMA)

    def call(path, *arguments):
        done = subprocess.run([os.environ["INGEST_ROWS"], schema, f"file://{path}", f"file://{tmp_path / 'store'}",
                               *arguments], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


@pytest.fixture
def blob(tmp_path):
    def path_of(dataset):
        digest = dataset["sha256"]
        return tmp_path / "store" / "blobs" / "sha256" / digest[:2] / digest

    return path_of


def test_all_rows_are_dealt_by_the_hash_of_their_key(ingest, blob, tmp_path):
    frame = make_frame()
    frame.to_csv(tmp_path / "rows.csv", index=False)
    answer = ingest(tmp_path / "rows.csv")
    is_test = np.array([xxh64_of_int64(int(key), 7) % 10000 < 2500 for key in frame["id"]])
    for name, want in (("train", frame[~is_test]), ("test", frame[is_test])):
        path = blob(answer[name])
        assert hashlib.sha256(path.read_bytes()).hexdigest() == answer[name]["sha256"]
        assert path.stat().st_size == answer[name]["n_bytes"]
        assert answer[name]["n_rows"] == len(want)
        got = pd.read_feather(path)
        pd.testing.assert_frame_equal(got, want.reset_index(drop=True), check_dtype=False)


def test_pyarrow_maps_them_without_a_copy(ingest, blob, tmp_path):
    make_frame().to_csv(tmp_path / "rows.csv", index=False)
    path = blob(ingest(tmp_path / "rows.csv")["train"])
    before = pa.total_allocated_bytes()
    reader = ipc.open_file(pa.memory_map(str(path)))
    table = reader.read_all()
    assert pa.total_allocated_bytes() == before
    table.validate(full=True)
    assert [str(field.type) for field in table.schema] == ["int64", "double", "string", "int64"]
    assert table.schema.metadata[b"convoy.part"] == b"train"
    assert [reader.get_batch(i).num_rows for i in range(reader.num_record_batches - 1)] == [65536]


def test_polars_opens_them(ingest, blob, tmp_path):
    make_frame(1000).to_csv(tmp_path / "rows.csv", index=False)
    answer = ingest(tmp_path / "rows.csv")
    frames = [pl.read_ipc(blob(answer[name])) for name in ("train", "test")]
    ids = pl.concat(frames)["id"].sort().to_list()
    assert ids == sorted(make_frame(1000)["id"])


@pytest.mark.parametrize("write", ["feather", "feather_lz4", "categories", "categories_zstd", "polars", "ndjson"])
def test_the_format_of_the_source_changes_no_byte(ingest, tmp_path, write):
    frame = make_frame()
    frame.to_csv(tmp_path / "rows.csv", index=False)
    path = tmp_path / "theirs"
    if write == "feather":
        frame.to_feather(path)
    elif write == "feather_lz4":
        feather.write_feather(pa.Table.from_pandas(frame), str(path), compression="lz4", chunksize=1000)
    elif write == "categories":
        frame.astype({"colour": "category", "ripe": bool}).to_feather(path)
    elif write == "categories_zstd":
        frame.astype({"colour": "category", "id": "category"}).to_feather(path, compression="zstd")
    elif write == "polars":
        pl.from_pandas(frame, nan_to_null=True).write_ipc(path)
    else:
        frame.to_json(path, orient="records", lines=True)
    assert ingest(path) == ingest(tmp_path / "rows.csv")


def test_rejected_rows_are_a_table_for_people(ingest, blob, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b"id,weight,colour,ripe\n1,2,red,0\n2,heavy,red,1\n3,1,r\xffd,0\n,1,red,0\n5,1,red,1\n")
    answer = ingest(path, "0.6")
    assert (answer["n_rows"], answer["n_bad"]) == (5, 3)
    frame = pd.read_feather(blob(answer["rejected"])).set_index("source_row")
    assert list(frame["code"].sort_index()) == ["FLOAT_TYPE_STRING_NOT_FLOAT", "CSV_NOT_UTF8", "KEY_MISSING"]
    assert frame.loc[2, "line"] == 3 and frame.loc[2, "column"] == "weight" and frame.loc[2, "text"] == "2,heavy,red,1"
    assert frame.loc[3, "text"] == "3,1,r\ufffdd,0"
    pl.read_ipc(blob(answer["rejected"]))
