"""The whole line for tests: the seven real daemons in a home of their own, started, killed and started again by name.

    with Line(tmp_path / "home", source="generate:rows=4000,seed=1") as line:
        run = line.ended(line.train())
        assert run["version"] == 1

What a test waits for is a condition with a deadline (until()); what it compares are the files of store and registry,
the rows of the spools and the answers of the gateway. At the end of the block every daemon that still lives is asked to
stop and must do so with exit code 0, which under the sanitizers also says that it leaked nothing.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
PIPELINE = ROOT / "pipelines" / "vehicle-insurance"
STAGES = re.findall(r"^STAGE\(\w+, (\w+),", (ROOT / "proto" / "stages.def").read_text(), re.MULTILINE)
WORKERS = STAGES[:-1]
GATEWAY = STAGES[-1]
FINAL = ("SUCCEEDED", "FAILED", "CANCELED")

# Under the sanitizers and beside other tests everything takes longer; a deadline only ends a test that is stuck.
DEADLINE_S = float(os.environ.get("DEADLINE_S", 90))
PAUSE_S = 0.005


class Stuck(AssertionError):
    """A condition did not come true in time."""


def until(condition, what, seconds=DEADLINE_S):
    """Calls condition until it answers something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Stuck(f"not within {seconds} s: {what}")
        time.sleep(PAUSE_S)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program(name):
    """Where a command is: in a folder of commands (build/bin), or in the folders of a build."""
    folder = pathlib.Path(os.environ.get("CONVOY_COMMANDS", ROOT / "build" / "bin"))
    part = folder / "cli" if name == "convoy" else folder / "services" / name.removeprefix("convoy-")
    for path in (folder / name, part / name):
        if path.exists():
            return path
    raise FileNotFoundError(f"no {name} in {folder}")


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_pipeline(folder, **changes):
    """A copy of the bundled pipeline in which `key: value` stands for each of the changes."""
    folder.mkdir(parents=True)
    for path in PIPELINE.glob("*.yaml"):
        text = path.read_text()
        if path.name == "pipeline.yaml":
            for key, value in changes.items():
                text, n = re.subn(rf"^(\s*{key}:)[^#\n]*", rf"\1 {value} ", text, flags=re.MULTILINE)
                assert n == 1, f"{n} lines of pipeline.yaml set {key}"
        (folder / path.name).write_text(text)
    return folder


