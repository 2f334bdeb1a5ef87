"""`convoy data load` against two implementations of MongoDB: what stands in the collection, whatever ended the load."""

import contextlib
import json
import os
import pathlib
import pty
import random
import signal
import subprocess
import time

import pandas as pd
import pymongo
import pytest
from bson import Int64
from pyarrow import feather

from mongo_rows import (COLLECTION, DATABASE, SCHEMA, SERVERS, Canned, Ferret, Ingestor, Proxy, contents, digests,
                        ingest, write_ndjson)

POLICIES = pathlib.Path(__file__).parents[2] / "pipelines" / "vehicle-insurance"
ORCHARD = SCHEMA + "  - {name: zone, role: ignore, type: category, of: int, values: [1, 2, 5000000000]}\n"
WAIT_SECONDS = 120
SECRET = "s3cretWord-9"


def make_rows(n):
    """Rows of the orchard in no order; some values are missing, some keys need 64 bits."""
    rows = [{"id": i * 3 - 7 + (2**40 if i % 5 == 0 else 0), "weight": float(i) if i % 7 else None,
             "colour": ["red", "green", "dark blue, almost black"][i % 3], "note": f"no {i}" if i % 4 else None,
             "ripe": i % 2, "zone": [1, 2, 5_000_000_000][i % 3]} for i in range(n)]
    random.Random(n).shuffle(rows)
    return rows


def make_rows_in_order(n):
    """The same with keys one after the other, which FerretDB finds faster."""
    return [{**row, "id": i} for i, row in enumerate(make_rows(n))]


def as_document(row, key="id"):
    """The document that the row becomes, to the type: bool by the schema, Int64 where 32 bits do not do."""
    number = {name: Int64(value) if isinstance(value, int) and abs(value) > 2**31 else value
              for name, value in row.items() if value is not None}
    return {"_id": number[key], **number, "ripe": bool(row["ripe"])}


def write(path, rows):
    frame = pd.DataFrame(rows)
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".arrow":
        feather.write_feather(frame, path)
    else:
        write_ndjson(path, rows)
    return path


class Load:
    """The command with a pipeline of its own in a folder of its own."""

    def __init__(self, folder, schema=ORCHARD):
        self.folder = folder
        self.pipeline = folder / "pipeline"
        self.pipeline.mkdir()
        (self.pipeline / "schema.yaml").write_text(schema)
        (self.pipeline / "pipeline.yaml").write_text(
            "name: fruit\nschema: schema.yaml\n"
            f"source: {{uri: 'file:///nowhere', database: {DATABASE}, collection: '{COLLECTION}'}}\n")
        self.said = ""

    def start(self, *arguments, environment=None, **more):
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("CONVOY_", "MONGODB_"))}
        return subprocess.Popen([os.environ["CONVOY"], "data", "load", *map(str, arguments)], cwd=self.folder, text=True,
                                env={**clean, "CONVOY_PIPELINE": str(self.pipeline), **(environment or {})},
                                **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more})

    def end(self, process, want=0):
        """All that it said."""
        out, err = process.communicate(timeout=WAIT_SECONDS)
        assert process.returncode == want, f"exit {process.returncode}\n{out}\n{err}"
        return (out or "") + err

    def __call__(self, *arguments, want=0, **more):
        return self.end(self.start(*arguments, **more), want)

    def json(self, *arguments, **more):
        return json.loads(self(*arguments, "--json", **more))


@pytest.fixture
def load(tmp_path):
    return Load(tmp_path)


@pytest.fixture(params=SERVERS, ids=lambda kind: kind.name)
def server(request, tmp_path):
    server = request.param(tmp_path / "server").start()
    yield server
    server.stop()


@pytest.fixture
def ferret(tmp_path):
    server = Ferret(tmp_path / "server").start()
    yield server
    server.stop()


@contextlib.contextmanager
def collection(server, database=DATABASE, name=COLLECTION, **options):
    with pymongo.MongoClient("127.0.0.1", server.port, directConnection=True, **options) as client:
        yield client[database][name]


def documents(server, **place):
    with collection(server, **place) as there:
        return sorted(there.find(), key=lambda document: document["_id"])


def as_documents(rows):
    return sorted(map(as_document, rows), key=lambda document: document["_id"])


def types(documents):
    return [[(name, type(value)) for name, value in document.items()] for document in documents]


