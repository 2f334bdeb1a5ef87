"""A model version as its users meet it: checked with Python's own xgboost and pyarrow, features rebuilt from raw rows."""

import hashlib
import json
import math
import pathlib
import re

import numpy as np
import pyarrow as pa
import xgboost

FILES = {"MLmodel", "model.ubj", "transform.json", "schema.yaml", "threshold.json", "baseline.json", "golden.arrow",
         "metrics.json"}


def read_manifest(folder):
    """The manifest, its seal and every file's digest checked."""
    folder = pathlib.Path(folder)
    text = (folder / "manifest.json").read_bytes()
    manifest = json.loads(text)
    head, _, _ = text.rpartition(b',\n  "sha256": "')
    assert manifest["sha256"] == hashlib.sha256(head).hexdigest()
    assert FILES <= set(manifest["files"])
    for name, entry in manifest["files"].items():
        content = (folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], name
        assert len(content) == entry["bytes"], name
    return manifest


def _known(output, value):
    known = output["map"] if output["operation"] == "map" else output["values"]
    if value in known:
        return value
    outcome = output["unknown"]
    assert outcome != "reject", (output["name"], value)
    return None if outcome == "missing" else outcome["as"]


def feature(output, value):
    """One cell of the matrix, by what transform.json says: None is missing."""
    if value is None:
        assert output["missing"] != "reject", output["name"]
        if output["missing"] == "keep":
            return math.nan
        value = output["missing"]["fill"]
    if output["operation"] == "pass":
        number = float(value)
        return (number - output.get("shift", 0.0)) / output.get("unit", 1.0)
    value = _known(output, str(value))
    if value is None:
        return math.nan
    return output["map"][value] if output["operation"] == "map" else float(value == output["value"])


def matrix_of(transform, rows):
    """rows: dicts of raw values. float32 [rows][outputs], and the outputs' names."""
    outputs = transform["outputs"]
    matrix = np.array([[feature(output, row[output["column"]]) for output in outputs] for row in rows], dtype=np.float32)
    return matrix, [output["name"] for output in outputs]


def read_mlmodel(folder):
    """The input names and types of the signature, and the model file that both flavors name."""
    text = (pathlib.Path(folder) / "MLmodel").read_text()
    inputs = re.search(r"^  inputs: '(.*)'$", text, re.M).group(1).replace("''", "'")
    files = re.findall(r"^    data: (.*)$", text, re.M)
    assert files == ["model.ubj"] * 2
    assert "loader_module: mlflow.xgboost" in text and "model_class: xgboost.core.Booster" in text
    return {column["name"]: column["type"] for column in json.loads(inputs)}


def check_bundle(folder):
    """Python's current xgboost gives the golden rows the same margins, to the bit. Returns the number of rows."""
    folder = pathlib.Path(folder)
    read_manifest(folder)
    transform = json.loads((folder / "transform.json").read_text())
    golden = pa.ipc.open_file(folder / "golden.arrow").read_all()
    rows = golden.drop_columns(["margin"]).to_pylist()
    want = golden.column("margin").to_numpy()
    assert golden.schema.field("margin").type == pa.float32() and 0 < len(rows) <= 256

    matrix, names = matrix_of(transform, rows)
    types = read_mlmodel(folder)
    assert list(types) == names
    booster = xgboost.Booster(model_file=folder / "model.ubj")
    assert booster.feature_names == names
    got = booster.predict(xgboost.DMatrix(matrix, feature_names=names), output_margin=True)
    np.testing.assert_array_equal(got, want)

    for k, name in enumerate(names):
        if types[name] == "long":
            column = matrix[:, k]
            assert np.array_equal(column, np.floor(column)), name
    threshold = json.loads((folder / "threshold.json").read_text())
    assert np.float32(threshold["margin"]) == threshold["margin"]
    return len(rows)
