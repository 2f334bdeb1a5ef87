"""The registry is away, or hangs, or comes back changed; predictions, starts and rollbacks go on."""

import contextlib
import errno
import hashlib
import json
import os
import re
import subprocess

import pytest
from gateway import Gateway, until
from test_gateway_models import MODEL, ROW

N_VERSIONS = 4


def predict(gateway):
    answer = gateway.post("/predict", ROW)
    assert answer.status_code == 200, answer.text
    return answer.json()["version"]


def registry_folder(gateway):
    return gateway.home / "registry" / "toys"


def kept(gateway):
    folder = gateway.home / "serving" / "toys" / "versions"
    return {int(path.parent.name) for path in folder.glob("*/manifest.json")}


def state(gateway):
    return json.loads((gateway.home / "serving" / "toys" / "serving.json").read_text())


def model(gateway):
    answer = gateway.get("/models")
    assert answer.status_code == 200, answer.text
    model, = answer.json()["models"]
    return model


def moves(gateway):
    answer = gateway.get(MODEL + "/history")
    assert answer.status_code == 200, answer.text
    return answer.json()["moves"]


def restart(gateway):
    gateway.kill()
    gateway.start()


def leave(gateway):
    """Whatever is asked of the registry fails, also for root."""
    folder = registry_folder(gateway)
    folder.rename(gateway.home / "aside")
    folder.symlink_to(folder)


def come_back(gateway):
    registry_folder(gateway).unlink()
    (gateway.home / "aside").rename(registry_folder(gateway))


@contextlib.contextmanager
def away(gateway):
    leave(gateway)
    until(lambda: "registry" in gateway.get("/readyz").json(), "it is seen to be away")
    yield
    come_back(gateway)
    until(lambda: "registry" not in gateway.get("/readyz").json(), "it is seen to be back")


@pytest.fixture
def gateway():
    """Versions 1 to 4 have been champion in that order."""
    with Gateway() as gateway:
        gateway.stop()
        gateway.publish(N_VERSIONS)
        gateway.start()
        for version in range(2, N_VERSIONS + 1):
            assert gateway.post(MODEL + "/aliases/champion", {"version": version}).status_code == 200
        until(lambda: kept(gateway) == {4, 3, 2} and state(gateway)["aliases"]["aliases"]["champion"] == 4,
              "the champion and what may be rolled back to are kept")
        yield gateway


def roll_back(gateway, want=200, **body):
    answer = gateway.post(MODEL + ":rollback", body)
    assert answer.status_code == want, answer.text
    return answer.json()


def test_targets_are_kept_before_anybody_asks(gateway):
    """Also of a gateway that was not there when they were champions."""
    gateway.stop()
    subprocess.run(["rm", "-r", gateway.home / "serving"], check=True)
    gateway.start()
    until(lambda: kept(gateway) == {4, 3, 2}, "they are kept")
    same = [os.path.samefile(registry_folder(gateway) / f"versions/{number}/model.ubj",
                             gateway.home / f"serving/toys/versions/{number}/model.ubj") for number in (2, 3, 4)]
    assert all(same), "files of one file system are linked, not copied"
    with away(gateway):
        assert roll_back(gateway, **{"from": 4})["aliases"]["champion"] == 3
        assert predict(gateway) == 3


