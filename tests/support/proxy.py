"""A TCP proxy that makes faults, for tests of what stands behind a network.

    with Proxy(("127.0.0.1", port)) as proxy:        # listens on proxy.address ("127.0.0.1:4711")
        proxy.reset_after(100_000)                   # RST when so many bytes of replies have passed from now on

Faults hit the replies, from the server to the client, and may be changed while it runs:

    cut_after(n, times=1)      the n-th byte is the last one, then both sides are closed: a truncated reply; with
                               times=k so again for each of the k-1 connections that come after
    reset_after(n, times=1)    the same, with a reset (RST) to the client
    silence_after(n, times=1)  after the n-th byte nothing passes on that connection, which stays open
    cut(), reset()             every open connection, now
    silence(), resume()        nothing passes in either direction on any connection, until resume()
    refuse(), accept()         new connections are refused (and open ones reset), until accept()
    delay = seconds            before each piece that passes

With keeps_replies, replies holds the bytes that passed; with keeps_requests, requests those to the server.
n_connections, n_replied (bytes of replies passed) and n_faults count; wait_until(predicate) waits for a count.
"""

import socket
import struct
import threading
import time

PIECE_BYTES = 16384
WAIT_SECONDS = 60


class _Connection:
    def __init__(self, client, server):
        self.client, self.server = client, server
        self.is_silent = False
        self.is_over = False
        self.n_directions = 2

    def end(self, is_reset):
        """Wakes both threads; each socket is closed when they have let go of it."""
        self.is_over = True
        if is_reset:
            # linger of 0 seconds: close() sends RST
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for side in (self.server, self.client):
            try:
                # a reset must not be preceded by a FIN
                side.shutdown(socket.SHUT_RD if is_reset and side is self.client else socket.SHUT_RDWR)
            except OSError:
                pass


class Proxy:
    def __init__(self, target, port=0):
        self.target = target
        self.delay = 0
        self.n_connections = 0
        self.n_replied = 0
        self.n_faults = 0
        self.keeps_replies = False
        self.replies = bytearray()
        self.keeps_requests = False
        self.requests = bytearray()
        self._lock = threading.Condition()
        self._connections = set()
        self._fault = None
        self._is_silent = False
        self._is_closed = False
        self._listener = None
        self.port = port
        self._listen()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _listen(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                if listener is not self._listener:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    client.close()
                    return
            try:
                server = socket.create_connection(self.target, timeout=10)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for side in (client, server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(client, server)
            with self._lock:
                self.n_connections += 1
                self._connections.add(connection)
                self._lock.notify_all()
            threading.Thread(target=self._pass, args=(connection, client, server, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(connection, server, client, True), daemon=True).start()

    def _pass(self, connection, source, sink, is_reply):
        is_reset = False
        try:
            while not connection.is_over:
                piece = source.recv(PIECE_BYTES)
                if self.delay:
                    time.sleep(self.delay)
                piece, rest, kind = self._look(connection, piece, is_reply)
                if connection.is_over:
                    break
                if piece:
                    sink.sendall(piece)
                if is_reply and piece:
                    with self._lock:
                        self.n_replied += len(piece)
                        if self.keeps_replies:
                            self.replies += piece
                        self._lock.notify_all()
                if not is_reply and piece and self.keeps_requests:
                    with self._lock:
                        self.requests += piece
                if kind == "silence":
                    self._hold(connection)
                    sink.sendall(rest)
                elif kind or not piece:
                    is_reset = kind == "reset"
                    break
        except OSError:
            pass
        if not connection.is_over:
            connection.end(is_reset)
        with self._lock:
            connection.n_directions -= 1
            if not connection.n_directions:
                connection.client.close()
                connection.server.close()
                self._connections.discard(connection)
                self._lock.notify_all()

    def _hold(self, connection):
        """As long as nothing may pass."""
        with self._lock:
            while (self._is_silent or connection.is_silent) and not connection.is_over and not self._is_closed:
                self._lock.wait()

    def _look(self, connection, piece, is_reply):
        """What of a piece may pass, what comes behind it, and the fault between."""
        self._hold(connection)
        with self._lock:
            fault = self._fault
            if not is_reply or not fault or not piece:
                return piece, b"", None
            if len(piece) < fault["left"]:
                fault["left"] -= len(piece)
                return piece, b"", None
            piece, rest = piece[: fault["left"]], piece[fault["left"] :]
            self.n_faults += 1
            connection.is_silent = fault["kind"] == "silence"
            fault["times"] -= 1
            fault["left"] = fault["after"]
            if not fault["times"]:
                self._fault = None
            self._lock.notify_all()
            return piece, rest, fault["kind"]

    def _arm(self, kind, n_bytes, times):
        with self._lock:
            self._fault = {"kind": kind, "after": n_bytes, "left": n_bytes, "times": times}

    def cut_after(self, n_bytes, times=1):
        self._arm("cut", n_bytes, times)

    def reset_after(self, n_bytes, times=1):
        self._arm("reset", n_bytes, times)

    def silence_after(self, n_bytes, times=1):
        self._arm("silence", n_bytes, times)

    def _end_all(self, is_reset):
        with self._lock:
            for connection in list(self._connections):
                connection.end(is_reset)
                self.n_faults += 1
            self._lock.notify_all()

    def cut(self):
        self._end_all(False)

    def reset(self):
        self._end_all(True)

    def silence(self):
        with self._lock:
            self._is_silent = True

    def resume(self):
        with self._lock:
            self._is_silent = False
            for connection in self._connections:
                connection.is_silent = False
            self._lock.notify_all()

    def refuse(self):
        with self._lock:
            listener, self._listener = self._listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self._end_all(True)

    def accept(self):
        if not self._listener:
            self._listen()

    def wait_until(self, predicate):
        with self._lock:
            assert self._lock.wait_for(predicate, WAIT_SECONDS), "what was awaited did not come"

    def close(self):
        with self._lock:
            self._is_closed = True
        self.refuse()
