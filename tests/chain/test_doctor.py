"""convoy doctor on real servers: each failure in words, with what to do; nothing left behind, no secret told."""

import json
import os
import re
import socket
import subprocess

import pymongo
import pytest

import s3
from line import PIPELINE, copy_pipeline, free_port, program
from mongo_server import Ferret
from policies import make_policies
from proxy import Proxy
from s3 import BUCKET, Gate, Missing, Versitygw

USER, PASSWORD = "annabell", "pa55:w0rd@/?"
ENCODED = "annabell:pa55%3Aw0rd%40%2F%3F@"
SECRETS = [USER, "pa55", "w0rd", s3.KEYS["AWS_SECRET_ACCESS_KEY"], "0123456789+abcdef", "another-secret-key",
           "a-session-token"]
# what a run of doctor may take with everything away is 20; other tests run beside this one
LIMIT_S = 30
STORE = {"CONVOY_STORE": f"s3://{BUCKET}/store", "MODEL_BUCKET_NAME": BUCKET}


class Doctor:
    def __init__(self, folder):
        self.folder = folder

    def __call__(self, pipeline=PIPELINE, port=None, **environment):
        """The findings by name, as [(outcome, message)…]; nothing that was printed holds a secret."""
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("CONVOY_", "AWS_", "MONGO", "MODEL_")) or name == "CONVOY_COMMANDS"}
        done = subprocess.run(
            [program("convoy"), "doctor", "--json"], capture_output=True, text=True, timeout=LIMIT_S,
            env=kept | {"CONVOY_HOME": str(self.folder / "home"), "CONVOY_PIPELINE": str(pipeline),
                        "CONVOY_PORT": str(port or free_port()), "HOME": str(self.folder),
                        "AWS_EC2_METADATA_DISABLED": "true"} | environment)
        assert done.returncode == 1, "no gateway runs" + done.stdout + done.stderr
        for secret in SECRETS:
            assert secret not in done.stdout + done.stderr
        findings = {}
        for check in json.loads(done.stdout)["checks"]:
            findings.setdefault(check["name"], []).append((check["outcome"], check["message"]))
        return findings

    def about(self, name, outcome, want, **more):
        """There is one finding of that name, of that outcome, and it matches."""
        findings = self(**more)[name]
        assert len(findings) == 1 and findings[0][0] == outcome and re.search(want, findings[0][1]), findings


@pytest.fixture
def doctor(tmp_path):
    return Doctor(tmp_path)


@pytest.fixture(scope="module")
def policies():
    return make_policies(300)


# files


def test_a_file_that_is_well(doctor, tmp_path, policies):
    policies.to_csv(tmp_path / "rows.csv", index=False)
    doctor.about("source", "ok", r"^file://\S+/rows.csv: about 300 rows; the first 300 are as schema.yaml says$",
                 CONVOY_SOURCE=f"file://{tmp_path}/rows.csv")
    doctor.about("source", "ok", r"^generate:rows=9,seed=1: made up, from generator.yaml$",
                 CONVOY_SOURCE="generate:rows=9,seed=1")


def test_a_file_that_will_not_do(doctor, tmp_path, policies):
    def wrong(want, outcome="wrong", **more):
        doctor.about("source", outcome, want, CONVOY_SOURCE=f"file://{tmp_path}/rows", **more)

    path = tmp_path / "rows"
    wrong("there is no file .*/rows; name another in CONVOY_SOURCE")
    path.write_text('[{"id": 1}]')
    wrong("a JSON array; write one object a line")
    path.write_bytes(b"PAR1" + b"\0" * 100)
    wrong("a Parquet file; write it as Arrow")
    policies.drop(columns="Vintage").to_csv(path, index=False)
    wrong("its first 300 rows have no column Vintage: ")
    policies.replace({"Gender": {"Male": "Mail"}}).to_csv(path, index=False)
    wrong("column Gender breaks the schema: .*; correct the rows, or what schema.yaml allows")
    policies.astype({"Vintage": object}).assign(Vintage=lambda frame: frame["Vintage"].where(frame["id"] != 7, "long")) \
        .to_csv(path, index=False)
    wrong("rows:8:.*long")
    copy_pipeline(tmp_path / "patient", max_bad_fraction="0.5")
    wrong("1 of its first 300 rows cannot be read, .*rows:8:.*; max_bad_fraction allows 0.5 of all", "warning",
          pipeline=tmp_path / "patient")


