"""A run that nothing disturbs: what it says, what it leaves, what answers then, and what a second one does not do."""

import hashlib
import json
import re
import subprocess

import numpy as np
import pyarrow as pa
import pytest
import xgboost
from bundle import check_bundle
from line import STAGES, WORKERS, Line, program, sha256
from policies import ENCODED, RAW, encode
from pyarrow import ipc
from sklearn import metrics

from conftest import ALWAYS, EVALUATE, SOURCE, TRAIN

BUNDLE = {"MLmodel", "model.ubj", "transform.json", "schema.yaml", "baseline.json", "golden.arrow", "metrics.json",
          "threshold.json", "manifest.json"}


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """One line for the tests of this file, which only look at it, but for the last ones."""
    with Line(tmp_path_factory.mktemp("run") / "home", source=SOURCE) as line:
        yield line


@pytest.fixture(scope="module")
def view(line, parameters):
    return line.ended(line.train(**parameters))


def read_arrow(path):
    return ipc.open_file(pa.memory_map(str(path))).read_all()


def sigmoid(margin):
    return 1 / (1 + np.exp(-margin.astype(np.float64)))


def test_the_view_of_the_run(view):
    assert view["accepted"] is True and view["promoted"] is True and view["version"] == 1
    assert view["attempt"] == 1 and view["cause"] == "http" and "error" not in view and "reasons" not in view
    assert [stage["name"] for stage in view["stages"]] == WORKERS
    assert {stage["state"] for stage in view["stages"]} == {"SUCCEEDED"}
    times = [view["created_at"]]
    for stage in view["stages"]:
        times += [stage["started_at"], stage["finished_at"]]
        assert stage["ms"] >= 0
    assert times + [view["finished_at"]] == sorted(times + [view["finished_at"]])
    trainer = view["stages"][WORKERS.index("trainer")]
    assert 0 < trainer["booster_ms"] <= trainer["ms"] + 1
    scores = view["metrics"]["candidate"]
    assert 0.2 < scores["f1"] < 1 and 0.6 < scores["auc"] < 1 and scores["n_positives"] >= 30
    assert "champion" not in view["metrics"]


def test_every_stage_logs_one_line_about_it(line, view):
    for name in WORKERS:
        assert line.outcomes(name, view["run_id"]) == ["SUCCEEDED"]


def test_the_events_tell_it_in_order(line, view):
    text = line.get(f"/runs/{view['run_id']}/events").text
    events = [dict(re.findall(r"^(\w+): ?(.*)$", event, re.MULTILINE)) for event in text.split("\n\n")]
    events = [event for event in events if "data" in event]
    numbers = [int(event["id"]) for event in events]
    assert numbers == sorted(set(numbers))
    stages = [json.loads(event["data"]) for event in events if event["event"] == "stage"]
    for name in WORKERS:
        states = [stage["state"] for stage in stages if stage["name"] == name]
        assert [state for state in states if state != "RUNNING"] == ["SUCCEEDED"]
    runs = [json.loads(event["data"]) for event in events if event["event"] == "run"]
    assert runs[0]["state"] == "RUNNING" and runs[-1]["state"] == "SUCCEEDED" and runs[-1]["version"] == 1
    later = line.get(f"/runs/{view['run_id']}/events", headers={"Last-Event-ID": str(numbers[2])}).text
    assert [int(number) for number in re.findall(r"^id: ?(\d+)", later, re.MULTILINE)] == numbers[3:]


def test_the_version_is_whole(line, view):
    folder = line.version_folder(1)
    assert {path.name for path in folder.iterdir()} - {"claim.json"} == BUNDLE
    text = (folder / "manifest.json").read_text()
    manifest = json.loads(text)
    assert set(manifest["files"]) == BUNDLE - {"manifest.json"}
    for name, file in manifest["files"].items():
        assert sha256(folder / name) == file["sha256"]
        assert (folder / name).stat().st_size == file["bytes"]
    sealed = text[: text.rindex(',\n  "sha256": "')]
    assert manifest["sha256"] == hashlib.sha256(sealed.encode()).hexdigest()
    assert manifest["run_id"] == view["run_id"] and manifest["version"] == 1
    ingestion = line.manifest(view["run_id"], "ingestor")["output"]["body"]["ingestion"]
    assert manifest["datasets"]["train"] == ingestion["train"] and manifest["datasets"]["test"] == ingestion["test"]
    digests = line.digests(view["run_id"])
    for name in ("model.ubj", "transform.json", "baseline.json", "golden.arrow", "metrics.json"):
        assert manifest["files"][name]["sha256"] == digests[name]
    line.check_files()


