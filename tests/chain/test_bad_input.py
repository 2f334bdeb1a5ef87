"""Bad rows in a user's file: the run FAILS naming stage, code, file, line and column, and the line goes on."""

import gzip
import json
import os
import subprocess

import pytest
from line import STAGES, Line, copy_pipeline, free_port, program
from policies import make_policies
from pyarrow import feather

from conftest import ALWAYS, TRAIN

HEADER = ("id,Gender,Age,Driving_License,Region_Code,Previously_Insured,Vehicle_Age,Vehicle_Damage,Annual_Premium,"
          "Policy_Sales_Channel,Vintage,Response\n")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("input") / "policies.csv"


@pytest.fixture(scope="module")
def line(tmp_path_factory, path):
    with Line(tmp_path_factory.mktemp("bad") / "home", source=f"file://{path}") as line:
        yield line


def row(number, **changes):
    values = {"id": number, "Gender": "Male", "Age": 44, "Driving_License": 1, "Region_Code": 28,
              "Previously_Insured": 0, "Vehicle_Age": "> 2 Years", "Vehicle_Damage": "Yes", "Annual_Premium": 40454.0,
              "Policy_Sales_Channel": 26, "Vintage": 217, "Response": number % 2} | changes
    return ",".join(str(value) for value in values.values()) + "\n"


def table(**changes):
    """300 good rows; the 200th, on line 201, with changes."""
    return HEADER + "".join(row(number, **(changes if number == 200 else {})) for number in range(1, 301))