# MongoDB


@pytest.fixture(scope="module")
def mongo(tmp_path_factory, policies):
    server = Ferret(tmp_path_factory.mktemp("mongo"), "-user", USER, "-password", PASSWORD).start()
    client = pymongo.MongoClient("127.0.0.1", server.port, directConnection=True, username=USER, password=PASSWORD)
    rows = policies.to_dict("records")
    client["Proj1"]["Proj1-Data"].insert_many([{"_id": row["id"], **row} for row in rows])
    client["Proj1"]["no-vintage"].insert_many(
        [{key: value for key, value in row.items() if key != "Vintage"} | {"vintage": 1} for row in rows])
    client["Proj1"]["a-mail"].insert_many([{**row, "Gender": "Mail"} for row in rows])
    client["Proj1"]["text"].insert_many([{"_id": row["id"], **row, "Age": "old"} for row in rows])
    client["Proj1"].create_collection("empty")
    client.close()
    yield server
    server.stop()


def test_a_collection_that_is_well(doctor, mongo):
    place = rf"^Proj1\.Proj1-Data of MongoDB at 127\.0\.0\.1:{mongo.port}: "
    doctor.about("source", "ok", place + "about 300 rows; the first 100 are as schema.yaml says$",
                 MONGODB_URL=mongo.uri(user=ENCODED))


@pytest.mark.parametrize("collection, want", [
    ("no-vintage", r"its first 100 rows have no column Vintage: .*vintage"),
    ("a-mail", "column Gender breaks the schema: .*Mail"),
    ("text", r"document 1: .*\"old\""),
    ("empty", "there are no documents; fill it with `convoy data load"),
    ("Proj1-Dada", r'there is no collection "Proj1-Dada".*Proj1-Data.*; name the right one in source.collection'),
])
def test_a_collection_that_will_not_do(doctor, mongo, tmp_path, collection, want):
    pipeline = copy_pipeline(tmp_path / "pipeline", collection=collection)
    doctor.about("source", "wrong", rf"^Proj1\.{collection} of MongoDB at 127\.0\.0\.1:\d+: .*{want}", pipeline=pipeline,
                 MONGODB_URL=mongo.uri(user=ENCODED))


def test_a_server_that_does_not_let_us(doctor, mongo, tmp_path):
    def wrong(want, uri, **more):
        doctor.about("source", "wrong", want, MONGODB_URL=uri, **more)

    host = f"127.0.0.1:{mongo.port}"
    wrong("does not take the user and password .*; see user, password", f"mongodb://{USER}:wr0ngw0rd@{host}/")
    wrong("does not let the URI's user read .*; grant that user the role `read`", f"mongodb://{host}/")
    wrong("there is no database \"Proj2\".*; name the right one in source.database", mongo.uri(user=ENCODED),
          pipeline=copy_pipeline(tmp_path / "pipeline", database="Proj2"))
    wrong("the file /nowhere.pem .* cannot be read", f"mongodb://{ENCODED}{host}/?tls=true&tlsCAFile=/nowhere.pem")


def test_a_server_that_is_not_there(doctor, mongo):
    def wrong(want, uri):
        doctor.about("source", "wrong", want, MONGODB_URL=uri)

    wrong(r"^Proj1\.Proj1-Data of MongoDB at 127\.0\.0\.1:1 cannot be reached: connections are refused .*; is a server "
          "running there", f"mongodb://{ENCODED}127.0.0.1:1/?serverSelectionTimeoutMS=120000")
    wrong("at no-such.host.invalid:27017: the URI's host has no address .*; correct the host",
          f"mongodb://{ENCODED}no-such.host.invalid/")
    with Proxy(("127.0.0.1", mongo.port)) as proxy:
        proxy.silence()
        wrong("cannot be reached: no answer in time .*; is a firewall in between",
              f"mongodb://{ENCODED}{proxy.address}/?connectTimeoutMS=120000&socketTimeoutMS=0")
        proxy.resume()
        proxy.cut_after(1, times=100)
        wrong("cannot be reached: the connection breaks off", f"mongodb://{ENCODED}{proxy.address}/")
    # what it speaks is no TLS
    wrong("cannot be reached: the connection breaks off .*; does the server want TLS.*or has it none|SOURCE_TLS|TLS",
          f"mongodb://{ENCODED}127.0.0.1:{mongo.port}/?tls=true")


