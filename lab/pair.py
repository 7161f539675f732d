"""The smallest lab: one namespace with a pair of virtual Ethernet ends, a wire to send on and one to watch.

    with Pair("sonde-a") as pair:
        probe = pair.start(sys.executable, "-m", "sonde.cli.main", "live", pair.watched, ...)
        pair.send(frames)

What is sent on `pair.sender` arrives at `pair.watched` and nowhere else; nothing else speaks there.
"""

import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

NEWNET = 0x40000000  # CLONE_NEWNET
OURS = (sys.base_prefix, sys.prefix, str(Path(__file__).resolve().parent.parent))
QUIET = ("net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")


def obstacle() -> str:
    """Say why the lab cannot run here; nothing if it can."""
    if sys.platform != "linux":
        return "rings are Linux'"
    if os.geteuid() != 0 or not shutil.which("ip"):
        return "needs root and `ip` (iproute2) to make a network namespace"
    name = f"sonde-try-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True)
    if made.returncode:
        return "network namespaces are not allowed here"
    link = ["ip", "-n", name, "link", "add", "wire0", "type", "veth", "peer", "name", "wire1"]
    linked = subprocess.run(link, check=False, capture_output=True)
    subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
    return "virtual Ethernet is not allowed here" if linked.returncode else ""


class Pair:
    """A namespace with one wire in it."""

    def __init__(self, name: str) -> None:
        """Remember the name; `with` makes it."""
        self.name, self.sender, self.watched = name, "wire0", "wire1"
        self.running: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        """Make the namespace and its wire; nothing of an earlier one stays."""
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.run("sysctl", "-q", "-w", *QUIET)
        self.link("add", self.sender, "type", "veth", "peer", "name", self.watched)
        for each in (self.sender, self.watched):
            self.link("set", each, "mtu", "9000")
            self.link("set", each, "up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what still runs, and remove the namespace with all in it."""
        for each in self.running:
            if each.poll() is None:
                each.kill()
                each.wait(10)
            for pipe in (each.stdout, each.stderr):
                if pipe is not None:
                    pipe.close()
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)

    def link(self, *words: str) -> None:
        """Change a link of the namespace."""
        subprocess.run(["ip", "-n", self.name, "link", *words], check=True)

    def run(self, *argv: str | Path) -> str:
        """Run a program in the namespace to its end; give what it printed."""
        command = ["ip", "netns", "exec", self.name, *map(str, argv)]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout

    def start(self, *argv: str | Path, environment: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        """Start a program in the namespace."""
        command = ["ip", "netns", "exec", self.name, *_opened(*OURS), *map(str, argv)]
        started = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.running.append(started)
        return started

    def socket(self, interface: str = "") -> socket.socket:
        """Open a packet socket within the namespace, to send frames as they are."""
        with Path("/proc/self/ns/net").open() as here, Path(f"/run/netns/{self.name}").open() as there:
            _enter(there.fileno())
            try:
                opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
                opened.bind((interface or self.sender, 0))
            finally:
                _enter(here.fileno())
        return opened

    def send(self, frames: Iterable[bytes], *, interface: str = "", pause_s: float = 0.0, every: int = 200) -> int:
        """Send frames, with a pause after so many; give how many went out."""
        sent = 0
        with self.socket(interface) as opened:
            for frame in frames:
                opened.send(frame)
                sent += 1
                if pause_s and sent % every == 0:
                    time.sleep(pause_s)
        return sent

    def counted(self, interface: str, what: str) -> int:
        """Give what the interface itself counted: rx_packets, tx_packets ..."""
        shown = self.run("cat", f"/sys/class/net/{interface}/statistics/{what}")
        return int(shown)


def _enter(namespace: int) -> None:
    import ctypes  # noqa: PLC0415 - os.setns is there from Python 3.12 on

    if ctypes.CDLL(None, use_errno=True).setns(namespace, NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _opened(*needed: str) -> Sequence[str]:
    """Give the words that let other users read what lies in a home that is closed to them.

    `ip netns exec` has mounts of its own: there, and only there, the home is replaced by a folder that
    is open and has nothing but the ways to what is needed.
    """
    closed = {path: home for path in dict.fromkeys(needed) if (home := _closed_above(Path(path)))}
    if not closed:
        return ()
    lines = []
    for place, path in enumerate(closed):
        lines += [f"mkdir -p /run/sonde-lab/{place}", f"mount --bind {shlex.quote(path)} /run/sonde-lab/{place}"]
    lines += [f"mount -t tmpfs -o mode=755 lab {shlex.quote(home)}" for home in dict.fromkeys(closed.values())]
    for place, path in enumerate(closed):
        lines += [f"mkdir -p {shlex.quote(path)}", f"mount --bind /run/sonde-lab/{place} {shlex.quote(path)}"]
    return ("sh", "-c", "; ".join([*lines, 'exec "$@"']), "lab")


def _closed_above(path: Path) -> str:
    """Give the outermost folder above a path that others may not enter, or nothing."""
    return next((str(each) for each in reversed(path.parents) if not each.stat().st_mode & 0o001), "")
