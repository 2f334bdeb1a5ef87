"""TLS and SCRAM for real; errors come at once, and nothing that is said holds a secret."""

import subprocess

import pymongo
import pytest

from mongo_rows import (COLLECTION, DATABASE, SERVERS, Ferret, Proxy, as_documents, digests, fill, ingest, make_rows,
                        write_ndjson)

USER, PASSWORD = "annabell", "pa55:w0rd@/?"
ENCODED = "annabell:pa55%3Aw0rd%40%2F%3F@"
PIECES = [USER, PASSWORD, "pa55", "w0rd"]


def run(*arguments):
    subprocess.run(list(map(str, arguments)), check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A CA of our own, with certificates for this host and for another."""
    folder = tmp_path_factory.mktemp("tls")
    for name in ("ca", "stranger"):
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={name}",
            "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem")
    for host in ("localhost", "other.example"):
        (folder / "names").write_text(f"subjectAltName=DNS:{host}\n")
        run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={host}", "-keyout",
            folder / f"{host}.key", "-out", folder / f"{host}.csr")
        run("openssl", "x509", "-req", "-in", folder / f"{host}.csr", "-CA", folder / "ca.pem", "-CAkey",
            folder / "ca.key", "-CAcreateserial", "-days", "30", "-extfile", folder / "names", "-out",
            folder / f"{host}.pem")
    return folder


@pytest.fixture
def start(tmp_path):
    servers = []

    def call(*arguments):
        servers.append(Ferret(tmp_path / f"server-{len(servers)}", *arguments).start())
        return servers[-1]

    yield call
    for server in servers:
        server.stop()


def secure(authority, host):
    return "-cert", str(authority / f"{host}.pem"), "-key", str(authority / f"{host}.key")


def test_tls_with_an_authority_of_ones_own(authority, start, ingest, tmp_path):
    rows = make_rows(300)
    server = start(*secure(authority, "localhost"))
    into = pymongo.MongoClient("localhost", server.port, tls=True, tlsCAFile=str(authority / "ca.pem"))
    into[DATABASE][COLLECTION].insert_many(as_documents(rows))
    into.close()
    made = ingest(f"mongodb://localhost:{server.port}/?tls=true&tlsCAFile={authority}/ca.pem")
    assert digests(made) == digests(ingest(write_ndjson(tmp_path / "rows.ndjson", rows)))


@pytest.mark.parametrize("kind", SERVERS, ids=lambda kind: kind.name)
def test_a_server_without_tls_is_told_at_once(authority, ingest, tmp_path, kind):
    server = kind(tmp_path / "server").start()
    with Proxy(("127.0.0.1", server.port)) as proxy:
        proxy.keeps_requests = True
        said = ingest.refuse(f"mongodb://{ENCODED}localhost:{proxy.port}/?tls=true&connectTimeoutMS=1000"
                             f"&tlsCAFile={authority}/ca.pem")
    server.stop()
    assert "SOURCE_TLS_FAILED" in said and "the server has no TLS, which the URI asks for" in said
    assert "retrying" not in said
    assert not [piece for piece in PIECES if piece in said]
    # nor is it told without TLS to anyone
    assert proxy.requests and not [piece for piece in PIECES if piece.encode() in proxy.requests]


@pytest.mark.parametrize("host, options, want", [
    ("other.example", "&tlsCAFile={0}/ca.pem", "the server's certificate is that of another host"),
    ("localhost", "&tlsCAFile={0}/stranger.pem", "the server's certificate is not one to be trusted"),
    ("localhost", "", "the server's certificate is not one to be trusted"),
    ("localhost", "&tlsCAFile={0}/nowhere.pem", "nowhere.pem of the URI's tlscafile cannot be read"),
    ("localhost", "&tlsCAFile={0}/ca.key", "the URI's certificates cannot be read"),
])
def test_a_certificate_that_will_not_do_is_told_at_once(authority, start, ingest, host, options, want):
    server = start(*secure(authority, host))
    with Proxy(("127.0.0.1", server.port)) as proxy:
        said = ingest.refuse(f"mongodb://{ENCODED}localhost:{proxy.port}/?tls=true{options.format(authority)}")
        assert proxy.n_connections <= 2
    assert "SOURCE_TLS_FAILED" in said and want in said
    assert "retrying" not in said
    assert not [piece for piece in PIECES if piece in said]


def test_scram(start, ingest, tmp_path):
    rows = make_rows(300)
    server = start("-user", USER, "-password", PASSWORD)
    fill(server.port, as_documents(rows), username=USER, password=PASSWORD)
    want = digests(ingest(write_ndjson(tmp_path / "rows.ndjson", rows)))
    for mechanism in ("", "?authMechanism=SCRAM-SHA-1", "?authMechanism=SCRAM-SHA-256"):
        made, said = ingest.finish(ingest.start(server.uri(mechanism, user=ENCODED)))
        assert digests(made) == want
        assert not [piece for piece in PIECES if piece in said]
    # a connection that breaks while it authenticates is no wrong password
    with Proxy(("127.0.0.1", server.port)) as proxy:
        for place in (350, 500, 700):
            proxy.reset_after(place)
            made, said = ingest.finish(ingest.start(f"mongodb://{ENCODED}{proxy.address}/"))
            assert digests(made) == want
            assert not [piece for piece in PIECES if piece in said]
        assert proxy.n_faults == 3


@pytest.mark.parametrize("user, code", [
    ("annabell:wr0ngw0rd@", "SOURCE_AUTHENTICATION_FAILED"),
    ("stranger:pa55%3Aw0rd%40%2F%3F@", "SOURCE_AUTHENTICATION_FAILED"),
    ("", "SOURCE_NOT_AUTHORIZED"),
])
def test_a_wrong_password_is_told_at_once(start, ingest, user, code):
    server = start("-user", USER, "-password", PASSWORD)
    with Proxy(("127.0.0.1", server.port)) as proxy:
        said = ingest.refuse(f"mongodb://{user}{proxy.address}/")
        assert proxy.n_connections <= 2
    assert code in said
    assert "retrying" not in said
    assert not [piece for piece in PIECES + ["wr0ng", "stranger:"] if piece in said]


def test_a_host_without_address_is_told_at_once(ingest):
    for scheme in ("mongodb", "mongodb+srv"):
        said = ingest.refuse(f"{scheme}://{ENCODED}no-such.host.invalid/")
        assert "SOURCE_HOST_UNKNOWN" in said
        assert "retrying" not in said
        assert not [piece for piece in PIECES if piece in said]


@pytest.mark.parametrize("uri", [
    "mongodb://annabell:pa55:w0rd@/?@127.0.0.1/", "mongodb://annabell:pa55%zzw0rd@127.0.0.1/",
    "mongodb://annabell:pa55w0rd@127.0.0.1:x/", "mongodb://annabell:pa55w0rd@/",
    "mongodb://annabell:pa55w0rd@127.0.0.1/?tls=pa55", "mongodb+srv://annabell:pa55w0rd@host:17/",
    "mongodb://127.0.0.1/?authMechanismProperties=AWS_SESSION_TOKEN:pa55w0rd&tls=x",
])
def test_a_uri_that_cannot_be_read_stays_secret(ingest, uri):
    said = ingest.refuse(uri)
    assert "SOURCE_URI_INVALID" in said
    assert not [piece for piece in PIECES if piece in said]


def test_faults_stay_free_of_secrets(start, ingest):
    """What is said of a network that breaks, a server that is gone and a value that is wrong."""
    server = start("-user", USER, "-password", PASSWORD)
    documents = as_documents(make_rows(50))
    documents[7]["weight"] = "heavy"
    fill(server.port, documents, username=USER, password=PASSWORD)
    with Proxy(("127.0.0.1", server.port)) as proxy:
        proxy.reset_after(3000, times=3)
        said = ingest.refuse(f"mongodb://{ENCODED}{proxy.address}/?replicaSetTypo=1")
    assert 'Unsupported URI option "replicasettypo"' in said
    assert "FLOAT_TYPE_STRING_NOT_FLOAT" in said
    assert not [piece for piece in PIECES if piece in said]