def test_answers_starts_and_rolls_back_without_its_registry(gateway):
    with away(gateway):
        assert predict(gateway) == 4
        restart(gateway)
        assert predict(gateway) == 4
        ready = gateway.get("/readyz")
        assert ready.status_code == 200 and ready.json()["registry"].startswith("away since ")
        assert model(gateway)["registry"] == ready.json()["registry"]
        assert [version["version"] for version in model(gateway)["versions"]] == [4, 3, 2]
        assert moves(gateway)[0]["action"] == "set"

        answer = roll_back(gateway, **{"from": 4, "reason": "wrong answers"})
        assert answer["recorded"] is False and answer["aliases"]["champion"] == 3 and answer["pinned"]
        assert predict(gateway) == 3
        assert roll_back(gateway, 409, **{"from": 4})["code"] == "ALIAS_MOVED"
        assert roll_back(gateway, 503, **{"from": 3, "to": 1})["error"].endswith("version 1 is not kept here")
        restart(gateway)
        assert predict(gateway) == 3
        assert roll_back(gateway, **{"from": 3})["aliases"]["champion"] == 2
        restart(gateway)
        assert predict(gateway) == 2
        pending = model(gateway)["pending"]
        assert [(move["from"], move["to"], move["reason"]) for move in pending] == [(4, 3, "wrong answers"), (3, 2, "")]
        assert "convoy_registry_up 0\nconvoy_rollbacks_pending 2\n" in re.sub("#.*\n", "", gateway.get("/metrics").text)
        for path, body in {":pin": {}, ":unpin": {}, "/aliases/champion": {"version": 4}}.items():
            answer = gateway.post(MODEL + path, body)
            assert answer.status_code == 503 and answer.json()["code"] == "REGISTRY_AWAY", answer.text
        words = subprocess.run([os.environ["CONVOY"], "models", "--url", gateway.url], check=True,
                               env=gateway.environment, capture_output=True, text=True, timeout=60).stdout
        assert re.search(r"^the registry is away since .*; this is what is known without it$", words, re.MULTILINE)
        assert "not recorded yet: rollback from version 4 to 3 (wrong answers)\n" in words
        last = json.loads((gateway.home / "aside" / "aliases.json").read_text())["sequence"]
    until(lambda: "pending" not in model(gateway), "they are recorded")
    first, second = reversed(moves(gateway)[:2])
    for move, want in ((first, pending[0]), (second, pending[1])):
        assert move["action"] == "rollback" and move["actor"] == "http" and move["version"] == want["to"]
        assert (move["id"], move.get("reason", ""), move["at"]) == (want["id"], want["reason"], want["at"])
    assert (first["sequence"], second["sequence"]) == (last + 1, last + 2)
    assert model(gateway)["aliases"]["champion"] == 2 and model(gateway)["pinned"]
    assert "dropped" not in model(gateway) and "registry" not in model(gateway)
    restart(gateway)
    assert predict(gateway) == 2 and len(moves(gateway)) == last + 2
    assert roll_back(gateway, **{"from": 2})["recorded"] is True


def test_the_champion_when_it_is_gone_is_told_by_errno(gateway):
    """A file where the folder was; the gateway sees it go, and says why."""
    folder = registry_folder(gateway)
    folder.rename(gateway.home / "aside")
    folder.write_text("")
    until(lambda: gateway.get("/readyz").json().get("registry", "").endswith(": Not a directory"), "it says why")
    assert roll_back(gateway, **{"from": 4, "to": 2})["recorded"] is False
    assert predict(gateway) == 2
    folder.unlink()
    (gateway.home / "aside").rename(folder)
    until(lambda: model(gateway)["aliases"]["champion"] == 2 and "pending" not in model(gateway), "it is recorded")


def test_why_it_is_away_is_told_once(gateway):
    """It is asked each second, for as long as it takes; another reason, or another absence, is told again."""
    gateway.stop()
    gateway.environment["CONVOY_LOG"] = "debug"
    gateway.start()

    def told(level):
        return re.findall(f" {level} convoy-gateway errno=.* at=.*/aliases.json: (.*)\n", gateway.log.read_text())

    with away(gateway):
        until(lambda: len(told("debug")) >= 3, "it is asked again and again")
        assert told("error") == [os.strerror(errno.ELOOP)]
        registry_folder(gateway).unlink()
        registry_folder(gateway).write_text("")
        until(lambda: len(told("error")) == 2, "another reason is told")
        n_asked = len(told("debug"))
        until(lambda: len(told("debug")) >= n_asked + 2, "it is asked again and again")
        assert told("error") == [os.strerror(errno.ELOOP), os.strerror(errno.ENOTDIR)]
    with away(gateway):
        assert len(told("error")) == 3


def test_a_rollback_that_the_registry_overtook_is_dropped_and_told(gateway):
    with away(gateway):
        assert roll_back(gateway, **{"from": 4, "reason": "late"})["aliases"]["champion"] == 3
        path = gateway.home / "aside" / "aliases.json"
        path.write_text(path.read_text().replace('"champion": 4', '"champion": 1'))
    until(lambda: "pending" not in model(gateway), "it is settled")
    want = "version 1 is the champion in the registry, no longer version 4"
    for _ in range(2):
        dropped = model(gateway)["dropped"]
        assert (dropped["from"], dropped["to"], dropped["reason"], dropped["error"]) == (4, 3, "late", want)
        assert predict(gateway) == 1 and model(gateway)["aliases"]["champion"] == 1
        restart(gateway)
    assert f"the rollback that was made here is dropped: {want}" in gateway.log.read_text()
    assert all(move["action"] != "rollback" for move in moves(gateway))
    assert gateway.post(MODEL + "/aliases/champion", {"version": 2}).status_code == 200
    until(lambda: "dropped" not in model(gateway), "the next move ends the news")


def rewrite(path, content):
    """Of what is linked, this end alone."""
    path.unlink()
    path.write_bytes(content)