def test_the_registry_names_it_champion(line, view):
    model = line.models()
    assert model["name"] == "vehicle-insurance" and model["aliases"] == {"champion": 1} and not model["pinned"]
    assert [(version["version"], version["run_id"]) for version in model["versions"]] == [(1, view["run_id"])]
    assert model["versions"][0]["metrics"] == view["metrics"]["candidate"]
    assert len(line.history()) == 1


def test_raw_and_encoded_rows_get_the_same_answer(line, view):
    raw, encoded = line.predict(RAW | {"id": 7}), line.predict(ENCODED)
    assert raw.pop("id") in (7, "7")
    assert raw == encoded
    assert raw["version"] == 1 and raw["model"] == "vehicle-insurance"
    assert raw["prediction"] == int(raw["probability"] >= raw["threshold"])
    assert raw["threshold"] == view["metrics"]["candidate"]["threshold"]
    assert raw["label"] == ["Response-No", "Response-Yes"][raw["prediction"]]
    shuffled = dict(reversed(RAW.items()))
    assert line.predict([RAW, shuffled, ENCODED]) == [encoded] * 3
    form = line.session.post(line.url + "/predict", data=RAW, timeout=10)
    assert form.status_code == 200 and form.json() == encoded


def test_a_wrong_row_is_refused_by_name(line, view):
    for row, column, code in [(RAW | {"Age": 17}, "Age", "INT_TYPE_SMALL_INT"),
                              (RAW | {"Gender": "male"}, "Gender", "ENUM_TYPE_UNEXPECTED_STRING_VALUES"),
                              (RAW | {"Vehicle_Damage_Yes": 1}, "Vehicle_Damage", None),
                              (RAW | {"Colour": 1}, "Colour", None), (RAW | {"Age": "44"}, "Age", None),
                              ({name: RAW[name] for name in RAW if name != "Age"}, "Age", None)]:
        answer = line.post("/predict", [RAW, row])
        assert answer.status_code == 422, answer.text
        assert answer.json()["row"] == 1 and column in answer.json()["column"], answer.text
        assert code is None or answer.json()["code"] == code
    answer = line.session.post(line.url + "/predict", data='{"Age":', headers={"Content-Type": "application/json"},
                               timeout=10)
    assert answer.status_code == 400


def test_xgboost_loads_the_model_and_gives_the_golden_margins(line, view):
    booster = xgboost.Booster(model_file=line.version_folder(1) / "model.ubj")
    golden = read_arrow(line.version_folder(1) / "golden.arrow").to_pandas()
    margins = booster.predict(xgboost.DMatrix(encode(golden)), output_margin=True)
    assert len(golden) > 100
    assert margins.tobytes() == golden["margin"].to_numpy(np.float32).tobytes()
    # and with features rebuilt from transform.json alone, under the names that MLmodel tells
    assert check_bundle(line.version_folder(1)) == len(golden)


def test_scikit_learn_finds_the_same_metrics(line, view):
    run = line.manifest(view["run_id"], "evaluator")["input"]["body"]
    test = read_arrow(line.blob(run["ingestion"]["test"]["sha256"])).to_pandas()
    booster = xgboost.Booster(model_file=line.version_folder(1) / "model.ubj")
    margins = booster.predict(xgboost.DMatrix(encode(test)), output_margin=True)
    labels, scores = test["Response"].to_numpy(), sigmoid(margins)
    positive = margins >= np.float32(run["candidate"]["decision"]["margin"])
    found = view["metrics"]["candidate"]
    for name, value in [("f1", metrics.f1_score(labels, positive)), ("recall", metrics.recall_score(labels, positive)),
                        ("precision", metrics.precision_score(labels, positive)),
                        ("auc", metrics.roc_auc_score(labels, margins)),
                        ("pr_auc", metrics.average_precision_score(labels, margins)),
                        ("log_loss", metrics.log_loss(labels, scores)),
                        ("brier", metrics.brier_score_loss(labels, scores))]:
        assert found[name] == pytest.approx(value, abs=1e-6), name
    file = json.loads((line.version_folder(1) / "metrics.json").read_text())["candidate"]
    confusion = metrics.confusion_matrix(labels, positive)
    assert file["confusion"] == {"true_negatives": confusion[0, 0], "false_positives": confusion[0, 1],
                                 "false_negatives": confusion[1, 0], "true_positives": confusion[1, 1]}
    # and the answers over HTTP are those of the offline score
    rows = test.drop(columns=["Response"]).head(500).to_dict("records")
    answers = line.predict(rows)
    assert [answer["prediction"] for answer in answers] == positive[:500].astype(int).tolist()
    assert np.allclose([answer["probability"] for answer in answers], scores[:500], atol=1e-6)


