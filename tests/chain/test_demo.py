"""script/demo from the first line to the last, on the release build that it makes itself."""

import fcntl
import json
import os
import pathlib
import pty
import re
import signal
import socket
import subprocess
import sys

import pytest
from line import ROOT, STAGES, copy_pipeline, free_port, until

DEMO = ROOT / "script" / "demo"
PATIENCE_S = 280


@pytest.fixture
def environment(tmp_path):
    return {name: value for name, value in os.environ.items() if not name.startswith("CONVOY_")} | {
        "CONVOY_HOME": str(tmp_path / "home"), "CONVOY_PORT": str(free_port())}


def demo(environment, *arguments, want=0, **more):
    done = subprocess.run([DEMO, *map(str, arguments)], capture_output=True, text=True, env=environment,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE_S, **more)
    assert done.returncode == want, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout if want == 0 else done.stdout + done.stderr


def is_port_free(environment):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(environment["CONVOY_PORT"]))) != 0


def test_wrong_usage_is_told(environment):
    assert "--rows wants a number" in demo(environment, "--rows", "0", want=2)
    assert "--rows wants a value" in demo(environment, "--rows", want=2)
    assert "give one of them" in demo(environment, "--rows", "5", "--source", "rows.csv", want=2)
    for setting in (["--set", "foo"], ["--set=foo"], ["--set", "=3"]):
        assert "--set wants NAME=VALUE" in demo(environment, *setting, want=2)
    assert "unknown argument --row" in demo(environment, "--row", "5", want=2)
    assert "usage: script/demo" in demo(environment, "--help")
    for port in ("none", "0", "65536"):
        words = demo(environment | {"CONVOY_PORT": port}, want=2)
        assert words == f'demo: CONVOY_PORT wants a number from 1 to 65535, got "{port}"\n'


def test_the_other_scripts_do_nothing_for_wrong_usage():
    wrong = {"build": ["--alll"], "test": ["--unit"], "check": ["--tidy"], "bench": ["line", "--run", "3"],
             "bootstrap": ["--hlep"]}
    for name, arguments in wrong.items():
        def script(*arguments):
            return subprocess.run([ROOT / "script" / name, *arguments], capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL, timeout=20)
        help_ = script("--help")
        assert help_.returncode == 0 and f"usage: script/{name}" in help_.stdout and not help_.stderr
        done = script(*arguments)
        assert done.returncode == 2 and not done.stdout
        assert done.stderr == f"{name}: unknown argument {arguments[-1 if name != 'bench' else 1]}; " \
            f"script/{name} --help shows the usage\n"


@pytest.mark.once
def test_from_nothing_to_a_prediction_and_again(environment):
    words = demo(environment, "--once", "--rows", 20000)
    for stage in STAGES[:-1]:
        assert re.search(rf"^{stage} +succeeded in", words, re.MULTILINE), words
    assert "accepted: version 1 is the champion and answers" in words
    assert json.loads(words.splitlines()[-1])["version"] == 1
    assert is_port_free(environment)
    # the home remembers its champion, which the same rows do not better
    words = demo(environment, "--rows=20000")
    assert "not accepted: no version was published, the champion goes on" in words
    assert json.loads(words.splitlines()[-1])["version"] == 1
    assert is_port_free(environment)


@pytest.mark.once
def test_a_file_is_meant_from_where_the_caller_stands(environment, tmp_path):
    convoy = ROOT / "build" / "bin" / "convoy"
    demo(environment, "--once", "--rows", 20000)
    subprocess.run([convoy, "data", "generate", "--rows", "20000", "--seed", "3", "--out", tmp_path / "rows.csv"],
                   check=True, cwd=ROOT, timeout=PATIENCE_S)
    words = demo(environment, "--once", "--source", "rows.csv", cwd=tmp_path)
    assert f"training on file://{tmp_path}/rows.csv" in words
    words = demo(environment, "--once", "--source", "file://none.csv", cwd=tmp_path, want=1)
    assert f"{tmp_path}/none.csv: cannot be read" in words
    assert is_port_free(environment)


