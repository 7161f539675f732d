"""The lab's network: four namespaces, a bridge and a gateway on one machine.

    laptop (sonde-lan) ---+
                          br0 gateway (sonde-gw) dmz0 --- servers (sonde-dmz)
    guest (sonde-guest) --+

The observation point is br0 on the gateway: whatever a client exchanges with the
gateway or, through it, with a server passes there once. No namespace has a way out.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

LAPTOP, GUEST, GATEWAY, SERVERS = "sonde-lan", "sonde-guest", "sonde-gw", "sonde-dmz"
HOST_NAMES = {
    LAPTOP: "laptop.example.org",
    GUEST: "guest.example.org",
    GATEWAY: "gw.example.org",
    SERVERS: "mail.example.org",
}
WEB, NAMES, MAIL, STORE = "198.51.100.10", "198.51.100.53", "198.51.100.25", "198.51.100.32"
NAMES_6 = "2001:db8:2::53"
SERVER_ADDRESSES = (
    *(f"{address}/24" for address in (WEB, NAMES, MAIL, STORE)),
    *(f"2001:db8:2::{last}/64" for last in (10, 53, 25, 32)),
)
VXLAN_INNER = {LAPTOP: "203.0.113.1/25", SERVERS: "203.0.113.2/25"}
WIREGUARD_INNER = {LAPTOP: "203.0.113.129/25", SERVERS: "203.0.113.130/25"}
OFFLOADS = ("rx", "tx", "sg", "tso", "gso", "gro")
OVERLAYS = Path("/etc/netns")  # `ip netns exec` mounts these files over those in /etc

# A private host name, /run and process tree: nothing outlives the lab or names the machine.
# The shell stays as process 1, because vsftpd does not survive reaping strangers' children.
ENTER_PRIVATE = 'hostname "$1"; mount -t tmpfs -o mode=755 lab /run; shift; "$@"; exit'
ENTER = 'hostname "$1"; shift; exec "$@"'


class LabError(Exception):
    """The lab cannot run here; the text says why."""


class Lab:
    """The namespaces, the programs running in them, and one scratch folder."""

    def __init__(self, scratch: Path) -> None:
        """Remember the folder; nothing is created yet."""
        self.scratch = scratch
        self.servers: list[subprocess.Popen[bytes]] = []
        self.environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(scratch),
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            "TZ": "UTC",
        }

    def run(
        self,
        namespace: str,
        *argv: str | Path,
        expect: Sequence[int] | None = (0,),
        stdin: str = "",
        timeout_s: float = 30,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Run a client to its end and return what it printed; `expect=None` takes any end."""
        command = [*entrance(namespace, "--uts"), ENTER, "lab", HOST_NAMES[namespace]]
        ended = subprocess.run(
            [*command, *map(str, argv)],
            input=stdin.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.environment | dict(environment or {}),
            cwd=self.scratch,
            timeout=timeout_s,
            check=False,
        )
        printed = ended.stdout.decode(errors="replace")
        if expect is not None and ended.returncode not in expect:
            message = f"{' '.join(map(str, argv))}: ended with {ended.returncode}\n{printed}"
            raise LabError(message)
        return printed

    def serve(
        self,
        namespace: str,
        *argv: str | Path,
        environment: Mapping[str, str] | None = None,
        private: bool = True,
    ) -> subprocess.Popen[bytes]:
        """Start a server in the foreground of its own process tree."""
        flags: tuple[str, ...] = ("--uts", "--pid", "--fork", "--kill-child")
        flags += ("--mount", "--mount-proc") if private else ()
        enter = ENTER_PRIVATE if private else ENTER
        command = [*entrance(namespace, *flags), enter, "lab", HOST_NAMES[namespace]]
        with (self.scratch / f"{Path(argv[0]).name}.log").open("ab") as log:
            server = subprocess.Popen(
                [*command, *map(str, argv)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment | dict(environment or {}),
                cwd=self.scratch,
                start_new_session=True,
            )
        self.servers.append(server)
        return server

    def wait_for_port(self, address: str, port: int, timeout_s: float = 30) -> None:
        """Wait until a server listens on a TCP port, seen in the socket table, not by probing."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            sockets = self.run(SERVERS, "ss", "-Hltn", "sport", "=", str(port))
            if any(form in sockets for form in (f"{address}:", "0.0.0.0:", "*:", "[::]:")):
                return
            time.sleep(0.1)
        message = f"nothing listens on {address} port {port}; see the logs in {self.scratch}"
        raise LabError(message)

    def write(self, name: str, text: str) -> Path:
        """Write a file readable by every server, which may run under another account."""
        path = self.scratch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def stop(self) -> None:
        """Stop what is still running, youngest first."""
        for server in reversed(self.servers):
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGTERM)
        for server in reversed(self.servers):
            try:
                server.wait(timeout=3)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()
        self.servers.clear()


def entrance(namespace: str, *flags: str) -> list[str]:
    """Return the words in front of a shell script which runs inside a namespace."""
    return ["ip", "netns", "exec", namespace, "unshare", *flags, "sh", "-c"]


def shell(*argv: str) -> None:
    """Run a command on the machine itself."""
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def build(lab: Lab) -> None:
    """Create namespaces, links, addresses and routes."""
    for namespace in HOST_NAMES:
        shell("ip", "netns", "add", namespace)
        overlay(namespace)
        shell("ip", "-n", namespace, "link", "set", "lo", "up")
    shell("ip", "-n", GATEWAY, "link", "add", "br0", "address", "02:00:00:00:01:01", "type", "bridge")
    connect(LAPTOP, "lan0", "02:00:00:00:01:10")
    connect(GUEST, "guest0", "02:00:00:00:01:20")
    connect(SERVERS, "dmz0", "02:00:00:00:02:10")
    for port in ("lan0", "guest0"):
        shell("ip", "-n", GATEWAY, "link", "set", port, "master", "br0")
    switch_off_offloads(GATEWAY, "br0")
    for key in ("ipv4.ip_forward", "ipv6.conf.all.forwarding"):
        lab.run(GATEWAY, "sysctl", "-q", "-w", f"net.{key}=1")
    for port in ("br0", "lan0", "guest0", "dmz0"):
        shell("ip", "-n", GATEWAY, "link", "set", port, "up")
    address(GATEWAY, "br0", "192.0.2.1/24", "2001:db8:1::1/64")
    address(GATEWAY, "dmz0", "198.51.100.1/24", "2001:db8:2::1/64")
    address(LAPTOP, "eth0", "192.0.2.10/24", "2001:db8:1::10/64")
    address(SERVERS, "eth0", *SERVER_ADDRESSES)
    for namespace, network in ((LAPTOP, "192.0.2.1"), (SERVERS, "198.51.100.1")):
        shell("ip", "-n", namespace, "route", "add", "default", "via", network)
    for namespace, network in ((LAPTOP, "2001:db8:1::1"), (SERVERS, "2001:db8:2::1")):
        shell("ip", "-n", namespace, "-6", "route", "add", "default", "via", network)


def connect(namespace: str, port: str, mac: str) -> None:
    """Join a namespace's eth0 to a port of the gateway by a pair of virtual Ethernet ends."""
    gateway_mac = mac[:-2] + "f" + mac[-2]
    near = ("link", "add", port, "address", gateway_mac, "type", "veth")
    far = ("peer", "name", "eth0", "address", mac, "netns", namespace)
    shell("ip", "-n", GATEWAY, *near, *far)
    switch_off_offloads(GATEWAY, port)
    switch_off_offloads(namespace, "eth0")
    shell("ip", "-n", namespace, "link", "set", "eth0", "up")


def switch_off_offloads(namespace: str, port: str) -> None:
    """Have the kernel write real checksums and real segments, as a wire would carry them."""
    wanted = [word for offload in OFFLOADS for word in (offload, "off")]
    subprocess.run(
        ["ip", "netns", "exec", namespace, "ethtool", "-K", port, *wanted],
        check=False,  # not every device has every switch; the capture is verified afterwards
        capture_output=True,
    )


def address(namespace: str, port: str, *addresses: str) -> None:
    """Give a port its addresses."""
    for each in addresses:
        shell("ip", "-n", namespace, "address", "add", each, "dev", port)


def overlay(namespace: str) -> None:
    """Lay the lab's own resolver, host name and accounts over /etc inside a namespace."""
    folder = OVERLAYS / namespace
    folder.mkdir(parents=True)
    host_name = HOST_NAMES[namespace]
    (folder / "resolv.conf").write_text(f"nameserver {NAMES}\noptions timeout:2 attempts:1\n")
    (folder / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {host_name}\n")
    (folder / "hostname").write_text(f"{host_name}\n")
    (folder / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")


def add_account(name: str, home: Path, password_hash: str) -> None:
    """Add an invented account to the servers' view of /etc, never to the machine."""
    lines = {
        "passwd": f"{name}:x:61001:61001::{home}:/bin/sh\n",
        "group": f"{name}:x:61001:\n",
        "shadow": f"{name}:{password_hash}:19000:0:99999:7:::\n",
    }
    for file_name, line in lines.items():
        target = OVERLAYS / SERVERS / file_name
        target.write_text((Path("/etc") / file_name).read_text() + line)
        target.chmod(0o600 if file_name == "shadow" else 0o644)


def demolish() -> None:
    """Remove the namespaces, with every link in them, and their overlays."""
    for namespace in HOST_NAMES:
        inside = subprocess.run(["ip", "netns", "pids", namespace], check=False, capture_output=True, text=True).stdout
        for left in inside.split():  # a client which went into the background
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(left), signal.SIGKILL)
        subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True)
        shutil.rmtree(OVERLAYS / namespace, ignore_errors=True)
    with contextlib.suppress(OSError):  # somebody else may have overlays there, or nobody
        OVERLAYS.rmdir()
