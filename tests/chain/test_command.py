"""The operator's command against a line that it started itself: every verb, its words, its JSON and its exit codes."""

import contextlib
import json
import os
import re
import signal
import stat
import subprocess

import pandas as pd
import pytest
import requests
from line import GATEWAY, PIPELINE, STAGES, Line, copy_pipeline, free_port, program, until
from pyarrow import feather

from conftest import ALWAYS, EVALUATE, SOURCE, TRAIN

SETTINGS = [f"--set=train.{name}={value}" for name, value in TRAIN.items()]
EASY = SETTINGS + [f"--set=evaluate.{name}={value}" for name, value in EVALUATE.items()]
SURE = SETTINGS + [f"--set=evaluate.{name}={value}" for name, value in ALWAYS.items()]
PATIENCE_S = 120


class Up:
    """`convoy up` in a home of its own, and the other verbs beside it."""

    def __init__(self, folder, source):
        self.folder = folder
        self.home = folder / "home"
        self.port = free_port()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("CONVOY_")} | {
            "CONVOY_HOME": str(self.home), "CONVOY_PORT": str(self.port), "CONVOY_PIPELINE": str(PIPELINE)}
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [program("convoy"), "up", "--port", str(self.port), "--source", source], cwd=folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment)
        until(self.is_ready, "the line is ready")

    def is_ready(self):
        assert self.process.poll() is None, self.log.read_text()
        return "the line is ready at http://127.0.0.1:" in self.log.read_text()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_S) == 0, self.log.read_text()

    def convoy(self, *arguments, want=0, **more):
        """Standard output; standard error when the command fails as it should."""
        environment = self.environment | more.pop("environment", {})
        done = subprocess.run([program("convoy"), *map(str, arguments)], capture_output=True, text=True,
                              cwd=self.folder, env=environment, timeout=PATIENCE_S, **more)
        assert done.returncode == want, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout if want == 0 else done.stdout + done.stderr

    def json(self, *arguments, **more):
        return json.loads(self.convoy(*arguments, "--json", **more))


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    up = Up(tmp_path_factory.mktemp("command"), SOURCE)
    yield up
    up.stop()


@pytest.fixture(scope="module")
def first(up):
    """The words of the first run, which makes version 1."""
    return up.convoy("train", *EASY)


@pytest.fixture(scope="module")
def run(up, first):
    return re.match(r"run (\S+)\n", first)[1]


@pytest.fixture(scope="module")
def rows(up):
    """Files of the same rows in three formats, without a label."""
    for form in ("csv", "ndjson", "arrow"):
        up.convoy("data", "generate", "--rows", 400, "--seed", 7, "--no-label", "--out", f"rows.{form}")
    return up.folder


def test_train_tells_each_stage_and_the_outcome(first):
    for stage in STAGES[:-1]:
        assert re.search(rf"^{stage} +succeeded in [0-9.]+ s", first, re.MULTILINE), first
    assert "accepted: version 1 is the champion and answers\n" in first
    assert re.search(r"^  f1 +0\.\d{4}$", first, re.MULTILINE)


def test_a_run_that_is_not_accepted_is_no_failure(up, run):
    assert "not accepted: no version was published, the champion goes on\n" in up.convoy("train", *EASY)
    view = json.loads(up.convoy("train", *EASY, "--require-accepted", "--json", want=1))
    assert view["accepted"] is False and view["reasons"]


def test_a_setting_that_is_none_is_named(up, run):
    assert "max_dept" in up.convoy("train", "--set", "train.max_dept=3", want=1)
    assert "NAME=VALUE" in up.convoy("train", "--set", "max_depth", want=2)
    assert "did you mean --json" in up.convoy("train", "--jsn", want=2)


def test_runs_are_listed_and_shown(up, run):
    listed = up.json("runs", "--limit", 100)["runs"]
    assert listed[-1]["run_id"] == run and listed[-1]["version"] == 1
    assert len(up.json("runs", "--limit", 1)["runs"]) == 1
    words = up.convoy("runs")
    assert re.search(rf"^{run}  SUCCEEDED  \S+ +0\.\d{{4}}  version 1$", words, re.MULTILINE), words
    assert up.json("runs", run)["run_id"] == run
    words = up.convoy("runs", run)
    assert "accepted: version 1" in words
    settings = words.split("parameters that differ from pipeline.yaml as it is now:\n")[1].split("run ")[0]
    assert sorted(line.strip() for line in settings.splitlines()) == sorted(word.removeprefix("--set=") for word in EASY)


