"""Servers of S3 for tests, and a gate before them that makes faults.

    with Versitygw(folder) as server:             # or Moto(folder)
        server.environment                        # what a client needs: endpoint, keys, region
        server.boto3()                            # a client of Amazon's own
        with Gate(server) as gate:
            gate.fail(2, status=503, code="SlowDown")
            gate.environment

What is missing (build/servers/bin/versitygw, moto) raises Missing, and the test counts as skipped.
"""

import contextlib
import http.client
import http.server
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSITYGW = ROOT / "build" / "servers" / "bin" / "versitygw"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDTESTTESTTEST", "AWS_SECRET_ACCESS_KEY": "sEcReT-of-the-tests/0123456789+abcdef"}
REGION = "us-east-1"
BUCKET = "toys"
PATIENCE_S = 60


class Missing(Exception):
    """A server that cannot be started here."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment_of(endpoint):
    """The environment of this process without anything of AWS's, and with these keys."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | KEYS | {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": endpoint,
                          "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent",
                          "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}


class _Server:
    """A server in a process of its own; stop() and start() keep what it holds where it can."""

    scheme = "http"

    def __init__(self, folder, port=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.process = None

    @property
    def endpoint(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def environment(self):
        return environment_of(self.endpoint)

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, env=self.server_environment(),
                                            start_new_session=True)
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise Missing((self.folder / "log").read_text()[-1000:]) from None
                time.sleep(0.02)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def boto3(self):
        import boto3
        from botocore.config import Config

        return boto3.client("s3", endpoint_url=self.endpoint, region_name=REGION,
                            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
                            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
                            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}), verify=False)

    def __enter__(self):
        self.start()
        try:
            self.boto3().create_bucket(Bucket=BUCKET)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()


class Versitygw(_Server):
    """Checks every signature and checksum, keeps objects as files, compares and swaps under a lock."""

    name = "versitygw"

    def __init__(self, folder, port=None, certificate=None):
        super().__init__(folder, port)
        self.certificate = certificate  # (file of the certificate, file of its key)
        if certificate:
            self.scheme = "https"

    def command(self):
        if not VERSITYGW.exists():
            raise Missing(f"no {VERSITYGW} (script/servers makes it)")
        objects = self.folder / "objects"
        objects.mkdir(exist_ok=True)
        tls = ["--cert", str(self.certificate[0]), "--key", str(self.certificate[1])] if self.certificate else []
        return [str(VERSITYGW), "--port", f"127.0.0.1:{self.port}", "--region", REGION, "--keep-alive", "--quiet", *tls,
                "posix", str(objects)]

    def server_environment(self):
        return {"PATH": os.environ["PATH"], "ROOT_ACCESS_KEY": KEYS["AWS_ACCESS_KEY_ID"],
                "ROOT_SECRET_KEY": KEYS["AWS_SECRET_ACCESS_KEY"]}


class Moto(_Server):
    """The second opinion: keeps all in memory, and believes any signature."""

    name = "moto"

    def command(self):
        return [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(self.port)]

    def server_environment(self):
        return os.environ | KEYS


SERVERS = {"versitygw": Versitygw, "moto": Moto}


def error_document(code, message="made up by the test", **more):
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in more.items())
    return (f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message>{inner}'
            "</Error>").encode()


class _Fault:
    def __init__(self, times, method, path, action):
        self.times, self.method, self.path, self.action = times, method, re.compile(path), action


