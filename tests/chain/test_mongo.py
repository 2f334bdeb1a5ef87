"""The line on a collection of MongoDB whose server is slow, silent or away: what people see of it, and that a cancel is
heard whatever the ingestor waits for."""

import os
import subprocess

import pytest
from line import PIPELINE, Line, copy_pipeline, program, until
from mongo_server import Ferret
from proxy import Proxy

N_POLICIES = 20_000
# more than one batch of rows, and the bytes of a reading that has come to the last ones
MANY_POLICIES, NEARLY_ALL_BYTES = 80_000, 17_500_000
# in the greeting, about the look and the count, in the first batch, behind it
PLACES = [60, 30_000, 300_000, 1_500_000]
# the tries take longer than this, when nobody hears
BACK_OFF_S = 15
# so that no timeout ends what is to be canceled
PATIENT = "?connectTimeoutMS=600000&socketTimeoutMS=600000&serverSelectionTimeoutMS=600000"


def load(server, n_rows, *options):
    subprocess.run([program("convoy"), "data", "load", f"generate:rows={n_rows},seed=1", server.uri(), *options],
                   env=os.environ | {"CONVOY_PIPELINE": str(PIPELINE)}, check=True, timeout=120)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Ferret(tmp_path_factory.mktemp("mongo")).start()
    try:
        load(server, N_POLICIES)
        yield server
    finally:
        server.stop()


@pytest.fixture
def proxy(server):
    with Proxy(("127.0.0.1", server.port)) as proxy:
        yield proxy


@pytest.fixture
def line(tmp_path, proxy):
    with Line(tmp_path / "home", MONGODB_URL=f"mongodb://{proxy.address}/{PATIENT}") as line:
        yield line


def cancel(line, run, **deadline):
    assert line.post(f"/runs/{run}:cancel").status_code == 202
    view = until(lambda: line.run(run)["state"] == "CANCELED" and line.run(run), "the run is canceled", **deadline)
    assert line.stages(view)["ingestor"] == "CANCELED" and line.stages(view)["validator"] == "PENDING"


def test_cancel_while_the_server_is_away(line, proxy, parameters):
    proxy.refuse()
    run = line.train(**parameters)
    until(lambda: line.run(run)["stages"][0].get("waiting"), "the ingestor waits")
    cancel(line, run, seconds=BACK_OFF_S)
    proxy.accept()
    assert line.ended(line.train(**parameters))["version"] == 1


def n_threads(line):
    return len(os.listdir(f"/proc/{line.pid('ingestor')}/task"))


@pytest.mark.parametrize("comes_back", [True, False])
def test_cancel_while_the_server_is_silent(line, proxy, parameters, comes_back):
    """What waits for the server is left behind, and ends when that speaks again, or with the daemon."""
    n_before = n_threads(line)
    for place in PLACES:
        n_faults = proxy.n_faults
        proxy.silence_after(place)
        run = line.train(**parameters)
        proxy.wait_until(lambda n=n_faults: proxy.n_faults > n)
        cancel(line, run)
    if comes_back:
        proxy.resume()
        until(lambda: n_threads(line) <= n_before, "the threads end")
    run = line.train(**parameters)
    assert line.ended(run)["version"] == 1
    assert line.lives("ingestor")


def test_progress_has_a_total(tmp_path, server, proxy, parameters):
    """It is known before the collection is read; here the reading stands still in the middle."""
    load(server, MANY_POLICIES, "--collection", "many")
    pipeline = copy_pipeline(tmp_path / "pipeline", collection="many")
    with Line(tmp_path / "home", pipeline=pipeline, MONGODB_URL=f"mongodb://{proxy.address}/") as line:
        proxy.silence_after(NEARLY_ALL_BYTES)
        run = line.train(**parameters)
        proxy.wait_until(lambda: proxy.n_faults)
        progress = until(lambda: line.run(run)["stages"][0].get("progress"), "the ingestor is at work")
        assert progress["total"] == MANY_POLICIES and 0 < progress["done"] < MANY_POLICIES
        proxy.resume()
        assert line.ended(run)["stages"][0]["progress"]["done"] == MANY_POLICIES


def test_score_reads_a_collection(tmp_path, server, parameters):
    """Document by document the answers are those to the same rows of a file, and no secret stands in them."""
    rows = tmp_path / "rows.csv"
    with Line(tmp_path / "home", MONGODB_URL=server.uri()) as line:
        line.ended(line.train(**parameters))

        def convoy(*arguments, want=0, **more):
            done = subprocess.run([program("convoy"), *arguments], capture_output=True, text=True, timeout=120,
                                  env=line.environment, **more)
            assert done.returncode == want, done.stderr
            return done.stdout if not want else done.stderr

        convoy("data", "generate", "--rows", str(N_POLICIES), "--seed", "1", "--out", str(rows))
        want = convoy("score", str(rows))
        assert want.count("\n") == N_POLICIES
        assert convoy("score", server.uri("?appName=s3cretword")) == want
        said = convoy("score", "mongodb://annabell:s3cretword@127.0.0.1:1/?serverSelectionTimeoutMS=50", want=1)
        assert "s3cretword" not in said and "connections are refused" in said
    # the line need not run
    assert convoy("score", server.uri("?appName=s3cretword")) == want