def test_runs_that_are_none_are_named(up, run):
    unknown = run[:-1] + ("0" if run[-1] != "0" else "1")
    for verb in ("runs", "cancel", "retry"):
        assert f"there is no run {unknown}" in up.convoy(verb, unknown, want=1)
        assert "`convoy runs` lists them" in up.convoy(verb, "../models", want=2)
    assert "409" in up.convoy("cancel", run, want=1)
    assert "409" in up.convoy("retry", run, want=1)


def test_a_run_is_known_by_its_beginning(up, run):
    other = up.convoy("train", *EASY, "--no-wait").strip()
    assert up.json("runs", run[:23])["run_id"] == run
    assert f"run {run} SUCCEEDED" in up.convoy("runs", run[:23])
    assert f"run {run} cannot be" in up.convoy("cancel", run[:23], want=1)
    assert f"run {run} cannot be" in up.convoy("retry", run[:23], want=1)
    until(lambda: up.json("runs", other)["state"] == "SUCCEEDED", "the other run is done")
    assert "no run begins with 00000000" in up.convoy("runs", "00000000", want=1)
    assert "first 8 characters" in up.convoy("runs", run[:7], want=2)
    alike = os.path.commonprefix([run, other])
    assert len(alike) >= 8 or run[:8] != other[:8]
    if len(alike) >= 8:
        words = up.convoy("cancel", alike, want=1)
        assert run in words and other in words and "give more" in words


def test_a_run_can_be_canceled_and_begun_again(up, run):
    """The second of two runs waits, so a cancel finds it PENDING or at work."""
    ids = [up.convoy("train", "--no-wait", "--set", "train.num_boost_round=2000",
                     "--set", "train.early_stopping_rounds=0").strip() for _ in range(2)]
    assert re.match(rf"run {ids[1]} (CANCELED|CANCELING)", up.convoy("cancel", ids[1]))
    up.convoy("cancel", ids[0])
    for run_id in ids:
        until(lambda: up.json("runs", run_id)["state"] == "CANCELED", "the run is canceled")
    assert f"run {ids[1]} SUCCEEDED" in up.convoy("retry", ids[1])
    assert up.json("runs", ids[1])["attempt"] == 2