def test_the_command_scores_the_same_bytes(line, view, tmp_path):
    path = tmp_path / "rows.ndjson"
    rows = [RAW | {"id": number, "Age": 20 + number} for number in range(50)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = subprocess.run([program("convoy"), "score", path], capture_output=True, text=True, timeout=60,
                          env=line.environment)
    assert done.returncode == 0, done.stderr
    http = [line.post("/predict", row).text for row in rows]
    assert done.stdout.splitlines() == http


def test_a_wrong_parameter_is_refused_by_name(line, view):
    for body, column in [({"train": {"sed": 1}}, "sed"), ({"train": {"max_depth": "deep"}}, "max_depth"),
                         ({"split": {"salt": 2}}, "split"), ({"evaluate": {"mode": "never"}}, "mode")]:
        answer = line.post("/training", {"parameters": body})
        assert answer.status_code == 422 and column in answer.json()["column"], answer.text
    assert line.post("/training", [1]).status_code in (400, 422)
    assert line.get("/runs/018f0000-0000-7000-8000-000000000000").status_code == 404
    assert len(line.get("/runs").json()["runs"]) == 1


def test_a_second_run_is_not_accepted_and_takes_from_cache(line, view, parameters):
    second = line.ended(line.train(**parameters))
    assert second["accepted"] is False and "version" not in second and "promoted" not in second
    assert "F1_NOT_IMPROVED" in [reason["code"] for reason in second["reasons"]]
    assert second["metrics"]["champion"]["f1"] == second["metrics"]["candidate"]["f1"]
    states = line.stages(second)
    # the champion, and so the baseline, are new
    assert states["ingestor"] == states["validator"] == states["evaluator"] == states["pusher"] == "SUCCEEDED"
    assert states["transformer"] == states["trainer"] == "SKIPPED"
    third = line.ended(line.train(**parameters))
    assert [stage["state"] for stage in third["stages"]] == [
        "SUCCEEDED", "SKIPPED", "SKIPPED", "SKIPPED", "SKIPPED", "SUCCEEDED"]
    assert third["metrics"] == second["metrics"] and third["reasons"] == second["reasons"]
    for run in (second, third):
        got, want = line.digests(run["run_id"]), line.digests(view["run_id"])
        assert {name for name in want if got[name] != want[name]} <= {"metrics.json"}
    assert line.versions() == [1] and len(line.history()) == 1
    assert line.predict(RAW)["version"] == 1


def test_other_parameters_are_not_taken_from_cache(line, view):
    run = line.ended(line.train(train=TRAIN | {"max_depth": 4}, evaluate=EVALUATE))
    states = line.stages(run)
    assert states["transformer"] == "SKIPPED" and states["trainer"] == states["evaluator"] == "SUCCEEDED"


def test_on_accept_challenger_leaves_the_champion(line, view):
    run = line.ended(line.train(train=TRAIN, evaluate=ALWAYS | {"on_accept": "challenger"}))
    assert run["accepted"] is True and run["promoted"] is False and run["version"] == 2
    assert [reason["code"] for reason in run["reasons"]] == ["ON_ACCEPT_CHALLENGER"]
    assert line.models()["aliases"] == {"champion": 1, "challenger": 2}
    assert line.predict(RAW)["version"] == 1
    answer = line.post("/models/vehicle-insurance/aliases/champion", {"version": 2, "expect": 1, "reason": "better"})
    assert answer.status_code == 200, answer.text
    assert line.predict(RAW)["version"] == 2
    assert line.models()["aliases"] == {"champion": 2, "previous": 1}


def test_every_daemon_says_what_it_is():
    for name in STAGES:
        for option in ("--help", "--version"):
            done = subprocess.run([program(f"convoy-{name}"), option], capture_output=True, text=True, timeout=30)
            assert done.returncode == 0 and f"convoy-{name}" in done.stdout
        done = subprocess.run([program(f"convoy-{name}"), "--hepl"], capture_output=True, text=True, timeout=30)
        assert done.returncode == 2 and "--help" in done.stderr
