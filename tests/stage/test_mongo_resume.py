"""Whatever happens to the connection or the server: the dataset is that of an undisturbed reading."""

import datetime
import os
import struct
import subprocess
import uuid

import bson
import pymongo
import pytest
from bson import Binary, Int64, ObjectId, Timestamp

from mongo_rows import (COLLECTION, DATABASE, SERVERS, Canned, Ferret, Proxy, as_documents, digests, fill, ingest,
                        make_rows, write_ndjson)

N_ROWS, NOTE_BYTES = 6000, 1000
# codes of the Retryable Reads specification, and those of a cursor that is gone
PASSING = [6, 7, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436, 43, 175, 237]
MOMENT = datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)


class World:
    """A server with some ten megabytes, a proxy before it, and the digests of its rows read from a file."""

    def __init__(self, kind, folder):
        self.rows = make_rows(N_ROWS, NOTE_BYTES)
        self.server = kind(folder / "server").start()
        self.fill()
        self.proxy = Proxy(("127.0.0.1", self.server.port))

    def fill(self):
        fill(self.server.port, as_documents(self.rows))

    def uri(self, options=""):
        return f"mongodb://{self.proxy.address}/?{options}"

    def restart(self):
        self.server.restart()
        if not self.server.is_durable:
            self.fill()


@pytest.fixture(scope="module", params=SERVERS, ids=lambda kind: kind.name)
def shared(request, tmp_path_factory):
    world = World(request.param, tmp_path_factory.mktemp("world"))
    yield world
    world.proxy.close()
    world.server.stop()


@pytest.fixture
def world(shared):
    """The same for all tests of a server, with a new proxy for each."""
    shared.proxy.close()
    shared.proxy = Proxy(("127.0.0.1", shared.server.port))
    return shared


@pytest.fixture
def want(ingest, tmp_path):
    return digests(ingest(write_ndjson(tmp_path / "rows.ndjson", make_rows(N_ROWS, NOTE_BYTES))))


# in the greeting, the look, the first batch, later ones, near the end
PLACES = [40, 30_000, 700_000, 1_500_000, 5_600_000]


@pytest.mark.parametrize("fault", ["cut_after", "reset_after"])
def test_a_reply_that_breaks_off_anywhere(world, ingest, want, fault):
    for place in PLACES:
        n_faults = world.proxy.n_faults
        getattr(world.proxy, fault)(place)
        made, said = ingest.finish(ingest.start(world.uri()))
        assert digests(made) == want
        assert world.proxy.n_faults == n_faults + 1
        # what breaks in a find, libmongoc asks for again by itself
        assert "retrying in" in said or place < 1_100_000


def test_a_connection_that_breaks_again_and_again(world, ingest, want):
    """Batches become smaller until they come through."""
    world.proxy.reset_after(1_200_000, times=7)
    made, said = ingest.finish(ingest.start(world.uri()))
    assert digests(made) == want
    assert world.proxy.n_faults >= 7
    assert said.count("retrying in") >= 5


def test_a_silent_connection_is_given_up(world, ingest, want):
    world.proxy.silence_after(2_600_000)
    made, said = ingest.finish(ingest.start(world.uri("socketTimeoutMS=700")))
    assert digests(made) == want
    assert world.proxy.n_faults == 1 and "retrying in" in said


def test_ten_seconds_of_silence_are_waited_for(world, ingest, want):
    world.proxy.silence_after(2_600_000)
    process = ingest.start(world.uri())
    world.proxy.wait_until(lambda: world.proxy.n_faults)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=10)
    world.proxy.resume()
    assert digests(ingest.finish(process)[0]) == want


def test_a_slow_connection(world, ingest, want):
    world.proxy.delay = 0.002
    assert digests(ingest(world.uri())) == want


def test_a_server_that_restarts(world, ingest, want):
    world.proxy.silence_after(2_600_000)
    process = ingest.start(world.uri())
    world.proxy.wait_until(lambda: world.proxy.n_faults)
    world.proxy.refuse()
    world.restart()
    world.proxy.accept()
    made, said = ingest.finish(process)
    assert digests(made) == want
    assert "retrying in" in said


def test_a_cursor_that_is_killed(world, ingest, want):
    world.proxy.keeps_replies = True
    world.proxy.silence_after(1_500_000)
    process = ingest.start(world.uri())
    world.proxy.wait_until(lambda: world.proxy.n_faults)
    # the cursor's id, behind the first batch
    replies = bytes(world.proxy.replies)
    ids = {struct.unpack_from("<q", replies, at + 4)[0]
           for at in range(len(replies) - 12) if replies[at : at + 4] == b"\x12id\0"}
    client = pymongo.MongoClient("127.0.0.1", world.server.port)
    killed = client[DATABASE].command("killCursors", COLLECTION, cursors=[Int64(n) for n in ids if 0 < n])
    client.close()
    assert killed["ok"] == 1.0
    world.proxy.resume()
    made, said = ingest.finish(process)
    assert digests(made) == want
    assert killed["cursorsKilled"] == [] or "retrying in" in said


def lose(rows, want, ingest, folder, *faults):
    server = Canned(folder, as_documents(rows), "--first", "7", "--bytes", "1000", *faults).start()
    made, said = ingest.finish(ingest.start(server.uri()))
    assert digests(made) == want
    return said, server.counts()