def until(condition):
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end, "what was awaited did not come"
        time.sleep(0.005)


def count(server):
    with collection(server) as there:
        return there.count_documents({})


def test_every_format_gives_the_same_documents(server, load, tmp_path):
    rows = make_rows(400)
    for form in ("csv", "ndjson", "arrow"):
        place = {"name": f"fruit-{form}"}
        write(tmp_path / f"rows.{form}", rows)
        said = load(f"rows.{form}", server.uri(), "--collection", place["name"])
        assert f"{DATABASE}.fruit-{form}: 400 documents inserted, 0 present before, " in said
        assert documents(server, **place) == as_documents(rows)
        assert types(documents(server, **place)) == types(as_documents(rows))


def test_a_load_gives_the_file_back(server, load, ingest, tmp_path):
    """Policies in the order of their keys: collection and file give the same digests of files."""
    environment = {"CONVOY_PIPELINE": str(POLICIES)}
    n = 50_000
    subprocess.run([os.environ["CONVOY"], "data", "generate", "--rows", str(n), "--out", tmp_path / "rows.csv"],
                   check=True, timeout=WAIT_SECONDS, env={**os.environ, **environment})
    said = load(tmp_path / "rows.csv", server.uri(), environment=environment)
    assert f"Proj1.Proj1-Data: {n:,} documents inserted, 0 present before, " in said
    ingest.schema = POLICIES / "schema.yaml"
    want = ingest(f"file://{tmp_path}/rows.csv")
    got = ingest(server.uri(), database="Proj1", collection="Proj1-Data")
    assert digests(got) == digests(want) and sum(part[2] for part in digests(got)) == n


def test_rows_in_another_order_give_the_same_content(server, load, ingest, tmp_path):
    ingest.schema.write_text(ORCHARD)
    rows = make_rows(2000)
    load(write(tmp_path / "rows.ndjson", rows), server.uri())
    got = ingest(server.uri())
    assert contents(got) == contents(ingest(f"file://{tmp_path}/rows.ndjson"))
    # sorted by key, the file itself is the same
    rows.sort(key=lambda row: row["id"])
    assert digests(got) == digests(ingest(write_ndjson(tmp_path / "sorted.ndjson", rows)))


def test_a_second_load_adds_what_is_not_there(server, load, tmp_path):
    rows = make_rows(600)
    write(tmp_path / "some.csv", rows[200:400])
    write(tmp_path / "all.ndjson", rows)
    load("some.csv", server.uri())
    assert load.json("some.csv", server.uri())["present"] == 200
    summary = load.json("all.ndjson", server.uri())
    assert (summary["inserted"], summary["present"]) == (400, 200)
    assert summary["collection"] == f"{DATABASE}.{COLLECTION}" and summary["left_out"] == []
    assert summary["seconds"] > 0 and summary["documents_per_second"] > 0
    assert "has 600 documents already" in load("all.ndjson", server.uri())
    assert documents(server) == as_documents(rows)


def test_values_are_compared_and_not_their_types(server, load, tmp_path):
    rows = make_rows(20)
    with collection(server) as there:
        there.insert_many({"taste": "sweet", "_id": float(row["id"]), "id": Int64(row["id"]), "ripe": row["ripe"],
                           "weight": row["weight"], "note": row["note"], "colour": row["colour"],
                           "zone": float(row["zone"])} for row in rows[:10])
    summary = load.json(write(tmp_path / "rows.csv", rows), server.uri())
    assert (summary["inserted"], summary["present"]) == (10, 10)


@pytest.mark.parametrize("change, words", [
    ({"weight": 17.5}, 'weight: document 5 is there already with "17.5", where row 5 has "4"'),
    ({"note": None}, 'note: document 5 is there already with nothing, where row 5 has "no 4"'),
    ({"weight": "heavy"}, 'weight: row 5 is there already, but otherwise: document 5: value "heavy" is no number'),
])
def test_another_value_of_the_same_key_is_an_error(server, load, tmp_path, change, words):
    rows = [{"id": i + 1, "weight": float(i), "colour": "red", "note": f"no {i}", "ripe": 1, "zone": 1} for i in range(9)]
    there = {"_id": 5, **rows[4], "ripe": True, **change}
    there = {name: value for name, value in there.items() if value is not None}
    with collection(server) as into:
        into.insert_one(there)
    said = load(write(tmp_path / "rows.csv", rows), server.uri(), want=1)
    assert words in said.replace("document 5 is", "document 5 is") and "it was not changed" in said and "--drop" in said
    assert "goes on from there" in said
    assert {"_id": 5, **there} in documents(server)
    load("rows.csv", server.uri(), "--drop")
    assert len(documents(server)) == 9 and there not in documents(server)


