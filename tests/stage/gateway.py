"""One real gateway for tests, in a home of its own with a short path (ipc:// has 107 bytes), and a pipeline of toys."""

import contextlib
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import requests

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from fake_line import FakeLine  # noqa: E402

DEADLINE_S = 60
SCHEMA = """
schema: 1
environments: [TRAINING, SERVING]
columns:
  - {name: id, role: key, type: int}
  - {name: age, type: int, title: Age in years, min: 0, max: 150}
  - {name: sex, type: category, values: [f, m], encoded: {map: {0: f, 1: m}}}
  - {name: bought, role: label, type: bool, names: [Bought-No, Bought-Yes]}
"""


def until(condition, what):
    end = time.monotonic() + DEADLINE_S
    while not (value := condition()):
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(0.005)
    return value


class Gateway:
    def __init__(self, serve="", files=None, **environment):
        """files: the soft and the hard limit of open files"""
        self.files = files
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gw-"))
        self.home = self.folder / "h"
        self.pipeline = self.folder / "pipeline"
        self.log = self.folder / "log"
        self.pipeline.mkdir()
        self.home.mkdir(mode=0o700)
        (self.home / "run").mkdir()
        (self.pipeline / "schema.yaml").write_text(SCHEMA)
        (self.pipeline / "pipeline.yaml").write_text(
            "name: toys\nschema: schema.yaml\nsource: {uri: 'file://rows.csv'}\n" +
            ("serve: {" + serve + "}\n" if serve else ""))
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("CONVOY_")}
        self.environment |= environment
        self.process = None
        self.session = requests.Session()

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            shutil.rmtree(self.folder)
            raise
        return self

    def __exit__(self, kind, error, trace):
        self.session.close()
        try:
            if self.process.poll() is None:
                if kind:
                    self.process.kill()
                    self.process.wait(DEADLINE_S)
                else:
                    assert self.stop() == 0, self.log.read_text()
        finally:
            if kind:
                print(self.log.read_text())
            shutil.rmtree(self.folder)

    def publish(self, n=1):
        """Versions of the made-up world's model, of which 1 is champion, as if a pusher had been here."""
        (self.home / "registry").mkdir()
        subprocess.run([os.environ["PUSH_WORLD"], self.home / "registry", str(n)], check=True, capture_output=True,
                       timeout=120)

    def arguments(self, *more):
        return [os.environ["GATEWAY"], "--home", self.home, "--pipeline", self.pipeline, "--port", "0", *more]

    def limit_files(self):
        if self.files:
            resource.setrlimit(resource.RLIMIT_NOFILE, self.files)

    def run(self, *more, **environment):
        """Runs the program to its end."""
        return subprocess.run(self.arguments(*more), env=self.environment | environment, capture_output=True,
                              text=True, timeout=DEADLINE_S, preexec_fn=self.limit_files)

    def start(self, *more, **environment):
        """Starts, and waits until it says on which port."""
        n_before = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.arguments(*more), env=self.environment | environment,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=self.limit_files)

        def port():
            assert self.process.poll() is None, self.log.read_text()
            return re.search(r" port=(\d+) .*ready", self.log.read_text()[n_before:])
        self.port = int(until(port, "the gateway is ready").group(1))
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)

    def kill(self):
        self.process.kill()
        self.process.wait(DEADLINE_S)

    def line(self):
        return FakeLine(self.home)

    def get(self, path, **more):
        return self.session.get(self.url + path, timeout=DEADLINE_S, **more)

    def post(self, path, json=None, **more):
        return self.session.post(self.url + path, json=json, timeout=DEADLINE_S, **more)

    def train(self, json=None, **headers):
        answer = self.post("/training", json, headers={"Idempotency-Key": headers["key"]} if headers else None)
        assert answer.status_code == 202, answer.text
        run = answer.json()["run_id"]
        assert answer.json() == {"run_id": run, "state": "PENDING"}
        assert answer.headers["Location"] == f"/runs/{run}"
        return run

    def view(self, run):
        answer = self.get(f"/runs/{run}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def is_in(self, run, state):
        return until(lambda: (view := self.view(run))["state"] == state and view, f"{run} is {state}")

    def events(self, run, last=None):
        """The events of a run to the stream's end: (id or None, event, data as text)."""
        headers = {"Last-Event-ID": str(last)} if last is not None else None
        with contextlib.closing(self.get(f"/runs/{run}/events", stream=True, headers=headers)) as answer:
            assert answer.status_code == 200, answer.text
            assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
            yield from parse(answer.iter_lines(chunk_size=1))


def parse(lines):
    event = {}
    for line in lines:
        if line:
            name, _, value = line.decode().partition(": ")
            event[name] = value
        elif "event" in event:
            yield int(event["id"]) if "id" in event else None, event["event"], event["data"]
            event = {}