def test_a_server_that_steps_down(ingest, tmp_path):
    """Every code once, in a getMore and in the find that follows a lost cursor."""
    rows = make_rows(1200)
    want = digests(ingest(write_ndjson(tmp_path / "rows.ndjson", rows)))
    faults = [part for i, code in enumerate(PASSING) for part in ("--fail", f"getMore:{2 * i + 2}:{code}")]
    said, _ = lose(rows, want, ingest, tmp_path / "getMore", *faults)
    assert said.count("retrying in") == len(PASSING)
    # libmongoc asks a second time by itself
    faults = [part for i, code in enumerate(PASSING)
              for part in ("--fail", f"getMore:{i + 2}:43", "--fail", f"find:{3 * i + 2}:{code}",
                           "--fail", f"find:{3 * i + 3}:{code}")]
    said, counts = lose(rows, want, ingest, tmp_path / "find", *faults)
    assert said.count("retrying in") > len(PASSING)
    assert counts["find"] > 2 * len(PASSING)


@pytest.mark.parametrize("label", ["RetryableError", "RetryableReadError", "RetryableWriteError",
                                   "TransientTransactionError", "SystemOverloadedError"])
def test_an_error_with_a_label_that_says_it_passes(ingest, tmp_path, label):
    rows = make_rows(300)
    want = digests(ingest(write_ndjson(tmp_path / "rows.ndjson", rows)))
    server = Canned(tmp_path / "server", as_documents(rows), "--first", "7", "--bytes", "2500",
                    "--fail", f"getMore:2:4711:{label}").start()
    assert digests(ingest(server.uri())) == want
    server.stop()


def test_every_batch_is_lost_once(ingest, tmp_path):
    """The cursor is cut at each of its batches, one after the other."""
    rows = make_rows(300)
    want = digests(ingest(write_ndjson(tmp_path / "rows.ndjson", rows)))
    faults = [part for i in range(1, 41) for part in ("--fail", f"getMore:{2 * i}:43")]
    server = Canned(tmp_path / "server", as_documents(rows), "--first", "7", "--bytes", "1500", *faults).start()
    assert digests(ingest(server.uri())) == want
    counts = server.counts()
    assert counts["find"] > 10


def test_tries_are_bounded(ingest, tmp_path):
    """Half a minute, then the stage's own patience takes over: by errno it sees that the network is away."""
    server = Canned(tmp_path / "server", as_documents(make_rows(300)), "--fail", "find:0:189").start()
    with Proxy(("127.0.0.1", 1)) as proxy:
        proxy.refuse()
        processes = [ingest.start(server.uri()), ingest.start(f"mongodb://{proxy.address}/")]
        said = [process.communicate(timeout=200)[1] for process in processes]
    assert "errno EREMOTEIO" in said[0] and "a canned error" in said[0]
    assert "errno ECONNREFUSED" in said[1]
    assert [text.count("retrying in") for text in said] == [9, 9]
    # libmongoc asks twice each time
    assert 10 <= server.counts()["find"] <= 20


def mixed_ids():
    """In MongoDB's order."""
    return [None, -1.5, 0, Int64(1), 1.5, 2**40, "", "a", "b", {"a": 1}, {"a": 2}, Binary(b"a"), Binary(b"bb"),
            ObjectId("00112233445566778899aabb"), ObjectId("ff112233445566778899aabb"), False, True,
            MOMENT, MOMENT + datetime.timedelta(1)]


def names(identities):
    return [name(identity) for identity in identities]


def name(identity):
    if identity is None or isinstance(identity, bool):
        return {None: "null", False: "false", True: "true"}[identity]
    if isinstance(identity, str):
        return f'"{identity}"'
    if isinstance(identity, ObjectId):
        return f'ObjectId("{identity}")'
    if isinstance(identity, datetime.datetime):
        return f'ISODate("{identity:%Y-%m-%dT%H:%M:%S}.000Z")'
    if isinstance(identity, uuid.UUID):
        return f'UUID("{identity.hex}")'
    kinds = {dict: "an object", bytes: "binary data", Binary: "binary data", Timestamp: "a timestamp"}
    return kinds.get(type(identity), str(identity))


def test_ids_of_mixed_types_are_read_on_after_each(shared):
    """A find of its own for each document, asking for what comes after the one before."""
    client = pymongo.MongoClient("127.0.0.1", shared.server.port, uuidRepresentation="standard")
    into = client[DATABASE]["mixed"]
    into.drop()
    accepted = []
    identities = mixed_ids()
    if shared.server.name == "ferretdb":
        # mongo-java-server does not compare an UUID with other binary data
        identities += [uuid.UUID(int=5), Timestamp(5, 1)]
    for n, identity in enumerate(identities):
        try:
            into.insert_one({"_id": identity, "n": n})
            accepted.append(identity)
        except (pymongo.errors.PyMongoError, bson.errors.BSONError):
            pass
    assert len(accepted) >= 15, accepted
    whole = [document["_id"] for document in into.find(sort=[("_id", 1)])]
    client.close()
    done = subprocess.run([os.environ["MONGO_STEPS"], shared.server.uri(), DATABASE, "mixed"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert int(lines[0]) == len(accepted)
    assert lines[1:] == names(whole)
