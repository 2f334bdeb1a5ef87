"""Writes tests/unit/data/samples: what pandas, pyarrow and polars make of one table, for the C tests of arrow_input.

    build/venv/bin/python tests/support/make_arrow_samples.py tests/unit/data/samples

Row i of 20: i = i, f = i / 4 (missing where i % 7 == 0), s = "value-long-text-<i>" (odd) or "ab" (even),
b = i is even, c = one of x, yy, zzz as a dictionary (missing where i % 11 == 0), n = 5 i as a dictionary of ints.
"""

import decimal
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from pyarrow import feather, ipc

folder = sys.argv[1]
n = 20
frame = pd.DataFrame({
    "i": np.arange(n),
    "f": [np.nan if i % 7 == 0 else i / 4 for i in range(n)],
    "s": [f"value-long-text-{i}" if i % 2 else "ab" for i in range(n)],
    "b": [i % 2 == 0 for i in range(n)],
    "c": pd.Categorical([["x", "yy", "zzz"][i % 3] if i % 11 else None for i in range(n)]),
    "n": pd.Categorical([5 * i for i in range(n)]),
})
table = pa.Table.from_pandas(frame)

frame.to_feather(f"{folder}/pandas.arrow")
feather.write_feather(frame, f"{folder}/zstd.arrow", compression="zstd", chunksize=8)
pl.from_pandas(frame).write_ipc(f"{folder}/polars.arrow")
pl.from_pandas(frame).write_ipc(f"{folder}/polars_lz4.arrow", compression="lz4")

# dictionaries that grow from batch to batch
options = ipc.IpcWriteOptions(emit_dictionary_deltas=True, compression="lz4")
with ipc.new_stream(f"{folder}/deltas.arrows", table.schema, options=options) as writer:
    for start in range(0, n, 8):
        part = table.slice(start, 8)
        for name in ("c", "n"):
            seen = pa.chunked_array([table.slice(0, start + 8).column(name).combine_chunks()
                                     .dictionary_decode().dictionary_encode().slice(start)])
            part = part.set_column(part.schema.get_field_index(name), table.schema.field(name),
                                   seen.cast(table.schema.field(name).type))
        writer.write_table(part)

types = pa.table({
    "u8": pa.array([1, 255, None], pa.uint8()),
    "i8": pa.array([-1, None, 127], pa.int8()),
    "u16": pa.array([1, 65535, None], pa.uint16()),
    "i32": pa.array([-(2**31), None, 2**31 - 1], pa.int32()),
    "u64": pa.array([1, 2**64 - 1, None], pa.uint64()),
    "f16": pa.array([np.float16(1.5), np.float16(-65504), np.float16("nan")], pa.float16()),
    "f32": pa.array([0.5, None, -0.25], pa.float32()),
    "d128": pa.array([decimal.Decimal("-12.34"), None, decimal.Decimal("0.10")], pa.decimal128(10, 2)),
    "d32": pa.array([decimal.Decimal("-12.34"), None, decimal.Decimal("0.10")], pa.decimal32(5, 2)),
    "nothing": pa.nulls(3),
    "large": pa.array(["a", None, "ccc"], pa.large_string()),
    "list": pa.array([[1], [2, 3], None]),
    "struct": pa.array([{"a": 1, "b": "x"}, None, {"a": 2, "b": "y"}]),
    "when": pa.array([0, 1, 2], pa.timestamp("ms")),
    "last": pa.array(["after", "the", "nested"]),
})
with ipc.new_file(f"{folder}/types.arrow", types.schema) as writer:
    writer.write_table(types)