@pytest.mark.parametrize("name", ["rows.csv", "rows.ndjson"])
def test_a_number_that_is_no_bool_stays_what_it_is(ferret, load, ingest, tmp_path, name):
    """Else the validation would see a good row where the file has a bad one."""
    rows = [{**row, "ripe": {3: 77, 4: -5}.get(row["id"], row["ripe"])} for row in make_rows_in_order(20)]
    file = write(tmp_path / name, rows)
    load(name, ferret.uri())
    assert [document["ripe"] for document in documents(ferret)][3:5] == [77, -5]
    ours, theirs = ingest(ferret.uri()), ingest(f"file://{file}")
    assert contents(ours) == contents(theirs)


def test_a_key_that_stands_twice_is_an_error(server, load, tmp_path):
    rows = make_rows(50)
    rows[41]["id"] = rows[7]["id"]
    said = load(write(tmp_path / "rows.csv", rows), server.uri(), want=1)
    assert f"rows.csv: id: row 42 has the key {rows[7]['id']}, which row 8 has already" in said
    # the same row twice is no better
    rows[41] = rows[7]
    assert "row 42 has the key" in load(write(tmp_path / "rows.csv", rows), server.uri(), "--drop", want=1)
    # what came before is there
    assert documents(server) == as_documents(rows[:41])
    rows[41] = {**rows[7], "id": None}
    said = load(write(tmp_path / "rows.ndjson", rows), server.uri(), "--drop", want=1)
    assert "rows.ndjson: id: row 42 has no key" in said


def test_a_row_that_cannot_be_read_is_told_by_its_line(server, load, tmp_path):
    rows = make_rows(50)
    write(tmp_path / "rows.csv", rows)
    with (tmp_path / "rows.csv").open("a") as file:
        file.write("x,1.0,red,n,1,1\n")
    load(write(tmp_path / "good.ndjson", rows[:10]), server.uri())
    said = load("rows.csv", server.uri(), "--drop", want=1)
    assert 'rows.csv:52:1: id: value "x" is no int' in said
    # a file whose first rows cannot be read drops nothing
    assert count(server) == 10


def test_drop_says_what_went(server, load, tmp_path):
    rows = make_rows(30)
    write(tmp_path / "rows.csv", rows)
    assert f"there was nothing in {DATABASE}.{COLLECTION} to drop\n" in load("rows.csv", server.uri(), "--drop")
    with collection(server) as there:
        there.update_one({"_id": as_document(rows[3])["_id"]}, {"$set": {"note": "other"}})
    assert f"dropped {DATABASE}.{COLLECTION} with 30 documents\n" in load("rows.csv", server.uri(), "--drop")
    assert load.json("rows.csv", server.uri(), "--drop")["dropped"] == 30
    assert documents(server) == as_documents(rows)


def test_texts_are_keys_too(server, tmp_path):
    load = Load(tmp_path, SCHEMA.replace("role: key, type: int", "role: key, type: category"))
    rows = [{**row, "id": f"key ä {row['id']}"} for row in make_rows(300)]
    for row in rows:
        del row["zone"]
    load(write(tmp_path / "rows.csv", rows), server.uri())
    assert documents(server) == as_documents(rows)
    assert load.json("rows.csv", server.uri())["present"] == 300


def test_without_a_key_the_content_is_the_id(server, tmp_path):
    load = Load(tmp_path, ORCHARD.replace("role: key, ", "role: ignore, "))
    rows = make_rows(300)
    rows += rows[:20]
    load(write(tmp_path / "rows.csv", rows), server.uri())
    there = documents(server)
    assert len(there) == 320 and all(isinstance(document["_id"], str) for document in there)
    assert sum(document["_id"].endswith("-2") for document in there) == 20
    random.Random(1).shuffle(rows)
    summary = load.json(write(tmp_path / "other.ndjson", rows), server.uri())
    assert (summary["inserted"], summary["present"]) == (0, 320)
    assert documents(server) == there


