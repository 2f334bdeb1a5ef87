"""The other side of struct aws_credentials: servers that play IMDS, ECS and STS, and a dialogue with aws_keys.c.

Every secret that a test makes is remembered, and everything that the program prints is searched for a dozen letters of
it at the end.
"""

import datetime
import email.utils
import hashlib
import hmac
import http.server
import json
import os
import subprocess
import threading
import time
import urllib.parse
import uuid

HOUR = 3600


def stamp(seconds_from_now):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds_from_now)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Secrets:
    """Makes secrets and finds them again."""

    def __init__(self):
        self.made = []

    def make(self, name):
        self.made.append(f"{name}-{uuid.uuid4().hex}/{uuid.uuid4().hex}+==")
        return self.made[-1]

    def keys(self, name):
        return Keys(f"AKIA{name.upper()}", self.make(name), self.make(name + "-token"))

    def found_in(self, text):
        return [s for s in self.made for i in range(len(s) - 12) if s[i : i + 12] in text]


class Keys:
    def __init__(self, access, secret, token):
        self.access, self.secret, self.token = access, secret, token

    @property
    def digest(self):
        return hashlib.sha256(f"{self.access} {self.secret} {self.token or ''}".encode()).hexdigest()

    def json(self, seconds=HOUR, token_name="Token", **more):
        return json.dumps(
            {
                "AccessKeyId": self.access,
                "SecretAccessKey": self.secret,
                token_name: self.token,
                "Expiration": stamp(seconds),
                **more,
            }
        )

    def sts(self, seconds=HOUR, action="AssumeRole"):
        return (
            f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result><Credentials>'
            f"<AccessKeyId>{self.access}</AccessKeyId><SecretAccessKey>{self.secret}</SecretAccessKey>"
            f"<SessionToken>{self.token}</SessionToken><Expiration>{stamp(seconds)}</Expiration>"
            f"</Credentials></{action}Result></{action}Response>"
        )


def sts_error(code, message):
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"


class Request:
    def __init__(self, handler, body):
        self.method, self.path, self.headers, self.body = handler.command, handler.path, handler.headers, body

    @property
    def form(self):
        return dict(urllib.parse.parse_qsl(self.body.decode()))


class Server:
    """Answers as `answer(request)` says: (status, body), or an exception's class: the connection ends unanswered."""

    def __init__(self, answer, address=("127.0.0.1", 0)):
        self.answer, self.requests, self.ahead = answer, [], 0
        self.ended = threading.Event()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                request = Request(self, self.rfile.read(int(self.headers.get("content-length", 0))))
                server.requests.append(request)
                answer = server.answer(request)
                if answer is ConnectionResetError:
                    self.close_connection = True
                    return
                if answer is TimeoutError:
                    server.ended.wait()
                    self.close_connection = True
                    return
                body = answer[1].encode()
                self.send_response(answer[0])
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_CONNECT = handle_any

            def date_time_string(self, timestamp=None):
                return email.utils.formatdate(time.time() + server.ahead, usegmt=True)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(address, Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self.ended.set()
        self.http.shutdown()
        self.http.server_close()

    def stop_listening(self):
        """From now on nobody answers at this address."""
        self.close()


class Imds:
    """An instance metadata service; a field changed in the middle of a run is what it does from then on."""

    def __init__(self, keys):
        self.keys, self.seconds, self.role, self.region = keys, 6 * HOUR, "line-role", "eu-west-3"
        self.refuse_tokens, self.code, self.document, self.status = 0, "Success", None, 200
        self.tokens = []

    def __call__(self, request):
        if self.status != 200:
            return self.status, "no"
        if (request.method, request.path) == ("PUT", "/latest/api/token"):
            assert 0 < int(request.headers["x-aws-ec2-metadata-token-ttl-seconds"]) <= 21600
            self.tokens.append(f"imds-token-{len(self.tokens)}")
            return 200, self.tokens[-1]
        if self.refuse_tokens or request.headers["x-aws-ec2-metadata-token"] != self.tokens[-1]:
            self.refuse_tokens -= 1
            return 401, "no"
        if request.path == "/latest/meta-data/placement/region":
            return 200, self.region
        if not self.role:
            return 404, "no"
        if request.path == "/latest/meta-data/iam/security-credentials/":
            return 200, self.role
        assert request.path == "/latest/meta-data/iam/security-credentials/" + urllib.parse.quote(self.role, safe="")
        return 200, self.document or self.keys.json(self.seconds, Code=self.code, Type="AWS-HMAC")


def signature_is_right(request, keys, region, service="sts"):
    """Signature version 4 of a request, made anew from what arrived."""
    date = request.headers["x-amz-date"]
    said = request.headers["authorization"]
    names = said.split("SignedHeaders=")[1].split(",")[0]
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    canonical = "\n".join(
        [request.method, "/", ""]
        + [f"{name}:{' '.join(request.headers[name].split())}" for name in names.split(";")]
        + ["", names, hashlib.sha256(request.body).hexdigest()]
    )
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + keys.secret).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    want = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return said.startswith(f"AWS4-HMAC-SHA256 Credential={keys.access}/{scope},") and said.endswith("Signature=" + want)


class Speaker:
    """tests/support/aws_keys with an environment of its own."""

    def __init__(self, home, environment, ahead_ms=0):
        self.home = home
        self.log = home / f"log-{uuid.uuid4().hex}"
        self.answers = []
        # nobody is asked unless the test says so
        usual = {"HOME": str(home), "PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"}
        usual.update({name: os.environ[name] for name in os.environ if name.endswith("SAN_OPTIONS")})
        usual.update(environment)
        self.process = subprocess.Popen(
            [os.environ["AWS_KEYS"], str(ahead_ms)],
            env={name: value for name, value in usual.items() if value is not None},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log.open("wb"),
            text=True,
        )

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        self.answers.append(self.process.stdout.readline())
        return json.loads(self.answers[-1])

    def get(self):
        return self.ask("get")

    def end(self):
        self.process.stdin.close()
        self.answers.append(self.process.stdout.read())
        code = self.process.wait()
        text = "".join(self.answers) + self.log.read_text(errors="replace")
        return code, text
