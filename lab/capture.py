"""The observation point: capture, verify, and write a file which names no machine."""

import os
import signal
import subprocess
import time
from pathlib import Path

from network import GATEWAY, Lab, LabError

LONGEST_FRAME_OCTETS = 1514  # an MTU of 1500 behind an Ethernet header
SHORTEST_TELLING_WORD = 5
BAD = "tcp.checksum.status==0 || udp.checksum.status==0 || ip.checksum.status==0"
BAD += f" || icmp.checksum.status==0 || icmpv6.checksum.status==0 || frame.len>{LONGEST_FRAME_OCTETS}"
VERIFIED = [f"{name}.check_checksum:TRUE" for name in ("tcp", "udp", "ip")]


def start_capture(lab: Lab, path: Path) -> subprocess.Popen[bytes]:
    """Start tcpdump on the gateway's bridge and return once it listens."""
    command = ["ip", "netns", "exec", GATEWAY, "tcpdump", "-i", "br0", "-w", str(path)]
    command += ["-s", "0", "-B", "16384", "-U", "-Z", "root", "--time-stamp-precision=nano"]
    with (lab.scratch / "tcpdump.log").open("wb") as log:
        tcpdump = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    lab.servers.append(tcpdump)
    deadline = time.monotonic() + 10
    while "listening on" not in (lab.scratch / "tcpdump.log").read_text():
        if time.monotonic() > deadline:
            message = "tcpdump does not listen on br0"
            raise LabError(message)
        time.sleep(0.1)
    return tcpdump


def end_capture(lab: Lab, tcpdump: subprocess.Popen[bytes]) -> None:
    """End the capture after a pause for late packets; refuse one with kernel drops."""
    time.sleep(2)
    tcpdump.send_signal(signal.SIGINT)
    tcpdump.wait(timeout=10)
    said = (lab.scratch / "tcpdump.log").read_text()
    if "0 packets dropped by kernel" not in said:
        message = f"the kernel dropped packets: {said}"
        raise LabError(message)


def write_pcapng(lab: Lab, captured: Path, target: Path) -> None:
    """Rewrite the capture as pcapng without comments on the machine, and verify it."""
    neutral = lab.scratch / "neutral.pcapng"
    ordered = lab.scratch / "ordered.pcap"
    subprocess.run(["reordercap", captured, ordered], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["editcap", "-F", "pcapng", ordered, neutral], check=True)
    preferences = [word for name in VERIFIED for word in ("-o", name)]
    bad = subprocess.run(
        ["tshark", "-r", neutral, *preferences, "-Y", BAD],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    if bad:
        message = f"packets with bad checksums or too long for the MTU:\n{bad}"
        raise LabError(message)
    octets = neutral.read_bytes()
    machine = os.uname()
    words = [str(lab.scratch), lab.scratch.name, machine.nodename, machine.release, "/tmp/"]
    for word in words:
        # A shorter word is found by chance between the octets of encrypted messages.
        if len(word) >= SHORTEST_TELLING_WORD and word.encode() in octets:
            message = f"the capture names this machine: {word}"
            raise LabError(message)
    target.write_bytes(octets)