def test_columns_that_the_schema_does_not_know_are_left_out(server, load, tmp_path):
    rows = [{**row, "taste": "sweet", "tree": 7} for row in make_rows(20)]
    said = load(write(tmp_path / "rows.csv", rows), server.uri())
    assert [line for line in said.splitlines() if "taste" in line] == [
        "left out, since the schema does not know them: taste, tree"]
    assert documents(server) == as_documents({name: row[name] for name in row if name not in ("taste", "tree")}
                                             for row in rows)
    assert load.json("rows.csv", server.uri())["left_out"] == ["taste", "tree"]


def test_columns_that_the_file_does_not_have_are_told(server, load, tmp_path):
    rows = [{name: value for name, value in row.items() if name not in ("weight", "zone")} for row in make_rows(20)]
    said = load(write(tmp_path / "rows.csv", rows), server.uri())
    assert "the file does not have weight, zone; `convoy validate " in said
    assert load.json("rows.csv", server.uri())["lacking"] == ["weight", "zone"]


def test_generated_rows_need_no_file(server, load):
    environment = {"CONVOY_PIPELINE": str(POLICIES), "MONGODB_URL": server.uri("elsewhere")}
    said = load("generate:rows=100,seed=1", environment=environment)
    assert "elsewhere.Proj1-Data: 100 documents inserted" in said
    # who does not load where runs read should know
    assert "runs read Proj1.Proj1-Data" in said
    assert len(documents(server, database="elsewhere", name="Proj1-Data")) == 100
    said = load("generate:rows=100,seed=1", "--database", "third", "--collection", "c", environment=environment)
    assert "third.c: 100 documents inserted" in said


def test_a_load_killed_in_the_middle_goes_on(server, load, tmp_path):
    rows = make_rows_in_order(11_000)
    write(tmp_path / "rows.csv", rows)
    with Proxy(("127.0.0.1", server.port)) as proxy:
        proxy.delay = 0.02
        process = load.start("rows.csv", f"mongodb://{proxy.address}/")
        until(lambda: count(server) > 0)
        process.kill()
        process.communicate()
    n = count(server)
    assert 0 < n < 11_000
    # what was under way may still arrive, and is then counted as present
    summary = load.json("rows.csv", server.uri())
    assert summary["present"] >= n and summary["inserted"] + summary["present"] == 11_000
    assert documents(server) == as_documents(rows)


def test_ctrl_c_says_how_far_it_came(server, load, tmp_path):
    rows = make_rows_in_order(11_000)
    write(tmp_path / "rows.csv", rows)
    with Proxy(("127.0.0.1", server.port)) as proxy:
        proxy.delay = 0.02
        process = load.start("rows.csv", f"mongodb://{proxy.address}/", "--drop")
        until(lambda: count(server) > 0)
        process.send_signal(signal.SIGINT)
        said = load.end(process, want=130)
    assert "convoy: interrupted\n" in said
    n = count(server)
    assert f"so far {n:,} documents inserted, 0 present before; the same command without --drop goes on" in said
    summary = load.json("rows.csv", server.uri())
    assert (summary["inserted"], summary["present"]) == (11_000 - n, n)


