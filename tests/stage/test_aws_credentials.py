"""Keys for AWS: the chain in its order, each provider's answers and failures, renewal, clock and region.

Whatever a test does, no secret may be in what the program prints; the fixture looks.
"""

import errno
import os
import subprocess
import sys
import time

import pytest

SUPPORT = os.path.join(os.path.dirname(__file__), "..", "support")
sys.path.insert(0, SUPPORT)
from aws import HOUR, Imds, Keys, Secrets, Server, Speaker, signature_is_right, sts_error  # noqa: E402

MINUTE_MS = 60 * 1000
REFUSED, AWAY = -errno.EACCES, -errno.EHOSTUNREACH


class World:
    def __init__(self, home):
        self.home, self.secrets, self.servers, self.speakers = home, Secrets(), [], []

    def serve(self, answer):
        self.servers.append(Server(answer))
        return self.servers[-1]

    def speak(self, environment=None, ahead_ms=0):
        self.speakers.append(Speaker(self.home, environment or {}, ahead_ms))
        return self.speakers[-1]

    def write(self, name, text):
        path = self.home / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(path)

    def nobody(self):
        """An address at which nobody answers."""
        server = Server(None)
        server.stop_listening()
        return server.url

    def finish(self):
        ends = [speaker.end() for speaker in self.speakers]
        for server in self.servers:
            server.close()
        for code, text in ends:
            assert code == 0, text
            assert not self.secrets.found_in(text), text


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.finish()


def keys_in_environment(keys):
    return {"AWS_ACCESS_KEY_ID": keys.access, "AWS_SECRET_ACCESS_KEY": keys.secret, "AWS_SESSION_TOKEN": keys.token}


def keys_in_profile(keys):
    token = f"aws_session_token = {keys.token}\n" if keys.token else ""
    return f"aws_access_key_id = {keys.access}\naws_secret_access_key = {keys.secret}\n{token}"


def expect(speaker, keys, provider):
    got = speaker.get()
    assert (got["result"], got["provider"], got["digest"]) == (0, provider, keys.digest)
    return got


def expect_failure(speaker, result, provider, *words):
    assert speaker.get()["result"] == result
    sentence = speaker.ask("report")[provider]
    for word in words:
        assert word in sentence, sentence
    return sentence


# the chain


def test_each_provider_in_its_order(world):
    keys = {name: world.secrets.keys(name) for name in ["environment", "web", "profile", "container", "instance"]}
    imds = world.serve(Imds(keys["instance"]))
    sts = world.serve(lambda request: (200, keys["web"].sts()))
    container = world.serve(lambda request: (200, keys["container"].json()))
    token_file = world.write("token", world.secrets.make("jwt"))
    world.write(".aws/credentials", "[default]\n" + keys_in_profile(keys["profile"]))
    environment = {
        **keys_in_environment(keys["environment"]),
        "AWS_WEB_IDENTITY_TOKEN_FILE": token_file,
        "AWS_ROLE_ARN": "arn:aws:iam::1:role/r",
        "AWS_ENDPOINT_URL_STS": sts.url,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url + "/keys",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url,
        "AWS_EC2_METADATA_DISABLED": "false",
    }
    expect(world.speak(environment), keys["environment"], "environment")
    del environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
    expect(world.speak(environment), keys["web"], "web identity")
    del environment["AWS_WEB_IDENTITY_TOKEN_FILE"]
    expect(world.speak(environment), keys["profile"], "profile")
    os.remove(world.home / ".aws/credentials")
    expect(world.speak(environment), keys["container"], "container")
    del environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    expect(world.speak(environment), keys["instance"], "instance")
    environment["AWS_EC2_METADATA_DISABLED"] = "true"
    speaker = world.speak(environment)
    expect_failure(speaker, REFUSED, "instance", "AWS_EC2_METADATA_DISABLED")
    report = speaker.ask("report")
    assert not report["found"]
    assert "AWS_ACCESS_KEY_ID" in report["environment"]
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" in report["web identity"]
    assert "AWS_PROFILE" in report["profile"]
    assert "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" in report["container"]


