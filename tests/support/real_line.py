"""The whole line on the parts that its users have: policies in MongoDB, store and registry in S3.

    with Parts(folder) as parts:                      # a MongoDB server and an S3 server, empty
        parts.load("generate:rows=4000,seed=1")       # into the collection that pipeline.yaml names
        with RealLine(folder / "home", parts) as line:     # below a prefix of its own in the bucket
            ...
        parts.restart()                               # both, with what they hold

The servers keep what they hold in folders, so that what a test compares are files here as well.
"""

import pathlib
import subprocess

import pytest

import mongo_server
import s3
from line import PIPELINE, Line, program

DATABASE, COLLECTION = "Proj1", "Proj1-Data"


class Parts:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.mongo = mongo_server.Ferret(self.folder / "mongo")
        self.s3 = s3.Versitygw(self.folder / "s3")

    def __enter__(self):
        try:
            self.s3.__enter__()
        except s3.Missing as missing:
            pytest.skip(str(missing))
        try:
            self.mongo.start()
        except BaseException:
            self.s3.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.mongo.stop()
        self.s3.stop()

    def start(self):
        self.mongo.start()
        self.s3.start()

    def restart(self):
        self.stop()
        self.start()

    @property
    def environment(self):
        return self.s3.environment | {
            "MONGODB_URL": self.mongo.uri(),
            "MODEL_BUCKET_NAME": s3.BUCKET,
        }

    @property
    def objects(self):
        return self.s3.folder / "objects" / s3.BUCKET

    def load(self, source):
        """Writes the source to a file, loads that into the collection, and returns the file."""
        file = self.folder / "policies.csv"
        kind, _, settings = source.partition(":")
        assert kind == "generate"
        values = dict(setting.split("=") for setting in settings.split(","))
        convoy, environment = program("convoy"), self.environment | {"CONVOY_PIPELINE": str(PIPELINE)}
        subprocess.run([convoy, "data", "generate", "--rows", values["rows"], "--seed", values["seed"], "--out", file],
                       env=environment, check=True, capture_output=True)
        subprocess.run([convoy, "data", "load", file, self.mongo.uri(), "--drop"], env=environment, check=True,
                       capture_output=True)
        return file


class RealLine(Line):
    _n_lines = 0

    def __init__(self, home, parts, **environment):
        RealLine._n_lines += 1
        prefix = f"line-{RealLine._n_lines}"
        place = {"CONVOY_STORE": f"s3://{s3.BUCKET}/{prefix}/store", "MODEL_PUSHER_S3_KEY": f"{prefix}/registry"}
        super().__init__(home, **parts.environment | place | environment)
        self.store_folder = parts.objects / prefix / "store"
        self.registry_folder = parts.objects / prefix / "registry"

    def __exit__(self, *failure):
        super().__exit__(*failure)
        if not any(failure):
            self.check_secrets()

    def check_secrets(self):
        """Nothing that the line has left shows a key: neither home, logs, nor objects."""
        secret = s3.KEYS["AWS_SECRET_ACCESS_KEY"].encode()
        for folder in (self.home, self.log_folder, self.store_folder, self.registry_folder):
            for path in folder.rglob("*"):
                if path.is_file():
                    assert secret not in path.read_bytes(), f"{path} shows a secret"