class Gate:
    """A proxy that understands HTTP and passes requests on as they are, their Host included, which is signed.

    fail(times, status, code, …)  answers itself; nothing reaches the server
    lose(times)                   passes the request on, and drops the answer and the connection
    drop(times)                   drops the connection without passing the request on
    truncate(times, n)            passes n bytes of the answer's body on, then resets
    garble(times)                 changes one byte of the answer's body
    answer(times, call)           call(request) -> (status, headers, body)

    method and path (a regular expression, searched in path and query) limit whom a fault hits. log holds (method, path,
    status) of all, connections the ports of clients, one per request.
    """

    def __init__(self, server):
        self.server = server
        self.faults = []
        self.log = []
        self.clients = []
        self.requests = []
        self.skew_s = 0
        self._lock = threading.Lock()
        gate = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            timeout = PATIENCE_S

            def log_message(self, *_):
                pass

            def do_any(self):
                gate._serve(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_any

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.environment = environment_of(self.endpoint)

    def _add(self, times, method, path, action):
        with self._lock:
            self.faults.append(_Fault(times, method, path, action))

    def fail(self, times=1, status=500, code="InternalError", method=".", path="", headers=(), body=None, **more):
        document = error_document(code, **more) if body is None else body
        self.answer(times, lambda request: (status, dict(headers), document), method, path)

    def answer(self, times, call, method=".", path=""):
        self._add(times, method, path, ("answer", call))

    def lose(self, times=1, method=".", path=""):
        self._add(times, method, path, ("lose", None))

    def drop(self, times=1, method=".", path=""):
        self._add(times, method, path, ("drop", None))

    def truncate(self, times, n, method="GET", path=""):
        self._add(times, method, path, ("truncate", n))

    def garble(self, times=1, method="GET", path=""):
        self._add(times, method, path, ("garble", None))

    def clear(self):
        with self._lock:
            self.faults, self.log, self.clients, self.requests = [], [], [], []

    def count(self, method=".", path=""):
        with self._lock:
            return sum(1 for entry in self.log if re.match(method, entry[0]) and re.search(path, entry[1]))

    def _find(self, handler):
        with self._lock:
            for fault in self.faults:
                if fault.times > 0 and re.match(fault.method, handler.command) and fault.path.search(handler.path):
                    fault.times -= 1
                    return fault.action
        return None, None

    def _serve(self, handler):
        action, argument = self._find(handler)
        with self._lock:
            self.clients.append(handler.client_address[1])
            self.requests.append((handler.command, handler.path, dict(handler.headers)))
            entry = [handler.command, handler.path, None]
            self.log.append(entry)
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        if action == "drop":
            return self._reset(handler)
        if action == "answer":
            status, headers, answer = argument(handler)
        else:
            status, headers, answer = self._pass_on(handler, body)
        entry[2] = status
        if action == "lose":
            return self._reset(handler)
        if action == "garble" and answer:
            answer = answer[:len(answer) // 2] + bytes([answer[len(answer) // 2] ^ 1]) + answer[len(answer) // 2 + 1:]
        handler.send_response_only(status)
        names = {name.lower() for name in headers}
        for name, value in headers.items():
            if name.lower() not in ("transfer-encoding", "connection", "keep-alive"):
                handler.send_header(name, value)
        if "date" not in names:
            handler.send_header("Date", handler.date_time_string(time.time() + self.skew_s))
        if "content-length" not in names:
            handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        if handler.command == "HEAD":
            return None
        if action == "truncate":
            handler.wfile.write(answer[:argument])
            handler.wfile.flush()
            return self._reset(handler)
        handler.wfile.write(answer)
        return None

    def _pass_on(self, handler, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.putrequest(handler.command, handler.path, skip_host=True, skip_accept_encoding=True)
            for name, value in handler.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    @staticmethod
    def _reset(handler):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True
        # the makefile objects keep the socket open otherwise
        handler.connection.close()
        handler.rfile.close()

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


class Registry:
    """A process of tests/support/registry_tool.c, which is given orders: registry("roll-back", 4) -> 0."""

    n = 0

    def __init__(self, tool, server, folder):
        Registry.n += 1
        uri = f"s3://{BUCKET}/registry-{os.getpid()}-{Registry.n}"
        self.process = subprocess.Popen([tool, uri, pathlib.Path(folder) / f"registry-{Registry.n}"], text=True,
                                        env=server.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, *order):
        self.process.stdin.write(" ".join(map(str, order)) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        code = self.process.wait(timeout=PATIENCE_S)
        self.process.stdout.close()
        assert code == 0, code
