"""One connection to somebody who may be gone: opened when needed, and again with growing pauses.

    with Connection(endpoint("tcp://127.0.0.1:9000")) as connection:
        connection.send([b"..."])

What fails is an OutletError with a sentence for the user. None of what was to be sent stands in it.
"""

import os
import socket
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import NamedTuple, Self

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0  # between attempts; each is twice the one before
PATIENCE_S = 60.0  # with one batch, before it counts as failed
TIMEOUT_S = 10.0  # for one attempt, and for the other side to take anything at all
MOST_PORT = 65_535


class OutletError(ValueError):
    """An outlet that cannot be written to, or is written wrongly; the message is for the user."""


class Endpoint(NamedTuple):
    """Where to: a scheme (`tcp`, `udp`, `unix`), and a host with its port, or a path."""

    scheme: str
    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        """Spell it as it is written on the command line."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}:{self.path}" if self.path else f"{self.scheme}://{host}:{self.port}"


def endpoint(text: str) -> Endpoint:
    """Read `tcp://HOST:PORT` or `unix:/PATH`; OutletError for anything else."""
    scheme, colon, rest = text.partition(":")
    if scheme == "unix" and rest.startswith("/"):
        return Endpoint("unix", "", 0, rest)
    if scheme == "tcp" and colon and rest.startswith("//"):
        return host_and_port(rest[2:], "tcp")
    raise OutletError(f"{text!r} is no place to send to; write tcp://HOST:PORT or unix:/PATH.")


def host_and_port(text: str, scheme: str) -> Endpoint:
    """Read `HOST:PORT`, an IPv6 address in brackets; OutletError for anything else."""
    host, _, port = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    if not host or not port.isdecimal() or not 0 < int(port) <= MOST_PORT or (":" in host and not is_bracketed):
        raise OutletError(
            f"{text!r} is no host and port; write HOST:PORT, such as 192.0.2.1:4739 or [2001:db8::1]:4739."
        )
    return Endpoint(scheme, host[1:-1] if is_bracketed else host, int(port))


class Connection:
    """A stream to an endpoint, or a datagram socket that knows where it sends."""

    def __init__(self, to: Endpoint, *, patience_s: float = PATIENCE_S, timeout_s: float = TIMEOUT_S) -> None:
        """Keep where to connect; nothing is opened before it is needed."""
        self.to, self.patience_s, self.timeout_s = to, patience_s, timeout_s
        self.socket: socket.socket | None = None
        self.opened = self.lost = 0
        self.octets = 0

    def send(self, parts: Iterable[bytes]) -> None:
        """Send all parts in turn over what is open; OutletError, and nothing is open, where that fails."""
        try:
            for part in parts:
                self._opened().sendall(part)
                self.octets += len(part)
        except OSError as error:
            self.lost += 1
            self.close()
            raise OutletError(f"{self.to}: {reason(error)}.") from None

    def ready(self, *, on_open: Callable[[], None] | None = None) -> None:
        """See that something is open, trying until patience ends; `on_open` is called for each new connection."""
        if self.socket is not None and not self._is_closed_there():
            return
        deadline, pause_s = time.monotonic() + self.patience_s, FIRST_PAUSE_S
        while True:
            try:
                self.socket = self._connect()
                break
            except OSError as error:
                if time.monotonic() + pause_s > deadline:
                    raise OutletError(f"{self.to}: {reason(error)}; is anybody listening there?") from None
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        self.opened += 1
        if on_open is not None:
            on_open()

    def close(self) -> None:
        """Let go of the socket; what was taken by the kernel is still delivered."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def _opened(self) -> socket.socket:
        if self.socket is None:
            raise OSError(os.strerror(107))  # ENOTCONN
        return self.socket

    def _is_closed_there(self) -> bool:
        """Say whether the other side has ended a stream; what it sends us is thrown away."""
        made = self._opened()
        made.settimeout(0)
        try:
            while made.recv(1 << 12):
                pass
        except BlockingIOError:
            made.settimeout(self.timeout_s)
            return False
        except OSError:  # over UDP: what was sent before found nobody (ICMP)
            pass
        self.lost += 1
        self.close()
        return True

    def _connect(self) -> socket.socket:
        """Try each address of the host once; OSError of the last one."""
        if self.to.scheme == "unix":
            return self._try(socket.AF_UNIX, socket.SOCK_STREAM, self.to.path)
        kind = socket.SOCK_DGRAM if self.to.scheme == "udp" else socket.SOCK_STREAM
        found = socket.getaddrinfo(self.to.host, self.to.port, type=kind)
        for family, _, _, _, address in found[:-1]:
            try:
                return self._try(family, kind, address)
            except OSError:
                continue
        return self._try(found[-1][0], kind, found[-1][4])

    def _try(self, family: int, kind: int, address: object) -> socket.socket:
        made = socket.socket(family, kind)
        try:
            made.settimeout(self.timeout_s)
            made.connect(address)  # type: ignore[arg-type] # of that family
        except OSError:
            made.close()
            raise
        return made

    def __enter__(self) -> Self:
        """Use as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


def reason(error: OSError) -> str:
    """Say why an operation failed, in the system's words."""
    if isinstance(error, TimeoutError):
        return "timed out"
    return error.strerror or os.strerror(error.errno) if error.errno else type(error).__name__


__all__ = ["Connection", "Endpoint", "OutletError", "endpoint", "host_and_port", "reason"]
