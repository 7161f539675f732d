"""Measure what mail costs: clear SMTP with attachments on one core, and memory on messages that ask for much.

    python bench/mail.py [--sessions 1200] [--rounds 3]

The chain is `sonde read` as a user runs it, on one core, digests included; what a start costs is measured beside
it and taken off. Memory is the kernel's count of a process above what it was, each message in one of its own.
"""

import argparse
import base64
import multiprocessing
import os
import random
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sonde.content import MessageReader

SEGMENT = 1460
CHANCE = random.Random(1)  # noqa: S311 - no key is made of it
ATTACHMENT = 50_000
LARGE = (
    "100 MB attachment", "10,000 parts", "depth 1,000", "100 MB without a line end", "100,000 headers",
    "header of 10 MB", "100 MB of lines --",
)  # fmt: skip


def attachment_message(size: int, number: int, chance: random.Random) -> bytes:
    """Make a message with one attachment of so many octets before encoding."""
    body = base64.encodebytes(chance.randbytes(size)).replace(b"\n", b"\r\n")
    return (
        b"From: Alice <alice@example.org>\r\nTo: bob@example.net\r\nSubject: figures %d\r\n"
        b"Date: Wed, 25 Nov 2026 12:00:00 +0000\r\nMessage-ID: <%d@example.org>\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="=-=-="\r\n\r\n'
        b"--=-=-=\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSee the figures.\r\n"
        b'--=-=-=\r\nContent-Type: application/octet-stream; name="a.bin"\r\nContent-Transfer-Encoding: base64\r\n'
        b"Content-Disposition: attachment; filename=a.bin\r\n\r\n" % (number, number)
    ) + body + b"--=-=-=--\r\n"  # fmt: skip


