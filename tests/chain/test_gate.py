"""The candidate against the champion, through the whole line: better, equal, another split, another schema, drift."""

import re

from line import PIPELINE, Line, copy_pipeline
from policies import RAW, make_policies

from conftest import ALWAYS, EVALUATE, SOURCE, TRAIN

# a threshold that every row exceeds: its F1 is that of "always yes"
WEAK = {"num_boost_round": 1, "threshold": 0.000001}


def codes(view):
    return [reason["code"] for reason in view.get("reasons", [])]


def restart(line, **environment):
    line.stop()
    line.environment |= {name: str(value) for name, value in environment.items()}
    line.start()
    line.ready()


def test_a_better_candidate_takes_over(tmp_path):
    with Line(tmp_path / "home", source="generate:rows=20000,seed=1") as line:
        weak = line.ended(line.train(train=WEAK, evaluate=EVALUATE | {"min_score": 0.1}))
        assert weak["version"] == 1 and weak["metrics"]["candidate"]["recall"] == 1
        strong = line.ended(line.train(train=TRAIN, evaluate=EVALUATE | {"min_score": 0.1}))
        assert strong["version"] == 2 and strong["promoted"]
        assert strong["metrics"]["champion"] == weak["metrics"]["candidate"]
        assert strong["metrics"]["candidate"]["f1"] > strong["metrics"]["champion"]["f1"] + 0.02
        again = line.ended(line.train(train=TRAIN | {"seed": 2}, evaluate=EVALUATE | {"min_score": 0.1}))
        assert not again["accepted"] and "F1_NOT_IMPROVED" in codes(again)
        back = line.ended(line.train(train=WEAK, evaluate=ALWAYS | {"margin": 0.01, "min_score": 0.1}))
        assert not back["accepted"] and codes(back) == ["MAY_BE_WORSE"]
        assert line.versions() == [1, 2]


def test_below_the_minimum_and_too_little_data(line):
    view = line.ended(line.train(train=TRAIN, evaluate=EVALUATE | {"min_score": 0.9}))
    assert view["accepted"] is False and codes(view) == ["F1_BELOW_MINIMUM"]
    view = line.ended(line.train(train=TRAIN, evaluate=EVALUATE | {"min_test_positives": 100000}))
    assert view["state"] == "SUCCEEDED" and view["accepted"] is False and "INSUFFICIENT_DATA" in codes(view)
    assert line.versions() == []


def test_a_champion_of_another_split(tmp_path):
    """Only rows that both held out are compared; where they are too few, the candidate is not accepted."""
    with Line(tmp_path / "home", source=SOURCE) as line:
        line.ended(line.train(train=TRAIN, evaluate=ALWAYS))
        first = line.version_folder(1)
        restart(line, CONVOY_PIPELINE=copy_pipeline(tmp_path / "other", salt=2))
        view = line.ended(line.train(train=TRAIN, evaluate=ALWAYS | {"min_test_positives": 10}))
        assert view["accepted"] and view["promoted"] and view["version"] == 2
        champion = view["metrics"]["champion"]
        assert 0.04 < champion["n_rows"] / 4000 < 0.09
        assert view["metrics"]["candidate"]["n_rows"] > 3 * champion["n_rows"]
        restart(line, CONVOY_PIPELINE=copy_pipeline(tmp_path / "third", salt=3))
        view = line.ended(line.train(train=TRAIN, evaluate=ALWAYS | {"min_test_positives": 100}))
        assert view["accepted"] is False and codes(view) == ["CHAMPION_SAW_TEST_ROWS"]
        assert line.versions() == [1, 2] and first.exists()


def test_a_champion_of_another_schema(tmp_path):
    """The champion wants a column that the rows no longer have: a challenger, and only a person promotes it."""
    path = tmp_path / "policies.csv"
    frame = make_policies(4000)
    frame.to_csv(path, index=False)
    with Line(tmp_path / "home", source=f"file://{path}") as line:
        line.ended(line.train(train=TRAIN, evaluate=ALWAYS))
        frame.rename(columns={"Vintage": "Days"}).to_csv(path, index=False)
        folder = copy_pipeline(tmp_path / "other")
        schema = (folder / "schema.yaml").read_text()
        (folder / "schema.yaml").write_text(re.sub(r"name: Vintage\b", "name: Days", schema))
        restart(line, CONVOY_PIPELINE=folder)
        view = line.ended(line.train(train=TRAIN, evaluate=ALWAYS))
        assert view["accepted"] and view["promoted"] is False and view["version"] == 2
        assert codes(view) == ["CHAMPION_INCOMPATIBLE"] and "Vintage" in view["reasons"][0]["message"]
        # each version answers by its own schema
        assert line.predict(RAW)["version"] == 1
        days = {("Days" if name == "Vintage" else name): value for name, value in RAW.items()}
        assert line.post("/predict", days).status_code == 422
        assert line.post("/models/vehicle-insurance/aliases/champion", {"version": 2}).status_code == 200
        assert line.predict(days)["version"] == 2


def test_drift_warns_and_may_be_made_an_error(tmp_path):
    path = tmp_path / "policies.csv"
    frame = make_policies(4000)
    frame.to_csv(path, index=False)
    with Line(tmp_path / "home", source=f"file://{path}") as line:
        view = line.ended(line.train(train=TRAIN, evaluate=ALWAYS))
        assert line.manifest(view["run_id"], "validator")["output"]["body"]["validation"]["n_warnings"] == 0
        # the same world: no alarm
        make_policies(4000, seed=2).to_csv(path, index=False)
        view = line.ended(line.train(train=TRAIN, evaluate=ALWAYS))
        assert line.manifest(view["run_id"], "validator")["output"]["body"]["validation"]["n_warnings"] == 0
        frame["Age"] = (frame["Age"] + 15).clip(upper=90)
        frame.to_csv(path, index=False)
        view = line.ended(line.train(train=TRAIN, evaluate=ALWAYS))
        validation = line.manifest(view["run_id"], "validator")["output"]["body"]["validation"]
        assert validation["n_warnings"] == 1
        assert "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH" in line.blob(validation["report"]["sha256"]).read_text()
        folder = copy_pipeline(tmp_path / "strict")
        schema = (PIPELINE / "schema.yaml").read_text()
        schema, n = re.subn(r"severity: warning(\n+columns:)", r"severity: error\1", schema)
        assert n == 1
        (folder / "schema.yaml").write_text(schema)
        make_policies(4000, seed=3).to_csv(path, index=False)
        restart(line, CONVOY_PIPELINE=folder)
        view = line.ended(line.train(train=TRAIN, evaluate=ALWAYS), "FAILED")
        assert view["error"]["stage"] == "validator"
        assert view["error"]["code"] == "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH" and view["error"]["column"] == "Age"
        assert line.stages(view)["transformer"] == "PENDING"
