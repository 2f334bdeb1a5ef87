"""The line on real parts, policies in MongoDB, store and registry in S3: the digests of a run on files, and none lost
when daemons and servers die."""

import random
import time

import pytest
from line import GATEWAY, STAGES, WORKERS, Line, copy_pipeline, until
from policies import RAW
from real_line import COLLECTION, DATABASE, Parts, RealLine

from conftest import ALWAYS, SOURCE, TRAIN, check_whole, read_manifests, run_under_kills

POINTS = ["accepted", "working", "stored", "committed"]


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    with Parts(tmp_path_factory.mktemp("parts")) as parts:
        parts.file = parts.load(SOURCE)
        yield parts


def test_the_digests_are_those_of_files(tmp_path, parts, parameters):
    with Line(tmp_path / "files", source=f"file://{parts.file}") as line:
        run = line.train(**parameters)
        line.ended(run)
        on_files = line.digests(run)
    with RealLine(tmp_path / "real", parts) as line:
        run = line.train(**parameters)
        check_whole(line, run, on_files)
        assert line.predict(RAW)["version"] == 1
        assert not (tmp_path / "real" / "store").exists() and not (tmp_path / "real" / "registry").exists()


def test_the_order_of_insertion_is_nothing(tmp_path, parts, parameters, undisturbed):
    """Other ids, in another order: the same rows in another file."""
    import pymongo

    with pymongo.MongoClient(parts.mongo.uri()) as client:
        documents = list(client[DATABASE][COLLECTION].find({}, {"_id": False}))
        random.Random(1).shuffle(documents)
        client[DATABASE]["shuffled"].insert_many(documents)
    pipeline = copy_pipeline(tmp_path / "pipeline", collection="shuffled")
    with RealLine(tmp_path / "home", parts, pipeline=pipeline) as line:
        run = line.train(**parameters)
        assert line.ended(run)["version"] == 1
        digests = line.digests(run)
        for rows in ("train rows", "test rows"):
            assert digests[rows] == undisturbed[rows]
        for file in ("train", "test"):
            assert digests[file] != undisturbed[file]


@pytest.mark.crash_points
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("stage", WORKERS)
def test_a_stage_killed_and_both_servers_restarted(tmp_path, parts, parameters, undisturbed, stage, point):
    with RealLine(tmp_path / "home", parts, CONVOY_CRASH=f"{stage}:{point}:1") as line:
        run = line.train(**parameters)
        line.crashed(stage)
        before = read_manifests(line, run)
        parts.restart()
        line.start(stage)
        check_whole(line, run, undisturbed)
        after = read_manifests(line, run)
        if point == "stored":
            del before[stage]  # its daemon could not know, and did it again
        assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("seed", range(4))
def test_daemons_and_servers_killed_at_random_moments(tmp_path, parts, parameters, undisturbed, seed):
    chance = random.Random(seed)
    with RealLine(tmp_path / "home", parts) as line:
        run = line.train(**parameters)
        for _ in range(chance.randint(2, 4)):
            time.sleep(chance.uniform(0, 0.3))  # the moment, nothing is waited for
            victims = chance.sample(STAGES, chance.randint(1, 3))
            line.kill(*victims)
            parts.stop()
            line.start(*victims)
            time.sleep(chance.uniform(0, 0.3))
            parts.start()
        line.ready()
        check_whole(line, run, undisturbed)


@pytest.mark.parametrize("seed", range(2))
def test_all_seven_and_both_servers_at_once(tmp_path, parts, parameters, undisturbed, seed):
    chance = random.Random(seed)
    with RealLine(tmp_path / "home", parts) as line:
        run = line.train(**parameters)
        time.sleep(chance.uniform(0, 0.5))  # the moment, nothing is waited for
        line.kill()
        parts.restart()
        line.start(*chance.sample(STAGES, len(STAGES)))
        line.ready()
        check_whole(line, run, undisturbed)


@pytest.mark.once
@pytest.mark.crash_points
@pytest.mark.parametrize("number", range(2, 9))
def test_the_gateway_killed_after_each_commit(tmp_path, parts, parameters, undisturbed, number):
    with RealLine(tmp_path / "home", parts, CONVOY_CRASH=f"gateway:committed:{number}") as line:
        run = line.train(**parameters)
        line.crashed(GATEWAY)
        parts.restart()
        line.start(GATEWAY)
        line.ready()
        check_whole(line, run, undisturbed)


@pytest.mark.once
def test_many_runs_under_many_kills(tmp_path, parts):
    with RealLine(tmp_path / "home", parts) as line:
        # a pause is long, since who lost a server rests before the next try
        runs = run_under_kills(line, n_runs=5, n_kills=10, n_kills_max=200, pause_s=1.5,
                               between=lambda n: n % 5 == 0 and parts.restart())
        until(lambda: [move["run_id"] for move in line.history()] == runs, "the history is complete")
        line.check_files()


def test_a_run_asked_for_while_they_are_away_waits_for_them(tmp_path, parts):
    with RealLine(tmp_path / "home", parts) as line:
        line.ended(line.train(train=TRAIN, evaluate=ALWAYS))
        parts.stop()
        try:
            run = line.train(train=TRAIN | {"seed": 2, "subsample": 0.8}, evaluate=ALWAYS)
            assert line.run(run)["state"] == "PENDING"
            line.kill(GATEWAY)
            line.start(GATEWAY)
            until(lambda: line.answers("/readyz"), "the gateway is ready without them")
            assert line.run(run)["state"] == "PENDING"
        finally:
            parts.start()
        assert line.ended(run)["state"] == "SUCCEEDED"
        assert line.models()["aliases"]["champion"] == 2


def test_serving_and_rolling_back_without_them(tmp_path, parts):
    with RealLine(tmp_path / "home", parts) as line:
        for seed in (1, 2):
            line.ended(line.train(train=TRAIN | {"seed": seed, "subsample": 0.8}, evaluate=ALWAYS))
        until(lambda: line.predict(RAW)["version"] == 2, "version 2 answers")
        parts.stop()
        try:
            assert line.predict(RAW)["version"] == 2
            line.kill(GATEWAY)
            line.start(GATEWAY)
            until(lambda: line.answers("/readyz"), "the gateway is ready without its registry")
            assert line.predict(RAW)["version"] == 2
            answer = line.post("/models/vehicle-insurance:rollback", {"from": 2, "reason": "it is wrong"})
            assert answer.status_code == 200 and answer.json()["recorded"] is False, answer.text
            assert line.predict(RAW)["version"] == 1
            line.kill(GATEWAY)
            line.start(GATEWAY)
            until(lambda: line.answers("/readyz"), "the gateway is ready again")
            assert line.predict(RAW)["version"] == 1
        finally:
            parts.start()
        until(lambda: line.models()["aliases"].get("champion") == 1, "the registry knows")
        until(lambda: any(move["action"] == "rollback" and move["reason"] == "it is wrong" for move in line.history()),
              "the move is in the history")
        assert line.predict(RAW)["version"] == 1