class Line:
    def __init__(self, home, source=None, pipeline=PIPELINE, **environment):
        self.home = pathlib.Path(home)
        self.store_folder = self.home / "store"
        self.registry_folder = self.home / "registry"
        self.log_folder = self.home.parent / (self.home.name + "-log")
        self.log_folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.processes = {}
        self.log_starts = {}
        self.session = requests.Session()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CONVOY_")},
            "CONVOY_HOME": str(self.home),
            "CONVOY_PORT": str(self.port),
            "CONVOY_PIPELINE": str(pipeline),
            **environment,
        }
        if source:
            self.environment["CONVOY_SOURCE"] = source

    def __enter__(self):
        try:
            self.start()
            self.ready()
        except BaseException:
            self.kill(*self.processes)
            raise
        return self

    def __exit__(self, kind, error, trace):
        self.session.close()
        if kind:
            print(self.tails())
            self.kill(*self.processes)
        else:
            self.stop()

    # processes

    def start(self, *names, **environment):
        """Starts daemons, all when none is named, with more environment."""
        for name in names or STAGES:
            assert not self.lives(name)
            with self.log_path(name).open("ab") as log:
                self.log_starts[name] = log.tell()
                self.processes[name] = subprocess.Popen(
                    [program(f"convoy-{name}")], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    env=self.environment | environment)

    def lives(self, name):
        return name in self.processes and self.processes[name].poll() is None

    def is_up(self, name):
        """The daemon has ended, or said that it is ready; before that SIGTERM ends it as it ends any program."""
        return not self.lives(name) or " ready\n" in self.log(name, self.log_starts[name])

    def pid(self, name):
        return self.processes[name].pid

    def kill(self, *names):
        """kill -9, all when none is named; first all signals, then the waiting."""
        names = [name for name in names or STAGES if self.lives(name)]
        for name in names:
            self.processes[name].kill()
        for name in names:
            self.processes[name].wait(30)

    def stop(self, *names):
        """SIGTERM; each must end with exit code 0."""
        names = [name for name in names or STAGES if self.lives(name)]
        for name in names:
            until(lambda name=name: self.is_up(name), f"{name} is ready")
            self.processes[name].terminate()
        codes = {}
        for name in names:
            try:
                codes[name] = self.processes[name].wait(30)
            except subprocess.TimeoutExpired:
                self.processes[name].kill()
                codes[name] = "did not stop"
        assert not any(codes.values()), f"{codes}\n{self.tails()}"

    def crashed(self, name):
        """Waits until the daemon has killed itself at a crash point."""
        code = until(lambda: self.processes[name].poll(), f"{name} crashes")
        assert code == -signal.SIGKILL, f"{name} ended with {code}\n{self.tails()}"

    def ready(self):
        """Waits for the gateway and a heartbeat of every stage."""
        until(lambda: self.answers("/readyz?line=1"), "the line is ready")

    def answers(self, path):
        """True when GET path is answered by 200; a gateway that is away answers nothing."""
        for name, process in self.processes.items():
            code = process.poll()
            assert code is None or code == -signal.SIGKILL, f"{name} ended with {code}\n{self.tails()}"
        with contextlib.suppress(requests.ConnectionError):
            return self.get(path).status_code == 200
        return False

    # HTTP

    def get(self, path, **more):
        return self.session.get(self.url + path, timeout=60, **more)

    def post(self, path, body=None, **more):
        return self.session.post(self.url + path, json=body, timeout=60, **more)

    def train(self, key=None, **parameters):
        """POST /training with parameters by section: train(train={"seed": 2}); returns the run's id."""
        answer = self.post("/training", {"parameters": parameters}, headers={"Idempotency-Key": key} if key else None)
        assert answer.status_code == 202, answer.text
        assert answer.headers["Location"] == "/runs/" + answer.json()["run_id"]
        return answer.json()["run_id"]

    def run(self, run):
        answer = self.get(f"/runs/{run}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ended(self, run, want="SUCCEEDED", revive=()):
        """Waits for the end of a run, starts daemons again that die meanwhile, and returns the run."""
        def is_over():
            for name in revive:
                if not self.lives(name):
                    self.start(name)
            with contextlib.suppress(requests.ConnectionError):
                view = self.run(run)
                return view if view["state"] in FINAL else None
        view = until(is_over, f"run {run} ends")
        assert view["state"] == want, f"{json.dumps(view, indent=1)}\n{self.tails()}"
        return view

    def stage_is(self, run, stage, *states):
        """Waits until a stage of a run is in one of the states."""
        def state():
            return self.stages(self.run(run))[stage]
        return until(lambda: state() in states and state(), f"{stage} is {states}")

    @staticmethod
    def stages(view):
        return {stage["name"]: stage["state"] for stage in view["stages"]}

    def predict(self, row):
        answer = self.post("/predict", row)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def models(self):
        return self.get("/models").json()["models"][0]

    # files

    def log_path(self, name):
        return self.log_folder / f"{name}.log"

    def log(self, name, start=0):
        """What a daemon has logged since its first start, or beyond that many bytes."""
        return self.log_path(name).read_bytes()[start:].decode(errors="replace")

    def lines_about(self, name, run):
        """What a daemon logged about a run, as the fields of each line."""
        lines = [line for line in self.log(name).splitlines() if f"run={run}" in line]
        return [dict(re.findall(r"(\w+)=(\"[^\"]*\"|\S+)", line)) for line in lines]

    def outcomes(self, name, run):
        """How often, and how, a stage came to an end with a run."""
        outcomes = [fields.get("outcome") for fields in self.lines_about(name, run)]
        return [outcome for outcome in outcomes if outcome in (*FINAL, "SKIPPED")]

    def tails(self, n=12):
        text = ""
        for path in sorted(self.log_folder.glob("*.log")):
            lines = path.read_text(errors="replace").splitlines()[-n:]
            text += f"--- {path.name}\n" + "\n".join(lines) + "\n"
        return text

    def rows(self, name, sql, *values):
        """Rows of a daemon's spool."""
        with contextlib.closing(sqlite3.connect(f"file:{self.home}/spool/{name}.db?mode=ro", uri=True)) as spool:
            spool.row_factory = sqlite3.Row
            return [dict(row) for row in spool.execute(sql, values)]

    def change(self, name, sql):
        """In the spool of a daemon that does not run."""
        with contextlib.closing(sqlite3.connect(self.home / "spool" / f"{name}.db")) as spool, spool:
            spool.execute(sql)

    def blob(self, digest):
        return self.store_folder / "blobs" / "sha256" / digest[:2] / digest

    def manifest(self, run, stage):
        name = "run" if stage == GATEWAY else stage
        return json.loads((self.store_folder / "runs" / run / f"{name}.json").read_text())

    def has_manifest(self, run, stage):
        return (self.store_folder / "runs" / run / f"{stage}.json").exists()

    def version_folder(self, version, model="vehicle-insurance"):
        return self.registry_folder / model / "versions" / str(version)

    def versions(self, model="vehicle-insurance"):
        """The numbers of complete versions, which have a manifest."""
        folder = self.registry_folder / model / "versions"
        return sorted(int(path.parent.name) for path in folder.glob("*/manifest.json"))

    def history(self, model="vehicle-insurance"):
        folder = self.registry_folder / model / "history"
        return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"), key=lambda path: int(path.stem))]

    def check_files(self):
        """Every blob has the content that its name promises, and every version the files of its manifest."""
        for path in (self.store_folder / "blobs" / "sha256").glob("??/*"):
            if re.fullmatch("[0-9a-f]{64}", path.name):
                assert sha256(path) == path.name, f"{path} is torn"
        for version in self.versions():
            folder = self.version_folder(version)
            for name, file in json.loads((folder / "manifest.json").read_text())["files"].items():
                assert sha256(folder / name) == file["sha256"], f"{folder / name} is torn"

    def digests(self, run):
        """The digests that must not depend on what disturbed a run."""
        candidate = self.manifest(run, "evaluator")
        given, verdict = candidate["input"]["body"], candidate["output"]["body"]["verdict"]
        ingestion, transformation = given["ingestion"], given["transformation"]
        return {
            "train": ingestion["train"]["sha256"], "train rows": ingestion["train"]["content"],
            "test": ingestion["test"]["sha256"], "test rows": ingestion["test"]["content"],
            "matrix": transformation["matrix"]["sha256"], "transform.json": transformation["transform"]["sha256"],
            "model.ubj": given["candidate"]["model"]["sha256"], "golden.arrow": verdict["golden"]["sha256"],
            "metrics.json": verdict["metrics"]["sha256"], "baseline.json": given["validation"]["baseline"]["sha256"],
        }