class Writer:
    """Writes a capture of TCP conversations (pcap, Ethernet, IPv4)."""

    def __init__(self, path: Path) -> None:
        """Begin the file."""
        self.file = path.open("wb")
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        self.now = 1_700_000_000 * 10**6
        self.port, self.following = 0, [0, 0]

    def begin(self, port: int) -> None:
        """Begin a connection from a port."""
        self.port, self.following = port, [1000, 2000]
        for side, flags in ((0, 2), (1, 18), (0, 16)):
            self.put(side, flags)

    def put(self, side: int, flags: int = 24, payload: bytes = b"") -> None:
        """Write one segment."""
        hosts, ports = (b"\x0a\0\0\1", b"\x0a\0\0\2"), (self.port, 25)
        acknowledged = self.following[1 - side] & 0xFFFFFFFF
        numbers = (self.following[side] & 0xFFFFFFFF, acknowledged, 0x50, flags, 65535, 0, 0)
        segment = struct.pack(">HHIIBBHHH", ports[side], ports[1 - side], *numbers) + payload
        packet = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, 64, 6, 0)
        frame = b"\0" * 12 + b"\x08\0" + packet + hosts[side] + hosts[1 - side] + segment
        self.now += 10
        self.file.write(struct.pack("<IIII", self.now // 10**6, self.now % 10**6, len(frame), len(frame)) + frame)
        self.following[side] += len(payload) + bool(flags & 3)

    def talk(self, lines: tuple[bytes, ...]) -> None:
        """Write lines of server and client by turns, the server first."""
        for place, line in enumerate(lines):
            self.put(1 - place % 2, payload=line)


def write_capture(path: Path, sessions: int) -> int:
    """Write sessions of ten messages each; give the octets of the file."""
    writer = Writer(path)
    messages = [attachment_message(ATTACHMENT, number, CHANCE) for number in range(16)]
    for session in range(sessions):
        writer.begin(1024 + session % 60_000)
        writer.talk((b"220 mx ESMTP\r\n", b"EHLO c\r\n", b"250 mx\r\n"))
        for number in range(10):
            writer.put(0, payload=b"MAIL FROM:<alice@example.org>\r\n")
            writer.talk((b"250 ok\r\n", b"RCPT TO:<bob@example.net>\r\n", b"250 ok\r\n", b"DATA\r\n", b"354 go\r\n"))
            octets = messages[(session + number) % len(messages)] + b".\r\n"
            for at in range(0, len(octets), SEGMENT):
                writer.put(0, payload=octets[at : at + SEGMENT])
            writer.put(1, payload=b"250 2.0.0 Ok: queued as ABCDEF\r\n")
        writer.put(0, payload=b"QUIT\r\n")
        writer.put(1, payload=b"221 bye\r\n")
        for side, flags in ((0, 17), (1, 17), (0, 16)):
            writer.put(side, flags)
    writer.file.close()
    return path.stat().st_size


def on_one_core(capture: Path, out: Path) -> float:
    """Run `sonde read` on one core; give the seconds of the clock."""
    shutil.rmtree(out, ignore_errors=True)
    core = min(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "sonde.cli.main", "read", str(capture), "-o", str(out), "--lanes", "1", "--quiet"]
    start = time.monotonic()
    subprocess.run(command, check=True, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    return time.monotonic() - start


def measure_chain(sessions: int, rounds: int) -> None:
    """Print how many octets of clear SMTP are read a second."""
    with tempfile.TemporaryDirectory() as scratch:
        large, small = Path(scratch) / "large.pcap", Path(scratch) / "small.pcap"
        octets = write_capture(large, sessions) - write_capture(small, 1)
        times = []
        for _ in range(rounds + 1):
            taken = on_one_core(large, Path(scratch) / "out") - on_one_core(small, Path(scratch) / "out")
            times.append(taken)
        median = statistics.median(times[1:])  # the first compiles, if need be
    print(f"clear SMTP, attachments of {ATTACHMENT:,} octets, one core: {octets / median / 1e6:.0f} MB/s")
    print(f"  ({octets / 1e6:,.0f} MB in {median:.2f} s above a start, median of {rounds})")


def pieces(name: str) -> Iterator[bytes]:
    """Give the pieces of a message that asks for much."""
    multipart = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    if name == "100 MB attachment":
        head, _, body = attachment_message(75_000, 1, CHANCE).partition(b"filename=a.bin\r\n\r\n")
        yield head + b"filename=a.bin\r\n\r\n"
        yield from [body[:101_400]] * 1000
    elif name == "10,000 parts":
        yield multipart
        for part in range(10_000):
            yield b"--b\r\nContent-Type: text/plain; name=a%d.txt\r\n\r\nhttp://example.org/\r\n" % part
    elif name == "depth 1,000":
        for depth in range(1000):
            yield b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (depth, depth)
        yield b"\r\nhello\r\n"
    elif name == "100 MB without a line end":
        yield from [b"x" * 100_000] * 1000
    elif name == "100,000 headers":
        yield from [b"X-%d: y\r\n" % number for number in range(100_000)]
    elif name == "header of 10 MB":
        yield b"Subject: "
        yield from [b"x" * 100_000] * 100
    else:
        yield multipart
        yield from [b"--\r\n" * 25_000] * 1000


def peak() -> int:
    """Give the most memory that the process had since it was last asked, in KiB, and begin anew."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


def measure_memory(name: str) -> None:
    """Print time and memory for one message that asks for much."""
    warm = MessageReader(0)
    warm.feed(np.frombuffer(attachment_message(50_000, 0, CHANCE), np.uint8))
    warm.finish()
    peak()
    before = peak()
    start = time.process_time()
    reader = MessageReader(1, dotted=True)
    for piece in pieces(name):
        reader.feed(np.frombuffer(piece, np.uint8))
    message = reader.finish()
    took = time.process_time() - start
    odd = ", ".join(message.fields["oddities"] or ())
    print(f"{name:28} {took:6.2f} s {(peak() - before) / 1024:6.1f} MiB above idle; {odd}", flush=True)


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=1200, help="of ten messages each (default: 1200, 860 MB)")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    measure_chain(args.sessions, args.rounds)
    spawn = multiprocessing.get_context("spawn")
    for name in LARGE:
        process = spawn.Process(target=measure_memory, args=(name,))
        process.start()
        process.join()


if __name__ == "__main__":
    main()
