"""Six stages in one Python object, for tests of the gateway: they speak proto/README.md and the courier's frames
(common/bus/courier_header.h) by themselves, with pyzmq and msgpack, and do what the test tells them.

    with FakeLine(home) as line:
        message = line.receive("ingestor")
        line.end(message.run, 1, "ingestor")
"""

import time
import types
import uuid

import msgpack
import zmq

STAGES = ["ingestor", "validator", "transformer", "trainer", "evaluator", "pusher"]
DATA, ACK, LOSSY = 1, 2, 3
DEADLINE_S = 60
RESEND_S = 1
FIELDS = ["version", "type", "run", "attempt", "sequence", "produced_at", "traceparent", "body"]
SCORES = {"f1": 0.5, "precision": 0.4, "recall": 0.6, "auc": 0.75, "pr_auc": None, "log_loss": 0.3, "brier": 0.1,
          "threshold": 0.25, "n_rows": 1000, "n_positives": 300}


def header(kind, message, key=""):
    return b"CVOY" + bytes([1, kind]) + message.encode() + bytes([len(key)]) + key.encode()


def now_ms():
    return time.time_ns() // 1_000_000


class FakeLine:
    def __init__(self, home):
        self.context = zmq.Context()
        self.routers = {}
        for stage in STAGES:
            router = self.context.socket(zmq.ROUTER)
            router.linger = 0
            router.bind(f"ipc://{home}/run/{stage}.sock")
            self.routers[stage] = router
        self.gateway = self.context.socket(zmq.DEALER)
        self.gateway.linger = 0
        self.gateway.connect(f"ipc://{home}/run/gateway.sock")
        self.sequence = 0
        self.heard = set()
        self.unacked = {}
        self.waits = True  # for the ack of each message

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for socket in (*self.routers.values(), self.gateway):
            socket.close()
        self.context.term()

    # what the gateway says

    def receive(self, stage, want=None, seconds=DEADLINE_S):
        """The next message to a stage (of a type, others are passed over), acked; its envelope's fields. What was sent
        again is acked again, and no news."""
        envelope = self.hear(stage, want, seconds)
        assert envelope, f"nothing for the {stage}"
        return envelope

    def hears_nothing(self, stage, seconds):
        return self.hear(stage, None, seconds) is None

    def hear(self, stage, want, seconds):
        router = self.routers[stage]
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and router.poll(left * 1000):
            peer, head, frame = router.recv_multipart()
            assert head[:5] == b"CVOY\x01" and head[5] == DATA
            message = head[6:42].decode()
            router.send_multipart([peer, header(ACK, message), b""])
            if (stage, message) in self.heard:
                continue
            self.heard.add((stage, message))
            envelope = msgpack.unpackb(frame, strict_map_key=True)
            assert len(envelope) == len(FIELDS)
            envelope = types.SimpleNamespace(**dict(zip(FIELDS, envelope, strict=True)))
            assert head[43:].decode() == envelope.run
            if want in (None, envelope.type):
                return envelope
        return None

    # what stages say

    def frame(self, kind, run, attempt, body):
        self.sequence += 1
        return msgpack.packb([1, kind, run, attempt, self.sequence, now_ms(), "", body])

    def send(self, frame, key):
        """One message, sent again by settle() until it is acked, as by a courier."""
        message = str(uuid.uuid4())
        self.unacked[message] = [header(DATA, message, key), frame]
        self.gateway.send_multipart(self.unacked[message])

    def settle(self):
        """Until all that was sent is acked: it is durable at the gateway. A gateway that dies may take messages and acks
        along that were on their way."""
        end = time.monotonic() + DEADLINE_S
        while self.unacked:
            if not self.gateway.poll(RESEND_S * 1000):
                assert time.monotonic() < end, "no ack came"
                for frames in self.unacked.values():
                    self.gateway.send_multipart(frames)
                continue
            head, empty = self.gateway.recv_multipart()
            assert head[5] == ACK and empty == b""
            self.unacked.pop(head[6:42].decode(), None)

    def post(self, frame, key):
        self.send(frame, key)
        if self.waits:
            self.settle()

    def tell(self, kind, run, attempt, body):
        self.post(self.frame(kind, run, attempt, body), run)

    def tell_lossy(self, kind, run, attempt, body):
        message = str(uuid.uuid4())
        self.gateway.send_multipart([header(LOSSY, message, run), self.frame(kind, run, attempt, body)])

    def end(self, run, attempt, stage, state="SUCCEEDED", ends_run="", error=None, drifted=()):
        at = now_ms()
        if error:
            error = {"code": error, "message": "it is broken", "column": "", "file": "", "line": 0, "position": 0,
                     "row": -1}
        self.tell("stage_to_gateway", run, attempt, {
            "stage": stage, "state": state, "started_at": at - 20, "finished_at": at, "work_ms": 20,
            "counts": [{"name": "n_rows", "value": 7}],
            "drifted": [{"column": column, "distance": distance} for column, distance in drifted],
            "booster_ms": 11 if stage == "trainer" else 0, "ends_run": ends_run, "error": error})

    def release(self, run, attempt, version=1, accepted=True, promoted=True, reasons=()):
        self.tell("pusher_to_gateway", run, attempt, {
            "model": "toys", "accepted": accepted, "promoted": promoted, "version": version,
            "manifest": "ab" * 32 if version else "", "alias_sequence": 1 if promoted else 0,
            "reasons": [{"code": code, "message": "because"} for code in reasons], "candidate": SCORES,
            "champion": None})

    def succeed(self, run, attempt=1, **release):
        for stage in STAGES:
            self.end(run, attempt, stage)
        self.release(run, attempt, **release)

    def progress(self, run, attempt, stage, done, total, unit="rows"):
        self.tell_lossy("progress", run, attempt, {"stage": stage, "done": done, "total": total, "unit": unit})

    def beat(self, stages=STAGES, run="", attempt=0, waits_for="", retry_at=0):
        for stage in stages:
            self.tell_lossy("heartbeat", run, attempt, {
                "stage": stage, "state": "idle", "pid": 1, "started_at": now_ms(), "n_handled": 0, "n_rejected": 0,
                "n_dead": 0, "n_inbox": 0, "n_outbox": 0, "waits_for": waits_for, "retry_at": retry_at})
