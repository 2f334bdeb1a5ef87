"""deploy/aws/policy*.json: enough for a line on S3, and nothing that it does not call."""

import json
import os
import re
import subprocess
import urllib.parse

import pytest

import s3
from line import GATEWAY, PIPELINE, ROOT, STAGES, Line, free_port, program
from s3 import BUCKET, Gate, Missing, Versitygw

from conftest import ALWAYS, SOURCE, TRAIN

AWS = ROOT / "deploy" / "aws"
PLACE = {"BUCKET": BUCKET, "STORE_PREFIX": "store", "MODEL_PUSHER_S3_KEY": "models"}
LINE = {"CONVOY_STORE": f"s3://{BUCKET}/store", "MODEL_BUCKET_NAME": BUCKET, "MODEL_PUSHER_S3_KEY": "models"}
USER, SECRET = "line-user-of-the-tests", "secret-of-the-line-user"


def policy(name):
    text = (AWS / f"{name}.json").read_text()
    for word, value in PLACE.items():
        text = re.sub(rf"\b{word}\b", value, text)
    return json.loads(text)


def actions(name):
    return {action for statement in policy(name)["Statement"] for action in statement["Action"]}


def action_of(method, target):
    """By the Service Authorization Reference, written once more."""
    path, _, query = target.partition("?")
    names = {name for name, _ in urllib.parse.parse_qsl(query, keep_blank_values=True)}
    key = path.split("/", 2)[2] if path.count("/") > 1 else ""
    if not key:
        assert method in ("GET", "HEAD") and (method == "HEAD" or "list-type" in names), target
        return "s3:ListBucket"
    assert not names - {"uploads", "uploadId", "partNumber"}, target
    return {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject", "POST": "s3:PutObject",
            "DELETE": "s3:AbortMultipartUpload" if "uploadId" in names else "s3:DeleteObject"}[method]


class WithUsers(Versitygw):
    """Whose users have the rights that the bucket's policy gives them, and no others."""

    def command(self):
        folder = self.folder / "iam"
        folder.mkdir(exist_ok=True)
        command = super().command()
        at = command.index("posix")
        return command[:at] + ["--iam-dir", str(folder)] + command[at:]

    def let(self, user, secret):
        subprocess.run([s3.VERSITYGW, "admin", "--access", s3.KEYS["AWS_ACCESS_KEY_ID"], "--secret",
                        s3.KEYS["AWS_SECRET_ACCESS_KEY"], "--endpoint-url", self.endpoint, "create-user", "--access", user,
                        "--secret", secret, "--role", "user"], check=True, capture_output=True)

    def grant(self, document):
        for statement in document["Statement"]:
            statement["Principal"] = {"AWS": [USER]}
        self.boto3().put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(document))


@pytest.fixture
def server(tmp_path):
    try:
        server = WithUsers(tmp_path / "versitygw").__enter__()
    except Missing as missing:
        pytest.skip(str(missing))
    server.let(USER, SECRET)
    yield server
    server.stop()


def keys(of):
    return {name: value for name, value in of.environment.items() if name.startswith("AWS_")} | {
        "AWS_ACCESS_KEY_ID": USER, "AWS_SECRET_ACCESS_KEY": SECRET}


def convoy(line, *arguments):
    done = subprocess.run([program("convoy"), *arguments], env=line.environment, capture_output=True, text=True,
                          timeout=60)
    return done.stdout + done.stderr


def test_the_policy_is_enough_and_no_more(server, tmp_path):
    """Two runs, a rollback, gc and doctor under policy.json; what they ask for is what it allows."""
    server.grant(policy("policy"))
    with Gate(server) as gate, Line(tmp_path / "home", source=SOURCE, **LINE, **keys(gate)) as line:
        for seed in (1, 2):
            run = line.train(train=TRAIN | {"seed": seed}, evaluate=ALWAYS)
            line.ended(run)
        line.post("/models/vehicle-insurance:rollback", {"from": 2, "reason": "the test"})
        convoy(line, "gc")
        words = convoy(line, "doctor")
        assert not re.search("^(wrong|warning)", words, re.MULTILINE), words
        refused = [entry for entry in gate.log if entry[2] == 403]
        assert not refused, refused
        asked = {action_of(method, target) for method, target, _ in gate.log}
        assert asked == actions("policy")


@pytest.mark.parametrize("action", sorted(actions("policy")))
def test_without_a_right_doctor_names_it(server, tmp_path, action):
    document = policy("policy")
    for statement in document["Statement"]:
        statement["Action"] = [other for other in statement["Action"] if other != action]
    document["Statement"] = [statement for statement in document["Statement"] if statement["Action"]]
    server.grant(document)
    environment = {**os.environ, **LINE, **keys(server), "CONVOY_HOME": str(tmp_path / "home"),
                   "CONVOY_PIPELINE": str(PIPELINE), "CONVOY_PORT": str(free_port())}
    done = subprocess.run([program("convoy"), "doctor"], env=environment, capture_output=True, text=True, timeout=60)
    level = "warning" if action == "s3:AbortMultipartUpload" else "wrong"
    for name in ("store", "registry"):
        assert re.search(rf"^{level} +{name} .*the keys lack {action} on arn:aws:s3:::{BUCKET}", done.stdout,
                         re.MULTILINE), done.stdout


@pytest.mark.parametrize("name", ["policy-gateway", "policy-stages", "policy-pusher", "policy-gc"])
def test_a_part_needs_no_more_than_the_whole(name):
    assert actions(name) <= actions("policy")


def test_each_part_has_enough(server, tmp_path):
    """Every daemon under its own policy: the requests of each are recorded at a gate of its own."""
    server.grant(policy("policy"))
    gates = {name: Gate(server) for name in ("stages", "pusher", "gateway", "gc")}
    try:
        for gate in gates.values():
            gate.__enter__()
        line = Line(tmp_path / "home", source=SOURCE, **LINE, **keys(server))
        of = {"pusher": "pusher", GATEWAY: "gateway"}
        with_gates(line, gates, of)
        with line:
            for seed in (1, 2):
                line.ended(line.train(train=TRAIN | {"seed": seed}, evaluate=ALWAYS))
            line.post("/models/vehicle-insurance:rollback", {"from": 2, "reason": "the test"})
            line.environment["AWS_ENDPOINT_URL"] = gates["gc"].endpoint
            convoy(line, "gc")
        for name, gate in gates.items():
            allowed = policy(f"policy-{name}")
            for method, target, _ in gate.log:
                assert is_allowed(allowed, method, target), (name, method, target)
    finally:
        for gate in gates.values():
            gate.__exit__()


def with_gates(line, gates, of):
    """Each daemon is started with the address of its own gate."""
    start = line.start

    def start_each(*names, **environment):
        for name in names or STAGES:
            start(name, **{"AWS_ENDPOINT_URL": gates[of.get(name, "stages")].endpoint} | environment)

    line.start = start_each


def is_allowed(document, method, target):
    action = action_of(method, target)
    resource = "arn:aws:s3:::" + urllib.parse.unquote(target.partition("?")[0].strip("/"))
    for statement in document["Statement"]:
        for pattern in statement["Resource"]:
            if action in statement["Action"] and re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), resource):
                return True
    return False


def test_documents_are_whole():
    """Every file here is JSON, and the note names it."""
    note = (AWS / "README.md").read_text()
    for path in AWS.glob("*.json"):
        json.loads(path.read_text())
        assert path.name in note
