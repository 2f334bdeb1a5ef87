"""A published bundle, in the hands of Python's xgboost."""

import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from bundle import check_bundle, matrix_of, read_manifest  # noqa: E402


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    subprocess.run([os.environ["PUSH_WORLD"], str(folder)], check=True, capture_output=True, timeout=120)
    return folder / "toys" / "versions" / "1"


def test_same_margins_in_python(version):
    assert check_bundle(version) == 256


def test_a_flipped_byte_is_found(version, tmp_path):
    for name in ["model.ubj", "manifest.json"]:
        copy = tmp_path / name
        copy.mkdir()
        for path in version.iterdir():
            (copy / path.name).write_bytes(path.read_bytes())
        content = bytearray((copy / name).read_bytes())
        content[len(content) // 2] ^= 1
        (copy / name).write_bytes(content)
        with pytest.raises((AssertionError, ValueError, KeyError)):
            read_manifest(copy)


def test_outcomes_are_in_transform_json():
    transform = {"outputs": [
        {"name": "x", "column": "x", "operation": "pass", "missing": {"fill": 3}},
        {"name": "c", "column": "c", "operation": "map", "map": {"a": 1.0, "b": 2.0}, "missing": "keep",
         "unknown": {"as": "b"}}]}
    matrix, names = matrix_of(transform, [{"x": None, "c": "z"}, {"x": 1, "c": "a"}])
    assert matrix.tolist() == [[3.0, 2.0], [1.0, 1.0]] and names == ["x", "c"]
