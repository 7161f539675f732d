"""The socket at which mail servers tell of messages: hundreds of connections in one thread, which none can block.

    server = MilterServer("inet:127.0.0.1:8899", handler)
    server.serve(0.2)                       # what came within that time was handed to the handler

What goes wrong on a connection ends that connection: the mail server then goes on without us, as it is told to.
"""

import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sonde.source.captures import SourceError
from sonde.source.milter import MilterError, MilterSession

MOST_SESSIONS = 256
IDLE_S = 3600.0  # after which a silent connection is let go
AT_ONCE = 1 << 18  # octets that are taken of a connection at a time
BACKLOG = 128
MOST_PORT = 65535
SOCKET_MODE = 0o660


class _Connection:
    """A connection, its session, and when it was heard last."""

    def __init__(self, peer: socket.socket, session: MilterSession) -> None:
        self.peer, self.session = peer, session
        self.heard = time.monotonic()


class MilterServer:
    """Listens for mail servers. `make` gives a session for each connection."""

    def __init__(self, address: str, make: Callable[[], MilterSession]) -> None:
        """Listen at `inet:HOST:PORT` or `unix:PATH`; SourceError where that cannot be."""
        self.make = make
        self.refused = self.broken = self.failed = 0
        self.path: Path | None = None
        self.socket = self._listen(address)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.socket, selectors.EVENT_READ, None)
        self.connections: dict[int, _Connection] = {}

    def _listen(self, address: str) -> socket.socket:
        kind, _, rest = address.partition(":")
        try:
            if kind == "unix" and rest:
                listener = self._listen_at_path(Path(rest))
            elif kind == "inet" and rest.rpartition(":")[2].isdecimal() and int(rest.rpartition(":")[2]) <= MOST_PORT:
                host, _, port = rest.rpartition(":")
                listener = socket.create_server((host.strip("[]") or "127.0.0.1", int(port)), family=_family(host))
            else:
                raise SourceError(f"{address} is no address; write inet:127.0.0.1:8899 or unix:/run/sonde/milter.")
        except OSError as error:
            reason = error.strerror or "no such address"
            raise SourceError(f"Nobody can listen at {address} ({reason}); choose another.") from None
        listener.listen(BACKLOG)
        listener.setblocking(False)
        return listener

    def _listen_at_path(self, path: Path) -> socket.socket:
        if path.is_socket():
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                if probe.connect_ex(str(path)) == 0:
                    raise SourceError(f"Another program listens at {path}; choose another place.")
            path.unlink()  # left by one that is gone
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(path))
            path.chmod(SOCKET_MODE)
        except OSError:
            listener.close()
            raise
        self.path = path
        return listener

    @property
    def port(self) -> int:
        """Give the port that is listened at; 0 where there is none."""
        name = self.socket.getsockname()
        return int(name[1]) if isinstance(name, tuple) else 0

    def serve(self, wait_s: float) -> None:
        """Take what comes within some time, and let go who was silent for too long."""
        for key, _ in self.selector.select(wait_s):
            if key.data is None:
                self._accept()
            else:
                self._receive(key.data)
        silent = time.monotonic() - IDLE_S
        for connection in [each for each in self.connections.values() if each.heard < silent]:
            self._let_go(connection)

    def _accept(self) -> None:
        try:
            peer, _ = self.socket.accept()
        except OSError:
            return
        if len(self.connections) >= MOST_SESSIONS:
            self.refused += 1
            peer.close()
            return
        peer.setblocking(False)
        connection = _Connection(peer, self.make())
        self.connections[peer.fileno()] = connection
        self.selector.register(peer, selectors.EVENT_READ, connection)

    def _receive(self, connection: _Connection) -> None:
        connection.heard = time.monotonic()
        try:
            octets = connection.peer.recv(AT_ONCE)
            if octets:
                answers = connection.session.receive(octets)
                if answers and connection.peer.send(answers) != len(answers):
                    octets = b""  # a server that sends and does not listen
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        except MilterError:
            self.broken += 1
            octets = b""
        except Exception:  # noqa: BLE001 - whatever fails here, mail goes on
            self.failed += 1
            octets = b""
        if not octets or connection.session.is_over:
            self._let_go(connection)

    def _let_go(self, connection: _Connection) -> None:
        self.connections.pop(connection.peer.fileno(), None)
        with suppress(KeyError, ValueError):
            self.selector.unregister(connection.peer)
        connection.peer.close()
        try:
            connection.session.close()
        except Exception:  # noqa: BLE001 - as above
            self.failed += 1

    def close(self) -> None:
        """Let all connections go, and the address."""
        for connection in list(self.connections.values()):
            self._let_go(connection)
        self.selector.close()
        self.socket.close()
        if self.path is not None:
            with suppress(OSError):
                self.path.unlink()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


__all__ = ["MilterServer"]
