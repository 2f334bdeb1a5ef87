"""Our Arrow files open unchanged in pyarrow, pandas and polars, and what these write by default is read as it is."""

import hashlib
import json
import math
import os
import subprocess
import sys

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
  - {name: zone, type: category, of: int, values: [1, 2, 3]}
  - {name: ripe, role: label, type: bool}
"""

COLOURS = ["red", "green", "dark blue, almost black"]


def make_rows(n):
    """n rows as JSON has them after reading."""
    return [{"id": i * 3 - 7,
             "weight": None if i % 7 == 0 else i / 4 - 1000,
             "colour": None if i % 11 == 0 else COLOURS[i % 3],
             "zone": None if i % 13 == 0 else str(i % 3 + 1),
             "ripe": i % 2} for i in range(n)]


def make_frame(n):
    """The same rows as a pandas user has them."""
    rows = make_rows(n)
    return pd.DataFrame({
        "id": [row["id"] for row in rows],
        "weight": [math.nan if row["weight"] is None else row["weight"] for row in rows],
        "colour": [row["colour"] for row in rows],
        # a missing int makes pandas take floats
        "zone": [math.nan if row["zone"] is None else float(row["zone"]) for row in rows],
        "ripe": [bool(row["ripe"]) for row in rows],
    })


@pytest.fixture
def schema(tmp_path):
    path = tmp_path / "schema.yaml"
    path.write_text(SCHEMA)
    return path


def read(rows, schema, path):
    done = rows(schema, f"file://{path}")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def ours(rows, schema, tmp_path):
    """An Arrow file of ours with 100,000 rows in two batches, made from ndjson."""
    source, path = tmp_path / "rows.ndjson", tmp_path / "ours.arrow"
    with source.open("w") as file:
        for row in make_rows(100_000):
            zone = None if row["zone"] is None else int(row["zone"])
            file.write(json.dumps(row | {"zone": zone}) + "\n")
    done = rows("--arrow", schema, f"file://{source}", path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == hashlib.sha256(path.read_bytes()).hexdigest()
    return path


def test_pyarrow_opens_ours_without_a_copy(ours):
    before = pa.total_allocated_bytes()
    table = ipc.open_file(pa.memory_map(str(ours))).read_all()
    assert pa.total_allocated_bytes() == before
    table.validate(full=True)
    assert table.schema.field("colour").type == pa.string()
    assert table.schema.field("id").type == pa.int64()
    assert table.schema.metadata == {b"written_by": b"tests/support/rows"}
    assert table.to_pylist() == make_rows(100_000)


def test_every_buffer_of_ours_lies_on_64_bytes(ours):
    reader = ipc.open_file(pa.memory_map(str(ours)))
    assert reader.num_record_batches == 2
    for i in range(reader.num_record_batches):
        batch = reader.get_batch(i)
        assert batch.num_rows <= 65536
        for column in batch.columns:
            for buffer in column.buffers():
                assert buffer is None or buffer.address % 64 == 0


def test_pandas_opens_ours(ours):
    frame = pd.read_feather(ours)
    want = pd.DataFrame(make_rows(100_000))
    assert list(frame.columns) == list(want.columns)
    for name in want.columns:
        assert frame[name].isna().equals(want[name].isna())
        assert (frame[name].dropna() == want[name].dropna()).all()


def test_polars_opens_ours(ours):
    for frame in (pl.read_ipc(ours), pl.scan_ipc(ours).collect()):
        assert frame.to_dicts() == make_rows(100_000)


def write_pandas(frame, path):
    frame.to_feather(path)


def write_pandas_categories(frame, path):
    frame.astype({"colour": "category"}).to_feather(path)


def write_pandas_categories_zstd(frame, path):
    frame.astype({"colour": "category"}).to_feather(path, compression="zstd")


def write_pandas_categories_plain(frame, path):
    frame.astype({"colour": "category"}).to_feather(path, compression="uncompressed")


def write_pandas_categories_of_numbers(frame, path):
    """Compressed, a dictionary of numbers must not be taken for plain: its values would be others."""
    frame.astype({"zone": "Int64", "id": "int64"}).astype({"zone": "category", "id": "category"}).to_feather(path)


def write_pandas_objects(frame, path):
    frame.astype({"colour": object, "zone": object}).astype({"zone": float}).to_feather(path)


def write_pyarrow(frame, path):
    feather.write_feather(pa.Table.from_pandas(frame), str(path))


def write_pyarrow_file(frame, path):
    table = pa.Table.from_pandas(frame)
    with ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)


def write_pyarrow_stream(frame, path):
    table = pa.Table.from_pandas(frame)
    with ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)


def write_pyarrow_categories(frame, path):
    feather.write_feather(pa.Table.from_pandas(frame.astype({"colour": "category"})), str(path))


def write_pyarrow_dictionaries(frame, path):
    table = pa.Table.from_pandas(frame.astype({"colour": "category"}))
    options = ipc.IpcWriteOptions(compression="zstd", emit_dictionary_deltas=True)
    with ipc.new_stream(str(path), table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=1000)


def write_narrow(frame, path):
    table = pa.Table.from_pandas(frame).cast(pa.schema([
        ("id", pa.int32()), ("weight", pa.float32()), ("colour", pa.string_view()), ("zone", pa.float16()),
        ("ripe", pa.bool_())]))
    with ipc.new_file(str(path), table.schema, options=ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table, max_chunksize=4096)


def write_polars(frame, path):
    pl.from_pandas(frame, nan_to_null=True).write_ipc(path)


def write_polars_oldest(frame, path):
    pl.from_pandas(frame).write_ipc(path, compat_level=pl.CompatLevel.oldest())


def write_polars_stream_default(frame, path):
    pl.from_pandas(frame).write_ipc_stream(path)


def write_polars_categories_default(frame, path):
    pl.from_pandas(frame).cast({"colour": pl.Categorical}).write_ipc(path)


def write_polars_compressed(frame, path):
    pl.from_pandas(frame).write_ipc(path, compression="zstd")


def write_polars_stream(frame, path):
    pl.from_pandas(frame).write_ipc_stream(path, compression="lz4")


def write_polars_categories(frame, path):
    pl.from_pandas(frame).cast({"colour": pl.Categorical}).write_ipc(path, compression="lz4")


def write_csv(frame, path):
    frame.to_csv(path, index=False)


def write_csv_with_index(frame, path):
    frame.to_csv(path)


def write_polars_csv(frame, path):
    pl.from_pandas(frame, nan_to_null=True).write_csv(path, include_bom=True)


def write_polars_ndjson(frame, path):
    pl.from_pandas(frame, nan_to_null=True).write_ndjson(path)


def write_pandas_ndjson(frame, path):
    frame.to_json(path, orient="records", lines=True, double_precision=15)


WRITERS = [value for name, value in list(globals().items()) if name.startswith("write_")]


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
@pytest.mark.parametrize("n", [1, 20_000])
def test_what_others_write_is_read(rows, schema, tmp_path, write, n):
    path = tmp_path / "theirs"
    write(make_frame(n), path)
    assert read(rows, schema, path) == make_rows(n)


COMPRESSIONS = [None, "lz4", "zstd"]
KINDS = {"file": ipc.new_file, "stream": ipc.new_stream}


def write_batches(path, kind, compression, batches, **options):
    options = ipc.IpcWriteOptions(compression=compression, **options)
    with KINDS[kind](str(path), batches[0].schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)


def cut(n):
    """Slices of n rows, short ones first: a dictionary that grows does so within the first rows."""
    ends = [0, 2, 3, 4, 6, *range(1000, n, 1000), n]
    return [slice(a, b) for a, b in zip(ends, ends[1:]) if a < b <= n]


def encode_colours(frame, dictionaries):
    """Batches of the frame, each with its own dictionary of colours: dictionaries(colours so far, batch) -> list."""
    batches, seen = [], []
    for k, part in enumerate(frame[rows] for rows in cut(len(frame))):
        seen += [colour for colour in part["colour"].dropna().unique() if colour not in seen]
        colours = dictionaries(seen, k)
        codes = [None if pd.isna(colour) else colours.index(colour) for colour in part["colour"]]
        columns = dict(zip(part.columns, pa.RecordBatch.from_pandas(part, preserve_index=False).columns))
        columns["colour"] = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(colours, pa.string()))
        batches.append(pa.record_batch(columns))
    return batches


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("is_encoded", [False, True])
def test_every_compression_in_file_and_stream(rows, schema, tmp_path, kind, compression, is_encoded):
    frame = make_frame(5000).astype({"colour": "category"} if is_encoded else {})
    table = pa.Table.from_pandas(frame)
    write_batches(tmp_path / "theirs", kind, compression, table.to_batches(max_chunksize=999))
    assert read(rows, schema, tmp_path / "theirs") == make_rows(5000)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_dictionaries_that_grow(rows, schema, tmp_path, kind, compression):
    batches = encode_colours(make_frame(3000), lambda seen, k: list(seen))
    assert len({len(batch["colour"].dictionary) for batch in batches}) > 2
    write_batches(tmp_path / "theirs", kind, compression, batches, emit_dictionary_deltas=True)
    assert read(rows, schema, tmp_path / "theirs") == make_rows(3000)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_dictionaries_that_are_replaced(rows, schema, tmp_path, compression):
    batches = encode_colours(make_frame(3000), lambda seen, k: COLOURS[k % 3:] + COLOURS[:k % 3])
    write_batches(tmp_path / "theirs", "stream", compression, batches)
    assert read(rows, schema, tmp_path / "theirs") == make_rows(3000)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_dictionary_without_values(rows, schema, tmp_path, kind, compression):
    nothing = pa.DictionaryArray.from_arrays(pa.nulls(3, pa.int8()), pa.array([], pa.string()))
    batch = pa.record_batch({"id": pa.array([1, 2, 3]), "colour": nothing})
    write_batches(tmp_path / "theirs", kind, compression, [batch])
    assert [row["colour"] for row in read(rows, schema, tmp_path / "theirs")] == [None] * 3


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_one_batch_of_many_rows_is_read_in_pieces(rows, schema, tmp_path, compression):
    n = 150_000
    feather.write_feather(make_frame(n), str(tmp_path / "big"), compression=compression, chunksize=n)
    assert read(rows, schema, tmp_path / "big") == make_rows(n)


def test_a_timestamp_where_a_number_belongs_is_named(rows, schema, tmp_path):
    frame = make_frame(3).assign(weight=pd.date_range("2020-01-01", periods=3))
    frame.to_feather(tmp_path / "theirs")
    done = rows(schema, f"file://{tmp_path / 'theirs'}")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"ARROW_TYPE: {tmp_path / 'theirs'}: weight: ")
    assert "timestamp" in done.stderr


def test_a_timestamp_that_nobody_asks_for_is_passed_over(rows, schema, tmp_path):
    frame = make_frame(3).assign(when=pd.date_range("2020-01-01", periods=3), tags=[[1], [], [2, 3]])
    frame.to_feather(tmp_path / "theirs")
    assert read(rows, schema, tmp_path / "theirs") == make_rows(3)


def test_text_in_a_number_is_named_by_row_and_column(rows, schema, tmp_path):
    frame = make_frame(3).assign(id=["1", "2", "3"])
    frame.to_feather(tmp_path / "theirs")
    done = rows(schema, f"file://{tmp_path / 'theirs'}", "--reject")
    assert done.returncode == 0
    rejects = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [(reject["code"], reject["row"], reject["column"]) for reject in rejects] == [
        ("INT_TYPE_INT_EXPECTED", row, "id") for row in range(3)]


def write_one_batch(path, n, compression):
    i = np.arange(n)
    batch = pa.record_batch({"id": pa.array(i), "weight": pa.array(np.random.default_rng(1).random(n)),
                             "colour": pa.array(COLOURS).take(pa.array(i % 3)), "zone": pa.array(i % 3 + 1)})
    write_batches(path, "file", compression, [batch])


# a process of its own, since a child starts with the peak of its parent
MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def resident_bytes(schema, path):
    """The most memory that reading the file took, what is mapped included."""
    done = subprocess.run([sys.executable, "-c", MEASURE, os.environ["ROWS"], "--arrow", schema, f"file://{path}",
                           "/dev/null"], check=True, capture_output=True, text=True)
    return int(done.stdout) * 1024


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_memory_does_not_depend_on_the_length_of_a_batch(schema, tmp_path, compression):
    write_one_batch(tmp_path / "short", 200_000, compression)
    write_one_batch(tmp_path / "long", 3_000_000, compression)
    assert resident_bytes(schema, tmp_path / "long") < resident_bytes(schema, tmp_path / "short") + (24 << 20)


def refusal(rows, schema, path):
    done = rows(schema, f"file://{path}")
    assert done.returncode == 1
    return done.stderr.splitlines()[-1]


def test_a_dictionary_cannot_make_a_batch_grow_without_end(rows, schema, tmp_path):
    codes, words = pa.array(np.zeros(1000, np.int8)), pa.array(["x" * 5_000_000])
    batch = pa.record_batch({"id": pa.array(range(1000)), "colour": pa.DictionaryArray.from_arrays(codes, words)})
    write_batches(tmp_path / "theirs", "file", "lz4", [batch])
    assert (tmp_path / "theirs").stat().st_size < 100_000
    assert refusal(rows, schema, tmp_path / "theirs").startswith(f"ARROW_UNSUPPORTED: {tmp_path / 'theirs'}: colour: ")


def test_compressed_views_share_one_limit(rows, schema, tmp_path):
    text = pa.array(["x" * 140_000_000]).cast(pa.string_view())
    batch = pa.record_batch({"id": pa.array([1]), "colour": text, "zone": text})
    write_batches(tmp_path / "theirs", "file", "lz4", [batch])
    assert refusal(rows, schema, tmp_path / "theirs").startswith(f"ARROW_UNSUPPORTED: {tmp_path / 'theirs'}: zone: ")


def test_a_dictionary_that_nobody_asks_for_is_passed_over(rows, schema, tmp_path):
    codes, words = pa.array(np.zeros(3, np.int8)), pa.array(["x" * 270_000_000])
    table = pa.Table.from_pandas(make_frame(3)).append_column("note", pa.DictionaryArray.from_arrays(codes, words))
    for kind in KINDS:
        write_batches(tmp_path / "theirs", kind, "lz4", table.to_batches())
        assert read(rows, schema, tmp_path / "theirs") == make_rows(3)


def test_zstd_that_needs_much_memory_is_refused_by_name(rows, schema, tmp_path):
    batch = pa.record_batch({"id": pa.array(np.arange(2_000_000) // 1000)})
    write_batches(tmp_path / "theirs", "file", pa.Codec("zstd", 19), [batch])
    assert rows("--arrow", schema, f"file://{tmp_path / 'theirs'}", "/dev/null").returncode == 0
    write_batches(tmp_path / "theirs", "file", pa.Codec("zstd", 22), [batch])
    assert refusal(rows, schema, tmp_path / "theirs") == (
        f"ARROW_UNSUPPORTED: {tmp_path / 'theirs'}: id: its ZSTD needs more than 8 MiB at once; write it with a level "
        "below 20")


@pytest.mark.parametrize("scale", [-2**31, 2**31 - 1, 401])
def test_decimals_that_no_number_holds_are_refused(rows, schema, tmp_path, scale):
    weight = pa.Array.from_buffers(pa.decimal128(38, scale), 1, [None, pa.py_buffer(bytes(16))])
    batch = pa.record_batch({"id": pa.array([1]), "weight": weight})
    write_batches(tmp_path / "theirs", "file", None, [batch])
    assert refusal(rows, schema, tmp_path / "theirs").startswith(f"ARROW_TYPE: {tmp_path / 'theirs'}: weight: ")


def test_names_that_are_no_utf8_are_refused(rows, schema, tmp_path):
    path = tmp_path / "theirs"
    write_batches(path, "stream", None, [pa.record_batch({"id": pa.array([1]), "strange": pa.array([1])})])
    path.write_bytes(path.read_bytes().replace(b"strange", b"stra\xffge"))
    assert refusal(rows, schema, path) == (
        f"ARROW_MALFORMED: {path}: the Arrow file is damaged: the name of a column is no UTF-8")