def test_an_address_that_cannot_be_read(doctor):
    for uri in ("mongodb://annabell:pa55:w0rd@/?@127.0.0.1/", "mongodb://annabell:pa55w0rd@/"):
        findings = doctor(MONGODB_URL=uri)
        told = findings["pipeline"] + findings.get("source", [])
        assert any(outcome == "wrong" and "URI" in message or "percent-encoded" in message
                   for outcome, message in told), told


# S3


def start(folder, **more):
    try:
        return Versitygw(folder, **more).__enter__()
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = start(tmp_path_factory.mktemp("versitygw"))
    yield server
    server.stop()


@pytest.fixture
def gate(server):
    with Gate(server) as gate:
        yield gate
    assert not server.boto3().list_objects_v2(Bucket=BUCKET).get("Contents"), "something stays behind"


def aws(of):
    return STORE | {name: value for name, value in of.environment.items() if name.startswith("AWS_")}


def test_a_bucket_that_is_well(doctor, gate):
    findings = doctor(**aws(gate))
    assert findings["store"] == [
        ("ok", f"s3://{BUCKET}/store can be listed, written, read and cleared, and refuses what it must")]
    assert findings["registry"] == [("ok", f"s3://{BUCKET}/model-registry: no version yet; `convoy train` makes one")]
    assert findings["credentials"][0][0] == "ok"


@pytest.mark.parametrize("method, path, action, resource", [
    ("GET", r"\?.*list-type", "s3:ListBucket", ""),
    ("PUT", "store/doctor", "s3:PutObject", r"/store/doctor-\w+"),
    ("GET", "store/doctor", "s3:GetObject", r"/store/doctor-\w+"),
    ("DELETE", "store/doctor", "s3:DeleteObject", r"/store/doctor-\w+"),
])
def test_the_right_that_is_missing_is_named(doctor, server, gate, method, path, action, resource):
    # what cannot be removed is removed by the test
    gate.fail(99, status=403, code="AccessDenied", message="Access Denied", method=method, path=path)
    doctor.about("store", "wrong", rf"403 AccessDenied: Access Denied; the keys lack {action} on arn:aws:s3:::{BUCKET}"
                 rf"{resource}(, or|$)", **aws(gate))
    for entry in server.boto3().list_objects_v2(Bucket=BUCKET).get("Contents", []):
        assert action == "s3:DeleteObject"
        server.boto3().delete_object(Bucket=BUCKET, Key=entry["Key"])


def test_a_store_that_is_none_is_told_before_there_is_a_home(doctor):
    doctor.about("store", "wrong", "'models/convoy' is no store; write file://PATH or s3://BUCKET/PREFIX",
                 CONVOY_STORE="models/convoy")


def test_an_endpoint_shows_no_password(doctor, gate):
    """Which is wrong anyway; that no secret is printed is looked at by doctor."""
    findings = doctor(**aws(gate) | {"AWS_ENDPOINT_URL": "http://annabell:pa55w0rd@127.0.0.1:9/"})
    assert findings["store"][0][0] == "wrong"


def test_words_of_aws_about_a_right_are_its_own(doctor, gate):
    gate.fail(99, status=403, code="AccessDenied", method="PUT",
              message="User: arn:aws:iam::1:user/u is not authorized to perform: kms:GenerateDataKey on resource: key")
    doctor.about("store", "wrong", "not authorized to perform: kms:GenerateDataKey on resource: key$", **aws(gate))


def test_uploads_that_cannot_be_aborted(doctor, gate):
    gate.fail(99, status=403, code="AccessDenied", method="DELETE", path="uploadId")
    findings = doctor(**aws(gate))["store"]
    assert [outcome for outcome, _ in findings] == ["warning", "ok"]
    assert "the keys lack s3:AbortMultipartUpload on arn:aws:s3:::" in findings[0][1]