@pytest.mark.once
def test_a_pipeline_of_ones_own_brings_its_source(environment, tmp_path):
    convoy = ROOT / "build" / "bin" / "convoy"
    subprocess.run([convoy, "data", "generate", "--rows", "20000", "--seed", "3", "--out", tmp_path / "rows.csv"],
                   check=True, cwd=ROOT, timeout=PATIENCE_S)
    pipeline = copy_pipeline(tmp_path / "own", name="own")
    text, n = re.subn(r"uri: \$\{CONVOY_SOURCE[^\n#]*", f"uri: file://{tmp_path}/rows.csv ",
                      (pipeline / "pipeline.yaml").read_text())
    assert n == 1
    (pipeline / "pipeline.yaml").write_text(text)
    words = demo(environment | {"CONVOY_PIPELINE": "own"}, "--once", cwd=tmp_path)
    assert f"training on the source of {tmp_path}/own:" in words and "20,000 rows" in words
    assert json.loads(words.splitlines()[-1])["model"] == "own"
    # a parameter that is none begins no run
    words = demo(environment | {"CONVOY_PIPELINE": str(pipeline)}, "--once", "--set", "train.depht=3", want=1)
    assert "no run was started" in words and "the run failed" not in words and "depht" in words
    assert is_port_free(environment)


@pytest.mark.once
def test_too_few_rows_are_explained(environment):
    words = demo(environment, "--once", "--rows", 1000, want=1)
    assert "INSUFFICIENT_DATA" in words and "nothing can predict yet" in words
    assert "--set evaluate.min_test_positives=" in words and "the last lines of" not in words
    words = demo(environment, "--once", "--rows", 1000, "--set", "evaluate.min_test_positives=1", "--set",
                 "evaluate.min_score=0")
    assert json.loads(words.splitlines()[-1])["version"] == 1
    assert is_port_free(environment)


@pytest.mark.once
def test_a_taken_port_is_named(environment):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(environment["CONVOY_PORT"])))
        taken.listen()
        words = demo(environment, "--once", want=1)
    assert "something answers at" in words


@pytest.mark.once
def test_a_second_demo_leaves_the_log_of_the_first(environment):
    home = pathlib.Path(environment["CONVOY_HOME"])
    home.mkdir()
    (home / "demo.log").write_text("the line is ready at another's\n")
    (home / "run").mkdir()
    with (home / "run" / "line.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        words = demo(environment, "--once", want=1)
    assert "the line did not start" in words and "grep" not in words
    assert (home / "demo.log").read_text() == "the line is ready at another's\n"
    assert [path.name for path in home.glob("demo.log*")] == ["demo.log"]


@pytest.mark.once
def test_on_a_terminal_it_serves_until_interrupted(environment):
    pid, terminal = pty.fork()
    if not pid:
        os.execve(DEMO, [DEMO, "--rows", "20000"], environment)
    words = b""
    while b"until Ctrl-C; the log is" not in words:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            piece = b""
        assert piece, words.decode()
        words += piece
    assert not is_port_free(environment)
    assert b"\x1b[6A" in words
    os.write(terminal, b"\x03")
    words = b""
    with open(terminal, "rb", closefd=True, buffering=0) as rest:
        try:
            while piece := rest.read(65536):
                words += piece
        except OSError:
            pass
        assert words.endswith(b"stopped\r\n")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert is_port_free(environment)


@pytest.mark.once
def test_killed_it_takes_the_line_with_it(environment):
    process = subprocess.Popen([DEMO, "--once", "--rows", "3000000"], env=environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in process.stdout:
        sys.stdout.write(line)
        if line.startswith("run "):
            break
    assert not is_port_free(environment)
    process.send_signal(signal.SIGTERM)
    process.stdout.read()
    assert process.wait(PATIENCE_S) == 143
    until(lambda: is_port_free(environment), "the line is gone")
