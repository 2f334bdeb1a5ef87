"""Servers of MongoDB's wire protocol as the tests start them: two implementations, and one of canned replies.

script/servers builds the first two into build/servers/bin; where one is missing, start() skips the test.
"""

import json
import os
import pathlib
import subprocess
import time

import pytest

BIN = pathlib.Path(__file__).parents[2] / "build" / "servers" / "bin"
WORD = "listening on "


class Server:
    """A program that prints "listening on ADDRESS" and serves until it is stopped."""

    def __init__(self, program, folder, *arguments):
        self.program, self.folder, self.arguments = program, pathlib.Path(folder), arguments
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = 0
        self.process = None

    def command(self):
        raise NotImplementedError

    def start(self):
        if not pathlib.Path(self.program).exists():
            pytest.skip(f"no {self.program} (script/servers builds it)")
        for _ in range(50):
            with open(self.folder / "log", "ab") as log:
                self.process = subprocess.Popen(self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                                stderr=log)
            line = self.process.stdout.readline().decode()
            if line.startswith(WORD):
                self.port = int(line.rsplit(":", 1)[1])
                return self
            # the port of a server that was killed may be held for a moment
            self.process.wait()
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None

    def restart(self):
        self.stop()
        return self.start()

    def uri(self, path="", user=""):
        return f"mongodb://{user}127.0.0.1:{self.port}/{path}"


class Ferret(Server):
    """FerretDB over SQLite; arguments as tests/support/servers/mongo takes them. Its data outlive a restart."""

    name = "ferretdb"
    is_durable = True

    def __init__(self, folder, *arguments):
        super().__init__(BIN / "mongo", folder, *arguments)

    def command(self):
        return [self.program, "-listen", f"127.0.0.1:{self.port}", "-state", str(self.folder), *self.arguments]


class Java(Server):
    """mongo-java-server, in memory."""

    name = "mongo-java"
    is_durable = False

    def __init__(self, folder):
        super().__init__(BIN / "mongo-java", folder)

    def command(self):
        return [self.program, str(self.port)]


class Canned(Server):
    """tests/support/canned_mongo over the given documents."""

    def __init__(self, folder, documents, *arguments):
        import bson

        super().__init__(os.environ["CANNED_MONGO"], folder, *arguments)
        self.file = self.folder / "documents.bson"
        with open(self.file, "wb") as file:
            for document in documents:
                file.write(bson.encode(document))

    def command(self):
        return [self.program, self.file, *self.arguments]

    def counts(self):
        """What it was asked; it has ended then."""
        self.process.stdin.close()
        line = self.process.stdout.readline()
        self.process.wait()
        self.process.stdout.close()
        self.process = None
        return json.loads(line)


SERVERS = [Ferret, Java]