def test_a_provider_that_is_configured_and_fails_ends_the_search(world):
    good = world.secrets.keys("good")
    world.write(".aws/credentials", "[default]\n" + keys_in_profile(good))
    container = world.serve(lambda request: (200, good.json()))
    token_file = world.write("token", "jwt")
    rows = [
        ({"AWS_ACCESS_KEY_ID": "AKIA"}, REFUSED, "environment"),
        ({"AWS_SECRET_ACCESS_KEY": world.secrets.make("alone")}, REFUSED, "environment"),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": token_file}, REFUSED, "web identity"),
        (
            {
                "AWS_WEB_IDENTITY_TOKEN_FILE": token_file,
                "AWS_ROLE_ARN": "arn",
                "AWS_ENDPOINT_URL_STS": world.nobody(),
            },
            AWAY,
            "web identity",
        ),
        (
            {"AWS_PROFILE": "absent", "AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url},
            REFUSED,
            "profile",
        ),
    ]
    for environment, result, provider in rows:
        speaker = world.speak(environment)
        assert expect_failure(speaker, result, provider)
        assert not speaker.ask("report")["found"]


# environment


def test_environment_without_a_token(world):
    keys = Keys("AKIAPLAIN", world.secrets.make("plain"), None)
    got = expect(world.speak({**keys_in_environment(keys), "AWS_SESSION_TOKEN": ""}), keys, "environment")
    assert got["expires_at_ms"] == 0


@pytest.mark.parametrize("wrong", ["with a space", "with-a-line\r\nend: 1", "with-ü"])
def test_environment_with_what_is_no_key(world, wrong):
    secret = world.secrets.make("wrong") + wrong
    speaker = world.speak({"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": secret})
    expect_failure(speaker, REFUSED, "environment", "no key has")


# web identity


def web_identity(world, answer, **more):
    sts = world.serve(answer)
    return sts, {
        "AWS_WEB_IDENTITY_TOKEN_FILE": world.write("token", world.secrets.make("jwt") + "\n"),
        "AWS_ROLE_ARN": "arn:aws:iam::1:role/r&d",
        "AWS_ENDPOINT_URL_STS": sts.url + "/",
        **more,
    }


def test_web_identity_is_sent_unsigned_and_read_anew(world):
    keys = [world.secrets.keys("first"), world.secrets.keys("second")]
    action = "AssumeRoleWithWebIdentity"
    sts, environment = web_identity(world, lambda request: (200, keys[len(sts.requests) - 1].sts(action=action)))
    speaker = world.speak({**environment, "AWS_ROLE_SESSION_NAME": "my-line"})
    first_token = (world.home / "token").read_text().strip()
    got = expect(speaker, keys[0], "web identity")
    assert got["expires_at_ms"] > 0
    request = sts.requests[0]
    assert request.form == {
        "Action": action,
        "Version": "2011-06-15",
        "RoleArn": "arn:aws:iam::1:role/r&d",
        "RoleSessionName": "my-line",
        "WebIdentityToken": first_token,
    }
    assert "authorization" not in request.headers
    second_token = world.secrets.make("jwt")
    world.write("token", second_token)
    speaker.ask(f"advance {55 * MINUTE_MS}")
    expect(speaker, keys[1], "web identity")
    assert sts.requests[1].form["WebIdentityToken"] == second_token


@pytest.mark.parametrize(
    "region, want",
    [
        ("xx-test-1", "sts.xx-test-1.amazonaws.com:443"),
        ("cn-test-1", "sts.cn-test-1.amazonaws.com.cn:443"),
        (None, "sts.amazonaws.com:443"),
    ],
)
def test_sts_of_the_region(world, region, want):
    proxy, environment = web_identity(world, lambda request: (502, "no"))
    environment.update({"AWS_ENDPOINT_URL_STS": None, "AWS_REGION": region, "https_proxy": proxy.url})
    expect_failure(world.speak(environment), AWAY, "web identity", "gives no answer")
    assert {(request.method, request.path) for request in proxy.requests} == {("CONNECT", want)}


def test_sts_that_fails(world):
    expired = world.secrets.keys("expired")

    def token_in_message(request):
        return 403, sts_error("AccessDenied", "not with " + request.form["WebIdentityToken"])

    rows = [
        (token_in_message, REFUSED, 1, ["AccessDenied", "hold a secret"]),
        (lambda request: (400, sts_error("ExpiredToken", "it is old")), REFUSED, 1, ["ExpiredToken: it is old"]),
        (lambda request: (500, "trouble"), AWAY, 3, ["answers 500"]),
        (lambda request: (503, sts_error("Throttling", "slowly")), AWAY, 3, ["answers 503 Throttling"]),
        (lambda request: ConnectionResetError, AWAY, 3, ["gives no answer"]),
        (lambda request: (200, "no xml"), AWAY, 1, ["is no XML"]),
        (lambda request: (200, "<AssumeRoleResponse/>"), AWAY, 1, ["gave no keys"]),
        (lambda request: (200, "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), AWAY, 1, ["is no XML"]),
        (lambda request: (200, "<a>" + "x" * 300000), AWAY, 1, ["gives no answer"]),
        (lambda request: (200, expired.sts(-HOUR)), AWAY, 1, ["expired already"]),
        (lambda request: (200, expired.sts().replace("Z</Exp", " o'clock</Exp")), AWAY, 1, ["no time"]),
    ]
    for answer, result, n_requests, words in rows:
        sts, environment = web_identity(world, answer)
        expect_failure(world.speak(environment), result, "web identity", *words)
        assert len(sts.requests) == n_requests


def test_a_token_file_that_holds_no_token(world):
    sts, environment = web_identity(world, lambda request: (500, ""))
    rows = [
        (str(world.home / "absent"), "cannot be read"),
        (str(world.home), "cannot be read"),
        (world.write("empty", " \n"), "one token"),
        (world.write("two", world.secrets.make("one") + " " + world.secrets.make("two")), "one token"),
        (world.write("binary", world.secrets.make("raw").encode() + b"\xff\xfe"), "no token has"),
    ]
    for path, words in rows:
        environment["AWS_WEB_IDENTITY_TOKEN_FILE"] = path
        expect_failure(world.speak(environment), REFUSED, "web identity", path, words)
    assert not sts.requests


# profiles

SPELLINGS = [
    ("credentials", "[default]\n{keys}", {}),
    ("config", "[default]\n{keys}", {}),
    ("config", "[profile default]\n{keys}", {}),
    ("config", "[profile x]\n{keys}", {"AWS_PROFILE": "x"}),
    ("config", "[profile x]\n{keys}", {"AWS_DEFAULT_PROFILE": "x"}),
    ("config", "[profile\t x ]\n{keys}", {"AWS_PROFILE": "x"}),
    ("config", '[profile "x y"]\n{keys}', {"AWS_PROFILE": "x y"}),
    ("config", "[ profile x ] # mine\n{keys}", {"AWS_PROFILE": "x"}),
    ("credentials", "[x y]\n{keys}", {"AWS_PROFILE": "x y"}),
    ("credentials", "[" + "long" * 50 + "]\n{keys}", {"AWS_PROFILE": "long" * 50}),
    ("credentials", "\ufeff# head\n\n; more\n[default] ; mine\n  # inner\n\t{keys:tab}", {}),
    ("credentials", "[default]\r\n{keys:crlf}", {}),
    ("credentials", "[default]\n{keys:tight}", {}),
    ("credentials", "[default]\n{keys:colon}", {}),
    ("credentials", "[default]\n{keys:comment}", {}),
    ("credentials", "[default]\n{keys:upper}", {}),
    ("credentials", "[default]\naws_access_key_id = old\n[other]\na = b\n[default]\n{keys}", {}),
    ("config", "[sso-session default]\na = b\n[nonsense]\nno setting\n[default]\ns3 =\n  a = b\n  c\n{keys}", {}),
    ("config", "[default]\nregion = a\n  b c\n{keys}", {}),
]


class Spelling(str):
    def __format__(self, spec):
        text = {
            "tab": self.replace("\n", "\n\t"),
            "crlf": self.replace("\n", "\r\n"),
            "tight": self.replace(" = ", "="),
            "colon": self.replace(" = ", ": "),
            "comment": self.replace("\n", "  # so\n"),
            "upper": self.replace("aws_access_key_id", "AWS_ACCESS_KEY_ID").replace("aws_secret_a", "AWS_Secret_A"),
        }
        return text.get(spec, str(self))


@pytest.mark.parametrize("file, text, environment", SPELLINGS)
def test_a_profile_however_it_is_spelt(world, file, text, environment):
    keys = world.secrets.keys("spelt")
    world.write(".aws/" + file, text.format(keys=Spelling(keys_in_profile(keys))))
    expect(world.speak(environment), keys, "profile")


def test_the_credentials_file_wins_and_both_may_be_elsewhere(world):
    keys, other = world.secrets.keys("wins"), world.secrets.keys("loses")
    credentials = world.write("a", "[x]\n" + keys_in_profile(keys))
    config = world.write("b", "[profile x]\n" + keys_in_profile(other) + "region = eu-north-1\n")
    speaker = world.speak({"AWS_PROFILE": "x", "AWS_SHARED_CREDENTIALS_FILE": credentials, "AWS_CONFIG_FILE": config})
    expect(speaker, keys, "profile")
    assert speaker.ask("region") == {"result": 0, "region": "eu-north-1", "source": "the profile"}
    # ~/ is the home
    expect(world.speak({"AWS_PROFILE": "x", "AWS_SHARED_CREDENTIALS_FILE": "~/a"}), keys, "profile")


def test_a_session_token_of_any_length(world):
    keys = Keys("AKIALONG", world.secrets.make("long"), "t" * 5000)
    world.write(".aws/credentials", "[default]\n" + keys_in_profile(keys))
    expect(world.speak(), keys, "profile")


def test_files_that_cannot_be_understood(world):
    secret = world.secrets.make("torn").rstrip("+=")
    rows = [
        ("[default\n", "credentials:1:"),
        ("[default]\na = b\n" + secret + "\n", "credentials:3:"),
        ("aws_secret_access_key = " + secret + "\n", "credentials:1:"),
        (b"[default]\na = \0\n", "no text"),
        ("[default]\naws_access_key_id = AKIA\n", "no aws_secret_access_key"),
        ("[default]\naws_secret_access_key = " + secret + "\n", "no aws_access_key_id"),
        ("[default]\naws_access_key_id = AKIA\naws_secret_access_key = " + secret + " x\n", "no key has"),
    ]
    for text, words in rows:
        world.write(".aws/credentials", text)
        environment = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost:1/"}
        expect_failure(world.speak(environment), REFUSED, "profile", words)
    world.write(".aws/credentials", "[default\n")
    keys = world.secrets.keys("environment")
    expect(world.speak(keys_in_environment(keys)), keys, "environment")


def test_a_profile_without_keys_is_passed_over(world):
    keys = world.secrets.keys("container")
    container = world.serve(lambda request: (200, keys.json()))
    world.write(".aws/config", "[default]\nregion = eu-north-1\n")
    expect(world.speak({"AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url}), keys, "container")


def sts_of_roles(world, known):
    """Gives keys to whom `known` has under the access key, once the signature is right."""
    given = {}

    def answer(request):
        access = request.headers["authorization"].split("Credential=")[1].split("/")[0]
        if not signature_is_right(request, {**known, **given}[access], "eu-north-1"):
            return 403, sts_error("SignatureDoesNotMatch", "no")
        token = {**known, **given}[access].token
        assert request.headers.get("x-amz-security-token") == token
        role = request.form["RoleArn"].split("/")[-1]
        keys = world.secrets.keys(role)
        given[keys.access] = given[role] = keys
        return 200, keys.sts()

    sts = world.serve(answer)
    return sts, given


def test_a_role_of_another_profile(world):
    base = Keys("AKIABASE", world.secrets.make("base"), None)
    sts, given = sts_of_roles(world, {base.access: base})
    world.write(".aws/credentials", "[base]\n" + keys_in_profile(base))
    world.write(
        ".aws/config",
        "[default]\nregion = eu-north-1\n"
        "[profile middle]\nrole_arn = arn:aws:iam::1:role/middle\nsource_profile = base\n"
        "[profile top]\nregion = eu-north-1\nrole_arn = arn:aws:iam::2:role/top\nsource_profile = middle\n"
        "external_id = an id\nrole_session_name = me\nduration_seconds = 900\n",
    )
    speaker = world.speak({"AWS_PROFILE": "top", "AWS_ENDPOINT_URL": sts.url})
    assert speaker.get()["digest"] == given["top"].digest
    roles = [request.form["RoleArn"] for request in sts.requests]
    assert roles == ["arn:aws:iam::1:role/middle", "arn:aws:iam::2:role/top"]
    form = sts.requests[1].form
    said = (form["Action"], form["ExternalId"], form["RoleSessionName"], form["DurationSeconds"])
    assert said == ("AssumeRole", "an id", "me", "900")
    assert sts.requests[0].form["RoleSessionName"].startswith("convoy-")
    assert "ExternalId" not in sts.requests[0].form


def test_a_role_asked_for_with_the_keys_beside_it(world):
    base = Keys("AKIABASE", world.secrets.make("base"), None)
    sts, given = sts_of_roles(world, {base.access: base})
    world.write(
        ".aws/config",
        "[default]\nregion = eu-north-1\nrole_arn = a/own\nsource_profile = default\n" + keys_in_profile(base)
        + "services = mine\n[services mine]\nsts =\n  endpoint_url = " + sts.url + "\n",
    )
    speaker = world.speak()
    assert speaker.get()["digest"] == given["own"].digest


@pytest.mark.parametrize("source", ["Environment", "EcsContainer", "Ec2InstanceMetadata"])
def test_a_role_by_a_source_of_keys(world, source):
    base = world.secrets.keys("base")
    sts, given = sts_of_roles(world, {base.access: base})
    imds, container = world.serve(Imds(base)), world.serve(lambda request: (200, base.json()))
    environment = {
        "Environment": keys_in_environment(base),
        "EcsContainer": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url},
        "Ec2InstanceMetadata": {"AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url, "AWS_EC2_METADATA_DISABLED": None},
    }[source]
    world.write(".aws/config", f"[profile x]\nrole_arn = a/role\ncredential_source = {source}\n")
    environment.update({"AWS_ENDPOINT_URL_STS": sts.url, "AWS_DEFAULT_REGION": "eu-north-1", "AWS_PROFILE": "x"})
    speaker = world.speak(environment)
    # keys in the environment come before any profile
    got = speaker.get()
    assert got["digest"] == (base.digest if source == "Environment" else given["role"].digest)


def test_roles_that_cannot_be(world):
    rows = [
        ("role_arn = a\n", "none of source_profile"),
        ("role_arn = a\nsource_profile = gone\n", "no profile gone"),
        ("role_arn = a\nsource_profile = default\n", "its own source_profile"),
        ("role_arn = a\nsource_profile = b\n[profile b]\nrole_arn = b\nsource_profile = default\n", "circle"),
        ("role_arn = a\nsource_profile = b\n[profile b]\nregion = x\n", "says nothing of keys"),
        ("role_arn = a\nsource_profile = b\ncredential_source = Environment\n", "both"),
        ("role_arn = a\ncredential_source = Elsewhere\n", "none of Environment"),
        ("role_arn = a\ncredential_source = Environment\n", "are not set"),
        ("role_arn = a\nmfa_serial = m\nsource_profile = default\n", "mfa_serial"),
        ("sso_session = s\nsso_account_id = 1\n", "export-credentials --profile default"),
        ("sso_start_url = s\n", "not supported"),
        ("login_session = s\n", "not supported"),
        ("role_arn = a\nweb_identity_token_file = /nowhere/token\n", "/nowhere/token"),
    ]
    for text, words in rows:
        world.write(".aws/config", "[default]\n" + text)
        expect_failure(world.speak(), REFUSED, "profile", words)


def test_a_web_identity_of_the_profile(world):
    keys = world.secrets.keys("web")
    sts = world.serve(lambda request: (200, keys.sts()))
    token = world.secrets.make("jwt")
    world.write(
        ".aws/config",
        f"[default]\nrole_arn = a/b\nrole_session_name = s\nendpoint_url = {sts.url}\nweb_identity_token_file = "
        + world.write("token", token),
    )
    expect(world.speak(), keys, "profile")
    assert sts.requests[0].form["WebIdentityToken"] == token
    assert sts.requests[0].form["RoleSessionName"] == "s"


def process(world, script):
    path = world.write("process", script)
    world.write(".aws/config", f"[default]\ncredential_process = sh {path} 'an argument'\n")


def test_a_process_that_gives_keys(world):
    keys = world.secrets.keys("process")
    process(world, f"test \"$1\" = 'an argument' || exit 1\necho {world.secrets.make('noise')} >&2\n"
            f"cat <<END\n{keys.json(token_name='SessionToken', Version=1)}\nEND\n")
    got = expect(world.speak(), keys, "profile")
    assert got["expires_at_ms"] > 0


def test_a_process_that_fails(world):
    keys = world.secrets.keys("process")
    rows = [
        (f"echo '{keys.json(token_name='SessionToken')}'; exit 3", REFUSED, "exit code 3"),
        (f"echo {keys.secret}", AWAY, "no JSON"),
        ("echo '{}'", AWAY, "no keys"),
        ("while :; do echo " + "x" * 1000 + "; done", AWAY, "too much"),
        (f"echo '{keys.json(-1, token_name='SessionToken')}'", AWAY, "expired already"),
    ]
    for script, result, words in rows:
        process(world, script)
        expect_failure(world.speak(), result, "profile", "credential_process", words)
    world.write(".aws/config", "[default]\ncredential_process = kill -9 $$\n")
    expect_failure(world.speak(), REFUSED, "profile", "credential_process", "signal 9")


# containers


def test_a_container_with_a_token(world):
    keys = world.secrets.keys("container")
    container = world.serve(lambda request: (200, keys.json(RoleArn="a")))
    tokens = [world.secrets.make("said"), world.secrets.make("file"), world.secrets.make("later")]
    environment = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url + "/v1/credentials?x=y",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": tokens[0],
    }
    expect(world.speak(environment), keys, "container")
    path = world.write("token", tokens[1] + "\n")
    speaker = world.speak({**environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": path})
    expect(speaker, keys, "container")
    world.write("token", tokens[2])
    speaker.ask("invalidate")
    expect(speaker, keys, "container")
    assert [request.headers["authorization"] for request in container.requests] == tokens
    assert {request.path for request in container.requests} == {"/v1/credentials?x=y"}


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "http://127.0.0.1.example.com/",
        "http://127.0.0.1@example.com/",
        "http://169.254.170.20/",
        "https:///keys",
        "ftp://localhost/",
        "localhost/keys",
    ],
)
def test_a_container_s_address_that_is_not_trusted(world, url):
    expect_failure(world.speak({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url}), REFUSED, "container", "no address")


def test_a_container_s_address_over_tls_may_be_anywhere(world):
    proxy = world.serve(lambda request: (502, "no"))
    environment = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "https://keys.example.com/x", "https_proxy": proxy.url}
    speaker = world.speak(environment)
    expect_failure(speaker, AWAY, "container", "keys.example.com", "gives no answer")
    assert proxy.requests[0].path == "keys.example.com:443"


def test_a_container_that_fails(world):
    keys = world.secrets.keys("container")
    rows = [
        (lambda request: (403, keys.json()), REFUSED, 1, "answers 403"),
        (lambda request: (500, keys.json()), AWAY, 3, "answers 500"),
        (lambda request: ConnectionResetError, AWAY, 3, "gives no answer"),
        (lambda request: (200, keys.json()[:-20]), AWAY, 1, "no JSON"),
        (lambda request: (200, "[]"), AWAY, 1, "no keys"),
        (lambda request: (200, '{"AccessKeyId": 1, "SecretAccessKey": 2}'), AWAY, 1, "no keys"),
        (lambda request: (200, keys.json() + " " * 300000), AWAY, 1, "gives no answer"),
        (lambda request: (200, keys.json(-5)), AWAY, 1, "expired already"),
    ]
    for answer, result, n_requests, words in rows:
        container = world.serve(answer)
        speaker = world.speak({"AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url})
        expect_failure(speaker, result, "container", words)
        assert len(container.requests) == n_requests
    speaker = world.speak(
        {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": world.secrets.make("t") + "\r\nx: y",
        }
    )
    expect_failure(speaker, REFUSED, "container", "line end")


# instances


def instance(world, **fields):
    imds = Imds(world.secrets.keys("instance"))
    for name, value in fields.items():
        setattr(imds, name, value)
    server = world.serve(imds)
    return imds, server, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url + "/", "AWS_EC2_METADATA_DISABLED": None}


def test_an_instance_by_version_2(world):
    imds, server, environment = instance(world, role="a role/with+signs")
    imds.role = "a-role+with=signs,@x"
    expect(world.speak(environment), imds.keys, "instance")
    assert [request.method for request in server.requests] == ["PUT", "GET", "GET"]


def test_an_instance_that_refuses_a_token_gets_a_new_one(world):
    imds, server, environment = instance(world, refuse_tokens=1)
    expect(world.speak(environment), imds.keys, "instance")
    assert len(imds.tokens) == 2
    imds.refuse_tokens = 100
    expect_failure(world.speak(environment), AWAY, "instance", "refuses the token")
    assert len(imds.tokens) == 5


def test_an_instance_whose_token_never_arrives(world):
    server = world.serve(lambda request: TimeoutError)
    environment = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url, "AWS_EC2_METADATA_DISABLED": None}
    expect_failure(world.speak(environment), REFUSED, "instance", "hop limit", "--http-put-response-hop-limit 2")
    assert len(server.requests) == 1


def test_an_instance_that_is_slow(world):
    imds, server, environment = instance(world)

    def slowly(request):
        time.sleep(1.5)
        return imds(request)

    server.answer = slowly
    expect_failure(world.speak(environment), REFUSED, "instance", "hop limit")
    expect(world.speak({**environment, "AWS_METADATA_SERVICE_TIMEOUT": "30"}), imds.keys, "instance")


def test_an_instance_that_fails(world):
    rows = [
        ({"role": ""}, REFUSED, ["has no role"]),
        ({"role": "two words"}, AWAY, ["no name of a role"]),
        ({"role": "r" * 1000}, AWAY, ["no name of a role"]),
        ({"code": "AssumeRoleUnauthorizedAccess"}, REFUSED, ["AssumeRoleUnauthorizedAccess"]),
        ({"document": "{"}, AWAY, ["no JSON"]),
        ({"document": "{}"}, AWAY, ["no keys"]),
        ({"document": " " * 300000}, AWAY, ["gives no answer"]),
        ({"seconds": -60}, AWAY, ["expired already"]),
        ({"status": 403}, REFUSED, ["IMDSv2 must be enabled"]),
        ({"status": 500}, AWAY, ["answers 500"]),
    ]
    for fields, result, words in rows:
        _, _, environment = instance(world, **fields)
        expect_failure(world.speak(environment), result, "instance", *words)
    environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = world.nobody()
    expect_failure(world.speak(environment), REFUSED, "instance", "no EC2 instance")
    environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "elsewhere"
    expect_failure(world.speak(environment), REFUSED, "instance", "no URL")


def test_a_secret_in_an_error_is_not_shown(world):
    imds, _, environment = instance(world)
    imds.document = imds.keys.json(Code=imds.keys.secret)
    expect_failure(world.speak(environment), REFUSED, "instance", "has no keys")


def test_the_addresses_of_ecs_and_of_imds(tmp_path):
    if subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode:
        pytest.skip("no network namespace of one's own is allowed here")
    script = os.path.join(SUPPORT, "aws_link_local.py")
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-B", script, tmp_path], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


# renewal


def test_keys_are_renewed_before_they_expire(world):
    imds, server, environment = instance(world, seconds=HOUR)
    first = imds.keys
    speaker = world.speak(environment)
    expect(speaker, first, "instance")
    imds.keys = world.secrets.keys("second")
    speaker.ask(f"advance {44 * MINUTE_MS}")
    expect(speaker, first, "instance")
    assert len(server.requests) == 3
    # at most fifteen minutes before the end, and at least ten
    speaker.ask(f"advance {7 * MINUTE_MS}")
    server.ahead = imds_ahead = 51 * 60
    imds.seconds = HOUR + imds_ahead
    got = expect(speaker, imds.keys, "instance")
    assert got["expires_at_ms"] > 0
    assert len(server.requests) == 6


def test_old_keys_go_on_while_renewing_fails(world):
    imds, server, environment = instance(world, seconds=HOUR)
    first = imds.keys
    speaker = world.speak(environment)
    expect(speaker, first, "instance")
    imds.status = 500
    server.ahead = 51 * 60
    speaker.ask(f"advance {51 * MINUTE_MS}")
    expect(speaker, first, "instance")
    n_requests = len(server.requests)
    assert n_requests > 3
    # not asked again at once
    expect(speaker, first, "instance")
    assert len(server.requests) == n_requests
    # no longer than they are valid
    server.ahead = 61 * 60
    speaker.ask(f"advance {10 * MINUTE_MS}")
    assert speaker.get()["result"] == AWAY
    assert "answers 500" in speaker.ask("report")["instance"]
    # and it is there again
    imds.status, imds.keys, imds.seconds = 200, world.secrets.keys("second"), 3 * HOUR
    expect(speaker, imds.keys, "instance")


def test_who_answered_is_asked_again_and_nobody_else(world):
    imds, server, environment = instance(world, seconds=HOUR)
    speaker = world.speak(environment)
    first = imds.keys
    expect(speaker, first, "instance")
    world.write(".aws/credentials", "[default]\n" + keys_in_profile(world.secrets.keys("other")))
    imds.keys = world.secrets.keys("second")
    speaker.ask("invalidate")
    expect(speaker, imds.keys, "instance")


def test_keys_that_the_service_refused_are_fetched_anew(world):
    keys = [world.secrets.keys(f"number{i}") for i in range(4)]
    container = world.serve(lambda request: (200, keys[len(container.requests) - 1].json()))
    speaker = world.speak({"AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url})
    expect(speaker, keys[0], "container")
    speaker.ask("invalidate")
    # somebody else fetches new ones meanwhile: what is said of the old ones has no effect any more
    assert speaker.ask("threads 1") == {"results": [0], "n_digests": 1}
    speaker.ask("invalidate")
    expect(speaker, keys[1], "container")
    assert len(container.requests) == 2
    # refused keys do not go on, however long they would be valid
    speaker.ask("invalidate")
    container.answer = lambda request: (500, "no")
    assert speaker.get()["result"] == AWAY


def test_keys_in_a_file_are_read_anew_when_refused(world):
    first, second = world.secrets.keys("first"), world.secrets.keys("second")
    world.write(".aws/credentials", "[default]\n" + keys_in_profile(first))
    speaker = world.speak()
    expect(speaker, first, "profile")
    world.write(".aws/credentials", "[default]\n" + keys_in_profile(second))
    expect(speaker, first, "profile")
    speaker.ask("invalidate")
    expect(speaker, second, "profile")


def test_many_threads_fetch_once(world):
    imds, server, environment = instance(world)
    speaker = world.speak(environment)
    assert speaker.ask("threads 16") == {"results": [0] * 16, "n_digests": 1}
    assert len(server.requests) == 3
    imds.status = 500
    failing = world.speak(environment)
    assert failing.ask("threads 16") == {"results": [AWAY] * 16, "n_digests": 1}


# the clock


@pytest.mark.parametrize("ahead", [-HOUR, HOUR])
def test_a_clock_an_hour_off(world, ahead):
    imds, server, environment = instance(world, seconds=HOUR // 2)
    speaker = world.speak(environment, ahead * 1000)
    expect(speaker, imds.keys, "instance")
    assert abs(speaker.ask("clock")["offset_ms"] + ahead * 1000) < MINUTE_MS
    # they are still good, and nobody is asked for better ones
    expect(speaker, imds.keys, "instance")
    assert len(server.requests) == 3


@pytest.mark.parametrize("ahead", [-HOUR, HOUR])
def test_a_role_asked_for_with_a_clock_an_hour_off(world, ahead):
    base = world.secrets.keys("base")
    role = world.secrets.keys("role")
    times = []

    def answer(request):
        times.append(request.headers["x-amz-date"])
        assert signature_is_right(request, base, "us-east-1")
        if len(times) == 1:
            # tells all that it signed, as STS does
            return 403, sts_error("SignatureDoesNotMatch", f"expired\nx-amz-security-token:{base.token}")
        return 200, role.sts()

    sts = world.serve(answer)
    world.write(".aws/config", "[default]\nrole_arn = a/role\nsource_profile = b\n")
    world.write(".aws/credentials", "[b]\n" + keys_in_profile(base))
    speaker = world.speak({"AWS_ENDPOINT_URL_STS": sts.url}, ahead * 1000)
    expect(speaker, role, "profile")
    assert len(times) == 2 and times[0] != times[1]


def test_a_wrong_signature_is_told_without_what_was_signed(world):
    base = world.secrets.keys("base")
    message = f"The Canonical String should have been 'POST\n/\n\nx-amz-security-token:{base.token}\n'"
    sts = world.serve(lambda request: (403, sts_error("SignatureDoesNotMatch", message)))
    world.write(".aws/config", "[default]\nrole_arn = a/role\nsource_profile = b\n")
    world.write(".aws/credentials", "[b]\n" + keys_in_profile(base))
    speaker = world.speak({"AWS_ENDPOINT_URL_STS": sts.url})
    expect_failure(speaker, REFUSED, "profile", "SignatureDoesNotMatch", "hold a secret")


# region and addresses


def test_the_region(world):
    imds, server, environment = instance(world)
    rows = [
        ({"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"}, "a", "AWS_REGION"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "b"}, "b", "AWS_DEFAULT_REGION"),
        (environment, "eu-west-3", "the instance"),
        ({**environment, "AWS_ENDPOINT_URL": "http://localhost:1"}, "us-east-1", "nothing set"),
        ({}, "us-east-1", "nothing set"),
    ]
    for variables, region, source in rows:
        speaker = world.speak(variables)
        for _ in range(2):
            assert speaker.ask("region") == {"result": 0, "region": region, "source": source}
    assert len(server.requests) == 2
    world.write(".aws/config", "[default]\nregion = c\n")
    assert world.speak(environment).ask("region")["region"] == "c"
    world.write(".aws/config", "[default\n")
    assert world.speak(environment).ask("region")["result"] == REFUSED


def test_addresses_and_authorities(world):
    world.write(
        ".aws/config",
        "[default]\nca_bundle = /ca.pem\nendpoint_url = http://profile\nservices = mine\n"
        "[services mine]\ns3 =\n  endpoint_url = http://services\n",
    )
    rows = [
        ({"AWS_ENDPOINT_URL_S3": "http://own", "AWS_ENDPOINT_URL": "http://all"}, "http://own", "http://all"),
        ({"AWS_ENDPOINT_URL_STS": "http://own", "AWS_ENDPOINT_URL": "http://all"}, "http://all", "http://own"),
        ({}, "http://services", "http://profile"),
        ({"AWS_PROFILE": "other"}, "", ""),
    ]
    for environment, s3, sts in rows:
        speaker = world.speak(environment)
        assert speaker.ask("endpoint S3") == {"endpoint": s3}
        assert speaker.ask("endpoint STS") == {"endpoint": sts}
    assert world.speak().ask("ca") == {"file": "/ca.pem"}
    assert world.speak({"AWS_CA_BUNDLE": "/mine.pem"}).ask("ca") == {"file": "/mine.pem"}
    assert world.speak({"AWS_PROFILE": "other"}).ask("ca") == {"file": ""}


def test_the_search_for_secrets_finds_them():
    secrets = Secrets()
    secret = secrets.make("a")
    assert secrets.found_in(f"x {secret[5:17]} y")
    assert not secrets.found_in(f"x {secret[5:16]} y")