@pytest.mark.parametrize("file", ["model.ubj", "transform.json", "schema.yaml", "threshold.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_what_is_damaged_is_never_served(gateway, file, damage):
    path = gateway.home / "serving/toys/versions/4" / file
    content = path.read_bytes()
    half = len(content) // 2
    gateway.stop()
    broken = {"flip": content[:half] + bytes([content[half] ^ 1]) + content[half + 1:], "cut": content[:half]}
    leave(gateway)
    if damage == "remove":
        path.unlink()
    else:
        rewrite(path, broken[damage])
    gateway.start()
    assert gateway.post("/predict", ROW).status_code == 503
    trouble = gateway.get("/readyz").json()["champion"]
    assert trouble["version"] == 4 and trouble["error"], trouble
    assert damage == "remove" or "is damaged and not used" in gateway.log.read_text()
    # the way out, here as ever
    assert roll_back(gateway, **{"from": 4})["aliases"]["champion"] == 3
    assert predict(gateway) == 3
    come_back(gateway)
    until(lambda: "pending" not in model(gateway), "it is recorded")
    # and what was damaged is fetched again
    assert gateway.post(MODEL + "/aliases/champion", {"version": 4}).status_code == 200
    assert predict(gateway) == 4 and path.read_bytes() == content


def test_what_is_damaged_is_fetched_again_at_the_start(gateway):
    path = gateway.home / "serving/toys/versions/4/model.ubj"
    content = path.read_bytes()
    rewrite(path, content[:-1])
    restart(gateway)
    assert predict(gateway) == 4 and path.read_bytes() == content
    assert "is damaged and not used" in gateway.log.read_text()


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "foreign"])
def test_a_damaged_state_is_not_used(gateway, damage):
    path = gateway.home / "serving/toys/serving.json"
    content = path.read_bytes()
    half = len(content) // 2
    gateway.stop()
    leave(gateway)
    path.write_bytes({"flip": content[:half] + bytes([content[half] ^ 1]) + content[half + 1:],
                      "cut": content[:half], "empty": b"", "foreign": b'{"champion":4}\n'}[damage])
    gateway.start()
    assert gateway.post("/predict", ROW).status_code == 503
    assert roll_back(gateway, 503, **{"from": 4})["code"] == "REGISTRY_AWAY"
    assert "serving.json " in gateway.log.read_text() and "; it is not used" in gateway.log.read_text()
    come_back(gateway)
    until(lambda: gateway.post("/predict", ROW).status_code == 200, "the registry answers")
    assert predict(gateway) == 4 and state(gateway)["aliases"]["aliases"]["champion"] == 4


def test_foreign_files_do_no_harm(gateway):
    folder = gateway.home / "serving" / "toys"
    (folder / "versions" / "9").mkdir()
    (folder / "versions" / "notes").write_text("")
    (folder / "versions" / "7").write_text("")
    (folder / "aliases.json").write_text("{}")
    restart(gateway)
    with away(gateway):
        assert roll_back(gateway, **{"from": 4})["aliases"]["champion"] == 3
        assert predict(gateway) == 3
        assert [version["version"] for version in model(gateway)["versions"]] == [4, 3, 2]


def test_a_registry_that_hangs_holds_up_nobody(gateway):
    """Opening a pipe waits for whoever writes: nothing ends the look but its being answered."""
    path, real, pipe = (registry_folder(gateway) / name for name in ("aliases.json", "real", "pipe"))
    os.mkfifo(pipe)
    os.link(path, real)
    os.rename(pipe, path)
    os.link(path, pipe)
    try:
        assert roll_back(gateway, **{"from": 4, "reason": "hangs"})["recorded"] is False
        assert predict(gateway) == 3
        assert roll_back(gateway, **{"from": 3})["aliases"]["champion"] == 2
        assert gateway.get("/readyz").json()["registry"].endswith("it does not answer")
        assert len(model(gateway)["pending"]) == 2
        assert gateway.post(MODEL + ":pin", {}).status_code == 503
        restart(gateway)
        assert predict(gateway) == 2
    finally:
        os.rename(real, path)
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    until(lambda: "pending" not in model(gateway), "they are recorded")
    assert [move["version"] for move in moves(gateway)[:2]] == [2, 3]
    assert moves(gateway)[1]["reason"] == "hangs"


def test_a_registry_that_is_away_and_was_never_seen():
    with Gateway() as gateway:
        gateway.stop()
        gateway.publish(1)
        subprocess.run(["rm", "-r", gateway.home / "serving"], check=True)
        leave(gateway)
        gateway.start()
        assert gateway.get("/readyz").json()["model"] == "loading" and gateway.get("/readyz").status_code == 503
        assert roll_back(gateway, 503, **{"from": 1})["code"] == "REGISTRY_AWAY"
        come_back(gateway)
        until(lambda: gateway.get("/readyz").status_code == 200, "it is seen")
        assert predict(gateway) == 1