def test_ctrl_c_leaves_the_run_going(up, run):
    process = subprocess.Popen(
        [program("convoy"), "train", "--set=train.num_boost_round=100000", "--set=train.early_stopping_rounds=0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=up.environment, cwd=up.folder)
    for line in process.stdout:
        # it follows
        if line.startswith("ingestor "):
            break
    process.send_signal(signal.SIGINT)
    words = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 130
    going = re.search(r"the run goes on; `convoy runs (\S+)` shows it, `convoy cancel (\S+)` ends it\n", words)
    assert going[1] == going[2]
    assert up.json("runs", going[1])["state"] in ("QUEUED", "RUNNING")
    up.convoy("cancel", going[1])
    until(lambda: up.json("runs", going[1])["state"] == "CANCELED", "the run is canceled")


@pytest.mark.parametrize("form", ["csv", "ndjson", "arrow"])
def test_score_gives_the_bytes_of_http(up, run, rows, form):
    objects = [json.loads(line) for line in (rows / "rows.ndjson").read_text().splitlines()]
    answer = requests.post(f"http://127.0.0.1:{up.port}/predict", json=objects, timeout=60)
    assert up.convoy("score", f"rows.{form}") == answer.text[1:-1].replace("},{", "}\n{") + "\n"


def test_predict_takes_a_file_standard_input_and_settings(up, run, rows):
    objects = [json.loads(line) for line in (rows / "rows.ndjson").read_text().splitlines()[:3]]
    (rows / "three.json").write_text(json.dumps(objects))
    answers = json.loads(up.convoy("predict", "three.json"))
    assert [answer["id"] for answer in answers] == [row["id"] for row in objects]
    assert json.loads(up.convoy("predict", "-", input=json.dumps(objects[0]))) == answers[0]
    settings = [f"--set={name}={value}" for name, value in objects[0].items()]
    assert json.loads(up.convoy("predict", *settings)) == answers[0]
    assert "Gender" in up.convoy("predict", "--set", "Gender=none", want=1)
    assert "--set" in up.convoy("predict", want=2)


def test_a_row_that_cannot_be_scored_is_named(up, run, rows):
    lines = (rows / "rows.csv").read_text().splitlines()
    lines[3] = lines[3].replace("Male", "Mael").replace("Female", "Mael")
    (rows / "bad.csv").write_text("\n".join(lines) + "\n")
    words = up.convoy("score", "bad.csv", want=1)
    assert "bad.csv" in words and "Gender" in words and "Mael" in words and "row 3: " in words
    assert "cannot be read" in up.convoy("score", "none.csv", want=1)
    # the rows before it are answered whether it was the model or the source that could not take it
    want = up.convoy("score", "rows.csv").splitlines()
    assert words.splitlines()[:-1] == want[:2]
    lines = (rows / "rows.csv").read_text().splitlines()
    for at in (1, 250):
        fields = lines[at].split(",")
        fields[lines[0].split(",").index("Age")] = "old"
        (rows / "worse.csv").write_text("\n".join([*lines[:at], ",".join(fields), *lines[at + 1:]]) + "\n")
        words = up.convoy("score", "worse.csv", want=1)
        assert f"worse.csv:{at + 1}:" in words and "Age" in words
        assert words.splitlines()[:-1] == want[:at - 1]
    assert "At a bad row it ends" in up.convoy("score", "--help")
    assert "`convoy score FILE`" in up.convoy("predict", "rows.csv", want=1)


def test_a_pulled_version_scores_alone(up, run, rows):
    assert "version 1 of vehicle-insurance is in pulled" in up.convoy("models", "pull", "--out", "pulled/")
    alone = {"CONVOY_HOME": "/nowhere", "CONVOY_PIPELINE": "/nowhere"}
    want = up.convoy("score", "rows.csv", "--model", "vehicle-insurance@1")
    assert up.convoy("score", "rows.csv", "--bundle", "pulled", environment=alone) == want
    assert "pulled" in up.convoy("models", "pull", "1", "--out", "pulled", want=1)
    assert sorted(path.name for path in up.folder.glob("pulled*")) == ["pulled"]
    # one flipped bit, and it is refused
    model = up.folder / "pulled" / "model.ubj"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.chmod(0o600)
    model.write_bytes(content)
    assert "model.ubj" in up.convoy("score", "rows.csv", "--bundle", "pulled", want=1)


def test_versions_that_are_none_are_named(up, run, rows):
    assert "version 77" in up.convoy("score", "rows.csv", "--model", "77", want=1)
    assert "no alias nobody; there is champion" in up.convoy("score", "rows.csv", "--model", "nobody", want=1)
    assert "names no version" in up.convoy("score", "rows.csv", "--model", "a@b@c", want=1)


def test_export_gives_the_rows_and_the_matrix(up, run):
    up.convoy("export", run, "--out", "exported")
    up.convoy("export", run, "--out", "exported", "--features")
    rows = pd.concat([pd.read_csv(up.folder / "exported" / f"{name}.csv") for name in ("train", "test")])
    up.convoy("data", "generate", "--rows", 4000, "--seed", 1, "--out", "again.csv")
    want = pd.read_csv(up.folder / "again.csv")
    pd.testing.assert_frame_equal(rows.sort_values("id", ignore_index=True), want)
    features = pd.read_csv(up.folder / "exported" / "features.csv")
    assert len(features) == len(pd.read_csv(up.folder / "exported" / "train.csv"))
    assert "id" not in features.columns and "Response" in features.columns
    words = up.convoy("export", "01a208bc-314d-7a59-a9f7-000000000000", "--out", "nothing", want=1)
    assert "there is no run 01a208bc" in words and not (up.folder / "nothing").exists()
    assert "no run begins with 01a208bc" in up.convoy("export", "01a208bc", "--out", "nothing", want=1)
    assert not (up.folder / "nothing").exists()
    assert f"{features.shape[0]:,} rows" in up.convoy("export", run[:23], "--out", "again", "--features")


def test_the_formats_hold_the_same_rows(up, rows):
    csv = pd.read_csv(rows / "rows.csv")
    assert len(csv) == 400 and "Response" not in csv.columns
    pd.testing.assert_frame_equal(csv, pd.read_json(rows / "rows.ndjson", lines=True), check_dtype=False)
    pd.testing.assert_frame_equal(csv, feather.read_feather(rows / "rows.arrow"), check_dtype=False)
    assert "Response" in up.convoy("data", "generate", "--rows", 1, "--out", "-").splitlines()[0]
    assert "--format" in up.convoy("data", "generate", "--rows", 1, "--out", "rows.txt", want=2)
    assert "cannot be written" in up.convoy("data", "generate", "--rows", 1, "--out", "no/such/rows.csv", want=2)


def test_what_is_written_to_is_a_file(up, rows):
    generate = ["data", "generate", "--rows", 2, "--format", "csv"]
    os.mkfifo(up.folder / "pipe")
    assert "pipe: is no regular file" in up.convoy(*generate, "--out", "pipe", want=2)
    assert stat.S_ISFIFO((up.folder / "pipe").lstat().st_mode)
    assert "/dev/null: is no regular file" in up.convoy(*generate, "--out", "/dev/null", want=2)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    (up.folder / "target.csv").write_text("old")
    (up.folder / "link.csv").symlink_to("target.csv")
    up.convoy(*generate, "--out", "link.csv")
    assert (up.folder / "link.csv").is_symlink() and len(pd.read_csv(up.folder / "target.csv")) == 2
    assert "--out is missing" in up.convoy("data", "generate", "--rows", 2, want=2)
    assert "usage: convoy data generate" in up.convoy("data", "make", "--out", "x.csv", want=2)


def test_a_generator_that_does_not_fit_is_named(up):
    folder = copy_pipeline(up.folder / "renamed", name="renamed")
    schema = (folder / "schema.yaml").read_text()
    assert "Vintage" in schema
    (folder / "schema.yaml").write_text(schema.replace("Vintage", "Tenure"))
    words = up.convoy("data", "generate", "--rows", 3, "--out", "-", "--pipeline", folder, want=1)
    assert re.search(r"^convoy: \S*renamed: Tenure: .*generator.yaml does not draw it", words, re.MULTILINE), words
    assert ",,," not in words


def test_a_flag_takes_no_value(up):
    for value in ("false", "1", ""):
        words = up.convoy("runs", f"--json={value}", want=2)
        assert f'--json: takes no value, got "{value}"' in words


def test_help_of_a_verb_in_either_order(up):
    assert up.convoy("help", "train") == up.convoy("train", "--help")
    assert "did you mean train?" in up.convoy("help", "trian", want=2)
    assert up.convoy("help") == up.convoy("--help")


def test_a_gateway_that_hangs_is_told(up, run, rows):
    """All at once, since each waits for ten seconds."""
    pid = int((up.home / "run" / "gateway.lock").read_text())
    want = f"the gateway at http://127.0.0.1:{up.port} does not answer; is it stopped or overloaded?"
    os.kill(pid, signal.SIGSTOP)
    try:
        asked = [subprocess.Popen([program("convoy"), *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, cwd=up.folder, env=up.environment)
                 for arguments in (["runs"], ["models"], ["predict", "--set", "Age=1"], ["train"], ["doctor"])]
        for process in asked:
            words = process.communicate(timeout=PATIENCE_S)[0]
            assert process.returncode == 1 and want in words, words
        assert "choose another port" not in words
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_failure_is_one_clean_sentence(up, run, rows):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([program("convoy"), "score", "rows.csv"], stdout=full, stderr=subprocess.PIPE, text=True,
                              cwd=up.folder, env=up.environment, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert done.stderr == "convoy: failed: writing the answers: No space left on device\n"
    (up.folder / "a-home").write_text("x")
    for verb in ("up", "doctor"):
        words = up.convoy(verb, "--home", "a-home", want=1 if verb == "doctor" else 2)
        assert "a-home cannot be used as home: it is no folder; choose another" in words and "at=" not in words
    (up.folder / "half-home").mkdir()
    (up.folder / "half-home" / "run").write_text("x")
    for verb in ("up", "doctor"):
        words = up.convoy(verb, "--home", "half-home", want=1 if verb == "doctor" else 2)
        assert "half-home cannot be used as home: run in it is no folder; remove that" in words and "at=" not in words
    words = up.convoy("doctor", "--home", "/proc/nohome", want=1)
    assert re.search(r"^wrong +home +/proc/nohome is not there and cannot be made: ", words, re.MULTILINE), words
    words = up.convoy("up", "--home", "/proc/nohome", want=2)
    assert words.startswith("convoy: /proc/nohome cannot be used as home: ") and words.count("\n") == 1
    words = up.convoy("doctor", "--home", "not/yet", "--url", f"http://127.0.0.1:{free_port()}", want=1)
    assert "not/yet is not there yet; `convoy up` makes it" in words and not (up.folder / "not").exists()


def test_a_source_without_a_scheme_is_mended(up):
    words = up.convoy("up", "--home", "other", "--port", free_port(), environment={"CONVOY_SOURCE": "/tmp/p.csv"},
                      want=2)
    assert "write file:///tmp/p.csv" in words


def test_a_damaged_spool_is_named_and_set_aside(tmp_path):
    with Line(tmp_path / "home", source=SOURCE) as line:
        run = line.train(train=TRAIN, evaluate=EVALUATE)
        line.ended(run)
        line.stop("trainer", GATEWAY)
        spool = line.home / "spool"
        for name in ("trainer", GATEWAY):
            for log in spool.glob(f"{name}.db-*"):
                log.unlink()
            (spool / f"{name}.db").write_bytes(b"rust" * 4096)

        def convoy(*arguments):
            done = subprocess.run([program("convoy"), *arguments], env=line.environment, capture_output=True, text=True,
                                  timeout=PATIENCE_S)
            # what the gateway itself logs is for its log's readers
            assert "at=" not in done.stderr or "--rebuild" in arguments, done.stderr
            return done.returncode, done.stdout + done.stderr
        for name in ("trainer", GATEWAY):
            done = subprocess.run([program(f"convoy-{name}")], env=line.environment, capture_output=True, text=True,
                                  timeout=PATIENCE_S)
            assert done.returncode == 1 and f"spool=spool/{name}.db it is damaged" in done.stderr
            assert "`convoy doctor`" in done.stderr
        code, words = convoy("doctor")
        assert code == 1
        assert re.search(r"^wrong +spool +\S+/spool/trainer.db is damaged .*move it", words, re.MULTILINE), words
        assert re.search(r"^wrong +spool +\S+/gateway.db is damaged .*doctor --rebuild", words, re.MULTILINE), words
        for log in spool.glob("trainer.db*"):
            log.rename(tmp_path / log.name)
        code, words = convoy("doctor", "--rebuild")
        assert code == 0 and "spool/gateway.db is damaged and was set aside as spool/gateway.db.broken-1" in words
        assert "1 runs" in words and (spool / "gateway.db.broken-1").read_bytes() == b"rust" * 4096
        line.start("trainer", GATEWAY)
        line.ready()
        assert line.get("/runs").json()["runs"][0]["run_id"] == run
        line.ended(line.train(train=TRAIN | {"seed": 2}, evaluate=EVALUATE))
        code, words = convoy("doctor")
        assert code == 0 and re.search(r"^ok +spool +7 of 7 are there and sound", words, re.MULTILINE), words


def test_validate_says_what_is_wrong(up, rows):
    up.convoy("data", "generate", "--rows", 500, "--out", "good.csv")
    report = up.json("validate", "good.csv")
    assert report["valid"] and report["statistics"]["rows"] == 500 and not report["report"]["anomalies"]
    assert "good.csv: 500 rows, valid" in up.convoy("validate", "good.csv")
    up.convoy("data", "generate", "--rows", 1, "--out", "one.csv")
    assert "one.csv: 1 row, not valid" in up.convoy("validate", "one.csv", want=1)
    frame = pd.read_csv(up.folder / "good.csv")
    frame.loc[7, "Gender"] = "Mael"
    frame.loc[9, "id"] = frame.loc[8, "id"]
    frame.to_csv(up.folder / "wrong.csv", index=False)
    words = up.convoy("validate", "wrong.csv", want=1)
    assert "Gender: ENUM_TYPE_UNEXPECTED_STRING_VALUES" in words and "see row 8" in words
    assert "id: FEATURE_TYPE_LOW_UNIQUE" in words and "wrong.csv: 500 rows, not valid" in words
    (up.folder / "text.csv").write_text((up.folder / "good.csv").read_text().replace(",44,", ",old,"))
    words = up.convoy("validate", "text.csv", want=1)
    assert "text.csv:" in words and "Age" in words and "cannot be read" in words
    (up.folder / "header.csv").write_text((up.folder / "good.csv").read_text().replace(",Age,", ",Agee,"))
    words = up.convoy("validate", "header.csv", want=1)
    assert 'error: Age: SCHEMA_MISSING_COLUMN' in words and 'there is a column "Agee" (is it meant?)' in words
    assert "warning: Agee: SCHEMA_NEW_COLUMN" in words and "NOT_PRESENT" not in words
    assert "SERVING" not in up.convoy("validate", "rows.csv", "--environment", "SERVING")
    assert "error: Response: SCHEMA_MISSING_COLUMN" in up.convoy("validate", "rows.csv", want=1)
    words = up.convoy("validate", "rows.csv", "--environment", "SERVIN", want=2)
    assert "the schema has no environment SERVIN; it has TRAINING, SERVING" in words
    assert "write it to" in up.convoy("validate", "-", want=2, input="x")


def test_aliases_are_moved(up, run):
    words = up.convoy("train", *SURE, "--set", "train.seed=2", "--require-accepted")
    second = int(re.search(r"accepted: version (\d+) is the champion", words)[1])
    assert up.json("models")["models"][0]["aliases"]["champion"] == second
    assert re.search(rf"^ +{second}  .* champion$", up.convoy("models"), re.MULTILINE)
    assert "version 1 is the champion, pinned" in up.convoy("models", "rollback", "--reason", "a test")
    assert "the champion is pinned" in up.convoy("models")
    assert f"version {second} is the champion\n" in up.convoy("models", "promote", second)
    assert "version 1 is the champion\n" in up.convoy("models", "promote", "previous")
    assert "pinned" in up.convoy("models", "pin")
    assert "pinned" not in up.convoy("models", "unpin")
    assert "404" in up.convoy("models", "promote", "77", want=1)
    assert "did you mean promote?" in up.convoy("models", "promot", "1", want=2)
    for action in ("pin", "unpin", "rollback"):
        assert "takes no version" in up.convoy("models", action, "1", want=2)
    assert "--out DIR" in up.convoy("models", "pull", want=2)


def test_a_run_that_was_not_accepted_is_registered_as_challenger(up, run):
    before = up.json("models")["models"][0]
    refused = up.json("train", *EASY, "--set", "train.seed=3", "--set", "evaluate.threshold=0.9")
    assert refused["accepted"] is False
    words = up.convoy("models", "register", refused["run_id"][:-2])
    version = int(re.search(r"version (\d+) is a challenger", words)[1])
    after = up.json("models")["models"][0]
    assert after["aliases"] == before["aliases"] | {"challenger": version}
    assert [found["run_id"] for found in after["versions"] if found["version"] == version] == [refused["run_id"]]
    # again: the same version
    assert up.json("models", "register", refused["run_id"]) == {
        "name": "vehicle-insurance", "version": version, "promoted": False, "aliases": ["challenger"]}
    assert len(up.json("models")["models"][0]["versions"]) == len(after["versions"])
    moves = [json.loads(path.read_text()) for path in (up.home / "registry").glob("*/history/*.json")]
    ours = [move for move in moves if move.get("run_id") == refused["run_id"]]
    assert len(ours) == 1 and "registered by hand" in ours[0]["reason"]
    assert up.convoy("score", "rows.csv", "--model", "challenger").count("\n") == 400
    assert "nothing to register" in up.convoy("models", "register", refused["run_id"][:-4] + "0000", want=1)
    assert "say which run" in up.convoy("models", "register", "3", want=2)


def test_a_version_registered_again_tells_its_aliases(up, run):
    aliases = up.json("models")["models"][0]["aliases"]
    newest = up.json("models")["models"][0]["versions"][0]["version"]
    if aliases["champion"] == 1:
        up.convoy("models", "promote", newest)
    words = up.convoy("models", "register", run)
    assert words == "vehicle-insurance: version 1 was published already and is the previous champion\n"
    assert up.json("models", "register", run) == {
        "name": "vehicle-insurance", "version": 1, "promoted": False, "aliases": ["previous"]}
    up.convoy("models", "promote", 1)
    assert up.json("models", "register", run)["promoted"] is True


def test_a_release_that_was_not_promoted_says_why(up, run):
    up.convoy("train", *SURE, "--set=train.seed=4", "--set=evaluate.on_accept=challenger")
    words = up.convoy("models", "history", "--limit", 1)
    assert "  not promoted: only a challenger was asked for  run " in words and "challenger_wanted" not in words


def test_a_release_against_a_pin_says_so(up, run):
    up.convoy("models", "pin")
    up.convoy("train", *SURE, "--set=train.seed=5")
    words = up.convoy("models", "history", "--limit", 1)
    up.convoy("models", "unpin")
    assert "  not promoted: the champion is pinned  run " in words


def test_the_history_of_the_aliases(up, run):
    newest = up.json("models")["models"][0]["versions"][0]["version"]
    up.convoy("models", "promote", newest)
    up.convoy("models", "promote", 1, "--reason", "for the history")
    history = up.json("models", "history", "--limit", 1000)
    moves = history["moves"]
    assert history["name"] == "vehicle-insurance"
    assert [move["sequence"] for move in moves] == list(range(len(moves), 0, -1))
    files = {path.stem: json.loads(path.read_text()) for path in (up.home / "registry").glob("*/history/*.json")}
    assert moves == [files[str(move["sequence"])] for move in moves] and len(files) == len(moves)
    assert moves[-1]["run_id"] == run and moves[-1]["action"] == "release"
    assert up.json("models", "history", "--limit", 1)["moves"] == moves[:1]
    words = up.convoy("models", "history").splitlines()
    assert len(words) == 2 + min(20, len(moves))
    if newest != 1:
        assert re.search(r"^ +\d+  \S+Z +set +http +.*champion \d+ > 1.*  for the history$", words[2]), words[2]
    assert re.search(rf"release +pusher +champion none > 1.*  run {run}$", up.convoy("models", "history", "--limit=999"),
                     re.MULTILINE)
    assert "takes no version" in up.convoy("models", "history", 1, want=2)


def test_doctor_finds_the_line_well(up, run):
    findings = up.json("doctor")
    assert findings["well"]
    assert [check["name"] for check in findings["checks"]] == [
        "pipeline", "programs", "home", "spool", "source", "store", "registry", "gateway", "stages"]
    assert not list((up.home / "store").glob("doctor*"))


def test_doctor_says_what_to_do(up, run):
    words = up.convoy("doctor", "--url", f"http://127.0.0.1:{free_port()}", want=1)
    assert re.search(r"^wrong +gateway .*`convoy up`", words, re.MULTILINE)
    words = up.convoy("doctor", "--pipeline", "/nowhere", want=1)
    assert re.search(r"^wrong +pipeline +/nowhere", words, re.MULTILINE)
    # a gateway answers, yet it is not that of this home, or of this model
    (up.folder / "empty-home").mkdir()
    words = up.convoy("doctor", "--home", "empty-home", want=1)
    assert re.search(r"^wrong +gateway +no gateway runs in empty-home", words, re.MULTILINE)
    copy_pipeline(up.folder / "other-model", name="other")
    words = up.convoy("doctor", "--pipeline", "other-model", want=1)
    assert re.search(r"^wrong +gateway .* serves vehicle-insurance, not other;", words, re.MULTILINE)
    # a store that can never work; no daemon tries it again and again
    (up.folder / "a-file").write_text("x")
    environment = {"CONVOY_STORE": f"file://{up.folder}/a-file"}
    words = up.convoy("doctor", environment=environment, want=1)
    assert re.search(r"^wrong +store .*/a-file' cannot be a store: a file stands there", words, re.MULTILINE)
    words = up.convoy("up", "--home", "never", "--port", free_port(), environment=environment, want=2)
    assert "/a-file' cannot be a store" in words
    # a registry in S3, and keys for it that are not whole; then keys, and nobody who takes them
    environment = {"MODEL_BUCKET_NAME": "a-bucket", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(up.folder), "AWS_ACCESS_KEY_ID": "AKIA"}
    words = up.convoy("doctor", environment=environment, want=1)
    assert re.search(r"^wrong +credentials +environment: AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not; ",
                     words, re.MULTILINE), words
    words = up.convoy("doctor", environment=environment | {"AWS_SECRET_ACCESS_KEY": "a-secret-key"}, want=1)
    assert re.search(r"^ok +credentials +environment: keys from .*; region us-east-1 .*, S3 at http://127.0.0.1:1$",
                     words, re.MULTILINE), words
    assert "a-secret-key" not in words
    # the gateway's lock is held
    assert "another gateway" in up.convoy("doctor", "--rebuild", want=2)


def test_without_a_gateway_the_fix_is_named(up):
    for arguments in (["train"], ["runs"], ["models"], ["predict", "--set", "a=1"]):
        words = up.convoy(*arguments, "--url", f"http://127.0.0.1:{free_port()}", want=1)
        assert "no gateway answers at" in words and "`convoy up`" in words


def test_verbs_help_themselves(up):
    verbs = re.findall(r"^  (\w+) +\S", up.convoy("--help").split("Verbs:")[1].split("\n\n")[0], re.MULTILINE)
    assert {"up", "train", "runs", "doctor"} <= set(verbs)
    for verb in verbs:
        assert up.convoy(verb, "--help").startswith(f"Usage: convoy {verb} ")
    assert "did you mean train?" in up.convoy("trian", want=2)
    assert "Usage: convoy VERB" in up.convoy(want=2)
    assert up.convoy("--version").startswith("convoy ")


def test_a_second_line_on_the_same_port_is_refused(up):
    words = up.convoy("up", "--home", "other", "--port", up.port, want=2)
    assert "something answers at" in words and "--port" in words


def test_an_empty_home_is_refused(up):
    for arguments in (["up"], ["doctor"], ["score", "rows.csv"]):
        assert "--home is empty" in up.convoy(*arguments, "--home", "", want=2)
        assert not list(up.folder.glob("run"))


def test_a_pipeline_may_be_named_by_its_file(up):
    up.convoy("data", "generate", "--rows", 3, "--out", "three.csv", "--pipeline", PIPELINE / "pipeline.yaml")
    assert len(pd.read_csv(up.folder / "three.csv")) == 3


def test_without_a_version_nothing_is_pinned(tmp_path):
    with Line(tmp_path / "home", source=SOURCE) as line:
        done = subprocess.run([program("convoy"), "models", "pin", "--url", line.url], capture_output=True, text=True,
                              timeout=PATIENCE_S)
        assert done.returncode == 1 and "has no version to pin yet" in done.stderr
        assert line.models()["pinned"] is False


def test_the_source_is_checked_before_anything_starts(up):
    words = up.convoy("up", "--home", "other", "--source", "none.csv", want=2)
    assert "none.csv: cannot be read" in words


def test_a_run_that_fails_names_the_place(tmp_path):
    """A relative file; one row of it is wrong, and mended later."""
    program_ = [program("convoy"), "data", "generate", "--rows", "4000", "--out", str(tmp_path / "rows.csv"),
                "--pipeline", str(PIPELINE)]
    subprocess.run(program_, check=True, timeout=PATIENCE_S)
    good = (tmp_path / "rows.csv").read_text()
    lines = good.splitlines()
    fields = lines[41].split(",")
    fields[2] = "old"
    lines[41] = ",".join(fields)
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    up = Up(tmp_path, "rows.csv")
    with contextlib.ExitStack() as stack:
        stack.callback(up.stop)
        words = up.convoy("train", *EASY, want=1)
        assert re.search(r"^the ingestor failed: \w+: rows\.csv: line 42: Age: ", words, re.MULTILINE), words
        assert "ingestor    failed in" in words
        run = re.match(r"run (\S+)\n", words)[1]
        (tmp_path / "rows.csv").write_text(good)
        assert "accepted: version 1" in up.convoy("retry", run)


def test_a_row_that_breaks_the_schema_is_named_among_its_rows(tmp_path):
    program_ = [program("convoy"), "data", "generate", "--rows", "4000", "--out", str(tmp_path / "rows.csv"),
                "--pipeline", str(PIPELINE)]
    subprocess.run(program_, check=True, timeout=PATIENCE_S)
    frame = pd.read_csv(tmp_path / "rows.csv")
    frame["Gender"] = frame["Gender"].where(frame["id"] % 2 == 0, "Mael")
    frame.to_csv(tmp_path / "rows.csv", index=False)
    up = Up(tmp_path, "rows.csv")
    with contextlib.ExitStack() as stack:
        stack.callback(up.stop)
        words = up.convoy("train", *EASY, want=1)
        told = re.search(r"^the validator failed: ENUM_TYPE_UNEXPECTED_STRING_VALUES: row (\d+) of the train rows: Gender: "
                         r".*; `convoy export (\S+) --out DIR` writes these rows$", words, re.MULTILINE)
        assert told, words
        up.convoy("export", told[2], "--out", "out")
        assert pd.read_csv(tmp_path / "out" / "train.csv")["Gender"][int(told[1]) - 1] == "Mael"


def test_a_token_is_sent_and_its_lack_explained(tmp_path):
    with Line(tmp_path / "home", source=SOURCE, CONVOY_TOKEN="secret") as line:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CONVOY_")}
        convoy = [program("convoy"), "train", "--no-wait", "--url", line.url]
        done = subprocess.run(convoy, capture_output=True, text=True, env=environment, timeout=PATIENCE_S)
        assert done.returncode == 1 and "401" in done.stderr and "set CONVOY_TOKEN" in done.stderr
        done = subprocess.run(convoy, capture_output=True, text=True, env=environment | {"CONVOY_TOKEN": "secret"},
                              timeout=PATIENCE_S)
        assert done.returncode == 0 and "secret" not in done.stdout + done.stderr
        line.ended(done.stdout.strip())
