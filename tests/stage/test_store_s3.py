"""The store in S3: its cases on two real servers, its faults at a gate before one, and its objects in others' hands."""

import base64
import hashlib
import os
import pathlib
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import s3  # noqa: E402
from proxy import Proxy  # noqa: E402
from s3 import BUCKET, KEYS, Gate, Missing, Moto, Registry, Versitygw, error_document  # noqa: E402

TIMEOUT_S = 250
SECRET = KEYS["AWS_SECRET_ACCESS_KEY"]
MIB = 1 << 20


def start(kind, folder, **options):
    try:
        return kind(folder, **options).__enter__()
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def versitygw(tmp_path_factory):
    server = start(Versitygw, tmp_path_factory.mktemp("versitygw"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    server = start(Moto, tmp_path_factory.mktemp("moto"))
    yield server
    server.stop()


@pytest.fixture(params=["versitygw", "moto"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def gate(versitygw):
    with Gate(versitygw) as gate:
        yield gate


class Result:
    def __init__(self, done):
        self.log = done.stderr
        self.lines = done.stdout.splitlines()
        assert done.returncode == 0 and self.lines, done.stdout + done.stderr
        assert SECRET not in done.stdout + done.stderr
        self.rss_kib = int(self.lines.pop().split()[1])
        self.result = self.lines.pop()

    def __eq__(self, other):
        return self.result == other

    def __repr__(self):
        return f"{self.result} {self.lines}\n{self.log}"


class Tool:
    """Calls of the store, each by a process of its own, at a prefix of its own."""

    n = 0

    def __init__(self, environment, folder, bucket=BUCKET, **more):
        Tool.n += 1
        self.prefix = f"tool-{os.getpid()}-{Tool.n}"
        self.uri = f"s3://{bucket}/{self.prefix}"
        self.cache = folder / f"cache-{Tool.n}"
        self.environment = environment | more

    def start(self, *arguments, stdin=subprocess.DEVNULL, environment=None, **more):
        return subprocess.Popen([os.environ["STORE_TOOL"], self.uri, self.cache, *map(str, arguments)],
                                env=self.environment | more | (environment or {}), stdin=stdin,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __call__(self, *arguments, **more):
        process = self.start(*arguments, **more)
        out, err = process.communicate(timeout=TIMEOUT_S)
        return Result(subprocess.CompletedProcess([], process.returncode, out, err))


@pytest.fixture
def tool(gate, tmp_path):
    return Tool(gate.environment, tmp_path)


def blob_name(digest):
    return f"blobs/sha256/{digest[:2]}/{digest}"


def write_random(path, n_bytes):
    with open(path, "wb") as file:
        for _ in range(n_bytes // MIB):
            file.write(os.urandom(MIB))
        file.write(os.urandom(n_bytes % MIB))
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# The cases of the store and the registry, as they run on folders, and a push that dies at each operation of the store.

def run_cases(name, server, tmp_path):
    environment = server.environment | {"CONVOY_TEST_STORE": f"s3://{BUCKET}/cases", "TMPDIR": str(tmp_path)}
    done = subprocess.run([os.environ[name]], env=environment, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    assert "FAILED" not in done.stdout and SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["TEST_STORE", "TEST_PUSH"])
def test_cases(name, server, tmp_path):
    run_cases(name, server, tmp_path)


@pytest.mark.parametrize("name", ["TEST_REGISTRY", "TEST_REGISTRY_MOVES", "TEST_REGISTRY_RACES", "TEST_PUSH_SWEEP"])
def test_cases_of_many_requests(name, versitygw, tmp_path):
    """moto takes many minutes for these."""
    run_cases(name, versitygw, tmp_path)


def test_cases_when_every_name_is_a_virtual_host(versitygw, tmp_path):
    """s3.localhost is this machine (RFC 6761), and its server is told that hosts carry buckets."""
    with Gate(versitygw) as gate:
        hosts = []

        def look(request):
            hosts.append(request.headers["host"])
            return 404, {}, error_document("NoSuchKey")

        gate.answer(100, look)
        environment = s3.environment_of(f"http://s3.localhost:{gate.port}")
        tool = Tool(environment, tmp_path)
        assert tool("get", "a") == "MISSING"
        tool.environment = environment | {"AWS_S3_ADDRESSING_STYLE": "path"}
        assert tool("get", "a") == "MISSING"
        tool.environment = gate.environment
        assert tool("get", "a") == "MISSING"
        tool.uri += "?addressing=virtual"
        tool.environment = environment | {"AWS_S3_ADDRESSING_STYLE": "path"}
        assert tool("get", "a") == "MISSING"
    assert hosts == [f"{BUCKET}.s3.localhost:{gate.port}", f"s3.localhost:{gate.port}", f"127.0.0.1:{gate.port}",
                     f"{BUCKET}.s3.localhost:{gate.port}"]
    assert [path.split("/")[1] for _, path, _ in gate.log] == [tool.prefix, BUCKET, BUCKET, tool.prefix]


# Two who race.

def race(tools, *arguments):
    processes = [tool.start(*arguments) for tool in tools]
    results = []
    for process in processes:
        out, err = process.communicate(timeout=TIMEOUT_S)
        results.append(Result(subprocess.CompletedProcess([], process.returncode, out, err)))
    return results


def test_two_who_race_have_one_winner_each(server, tmp_path):
    tools = [Tool(server.environment, tmp_path) for _ in range(2)]
    tools[1].uri = tools[0].uri
    results = race(tools, "claim", "claims", 1000)
    assert all(result == "0" for result in results), results
    counts = [list(map(int, result.lines[0].split())) for result in results]
    assert [made + found for made, found, _ in counts] == [1000, 1000]
    assert counts[0][0] + counts[1][0] == 1000
    client = server.boto3()
    for made, _, who in counts:
        held = sum(client.get_object(Bucket=BUCKET, Key=f"{tools[0].prefix}/claims/{i}")["Body"].read() == b"%d" % who
                   for i in range(1000))
        assert held == made


def test_two_who_swap_lose_nothing(server, tmp_path):
    tools = [Tool(server.environment, tmp_path) for _ in range(2)]
    tools[1].uri = tools[0].uri
    assert tools[0]("put", "counter", "0") == "0"
    assert all(result == "0" for result in race(tools, "increment", "counter", 500))
    assert tools[0]("get", "counter").lines[1] == "1000"


# In others' hands.

def test_others_read_what_was_written(server, tmp_path):
    tool = Tool(server.environment, tmp_path)
    content = tmp_path / "content"
    digest = write_random(content, 3 * MIB + 17)
    assert tool("push", content) == "0"
    key = f"{tool.prefix}/{blob_name(digest)}"
    answer = server.boto3().get_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
    assert hashlib.sha256(answer["Body"].read()).hexdigest() == digest
    assert answer["ChecksumSHA256"] == base64.b64encode(bytes.fromhex(digest)).decode()
    aws = subprocess.run([sys.executable, "-m", "awscli", "--endpoint-url", server.endpoint, "s3", "cp",
                          f"s3://{BUCKET}/{key}", str(tmp_path / "copy")], env=server.environment, capture_output=True,
                         text=True, timeout=TIMEOUT_S)
    assert aws.returncode == 0, aws.stderr
    assert (tmp_path / "copy").read_bytes() == content.read_bytes()
    # and what others wrote, under a name that needs escaping in the prefix
    server.boto3().put_object(Bucket=BUCKET, Key="a prefix/mit Ümläut+%/x", Body=b"theirs")
    tool.uri = f"s3://{BUCKET}/a prefix/mit Ümläut+%"
    assert tool("get", "x").lines[1] == "theirs"
    listed = tool("list", "").lines
    assert len(listed) == 1 and listed[0].startswith("x 6 ")
    assert abs(int(listed[0].split()[2]) / 1000 - time.time()) < 600


def test_names_of_others_are_passed_over(server, tmp_path):
    tool = Tool(server.environment, tmp_path)
    client = server.boto3()
    for key in ["good", "f/x", "not a name", ".hidden", "f2/", "Ü", "a+b", "good.too"]:
        client.put_object(Bucket=BUCKET, Key=f"{tool.prefix}/{key}", Body=b"" if key.endswith("/") else b"1")
    names = [line.split()[0] for line in tool("list", "").lines]
    assert names == ["f/", "f2/", "good", "good.too"]
    assert tool("list", "f2").lines == []


def test_more_than_a_page(server, tmp_path):
    tool = Tool(server.environment, tmp_path)
    assert tool("put-many", 1203, 3) == "0"
    names = [line.split()[0] for line in tool("list", "many").lines]
    assert names == sorted(str(i) for i in range(1203))


# Parts.

def test_parts(server, tmp_path):
    """200 MB go in parts, several at a time, and no process ever holds them."""
    with Gate(server) as gate:
        tool = Tool(gate.environment, tmp_path)
        content = tmp_path / "content"
        digest = write_random(content, 200_000_000)
        done = tool("push", content)
        assert done == "0" and done.lines[0] == digest
        assert done.rss_kib < 100 * 1024 or "asan" in os.environ.get("ASAN_OPTIONS", "")
        assert gate.count("POST", r"\?uploads") == 1
        numbers = sorted(int(path.split("partNumber=")[1].split("&")[0]) for method, path, _ in gate.log
                         if method == "PUT" and "partNumber=" in path)
        assert numbers == list(range(1, 7))
        assert len(set(gate.clients)) >= 4
        complete = [headers for method, path, headers in gate.requests if method == "POST" and "uploadId" in path]
        assert len(complete) == 1 and complete[0]["if-none-match"] == "*"
        gate.clear()
        # it is there, so nothing is sent again
        assert tool("push", content) == "0"
        assert [entry[0] for entry in gate.log] == ["HEAD"]
        # a cache that is empty is filled as it comes
        tool.cache = tmp_path / "another"
        fetched = tool("fetch", digest)
        assert fetched == "0"
        assert hashlib.sha256(pathlib.Path(fetched.lines[0]).read_bytes()).hexdigest() == digest
        assert fetched.rss_kib < 100 * 1024
    server.boto3().delete_object(Bucket=BUCKET, Key=f"{tool.prefix}/{blob_name(digest)}")


def push_parts(tool, tmp_path):
    content = tmp_path / "content"
    digest = write_random(content, 70 * MIB)
    return tool("push", content), digest


def uploads(server):
    return server.boto3().list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])


def test_a_part_that_fails_is_sent_again(gate, tool, tmp_path):
    gate.fail(2, 503, "SlowDown", "PUT", "partNumber=1")
    gate.drop(1, "PUT", "partNumber=2")
    gate.fail(1, 400, "BadDigest", "PUT", "partNumber=3")
    done, digest = push_parts(tool, tmp_path)
    assert done == "0"
    assert [gate.count("PUT", f"partNumber={n}&") for n in (1, 2, 3)] == [3, 2, 2]
    # a checksum vouches for each part, and the signature for the checksum
    parts = [headers for method, path, headers in gate.requests if "partNumber=" in path]
    assert all(headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD" for headers in parts)
    assert all("x-amz-checksum-crc32c" in headers["authorization"] for headers in parts)
    tool.cache = tmp_path / "another"
    assert tool("fetch", digest) == "0"


def test_parts_that_are_refused_leave_nothing(gate, tool, tmp_path):
    gate.fail(100, 403, "AccessDenied", "PUT", "partNumber=2")
    done, digest = push_parts(tool, tmp_path)
    assert done == "EACCES" and "AccessDenied" in done.log
    assert gate.count("PUT", "partNumber=2&") == 1
    assert gate.count("DELETE", "uploadId") == 1 and not uploads(gate.server)
    assert tool("get", blob_name(digest)) == "MISSING"


def test_completion_may_fail_with_200(gate, tool, tmp_path):
    gate.fail(2, 200, "InternalError", "POST", "uploadId")
    done, digest = push_parts(tool, tmp_path)
    assert done == "0" and gate.count("POST", "uploadId") == 3
    tool.cache = tmp_path / "another"
    assert tool("fetch", digest) == "0"


def test_completion_whose_answer_is_lost(gate, tool, tmp_path):
    gate.lose(1, "POST", "uploadId")
    done, digest = push_parts(tool, tmp_path)
    assert done == "0" and gate.count("POST", "uploadId") == 2
    assert not uploads(gate.server)


# Faults.

def test_busy_or_broken_for_a_while(gate, tool):
    gate.fail(1, 500, "InternalError")
    gate.fail(2, 503, "SlowDown")
    gate.drop(1)
    done = tool("put", "a", "1")
    assert done == "0" and gate.count("PUT") == 5
    # a new connection after each failure
    assert len(set(gate.clients)) == 5
    gate.fail(1, 500, body=b"not XML")
    gate.truncate(1, 0)
    assert tool("get", "a").lines[1] == "1"


def test_ten_tries_and_no_more(gate, tool):
    gate.fail(100, 503, "SlowDown", message="Please reduce your request rate.")
    started = time.monotonic()
    done = tool("get", "a")
    assert done == "EREMOTEIO" and gate.count() == 10
    assert "503 SlowDown: Please reduce your request rate" in done.log
    # nine pauses that double from 100 ms to 20 s, each cut by up to a half
    assert 20 < time.monotonic() - started < 60


def test_what_is_asked_for_is_waited(gate, tool):
    gate.fail(1, 503, "SlowDown", headers={"Retry-After": "2"})
    started = time.monotonic()
    assert tool("put", "a", "1") == "0"
    assert 2 <= time.monotonic() - started < 20


@pytest.mark.parametrize("seconds, want", [("9223372036854775807", "ETIMEDOUT"), ("99999999999999999999", "ETIMEDOUT"),
                                           ("20", "ETIMEDOUT"), ("-9223372036854775808", "0"), ("-1", "0"),
                                           ("Fri, 24 May 2013 00:00:00 GMT", "0"), ("", "0")])
def test_what_is_asked_for_is_bounded(gate, tool, seconds, want):
    """The longest pause does not fit before the deadline, so that it is not waited for either."""
    gate.fail(1, 503, "SlowDown", headers={"Retry-After": seconds})
    assert tool("put", "a", "1", DEADLINE_MS="10000") == want


@pytest.mark.parametrize("status, code", [(403, "AccessDenied"), (403, "InvalidAccessKeyId"),
                                          (403, "SignatureDoesNotMatch"), (404, "NoSuchBucket"),
                                          (404, "NoSuchWhatever"), (501, "NotImplemented"), (400, "InvalidRequest"), (405, "MethodNotAllowed"),
                                          (409, "BucketNotEmpty"), (403, "")])
def test_what_is_refused_is_said_at_once(gate, tool, status, code):
    for arguments in [("put", "a", "1"), ("create", "a", "1"), ("get", "a"), ("list", "")]:
        gate.clear()
        gate.fail(100, status, code, message="because I say so")
        done = tool(*arguments)
        assert done == "EACCES" and gate.count() == 1, done
        assert f"{status} {code}: because I say so" in done.log
    errors = [line for line in done.log.splitlines() if " error " in line]
    assert len(errors) == 1


def test_refusals_say_what_to_do(gate, tool):
    for code, advice in [("AccessDenied", "s3:ListBucket"), ("InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"),
                         ("SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"), ("NoSuchBucket", "MODEL_BUCKET_NAME")]:
        gate.clear()
        gate.fail(1, 403 if code != "NoSuchBucket" else 404, code)
        assert advice in tool("get", "a").log
    gate.clear()
    gate.fail(1, 404, body=b"<html><body>nothing here</body></html>")
    assert "AWS_ENDPOINT_URL" in tool("get", "a").log


def test_real_refusals(versitygw, tmp_path):
    """What a server says that checks: a bucket that is not there, keys that are not right, nobody at all."""
    tool = Tool(versitygw.environment, tmp_path, bucket="nobodys-bucket")
    done = tool("put", "a", "1")
    assert done == "EACCES" and "NoSuchBucket" in done.log
    tool = Tool(versitygw.environment, tmp_path)
    done = tool("put", "a", "1", AWS_SECRET_ACCESS_KEY="another")
    assert done == "EACCES" and "SignatureDoesNotMatch" in done.log
    for arguments in [("put", "a", "1"), ("get", "a")]:
        done = tool(*arguments, AWS_ACCESS_KEY_ID="AKIDNOBODY")
        assert done == "EACCES" and ("InvalidAccessKeyId" in done.log or "UserNotFound" in done.log)
    done = tool("put", "a", "1", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert done == "EACCES"
    done = tool("put", "a", "1", AWS_ENDPOINT_URL=f"http://127.0.0.1:{s3.free_port()}", DEADLINE_MS="1500")
    assert done == "ETIMEDOUT" and "refused" in done.log.lower()


def test_uris_and_endpoints_are_checked(versitygw, tmp_path):
    def refusal(uri, **more):
        done = subprocess.run([os.environ["STORE_TOOL"], uri, tmp_path, "get", "a"], env=versitygw.environment | more,
                              capture_output=True, text=True, timeout=TIMEOUT_S)
        assert done.returncode == 2, done.stderr
        return done.stderr

    for uri in ["s3://", "s3://ab", "s3://Toys", "s3://-toys", "s3://toys./x", "s3://a..b", "s3://" + "a" * 64,
                "s3://toys/a//b", "s3://toys/../b", "s3://toys/a/./b", "s3://toys/a\nb", "s3://toys/" + "a" * 600,
                "s3://toys/a?style=path", "s3://toys/a?addressing=host"]:
        assert "STORE_URI" in refusal(uri), uri
    for endpoint in ["localhost:9000", "ftp://host", "http://", "http://user:pass@host", "http://host?x=1",
                     "http://host:port", "https//host"]:
        words = refusal("s3://toys/a", AWS_ENDPOINT_URL=endpoint)
        assert "STORE_ENDPOINT" in words and "pass@" not in words, endpoint
    assert "AWS_S3_ADDRESSING_STYLE" in refusal("s3://toys", AWS_S3_ADDRESSING_STYLE="hosts")


def test_the_endpoint_of_s3_comes_first(gate, tool):
    tool.environment = gate.environment | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3.free_port()}",
                                           "AWS_ENDPOINT_URL_S3": gate.endpoint + "/"}
    assert tool("put", "a", "1") == "0"


def test_conditional_writes_that_lost_their_answer(gate, tool):
    gate.lose(1, "PUT")
    assert tool("create", "a", "mine") == "0"
    assert gate.count("PUT") == 2
    etag = tool("get", "a").lines[0]
    gate.lose(1, "PUT")
    assert tool("swap", "a", etag, "next") == "0"
    assert tool("get", "a").lines[1] == "next"


def test_conditional_writes_that_another_won_meanwhile(gate, tool):
    client = gate.server.boto3()

    def other_was_faster(request):
        client.put_object(Bucket=BUCKET, Key=f"{tool.prefix}/a", Body=b"theirs")
        return 500, {}, error_document("InternalError")

    gate.answer(1, other_was_faster, "PUT")
    assert tool("create", "a", "mine") == "CONFLICT"
    etag = tool("get", "a").lines[0]
    client.put_object(Bucket=BUCKET, Key=f"{tool.prefix}/a", Body=b"theirs")
    assert tool("swap", "a", '"0123"', "mine") == "CONFLICT"
    gate.fail(1, 503, "SlowDown", "PUT")
    assert tool("swap", "a", etag, "mine") == "0"
    assert tool("swap", "b", etag, "mine") == "MISSING"


def test_two_at_once_are_asked_again(gate, tool):
    gate.fail(2, 409, "ConditionalRequestConflict", "PUT")
    assert tool("create", "a", "1") == "0" and gate.count("PUT") == 3
    gate.clear()
    gate.fail(100, 409, "ConditionalRequestConflict", "PUT")
    etag = tool("get", "a").lines[0]
    assert tool("swap", "a", etag, "2") == "CONFLICT"
    assert gate.count("PUT") == 5


def test_a_clock_that_is_off(gate, tool):
    """S3 refuses what is signed by another hour; its own clock is taken then."""
    times = []

    def refuse(request):
        times.append(request.headers["x-amz-date"])
        return 403, {}, error_document("RequestTimeTooSkewed")

    gate.skew_s = 3600
    gate.answer(1, refuse)
    gate.answer(1, lambda request: times.append(request.headers["x-amz-date"]) or (200, {"ETag": '"1"'}, b""))
    assert tool("put", "a", "1") == "0"
    offset = [time.mktime(time.strptime(text, "%Y%m%dT%H%M%SZ")) for text in times]
    assert 3500 < offset[1] - offset[0] < 3700
    gate.clear()
    gate.fail(100, 403, "RequestTimeTooSkewed")
    done = tool("put", "a", "1")
    assert done == "EACCES" and gate.count() <= 4 and "clock" in done.log
    # to HEAD nothing is said
    gate.clear()
    gate.fail(1, 403, body=b"", method="HEAD")
    gate.skew_s = 3600
    gate.answer(1, lambda request: (404, {}, b""), "HEAD")
    assert tool("remove", "a") == "MISSING"


def test_keys_that_expire_are_fetched_anew(gate, tool, tmp_path):
    """Keys out of a program, which are others each time."""
    program = tmp_path / "keys"
    counter = tmp_path / "n"
    program.write_text(f"""#!/bin/sh
n=$(($(cat {counter} 2>/dev/null || echo 0) + 1)); echo $n >{counter}
echo '{{"Version": 1, "AccessKeyId": "AKID'$n'", "SecretAccessKey": "s'$n'", "SessionToken": "token'$n'",
       "Expiration": "2099-01-01T00:00:00Z"}}'
""")
    program.chmod(0o755)
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {program}\n")
    for name in KEYS:
        tool.environment.pop(name)
    tool.environment["AWS_CONFIG_FILE"] = str(config)
    seen = []

    def look(request):
        seen.append(request.headers["x-amz-security-token"])
        if seen[-1] == "token1":
            return 400, {}, error_document("ExpiredToken")
        return 200, {"ETag": '"1"'}, b""

    gate.answer(10, look)
    done = tool("put", "a", "1")
    assert done == "0" and seen == ["token1", "token2"]
    assert "token1" not in done.log and "token2" not in done.log
    # keys that stay the same are not tried again
    gate.clear()
    program.write_text(program.read_text().replace("'$n'", "0"))
    gate.fail(10, 400, "ExpiredToken")
    done = tool("put", "a", "1")
    assert done == "EACCES" and gate.count() == 1, done


def region_of(request):
    return request.headers["authorization"].split("Credential=")[1].split("/")[2]


def test_a_bucket_in_another_region(gate, tool):
    """Each way in which S3 says so; then the new region is signed for."""
    answers = [lambda: (301, {"x-amz-bucket-region": "eu-west-3"}, error_document("PermanentRedirect")),
               lambda: (400, {}, error_document("AuthorizationHeaderMalformed", Region="eu-west-3")),
               lambda: (301, {"x-amz-bucket-region": "eu-west-3"}, b"")]
    for answer in answers:
        for arguments in [("put", "a", "1"), ("list", "")]:
            gate.clear()
            regions = []

            def look(request):
                regions.append(region_of(request))
                if regions[-1] != "eu-west-3":
                    return answer()
                return 200, {"ETag": '"1"'}, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"

            gate.answer(100, look)
            assert tool(*arguments) == "0"
            assert regions == ["us-east-1", "eu-west-3"]
    gate.clear()
    gate.fail(100, 301, "PermanentRedirect", Endpoint="elsewhere.example")
    done = tool("put", "a", "1", DEADLINE_MS="3000")
    assert done in ("EACCES", "ETIMEDOUT", "EHOSTUNREACH")


def test_regions_that_point_at_each_other(gate, tool):
    flip = {"us-east-1": "eu-west-3", "eu-west-3": "us-east-1"}
    gate.answer(100, lambda request: (301, {"x-amz-bucket-region": flip[region_of(request)]},
                                      error_document("PermanentRedirect")))
    done = tool("put", "a", "1")
    assert done == "EACCES" and gate.count() <= 5 and "AWS_REGION" in done.log


def test_a_temporary_redirect(gate, tool, versitygw):
    gate.fail(1, 307, "TemporaryRedirect", headers={"Location": f"{versitygw.endpoint}/{BUCKET}/{tool.prefix}/a"})
    assert tool("put", "a", "1") == "0"
    assert gate.count() == 1
    assert tool("get", "a").lines[1] == "1"


# A registry of models.

def test_a_move_takes_three_requests(server, tmp_path):
    """Of HTTP, and from a process that looks now and then, as the gateway does."""
    with Gate(server) as gate, Registry(os.environ["REGISTRY_TOOL"], gate, tmp_path) as registry:
        for expected in range(4):
            assert registry("push", expected) == 0
        assert registry("look") == 0
        for move in [("roll-back", 4), ("roll-back", 3), ("promote", 4), ("pin",), ("unpin",), ("roll-back", 4)]:
            gate.clear()
            assert registry(*move) == 0
            assert gate.count() <= 3, (move, gate.log)
            assert {entry[2] for entry in gate.log} <= {200, 412}, gate.log
            gate.clear()
            assert registry("look") == 0 and gate.count() <= 2
            gate.clear()
            assert registry("look") == 0 and gate.count() == 1
        gate.fail(1, 503, "SlowDown", "PUT", "aliases")
        assert registry("promote", 1) == 0


# Faults below HTTP, in both directions.

@pytest.fixture
def cable(versitygw):
    with Proxy(("127.0.0.1", versitygw.port)) as proxy:
        yield proxy


def cable_tool(cable, tmp_path):
    return Tool(s3.environment_of(f"http://{cable.address}"), tmp_path)


@pytest.mark.parametrize("kind", ["cut", "reset"])
@pytest.mark.parametrize("n", [0, 1, 200, MIB, 2 * MIB + 4321])
def test_downloads_over_a_bad_cable(versitygw, cable, tmp_path, kind, n):
    """0: nothing of the answer comes; 1 and 200: its head is torn; then its body is."""
    tool = cable_tool(cable, tmp_path)
    content = os.urandom(3 * MIB)
    digest = hashlib.sha256(content).hexdigest()
    versitygw.boto3().put_object(Bucket=BUCKET, Key=f"{tool.prefix}/{blob_name(digest)}", Body=content)
    getattr(cable, f"{kind}_after")(n, 2)
    done = tool("fetch", digest)
    assert done == "0" and pathlib.Path(done.lines[0]).read_bytes() == content, done
    # a fault that is armed for the byte after the last one of a try that is whole does not come
    assert cable.n_faults == 2 or (n > 1.5 * MIB and cable.n_faults == 1)


@pytest.mark.parametrize("when", ["cut", "reset"])
def test_uploads_over_a_bad_cable(versitygw, cable, tmp_path, when):
    """The cable is broken while parts go over it, again and again."""
    tool = cable_tool(cable, tmp_path)
    content = tmp_path / "content"
    digest = write_random(content, 70 * MIB)
    cable.delay = 0.002
    process = tool.start("push", content)
    for n in (3, 6):
        cable.wait_until(lambda: cable.n_connections >= n)
        getattr(cable, when)()
    cable.delay = 0
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert Result(subprocess.CompletedProcess([], process.returncode, out, err)) == "0"
    assert cable.n_faults >= 2
    body = versitygw.boto3().get_object(Bucket=BUCKET, Key=f"{tool.prefix}/{blob_name(digest)}")["Body"]
    assert hashlib.file_digest(body._raw_stream, "sha256").hexdigest() == digest
    assert not uploads(versitygw)


@pytest.mark.parametrize("n", [0, 30])
def test_small_writes_whose_answer_is_torn(versitygw, cable, tmp_path, n):
    tool = cable_tool(cable, tmp_path)
    cable.reset_after(n)
    assert tool("create", "a", "mine") == "0"
    cable.cut_after(n)
    etag = tool("get", "a").lines[0]
    cable.reset_after(n)
    assert tool("swap", "a", etag, "next") == "0"
    assert cable.n_faults == 3
    assert versitygw.boto3().get_object(Bucket=BUCKET, Key=f"{tool.prefix}/a")["Body"].read() == b"next"


def test_a_slow_cable_loses_nothing(cable, tmp_path):
    tool = cable_tool(cable, tmp_path)
    cable.delay = 0.01
    content = tmp_path / "content"
    digest = write_random(content, 2 * MIB)
    assert tool("push", content) == "0"
    tool.cache = tmp_path / "another"
    assert tool("fetch", digest) == "0"
    assert cable.n_replied > 2 * MIB


def test_nobody_listens_for_a_while(cable, tmp_path):
    tool = cable_tool(cable, tmp_path)
    cable.refuse()
    process = tool.start("put", "a", "1", stdin=subprocess.DEVNULL)
    for line in process.stderr:
        if "retrying in" in line:
            break
    cable.accept()
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert Result(subprocess.CompletedProcess([], process.returncode, out, err)) == "0"


# Reading.

def put_blob(gate, tool, content):
    digest = hashlib.sha256(content).hexdigest()
    gate.server.boto3().put_object(Bucket=BUCKET, Key=f"{tool.prefix}/{blob_name(digest)}", Body=content)
    return digest


def test_a_body_that_breaks_off_goes_on_from_there(gate, tool):
    content = os.urandom(5 * MIB)
    digest = put_blob(gate, tool, content)
    gate.truncate(1, 2 * MIB)
    gate.truncate(1, MIB)
    gate.fail(1, 503, "SlowDown", "GET")
    done = tool("fetch", digest)
    assert done == "0" and pathlib.Path(done.lines[0]).read_bytes() == content
    ranges = [headers.get("range") for method, _, headers in gate.requests if method == "GET"]
    assert ranges[0] is None and len(ranges) == 4
    starts = [int(text[6:-1]) for text in ranges[1:]]
    assert 0 < starts[0] < starts[1] == starts[2] <= 3 * MIB
    assert all("if-match" in headers for method, _, headers in gate.requests[1:])


def test_a_blob_that_changes_while_it_is_read(gate, tool):
    content = os.urandom(3 * MIB)
    digest = put_blob(gate, tool, content)
    client = gate.server.boto3()
    key = f"{tool.prefix}/{blob_name(digest)}"

    def change(request):
        client.put_object(Bucket=BUCKET, Key=key, Body=content, Metadata={"again": "1"})
        return 412, {}, error_document("PreconditionFailed")

    gate.truncate(1, MIB)
    gate.answer(1, change, "GET")
    done = tool("fetch", digest)
    assert done == "0" and pathlib.Path(done.lines[0]).read_bytes() == content


def test_bytes_that_are_wrong_are_fetched_once_more(gate, tool):
    content = os.urandom(MIB)
    digest = put_blob(gate, tool, content)
    gate.garble(1)
    done = tool("fetch", digest)
    assert done == "0" and pathlib.Path(done.lines[0]).read_bytes() == content
    assert gate.count("GET") == 2
    gate.clear()
    gate.garble(10)
    tool.cache = tool.cache.with_name("another")
    assert tool("fetch", digest) == "CORRUPT"
    assert gate.count("GET") == 2
    assert not list((tool.cache / "blobs").glob("*")) and not list((tool.cache / ".temporary").glob("*"))
    gate.clear()
    assert tool("put", "a", "some text") == "0"
    gate.garble(1)
    assert tool("get", "a").lines[1] == "some text"
    gate.garble(10)
    assert tool("get", "a") == "CORRUPT"
    assert tool("fetch", "0" * 64) == "MISSING"


NEVER_OLD = 2**63 - 1


def test_times_of_a_listing(gate, tool):
    """What S3 does not date is never old, and does not take its neighbour's time either."""
    key = f"{tool.prefix}/f/"
    rows = [("a", "<LastModified>2009-10-12T17:50:30.000Z</LastModified><Size>7</Size>", 7, 1255369830000),
            ("b", "<LastModified>2009-10-12T17:50:30.257999Z</LastModified><Size>7</Size>", 7, 1255369830257),
            ("c", "", 0, NEVER_OLD),
            ("d", "<LastModified>2009-10-12T17:50:30Z</LastModified><Size>1</Size>", 1, 1255369830000),
            ("e", "<LastModified>yesterday</LastModified><Size>1</Size>", 1, NEVER_OLD)]
    contents = "".join(f"<Contents><Key>{key}{name}</Key>{inner}</Contents>" for name, inner, *_ in rows)
    contents += f"<CommonPrefixes><Prefix>{key}folder/</Prefix></CommonPrefixes>"
    gate.answer(1, lambda request: (200, {}, f"<ListBucketResult>{contents}</ListBucketResult>".encode()))
    done = tool("list", "f")
    assert done == "0"
    assert done.lines == [f"{name} {n} {time_ms}" for name, _, n, time_ms in rows] + ["folder/ 0 0"]


def test_what_s3_does_not_date_is_not_removed_for_its_age(gate, tool):
    year_ms = 365 * 24 * 3600 * 1000
    now_ms = int(time.time() * 1000)
    assert tool("put", "a", "1") == "0"
    assert tool("remove-older", "a", now_ms - year_ms) == "CONFLICT"
    for headers in [{}, {"Last-Modified": "yesterday"}]:
        gate.answer(1, lambda request: (200, headers, b""), "HEAD")
        assert tool("remove-older", "a", now_ms + year_ms) == "CONFLICT"
    gate.answer(1, lambda request: (200, {"Last-Modified": "Wed, 12 Oct 2022 17:50:00 GMT"}, b""), "HEAD")
    assert tool("remove-older", "a", 1665597000000) == "CONFLICT"
    assert tool("get", "a") == "0"
    gate.answer(1, lambda request: (200, {"Last-Modified": "Wed, 12 Oct 2022 17:50:00 GMT"}, b""), "HEAD")
    assert tool("remove-older", "a", 1665597000001) == "0"
    assert tool("get", "a") == "MISSING"
    assert tool("put", "a", "1") == "0"
    gate.answer(1, lambda request: (200, {}, b""), "HEAD")
    assert tool("remove", "a") == "0"


def test_a_listing_that_is_torn(gate, tool):
    assert tool("put", "f/a", "1") == "0"
    gate.answer(1, lambda request: (200, {}, b"<ListBucketResult><IsTruncated>false</IsTrunc"), "GET")
    gate.fail(1, 200, "InternalError", "GET")
    listed = tool("list", "f")
    assert listed == "0" and len(listed.lines) == 1 and gate.count("GET") == 3


# Blobs.

def test_a_blob_is_sent_once(gate, tool, tmp_path):
    small, large = tmp_path / "small", tmp_path / "large"
    write_random(small, 1000)
    write_random(large, MIB)
    assert tool("push", small) == "0" and tool("push", large) == "0"
    assert [entry[0] for entry in gate.log] == ["PUT", "HEAD", "PUT"]
    assert [headers.get("if-none-match") for method, _, headers in gate.requests if method == "PUT"] == ["*", "*"]
    digest = hashlib.sha256(large.read_bytes()).hexdigest()
    put = gate.requests[-1][2]
    # the digest of the blob is that of the payload: it was hashed once
    assert put["x-amz-content-sha256"] == digest
    assert base64.b64decode(put["x-amz-checksum-sha256"]).hex() == digest
    gate.clear()
    assert tool("push", small) == "0" and tool("push", large) == "0"
    assert [entry[0::2] for entry in gate.log] == [["PUT", 412], ["HEAD", 200], ["HEAD", 200]]
    # what was published lies in the cache
    gate.clear()
    assert tool("fetch", digest) == "0" and not gate.log


def test_a_blob_that_is_old_or_wrong_is_sent_again(gate, tool, tmp_path):
    content = tmp_path / "content"
    digest = write_random(content, MIB)
    key = f"{tool.prefix}/{blob_name(digest)}"
    client = gate.server.boto3()
    client.put_object(Bucket=BUCKET, Key=key, Body=b"half")
    assert tool("push", content) == "0"
    assert client.get_object(Bucket=BUCKET, Key=key)["Body"].read() == content.read_bytes()
    gate.clear()

    def old(request):
        return 200, {"Content-Length": str(MIB), "Last-Modified": "Wed, 12 Oct 2022 17:50:00 GMT"}, b""

    gate.answer(1, old, "HEAD")
    assert tool("push", content) == "0"
    assert [entry[0] for entry in gate.log] == ["HEAD", "PUT"] and "if-none-match" not in gate.requests[1][2]


def test_many_take_hardly_longer_than_one(gate, tool):
    at_once, most = 0, 0
    lock = threading.Lock()

    def slow(request):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        barrier.wait(timeout=60)
        with lock:
            at_once -= 1
        return 200, {"ETag": '"1"'}, b""

    barrier = threading.Barrier(3)
    gate.answer(9, slow, "PUT")
    assert tool("put-many", 9, 100) == "0"
    assert most >= 3 and gate.count("PUT") == 9


# The cache.

def test_copies_are_believed_after_they_were_hashed(gate, tool):
    content = os.urandom(MIB)
    digest = put_blob(gate, tool, content)
    path = pathlib.Path(tool("fetch", digest).lines[0])
    assert path.stat().st_mode & 0o777 == 0o400
    gate.clear()
    assert tool("fetch", digest) == "0" and not gate.log
    path.chmod(0o600)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert tool("fetch", digest) == "0" and gate.count("GET") == 1
    assert path.read_bytes() == content
    # with nobody to ask, what is there is there
    tool.environment = s3.environment_of(f"http://127.0.0.1:{s3.free_port()}")
    assert tool("fetch", digest) == "0"


def test_the_cache_keeps_its_limit(gate, tool):
    contents = [os.urandom(MIB) for _ in range(8)]
    digests = [put_blob(gate, tool, content) for content in contents]
    paths = []
    for i, digest in enumerate(digests):
        paths.append(pathlib.Path(tool("fetch", digest, CACHE_BYTES=str(4 * MIB)).lines[0]))
        # all but the last two were used long ago, the earlier the longer
        os.utime(paths[-1], (0, time.time() - (100_000 - 1000 * i if i < 6 else 60)))
    assert sum(path.exists() for path in paths) <= 5
    assert paths[6].exists() and paths[7].exists()
    assert [path.exists() for path in paths] == sorted(path.exists() for path in paths)
    # what was used within ten minutes stays, over the limit as it may be
    for path in paths:
        path.exists() and os.utime(path)
    more = [put_blob(gate, tool, os.urandom(MIB)) for _ in range(3)]
    kept = [pathlib.Path(tool("fetch", digest, CACHE_BYTES=str(MIB)).lines[0]) for digest in more]
    assert all(path.exists() for path in kept) and paths[7].exists()
    # a use is noted
    os.utime(paths[7], (0, time.time() - 5000))
    assert tool("fetch", digests[7]) == "0"
    assert time.time() - paths[7].stat().st_mtime < 300


# Time, and whom to trust.

def test_a_deadline_ends_all_waiting(gate, tool):
    gate.fail(100, 503, "SlowDown")
    started = time.monotonic()
    done = tool("get", "a", DEADLINE_MS="1000")
    assert done == "ETIMEDOUT" and "deadline" in done.log
    assert time.monotonic() - started < 15
    gate.clear()
    silence = threading.Event()
    gate.answer(1, lambda request: silence.wait(60) and None or (200, {}, b""), "GET")
    started = time.monotonic()
    assert tool("get", "a", DEADLINE_MS="1000") == "ETIMEDOUT"
    silence.set()
    assert time.monotonic() - started < 15


SLEEPS = "[default]\ncredential_process = touch {began}; sleep 50\n"


@pytest.mark.parametrize("waits_for", ["answer", "body", "upload", "next try", "keys", "keys of a role", "region"])
def test_another_thread_ends_a_call_that_hangs(gate, tool, tmp_path, waits_for):
    """None of these would end by itself within 25 s."""
    began, ended = tmp_path / "began", threading.Event()
    arguments, environment = ["get", "a"], {"END_ON_INPUT": "1"}

    def hang(request):
        began.touch()
        ended.wait(60)
        return 200, {}, b""

    def pause(request):
        began.touch()
        return 503, {"Retry-After": "1000"}, error_document("SlowDown")

    with Proxy(("127.0.0.1", gate.port)) as proxy:
        if waits_for == "answer":
            gate.answer(1, hang)
        elif waits_for == "next try":
            gate.answer(100, pause)
        elif waits_for in ("body", "upload"):
            environment["AWS_ENDPOINT_URL"] = f"http://{proxy.address}"
            if waits_for == "body":
                arguments = ["fetch", put_blob(gate, tool, os.urandom(3 * MIB))]
                proxy.silence_after(MIB)
            else:
                arguments = ["put-many", 1, 20 * MIB]
                proxy.silence()
        else:
            for name in KEYS:
                tool.environment.pop(name)
            (tmp_path / "config").write_text(SLEEPS.format(began=began) if waits_for == "keys" else "")
            (tmp_path / "token").write_text("a-token")
            environment["AWS_CONFIG_FILE"] = str(tmp_path / "config")
            if waits_for == "keys of a role":
                environment |= {"AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
                                "AWS_ROLE_ARN": "arn:aws:iam::1:role/r"}
                gate.answer(1, hang, "POST")
            elif waits_for == "region":
                for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
                    tool.environment.pop(name)
                environment |= KEYS | {"AWS_EC2_METADATA_DISABLED": "false",
                                       "AWS_EC2_METADATA_SERVICE_ENDPOINT": gate.endpoint,
                                       "AWS_METADATA_SERVICE_TIMEOUT": "40"}
                gate.answer(1, hang, "PUT", "token")
        process = tool.start(*arguments, stdin=subprocess.PIPE, environment=environment)
        if waits_for in ("body", "upload"):
            proxy.wait_until(lambda: proxy.n_faults or (waits_for == "upload" and proxy.n_connections))
        else:
            end = time.monotonic() + 60
            while not began.exists() and process.poll() is None and time.monotonic() < end:
                time.sleep(0.01)
        started = time.monotonic()
        out, err = process.communicate("e", timeout=TIMEOUT_S)
        elapsed = time.monotonic() - started
        ended.set()
    done = Result(subprocess.CompletedProcess([], process.returncode, out, err))
    assert done == "ETIMEDOUT", done
    assert elapsed < 15, done


def test_authorities_of_ones_own(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True,
                   capture_output=True)
    server = start(Versitygw, tmp_path / "server", certificate=(certificate, key))
    try:
        tool = Tool(server.environment, tmp_path)
        started = time.monotonic()
        done = tool("put", "a", "1")
        assert done == "EACCES" and "AWS_CA_BUNDLE" in done.log
        assert time.monotonic() - started < 10
        assert tool("put", "a", "1", AWS_CA_BUNDLE=str(certificate)) == "0"
        # the certificate is of another host
        done = tool("get", "a", AWS_CA_BUNDLE=str(certificate), AWS_ENDPOINT_URL=f"https://localhost:{server.port}")
        assert done == "EACCES"
    finally:
        server.stop()


def test_a_server_that_starts_again(tmp_path):
    server = start(Versitygw, tmp_path / "server")
    try:
        tool = Tool(server.environment, tmp_path)
        content = tmp_path / "content"
        digest = write_random(content, 100 * MIB)
        assert tool("put", "a", "1") == "0"
        server.stop()
        process = tool.start("push", content)
        time.sleep(0.5)
        server.start()
        out, err = process.communicate(timeout=TIMEOUT_S)
        assert Result(subprocess.CompletedProcess([], process.returncode, out, err)) == "0"
        tool.cache = tmp_path / "another"
        assert tool("fetch", digest) == "0"
    finally:
        server.stop()