GOOD = table()
CASES = {
    "empty file": ("", "ingestor", "EMPTY_SOURCE", 0, ""),
    "header only": (HEADER, "ingestor", "EMPTY_SOURCE", 0, ""),
    "too few fields": (GOOD + "301,Male,44\n", "ingestor", "CSV_WRONG_COLUMN_COUNT", 302, ""),
    "too many fields": (table(Vintage="217,9"), "ingestor", "CSV_WRONG_COLUMN_COUNT", 201, ""),
    "text in a number": (table(Age="old"), "ingestor", "INT_TYPE_INT_EXPECTED", 201, "Age"),
    "a fraction in an int": (table(Age="44.5"), "ingestor", "INT_TYPE_INT_EXPECTED", 201, "Age"),
    "a column twice": (HEADER.replace("Vintage", "Age") + row(1), "ingestor", "CSV_DUPLICATE_COLUMN", 1, "Age"),
    "an open quote": (GOOD + '301,"Male,44\n', "ingestor", "CSV_UNCLOSED_QUOTE", 302, "Gender"),
    "not UTF-8": (GOOD.encode() + row(301, Gender="M\udcffle").encode("utf-8", "surrogateescape"), "ingestor",
                  "CSV_NOT_UTF8", 302, ""),
    "a field of 10 MB": (table(Gender="x" * 10_000_000), "ingestor", "CSV_FIELD_TOO_LONG", 201, "Gender"),
    "gzip": (b"\x1f\x8b\x08\0\0\0\0\0", "ingestor", "SOURCE_FORMAT_UNSUPPORTED", 0, ""),
    "no column known": ("a,b\n1,2\n", "ingestor", "SOURCE_NO_KNOWN_COLUMN", 0, ""),
    "JSON of a wrong type": ('{"id":1}\n{"id":true}\n', "ingestor", "INT_TYPE_INT_EXPECTED", 2, "id"),
    "malformed JSON": ('{"id":1}\n{"id":}\n', "ingestor", "JSON_MALFORMED", 2, ""),
    "a duplicate key": (GOOD + row(7), "validator", "FEATURE_TYPE_LOW_UNIQUE", 0, "id"),
    "a label outside 0/1": (table(Response=2), "validator", "BOOL_TYPE_BIG_INT", 0, "Response"),
    "a missing value": (table(Age=""), "validator", "FEATURE_TYPE_LOW_FRACTION_PRESENT", 0, "Age"),
    "NaN": (table(Annual_Premium="NaN"), "validator", "FEATURE_TYPE_LOW_FRACTION_PRESENT", 0, "Annual_Premium"),
    "out of range": (table(Age=17), "validator", "INT_TYPE_SMALL_INT", 0, "Age"),
    "an unknown category": (table(Gender="male"), "validator", "ENUM_TYPE_UNEXPECTED_STRING_VALUES", 0, "Gender"),
    "too few rows": (HEADER + row(1) + row(2), "validator", "DATASET_LOW_NUM_EXAMPLES", 0, ""),
    "one class only": (HEADER + "".join(row(number, Response=0) for number in range(1, 301)), "validator",
                       "LABEL_ONE_CLASS", 0, "Response"),
    "a column that is not there": (HEADER.replace(",Vintage", "") + "".join(
        row(number).replace(",217,", ",") for number in range(1, 301)), "validator",
        "SCHEMA_MISSING_COLUMN", 0, "Vintage"),
    "a mistyped column": (GOOD.replace(",Age,", ",Agee,"), "validator", "SCHEMA_MISSING_COLUMN", 0, "Age"),
    "no label": (GOOD.replace(",Response", ",Answer"), "validator", "SCHEMA_MISSING_COLUMN", 0, "Response"),
    "a mistyped key": (GOOD.replace("id,", "ID,", 1), "ingestor", "SCHEMA_MISSING_COLUMN", 0, "id"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_rows_are_named(line, path, name):
    content, stage, code, number, column = CASES[name]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    view = line.ended(line.train(train=TRAIN, evaluate=ALWAYS), "FAILED")
    error = view["error"]
    found = (error["stage"], error["code"], error.get("line", 0), error.get("column", ""))
    assert found == (stage, code, number, column), error
    assert len(error["message"]) > 10
    if stage == "ingestor":
        assert error["file"] == path.name
    else:
        # what the source lacks as a whole is wrong with neither dataset
        assert error.get("file") in ((None,) if code == "SCHEMA_MISSING_COLUMN" else ("train.arrow", "test.arrow"))
    if "mistyped" in name:
        assert "(is it meant?)" in error["message"]
    states = list(line.stages(view).values())
    assert states.count("FAILED") == 1 and set(states[states.index("FAILED") + 1:]) <= {"PENDING"}
    assert line.versions() == [] and line.get("/healthz").status_code == 200


def test_after_all_that_a_good_file_is_learned(line, path):
    # pandas adds its index as a column without a name
    make_policies(4000).to_csv(path)
    first = line.ended(line.train(train=TRAIN, evaluate=ALWAYS))
    assert first["version"] == 1
    anomalies = line.manifest(first["run_id"], "validator")["details"]["anomalies"]
    assert "SCHEMA_NEW_COLUMN" in [anomaly["code"] for anomaly in anomalies]
    feather.write_feather(make_policies(4000), str(path))
    same = line.ended(line.train(train=TRAIN, evaluate=ALWAYS))
    make_policies(4000).to_json(path, orient="records", lines=True)
    third = line.ended(line.train(train=TRAIN, evaluate=ALWAYS))
    # the same rows from CSV, Arrow and ndjson are the same run; only the champion was another
    got, want = line.digests(third["run_id"]), line.digests(same["run_id"])
    assert {name for name in want if got[name] != want[name]} == {"metrics.json"}


def test_bad_rows_are_set_aside_up_to_a_share(tmp_path):
    path = tmp_path / "policies.csv"
    lines = make_policies(4000).to_csv(index=False).splitlines(keepends=True)
    for number in (10, 20, 30):
        lines[number] = "nonsense\n"
    path.write_text("".join(lines))
    pipeline = copy_pipeline(tmp_path / "pipeline", max_bad_fraction=0.001)
    with Line(tmp_path / "home", source=f"file://{path}", pipeline=pipeline) as line:
        view = line.ended(line.train(train=TRAIN, evaluate=ALWAYS))
        ingestion = line.manifest(view["run_id"], "ingestor")["output"]["body"]["ingestion"]
        assert ingestion["n_rows"] == 4000 and ingestion["n_bad"] == 3
        rejected = feather.read_table(line.blob(ingestion["rejected"]["sha256"])).to_pandas()
        assert len(rejected) == 3 and "CSV_WRONG_COLUMN_COUNT" in rejected.to_string()
        assert ingestion["train"]["n_rows"] + ingestion["test"]["n_rows"] == 3997
        counts = {stage["name"]: stage["counts"] for stage in view["stages"]}
        assert counts["ingestor"]["n_bad_rows"] == 3 and counts["validator"]["n_warnings"] == 0
        environment = os.environ | {"CONVOY_PIPELINE": str(pipeline)}
        subprocess.run([program("convoy"), "export", view["run_id"], "--home", tmp_path / "home", "--out",
                        tmp_path / "out"], env=environment, check=True, timeout=60)
        assert "CSV_WRONG_COLUMN_COUNT" in (tmp_path / "out" / "rejected.csv").read_text()
        for number in (40, 50):
            lines[number] = "nonsense\n"
        path.write_text("".join(lines))
        view = line.ended(line.train(train=TRAIN, evaluate=ALWAYS), "FAILED")
        assert view["error"]["stage"] == "ingestor" and view["error"]["code"] == "BAD_ROWS_TOO_MANY"


def test_bad_requests_are_named(line):
    def post(path, data, kind="application/json"):
        answer = line.session.post(line.url + path, data=data, headers={"Content-Type": kind}, timeout=60)
        assert "error" in answer.json()
        return answer.status_code
    assert post("/predict", b"{") == post("/training", b"{") == 400
    assert post("/predict", b"<xml/>", "text/xml") == post("/training", b"x=1", "text/plain") == 415
    assert post("/predict", b" " * (17 << 20)) == post("/training", b" " * (17 << 20)) == 413
    too_large = line.session.post(line.url + "/predict", data=b" " * (17 << 20), timeout=60).json()["error"]
    assert f"larger than the {16 << 20} bytes" in too_large
    packed = line.session.post(line.url + "/predict", data=gzip.compress(b"{}"), timeout=60, headers={
        "Content-Type": "application/json", "Content-Encoding": "gzip"})
    assert packed.status_code == 415 and "content-encoding gzip" in packed.json()["error"]
    assert packed.headers["Accept-Encoding"] == "identity"
    plain = {"Content-Type": "application/json", "Content-Encoding": "identity"}
    assert line.session.post(line.url + "/training", data=b"{", timeout=60, headers=plain).status_code == 400
    assert post("/predict", json.dumps({"Age": True})) == 422
    assert post("/runs/nonsense:cancel", b"") == post("/nowhere", b"{}") == 404
    assert line.get("/healthz").status_code == 200


WRONG_FILES = {
    "a column of another name": ("pipeline.yaml", "columns: {}", "columns: {Agee: standard}", "did you mean Age?"),
    "a category": ("pipeline.yaml", "columns: {}", "columns: {Gender: standard}", "columns that pass unencoded"),
    "the label": ("pipeline.yaml", "columns: {}", "columns: {Response: standard}", "the label"),
    "a role of no name": ("schema.yaml", "\n    role: label", "\n    role: lable", "label"),
    "a generator's key": ("generator.yaml", "\ndraws:", "\ndrawz:", "draws"),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_wrong_file_is_named_before_anything_starts(tmp_path, name):
    file, good, bad, words = WRONG_FILES[name]
    folder = copy_pipeline(tmp_path / "pipeline")
    text = (folder / file).read_text()
    assert good in text
    (folder / file).write_text(text.replace(good, bad, 1))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("CONVOY_")} | {
        "CONVOY_PIPELINE": str(folder), "CONVOY_HOME": str(tmp_path / "home")}

    def fails(*command):
        done = subprocess.run([program(command[0]), *command[1:]], env=environment, capture_output=True, text=True,
                              timeout=60)
        told = done.stdout + done.stderr
        assert f"{file}:" in told and words in told and "ready" not in told, told
        return done.returncode
    for stage in STAGES:
        assert fails(f"convoy-{stage}", "--check") == fails(f"convoy-{stage}") == 2
    assert fails("convoy", "up", "--port", str(free_port())) == 2
    assert fails("convoy", "doctor") == 1
    assert not (tmp_path / "home" / "spool").exists()
