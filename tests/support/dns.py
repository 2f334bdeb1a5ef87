"""A name server for tests, in a network and a file tree of their own where everybody asks it.

    unshare -rnm python SCRIPT:
        names = Names({("cluster.example", SRV): [srv(27017, "a.cluster.example")], …}).serve()
        names.asked        # [(name, type), …]

Of a name with other records than those asked for it knows none (NOERROR), of others that they do not exist (NXDOMAIN);
those in `broken` make it fail (SERVFAIL).
"""

import ctypes
import fcntl
import os
import pathlib
import socket
import struct
import threading

A, TXT, SRV = 1, 16, 33
RESOLV_CONF = "/etc/resolv.conf"
SIOCSIFFLAGS, IFF_UP, MS_BIND = 0x8914, 1, 4096
NO_ERROR, SERVER_FAILURE, NO_SUCH_NAME = 0, 2, 3


def encode(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def a(address):
    return socket.inet_aton(address)


def txt(text):
    return bytes([len(text)]) + text.encode()


def srv(port, name):
    return struct.pack("!HHH", 0, 0, port) + encode(name)


def make_network(folder):
    """127.0.0.1 answers, and is the name server of this process and its children."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", IFF_UP))
    conf = pathlib.Path(folder) / "resolv.conf"
    conf.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(os.fsencode(conf), RESOLV_CONF.encode(), None, MS_BIND, None):
        raise OSError(ctypes.get_errno(), f"binding {RESOLV_CONF}")


class Names:
    def __init__(self, records, broken=()):
        self.records = records
        self.broken = broken
        self.asked = []

    def serve(self):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 53))
        threading.Thread(target=self._serve, args=(server,), daemon=True).start()
        return self

    def _serve(self, server):
        while True:
            query, whence = server.recvfrom(4096)
            server.sendto(self._answer(query), whence)

    def _answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        name, kind = ".".join(labels), struct.unpack_from("!H", query, at + 1)[0]
        self.asked.append((name, kind))
        records = self.records.get((name, kind), [])
        code = NO_ERROR if any(known == name for known, _ in self.records) else NO_SUCH_NAME
        if name in self.broken:
            code = SERVER_FAILURE
        # a pointer to the name asked for stands before each record
        answers = b"".join(struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(data)) + data for data in records)
        return (query[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(records), 0, 0) + query[12 : at + 5] + answers)