def test_a_run_waits_to_learn_whom_it_is_to_beat(gateway):
    """After a start without the registry: what was seen last may be champion no more."""
    gateway.stop()
    leave(gateway)
    gateway.start()
    with gateway.line() as line:
        run = gateway.train()
        assert predict(gateway) == 4 and gateway.view(run)["state"] == "PENDING"
        path = gateway.home / "aside" / "aliases.json"
        path.write_text(path.read_text().replace('"champion": 4', '"champion": 2'))
        come_back(gateway)
        assert line.receive("ingestor").body["order"]["champion"]["version"] == 2
        line.end(run, 1, "ingestor", "FAILED", error="BROKEN")
        gateway.is_in(run, "FAILED")


def test_a_run_that_begins_after_a_rollback_made_here_is_compared_with_its_target(gateway):
    with gateway.line() as line, away(gateway):
        assert roll_back(gateway, **{"from": 4})["recorded"] is False
        run = gateway.train()
        assert line.receive("ingestor").body["order"]["champion"]["version"] == 3
        line.end(run, 1, "ingestor", "FAILED", error="BROKEN")
        gateway.is_in(run, "FAILED")


def test_what_is_kept_of_another_registry_is_not_used(gateway):
    gateway.stop()
    other = gateway.home / "registry" / "other"
    path = gateway.pipeline / "pipeline.yaml"
    path.write_text(path.read_text() + "registry: {path: registry/other}\n")
    gateway.start()
    assert gateway.post("/predict", ROW).status_code == 503
    assert "of another registry" in gateway.log.read_text() and not other.exists()


@pytest.mark.parametrize("address", ["same", "another"])
def test_numbers_of_another_registry_name_other_versions(gateway, address):
    """It has as many versions, of which as many have been champion; a rollback comes before anything was fetched."""
    gateway.stop()
    registry_folder(gateway).parent.rename(gateway.home / "first")
    (gateway.home / "serving").rename(gateway.home / "kept")
    gateway.publish(N_VERSIONS)
    gateway.start()
    for version in range(2, N_VERSIONS + 1):
        assert gateway.post(MODEL + "/aliases/champion", {"version": version}).status_code == 200
    gateway.stop()
    subprocess.run(["rm", "-r", gateway.home / "serving"], check=True)
    (gateway.home / "kept").rename(gateway.home / "serving")
    folder = registry_folder(gateway)
    if address == "another":
        folder = gateway.home / "other" / "toys"
        registry_folder(gateway).parent.rename(folder.parent)
        path = gateway.pipeline / "pipeline.yaml"
        path.write_text(path.read_text() + "registry: {path: other}\n")

    def digest(parent, version):
        return hashlib.sha256((parent / "versions" / str(version) / "manifest.json").read_bytes()).hexdigest()
    assert all(digest(folder, version) != digest(gateway.home / "serving/toys", version) for version in (2, 3, 4))
    gateway.start()
    assert roll_back(gateway, **{"from": 4})["aliases"]["champion"] == 3
    assert predict(gateway) == 3
    with gateway.line() as line:
        run = gateway.train()
        champion = line.receive("ingestor").body["order"]["champion"]
        assert (champion["version"], champion["manifest"]) == (3, digest(folder, 3))
        line.end(run, 1, "ingestor", "FAILED", error="BROKEN")
        gateway.is_in(run, "FAILED")
    until(lambda: kept(gateway) >= {2, 3}, "they are kept anew")
    for version in kept(gateway):
        assert digest(gateway.home / "serving/toys", version) == digest(folder, version)


def test_a_disk_that_is_full_undoes_nothing(gateway):
    """Where a small disk can be made: needs the right to mount."""
    gateway.stop()
    folder = gateway.home / "serving"
    subprocess.run(["rm", "-r", folder], check=True)
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("no right to mount")
    try:
        gateway.start()
        until(lambda: kept(gateway) == {4, 3, 2} and state(gateway), "copies are kept where there can be no links")
        with away(gateway):
            filler = folder / "filler"
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            before = state(gateway)
            assert gateway.post(MODEL + ":rollback", {"from": 4}).status_code == 507
            assert predict(gateway) == 4 and state(gateway) == before and "pending" not in model(gateway)
            filler.unlink()
            assert roll_back(gateway, **{"from": 4})["aliases"]["champion"] == 3
            assert predict(gateway) == 3
        until(lambda: "pending" not in model(gateway), "it is recorded")
        gateway.stop()
    finally:
        if gateway.process.poll() is None:
            gateway.kill()
        subprocess.run(["umount", folder], check=True)
    gateway.start()