def test_ctrl_c_says_that_a_drop_may_have_been_made(load, tmp_path):
    write(tmp_path / "rows.csv", make_rows(20))
    process = load.start("rows.csv", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50", "--drop")
    process.stdout.readline()  # it has begun
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode and "interrupted; --drop may have taken the former documents already" in out + err


@pytest.mark.parametrize("fault", ["reset_after", "cut_after"])
def test_connections_that_break_are_survived(server, load, tmp_path, fault):
    """In the middle of any reply, again and again: each document is there once, and counted once."""
    rows = make_rows_in_order(11_000)
    write(tmp_path / "rows.csv", rows)
    with Proxy(("127.0.0.1", server.port)) as proxy:
        load("rows.csv", f"mongodb://{proxy.address}/", "--collection", "undisturbed")
        n_replies = proxy.n_replied
        getattr(proxy, fault)(n_replies - 200, times=3)
        summary = load.json("rows.csv", f"mongodb://{proxy.address}/")
        assert proxy.n_faults >= 2
    assert (summary["inserted"], summary["present"]) == (11_000, 0)
    assert documents(server) == as_documents(rows)


def test_a_server_that_restarts_is_waited_for(ferret, load, tmp_path):
    rows = make_rows_in_order(11_000)
    write(tmp_path / "rows.csv", rows)
    with Proxy(("127.0.0.1", ferret.port)) as proxy:
        proxy.delay = 0.02
        process = load.start("rows.csv", f"mongodb://{proxy.address}/")
        until(lambda: count(ferret) > 0)
        ferret.stop()
        while not process.stdout.readline().startswith("load        waits: "):
            assert process.poll() is None
        proxy.delay = 0
        ferret.start()
        said = load.end(process)
    assert "11,000 documents inserted, 0 present before" in said
    assert documents(ferret) == as_documents(rows)


def test_a_server_that_stays_away_is_given_up(ferret, load, tmp_path):
    rows = make_rows_in_order(6000)
    write(tmp_path / "rows.csv", rows)
    process = load.start("rows.csv", ferret.uri())
    until(lambda: count(ferret) > 0)
    ferret.stop()
    said = load.end(process, want=1)
    assert "MongoDB is away" in said and "goes on from there" in said
    ferret.start()
    summary = load.json("rows.csv", ferret.uri())
    assert summary["inserted"] + summary["present"] == 6000 and summary["present"]
    assert documents(ferret) == as_documents(rows)


def test_a_primary_that_steps_down_is_waited_for(load, tmp_path):
    write(tmp_path / "rows.csv", make_rows(20))
    server = Canned(tmp_path / "server", [], "--fail", "insert:1:10107", "--fail", "insert:2:91").start()
    assert load.json("rows.csv", server.uri())["inserted"] == 20
    assert server.counts()["insert"] == 3


def test_documents_beside_one_that_is_tried_again_are_counted_once(load, tmp_path):
    """A part of a sharded cluster that shuts down refuses its documents, while the others take theirs."""
    rows = make_rows_in_order(20)
    write(tmp_path / "rows.csv", rows)
    server = Canned(tmp_path / "server", as_documents(rows[:7] + rows[8:]), "--refuse", "7:91").start()
    summary = load.json("rows.csv", server.uri())
    assert (summary["inserted"], summary["present"]) == (20, 0)
    assert server.counts()["insert"] == 2


def test_who_may_not_write_is_told_at_once(load, tmp_path):
    write(tmp_path / "rows.csv", make_rows(20))
    server = Canned(tmp_path / "server", [], "--fail", "insert:0:13").start()
    said = load("rows.csv", server.uri(), want=1)
    assert f"{DATABASE}.{COLLECTION}: MongoDB does not let the URI's user write to this collection; give it the role" in said
    assert server.counts()["insert"] == 1
    server = Canned(tmp_path / "server", [], "--fail", "insert:0:121").start()
    assert "MongoDB refuses to write (a canned error)" in load("rows.csv", server.uri(), want=1)
    assert server.counts()["insert"] == 1


def test_another_unique_index_is_told(server, load, tmp_path):
    rows = [{**row, "note": f"no {i}"} for i, row in enumerate(make_rows(20))]
    rows[11]["note"] = rows[4]["note"]
    with collection(server) as there:
        there.create_index("note", unique=True)
    said = load(write(tmp_path / "rows.csv", rows), server.uri(), want=1)
    if server.name == "mongo-java":  # does not say which
        assert "MongoDB refuses to write (E11000" in said
    else:
        assert f"MongoDB refuses document {rows[11]['id']} of row 12 (" in said


def test_a_wrong_password_is_told_at_once_and_nothing_of_it(load, tmp_path):
    server = Ferret(tmp_path / "server", "-user", "gardener", "-password", "right").start()
    write(tmp_path / "rows.csv", make_rows(20))
    try:
        with Proxy(("127.0.0.1", server.port)) as proxy:
            uri = f"mongodb://gardener:{SECRET}@{proxy.address}/?authMechanism=PLAIN".replace("PLAIN", "SCRAM-SHA-256")
            said = load("rows.csv", uri, want=1)
            assert "MongoDB does not take the user and password" in said
            said += load("rows.csv", environment={"MONGODB_URL": uri}, want=1)
            assert proxy.n_connections <= 4
            assert SECRET not in said and "gardener" not in said
        right = f"mongodb://gardener:right@127.0.0.1:{server.port}/?authMechanism=SCRAM-SHA-256"
        assert load.json("rows.csv", right)["inserted"] == 20
    finally:
        server.stop()


def test_no_secret_is_seen_anywhere(ferret, load, tmp_path):
    """Not in what it says of faults and of good days, nor by those who list processes."""
    write(tmp_path / "rows.csv", make_rows_in_order(11_000))
    with Proxy(("127.0.0.1", ferret.port)) as proxy:
        proxy.silence()
        process = load.start("rows.csv", f"mongodb://{proxy.address}/?appName={SECRET}&authSource=x")
        until(lambda: proxy.n_connections > 0)
        process.kill()
        process.communicate()
        proxy.resume()
        process = load.start("rows.csv", f"mongodb://gardener:{SECRET}@{proxy.address}/?appName={SECRET}")
        until(lambda: proxy.n_connections > 1)
        assert SECRET not in pathlib.Path(f"/proc/{process.pid}/cmdline").read_text()
        said = load.end(process, want=1)
    for uri in (f"mongodb://gardener:{SECRET}@127.0.0.1:1/?serverSelectionTimeoutMS=50",
                f"mongodb://gardener:{SECRET}@/", f"mongodb://gardener:{SECRET}@host.invalid/",
                f"mongodb+srv://gardener:{SECRET}@host.invalid/", f"http://gardener:{SECRET}@host/"):
        process = load.start("rows.csv", uri)
        if uri.startswith("mongodb://"):
            said += process.stdout.readline()
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT_SECONDS)
        assert process.returncode
        said += out + err
    assert SECRET not in said


