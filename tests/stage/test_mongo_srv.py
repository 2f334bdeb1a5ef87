"""mongodb+srv:// against a name server and a server of MongoDB's protocol in a network of their own."""

import pathlib
import subprocess
import sys

import pytest

from mongo_rows import Ferret

SCRIPT = pathlib.Path(__file__).parents[1] / "support" / "mongo_srv.py"


def test_what_srv_and_txt_records_name(tmp_path):
    program = Ferret(tmp_path / "server").program
    if not program.exists():
        pytest.skip(f"no {program} (script/servers builds it)")
    if subprocess.run(["unshare", "-rnm", "true"], capture_output=True).returncode:
        pytest.skip("no namespaces for a network of its own")
    done = subprocess.run(["unshare", "-rnm", sys.executable, "-B", SCRIPT, tmp_path], capture_output=True, text=True,
                          timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
