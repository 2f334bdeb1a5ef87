"""mongodb+srv:// for real: SRV and TXT records of a name server of its own, TLS, SCRAM, and FerretDB behind them.

usage: unshare -rnm python mongo_srv.py FOLDER, with INGEST_ROWS in the environment
Exit codes: 0 all is as promised, else a failed assertion.
"""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "stage"))

import pymongo  # noqa: E402

from dns import SRV, TXT, A, Names, a, make_network, srv, txt  # noqa: E402
from mongo_rows import (COLLECTION, DATABASE, Ferret, Ingestor, as_documents, digests, make_rows,  # noqa: E402
                        write_ndjson)

PORT, PLAIN_PORT = 27017, 27018
USER, PASSWORD = "annabell", "pa55w0rd"
FIRST, SECOND = "one.orchard.example", "two.orchard.example"


def run(*arguments):
    subprocess.run(list(map(str, arguments)), check=True, capture_output=True)


def make_certificate(folder):
    """For both hosts, and by an authority of its own: itself."""
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=orchard", "-addext",
        f"subjectAltName=DNS:{FIRST},DNS:{SECOND}", "-keyout", folder / "key.pem", "-out", folder / "cert.pem")


def cluster(name, option, *targets):
    """The records of a cluster's name."""
    return {(f"_mongodb._tcp.{name}", SRV): [srv(port, host) for port, host in targets]} | (
        {(name, TXT): [txt(option)]} if option else {(name, A): [a("127.0.0.1")]})


def start(folder, port, *arguments):
    server = Ferret(folder, *arguments)
    server.port = port
    return server.start()


def check_success(ingest, names, rows, options, folder):
    want = digests(ingest(write_ndjson(folder / "rows.ndjson", rows)))
    plain = ingest(f"mongodb://{USER}:{PASSWORD}@{FIRST}:{PORT}/?tls=true&replicaSet=trees&{options}")
    assert digests(plain) == want
    names.asked.clear()
    made, said = ingest.finish(ingest.start(f"mongodb+srv://{USER}:{PASSWORD}@cluster.orchard.example/?{options}"))
    assert digests(made) == want
    assert PASSWORD not in said and USER not in said
    for asked in (("_mongodb._tcp.cluster.orchard.example", SRV), ("cluster.orchard.example", TXT)):
        assert names.asked.count(asked) >= 1, names.asked
    # both of the hosts were found
    assert {(FIRST, A), (SECOND, A)} <= set(names.asked), names.asked


def check_refusals(ingest, options):
    for name, *want in [
        # the TXT record's option holds: nobody is known there
        ("barn", "SOURCE_AUTHENTICATION_FAILED"),
        # no option that a TXT record may have
        ("fence", "SOURCE_URI_INVALID"),
        # TLS goes without saying
        ("meadow", "SOURCE_TLS_FAILED", "the server has no TLS, which the URI asks for"),
        ("bare", "SOURCE_HOST_UNKNOWN", "the URI's host names no servers"),
        ("nowhere", "SOURCE_HOST_UNKNOWN", "the URI's host names no servers"),
        # a name of another domain is not to be trusted
        ("stranger", "SOURCE_"),
    ]:
        said = ingest.refuse(f"mongodb+srv://{USER}:{PASSWORD}@{name}.orchard.example/?{options}")
        for words in want:
            assert words in said, said
        assert "retrying" not in said and PASSWORD not in said and USER not in said, said


def main():
    folder = pathlib.Path(sys.argv[1])
    make_network(folder)
    names = Names({(FIRST, A): [a("127.0.0.1")], (SECOND, A): [a("127.0.0.1")], ("apple.example", A): [a("127.0.0.1")]}
                  | cluster("cluster.orchard.example", "replicaSet=trees&authSource=admin", (PORT, FIRST), (PORT, SECOND))
                  | cluster("barn.orchard.example", "authSource=barn", (PORT, FIRST))
                  | cluster("fence.orchard.example", "tls=false", (PORT, FIRST))
                  | cluster("meadow.orchard.example", "", (PLAIN_PORT, FIRST))
                  | cluster("stranger.orchard.example", "", (PORT, "apple.example"))
                  | {("bare.orchard.example", A): [a("127.0.0.1")]},
                  broken=["_mongodb._tcp.storm.orchard.example"]).serve()
    make_certificate(folder)
    options, rows, ingest = f"tlsCAFile={folder}/cert.pem", make_rows(3000), Ingestor(folder)
    secure = start(folder / "secure", PORT, "-cert", str(folder / "cert.pem"), "-key", str(folder / "key.pem"), "-user",
                   USER, "-password", PASSWORD, "-set", "trees", "-host", f"{FIRST}:{PORT}")
    plain = start(folder / "plain", PLAIN_PORT)
    try:
        with pymongo.MongoClient(FIRST, PORT, tls=True, tlsCAFile=str(folder / "cert.pem"), username=USER,
                                 password=PASSWORD, directConnection=True) as client:
            client[DATABASE][COLLECTION].insert_many(as_documents(rows))
        check_success(ingest, names, rows, options, folder)
        check_refusals(ingest, options)
        # what a name server cannot tell for now may pass
        process = ingest.start(f"mongodb+srv://{USER}:{PASSWORD}@storm.orchard.example/?{options}")
        said = process.communicate(timeout=100)[1]
        assert process.returncode == 1 and "errno EHOSTUNREACH" in said, said
        assert PASSWORD not in said and USER not in said, said
    finally:
        secure.stop()
        plain.stop()


main()
