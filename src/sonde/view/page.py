"""A page on loopback for those who watch a probe: /metrics for Prometheus, /healthz, and /state for `sonde top`.

    page = Page("127.0.0.1", 9480)           # the port is taken now
    page.start(state.snapshot)               # and served from here on, by threads as confined as this one

It answers GET and HEAD of these three and knows nothing else; nothing can be changed through it. Requests are
bounded in size, in time and in number, so that nobody who asks costs the probe more than a moment. Who
reads it on loopback may be anybody on this machine, so it tells counters and names of protocols, and no
address. A browser's page of elsewhere is refused by its `Host` (DNS rebinding).
"""

import ipaddress
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from sonde.view.metrics import CONTENT_TYPE, complaints, metrics

DEFAULT_PORT = 9480
MOST_REQUEST = 8 << 10  # octets, its head fields included
MOST_AT_ONCE = 8  # connections; further ones are closed unanswered
PATIENCE_S = 2.0  # for a whole request, and again for its answer to be taken
JSON = "application/json"
Snapshots = Callable[[], Mapping[str, Any]]
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 421: "Misdirected Request",
           431: "Request Header Fields Too Large", 503: "Service Unavailable"}  # fmt: skip


class PageError(ValueError):
    """A page that cannot be served; the message is for the user."""


class Page:
    """A listener and the threads that answer; closing it ends them."""

    def __init__(self, host: str = "127.0.0.1", port: int = DEFAULT_PORT) -> None:
        """Take the port; PageError where that cannot be. Nothing is answered before `start`."""
        self.snapshot: Snapshots = dict
        self.answered = self.refused = 0
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            self.listener = socket.create_server((host, port), family=family, backlog=MOST_AT_ONCE)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else "no such address"
            raise PageError(f"Metrics cannot be served at {host}, port {port}: {reason}; choose another.") from None
        self.host, self.port = self.listener.getsockname()[:2]
        self.is_local = _is_loopback(self.host)
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._thread = threading.Thread(target=self._serve, name="sonde-page", daemon=True)
        self._over = threading.Event()

    def start(self, snapshot: Snapshots) -> None:
        """Begin to answer, with what `snapshot` gives at the time."""
        self.snapshot = snapshot
        self._thread.start()

    def close(self) -> None:
        """Give the port back."""
        self._over.set()
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for connections
        self.listener.close()
        if self._thread.is_alive():
            self._thread.join(PATIENCE_S)

    def answer(self, request: bytes) -> bytes:
        """Give the answer to the head of one request (RFC 9112); never raises for what stands in it."""
        line, _, fields = request.partition(b"\r\n")
        words = line.split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return self._spell(400, "text/plain", "This is no request of HTTP/1.1.\n")
        method, target = words[0], words[1].partition(b"?")[0]
        if method not in {b"GET", b"HEAD"}:
            return self._spell(405, "text/plain", "Here one can only GET.\n", allow=True)
        if self.is_local and not _host_is_local(fields):
            return self._spell(421, "text/plain", "Ask by the address of this machine.\n")
        status, kind, body = self._content(target)
        return self._spell(status, kind, body, is_head=method == b"HEAD")

    def _content(self, target: bytes) -> tuple[int, str, str]:
        if target not in {b"/metrics", b"/healthz", b"/state"}:
            return 404, "text/plain", "There are /metrics, /healthz and /state.\n"
        snapshot = self.snapshot()
        if target == b"/metrics":
            return 200, CONTENT_TYPE, metrics(snapshot)
        if target == b"/state":
            return 200, JSON, json.dumps(snapshot) + "\n"
        why = complaints(snapshot)
        return 503 if why else 200, JSON, json.dumps({"ok": not why, "why": why, "phase": snapshot["phase"]}) + "\n"

    def _spell(self, status: int, kind: str, body: str, *, is_head: bool = False, allow: bool = False) -> bytes:
        raw = body.encode()
        head = (
            f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(raw)}\r\n"
            "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n"
            + ("Allow: GET, HEAD\r\n" if allow else "")
            + "\r\n"
        )
        return head.encode() + (b"" if is_head else raw)

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                taken, _ = self.listener.accept()
            except OSError:
                if self._over.is_set():
                    return
                time.sleep(0.1)  # no descriptor is left, or the like: it passes
                continue
            if not self._places.acquire(blocking=False):
                self.refused += 1
                taken.close()
                continue
            threading.Thread(target=self._attend, args=(taken,), name="sonde-page-answer", daemon=True).start()

    def _attend(self, taken: socket.socket) -> None:
        try:
            with taken, suppress(OSError):  # who asked is gone, or too slow
                request = _head_of(taken)
                taken.settimeout(PATIENCE_S)
                taken.sendall(
                    self._spell(431, "text/plain", "Too long.\n") if request is None else self.answer(request)
                )
                self.answered += 1
        finally:
            self._places.release()


def _head_of(taken: socket.socket) -> bytes | None:
    """Read the head of a request, or as much as came in time; None if it is too long."""
    deadline = time.monotonic() + PATIENCE_S
    request = b""
    while b"\r\n\r\n" not in request:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        taken.settimeout(left)
        octets = taken.recv(MOST_REQUEST)
        if not octets:
            break
        request += octets
        if len(request) > MOST_REQUEST:
            return None
    return request


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host_is_local(fields: bytes) -> bool:
    """Say whether a request was made to this machine by its own name; one without `Host` is no browser's."""
    for field in fields.split(b"\r\n"):
        name, _, value = field.partition(b":")
        if name.strip().lower() == b"host":
            host = value.strip().decode("latin-1")
            host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
            return host == "localhost" or _is_loopback(host)
    return True


__all__ = ["DEFAULT_PORT", "Page", "PageError"]