@pytest.mark.parametrize("arguments, words", [
    (["rows.csv"], "set MONGODB_URL"),
    (["mongodb://host/"], "FILE is missing"),
    (["rows.csv", "http://host/"], "the second operand is no URI of MongoDB"),
    (["rows.csv", "mongodb://"], "this is no URI of MongoDB"),
    (["-", "mongodb://host/"], "standard input"),
    ([], "FILE"),
    (["rows.csv", "mongodb://127.0.0.1/?w=0"], "w=0"),
    (["rows.csv", "mongodb://127.0.0.1/", "--dorp"], "did you mean --drop"),
])
def test_what_is_misconfigured_is_told(load, tmp_path, arguments, words):
    write(tmp_path / "rows.csv", make_rows(3))
    assert words in load(*arguments, want=2)


def test_a_file_that_is_none_is_told_before_anything_is_dropped(server, load, tmp_path):
    write(tmp_path / "rows.csv", make_rows(3))
    load("rows.csv", server.uri())
    assert "none.csv: cannot be read" in load("none.csv", server.uri(), "--drop", want=1)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert "is in the schema" in load("other.csv", server.uri(), "--drop", want=1)
    assert count(server) == 3


def test_a_column_called_id_must_be_the_key(server, tmp_path):
    rows = make_rows(10)
    load = Load(tmp_path, ORCHARD.replace("name: note", "name: _id"))
    said = load(write(tmp_path / "rows.csv", [{**row, "_id": "x"} for row in rows]), server.uri(), want=1)
    assert "schema.yaml: _id: a column of this name must be the key" in said
    (tmp_path / "other").mkdir()
    load = Load(tmp_path / "other", ORCHARD.replace("name: id", "name: _id"))
    rows = [{"_id": row.pop("id"), **row} for row in rows]
    load(write(tmp_path / "rows.csv", rows), server.uri())
    assert documents(server) == sorted((as_document(row, "_id") for row in rows), key=lambda document: document["_id"])
    assert load.json(tmp_path / "rows.csv", server.uri())["present"] == 10


def test_a_bar_is_drawn_on_a_terminal(server, load, tmp_path):
    write(tmp_path / "rows.csv", make_rows(6000))
    ours, theirs = pty.openpty()
    process = load.start("rows.csv", server.uri(), stdout=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    load.end(process)
    lines = shown.decode().replace("\r", "").split("\n")
    assert any("load        [" + "=" * 28 + "] " in line and "6,000 documents" in line for line in lines), lines
    assert "6,000 documents inserted" in shown.decode()


def test_help_says_what_it_does(load):
    help_ = subprocess.run([os.environ["CONVOY"], "data", "--help"], capture_output=True, text=True, timeout=60)
    assert help_.returncode == 0 and "convoy data generate --rows N" in help_.stdout
    assert "convoy data load FILE mongodb://" in help_.stdout
    help_ = load("--help")
    for option in ("--drop", "--database NAME", "--collection NAME", "MONGODB_URL", "--json"):
        assert option in help_, help_