@pytest.mark.parametrize("name, want", [
    ("If-None-Match", "ignores If-None-Match: of two who create the same version both would believe to have it"),
    ("If-Match", "ignores If-Match: moves of an alias would be lost"),
])
def test_a_server_that_ignores_conditions(doctor, gate, name, want):
    """What the server refuses for this condition is told to be done."""
    pass_on = gate._pass_on

    def ignore(request, body):
        answer = pass_on(request, body)
        return (200, {"ETag": '"0"'}, b"") if answer[0] == 412 and name in request.headers else answer

    gate._pass_on = ignore
    doctor.about("store", "wrong", want, **aws(gate))


@pytest.mark.parametrize("status, code, want", [
    (403, "InvalidAccessKeyId", "nobody there has this access key"),
    (403, "SignatureDoesNotMatch", "the secret key is not that of the access key"),
    (403, "RequestTimeTooSkewed", "set this machine's clock"),
    (403, "ExpiredToken", "the session has ended"),
    (404, "NoSuchBucket", "make the bucket, or name the right one in store.uri"),
    (400, "AuthorizationHeaderMalformed", "set AWS_REGION"),
    (501, "NotImplemented", "lacks what Convoy needs"),
    (503, "SlowDown", "503 SlowDown"),
])
def test_refusals_by_their_cause(doctor, gate, status, code, want):
    gate.fail(99, status=status, code=code)
    findings = doctor(**aws(gate))
    for name in ("store", "registry"):
        assert findings[name][0][0] == "wrong" and want in findings[name][0][1], findings


def test_keys_that_are_wrong_in_earnest(doctor, server):
    doctor.about("store", "wrong", "SignatureDoesNotMatch",
                 **aws(server) | {"AWS_SECRET_ACCESS_KEY": "another-secret-key"})
    doctor.about("store", "wrong", "InvalidToken.*; AWS_SESSION_TOKEN does not belong to the access key",
                 **aws(server) | {"AWS_SESSION_TOKEN": "a-session-token"})
    doctor.about("store", "wrong", "; nobody there has this access key",
                 **aws(server) | {"AWS_ACCESS_KEY_ID": "another"})
    doctor.about("store", "wrong", "NoSuchBucket.*; make the bucket", **aws(server) | {"CONVOY_STORE": "s3://none-such"})


def test_without_keys_nothing_is_asked(doctor, gate):
    environment = {name: value for name, value in aws(gate).items() if name not in s3.KEYS}
    findings = doctor(**environment)
    assert findings["credentials"][0][0] == "wrong" and "there are no keys for AWS" in findings["credentials"][0][1]
    assert "store" not in findings and not gate.log


def test_a_clock_that_is_off(doctor, gate):
    # whatever is asked is answered by the gate, an hour ahead
    gate.skew_s = 3600
    gate.fail(99, status=200, body=b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>", method="GET")
    gate.fail(99, status=403, code="AccessDenied", method="PUT|DELETE")
    findings = doctor(**aws(gate))
    assert any(outcome == "warning" and re.search(r"clock is 3[56]\d\d seconds behind that of S3", message)
               for outcome, message in findings["store"]), findings


def test_no_server_there(doctor, server):
    doctor.about("store", "wrong", "cannot be listed: S3: GET s3://.*127.0.0.1.*; is AWS_ENDPOINT_URL right",
                 **aws(server) | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})


def test_tls_where_there_is_none(doctor, server):
    doctor.about("store", "wrong", "; there is no TLS at that port: is it http:// in AWS_ENDPOINT_URL",
                 **aws(server) | {"AWS_ENDPOINT_URL": aws(server)["AWS_ENDPOINT_URL"].replace("http:", "https:")})


def test_everything_away(doctor, server):
    """Nobody refuses, nobody answers, whatever the source's URI would wait for."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        port = silent.getsockname()[1]
        findings = doctor(
            port=port, **aws(server) | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"},
            MONGODB_URL=f"mongodb://{ENCODED}127.0.0.1:{port}/?connectTimeoutMS=600000&serverSelectionTimeoutMS=600000"
                        "&serverSelectionTryOnce=false")
    assert "no answer in time" in findings["source"][0][1]
    for name in ("source", "store", "registry", "gateway"):
        assert [outcome for outcome, _ in findings[name]] == ["wrong"], findings
