"""What the tests of this folder share: programs built for them come in the environment (meson.build sets it)."""

import os
import subprocess

import pytest


@pytest.fixture
def rows():
    """Calls tests/support/rows: rows(*arguments) -> CompletedProcess with text."""
    program = os.environ["ROWS"]

    def call(*arguments):
        return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120)

    return call
