"""How often noise gets a name: flows of random octets and of random text, read as a capture is.

    python bench/noise.py                                   # a million payloads of octets, 100,000 of text
    python bench/noise.py --octets 20000 --text 20000       # sooner

Each flow has 1 to 10 payloads of all lengths, of both sides, over TCP or UDP; half of the flows go to a port that
some protocol has registered. What is named is told by protocol and port.
"""

import argparse
import random
import struct
import sys
import tempfile
from collections import Counter
from pathlib import Path

import sonde
from sonde.dissect import all_dissectors
from sonde.identify import all_protocols

RAW_IP = 101
TEXT = bytes(range(32, 127)) + b"\n"
SYN, ACK, PUSH = 2, 16, 8


def payload(source: random.Random, kind: str) -> bytes:
    """Make a payload of any length that a packet has; short ones as often as long ones."""
    length = source.randrange(1, 1461) if source.random() < 0.5 else source.randrange(1, 65)
    octets = source.randbytes(length)
    return octets if kind == "octets" else bytes(TEXT[octet % len(TEXT)] for octet in octets)


def registered() -> dict[str, list[int]]:
    """Give the ports that protocols have registered, by transport."""
    every = all_protocols([each.protocol for each in all_dissectors()])
    return {
        "tcp": sorted({port for each in every for port in each.tcp_ports}),
        "udp": sorted({port for each in every for port in each.udp_ports}),
    }


def packet(transport: str, ends: tuple[int, int, int, int], body: bytes, sequence: tuple[int, int, int]) -> bytes:
    """Make an IPv4 packet without checksums; `sequence` is number, acknowledgement, flags."""
    src, dst, sport, dport = ends
    if transport == "tcp":
        number, acknowledged, flags = sequence
        head = struct.pack("!HHIIBBHHH", sport, dport, number, acknowledged, 5 << 4, flags, 65535, 0, 0)
    else:
        head = struct.pack("!HHHH", sport, dport, 8 + len(body), 0)
    total = 20 + len(head) + len(body)
    return (
        struct.pack("!BBHHHBBHII", 0x45, 0, total, 0, 0, 64, 6 if transport == "tcp" else 17, 0, src, dst) + head + body
    )


def flow(source: random.Random, number: int, kind: str, ports: dict[str, list[int]]) -> tuple[list[bytes], int]:
    """Make the packets of a flow; give them, and how many payloads they have."""
    transport = source.choice(("tcp", "udp"))
    dport = source.choice(ports[transport]) if source.random() < 0.5 else source.randrange(1024, 65536)
    ends = (0x0A000000 + number % 0xFFFFFF, 0xC6336401, source.randrange(32768, 61000), dport)
    back = (ends[1], ends[0], ends[3], ends[2])
    packets, sent = [], [1, 1]
    if transport == "tcp":
        packets += [packet("tcp", ends, b"", (0, 0, SYN)), packet("tcp", back, b"", (0, 1, SYN | ACK))]
    payloads = source.randrange(1, 11)
    for turn in range(payloads):
        side = 0 if turn == 0 or source.random() < 0.5 else 1
        body = payload(source, kind)
        packets.append(packet(transport, (ends, back)[side], body, (sent[side], sent[1 - side], ACK | PUSH)))
        sent[side] += len(body)
    return packets, payloads


def write_capture(path: Path, kind: str, payloads: int, seed: int) -> tuple[int, int]:
    """Write a capture of so many payloads; give the number of payloads and of flows."""
    source, ports = random.Random(f"{seed} {kind}"), registered()  # noqa: S311 - noise
    written, flows, time = 0, 0, 0
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, RAW_IP))
        while written < payloads:
            packets, count = flow(source, flows, kind, ports)
            for octets in packets:
                time += 50
                file.write(
                    struct.pack("<IIII", 1_700_000_000 + time // 1_000_000, time % 1_000_000, len(octets), len(octets))
                )
                file.write(octets)
            written, flows = written + count, flows + 1
    return written, flows


def measure(kind: str, payloads: int, seed: int) -> tuple[int, int, Counter[tuple[str, str, int]]]:
    """Read noise of a kind; give payloads, flows, and the flows named."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noise.pcap"
        written, flows = write_capture(path, kind, payloads, seed)
        with sonde.read(path, tables=["flows"], policy="clear") as capture:
            counted = "protocol, transport, resp_port, count(*) as n"
            asked = f"select {counted} from flows where protocol is not null group by all"  # noqa: S608
            named = {
                (row["protocol"], row["transport"], row["resp_port"]): row["n"]
                for row in capture.query(asked).to_pylist()
            }
    return written, flows, Counter(named)


def main() -> int:
    """Print what was named of both kinds; exit 1 where it is one payload in 10,000 or more."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--octets", type=int, default=1_000_000, help="payloads of random octets")
    parser.add_argument("--text", type=int, default=100_000, help="payloads of random text")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    failed = False
    for kind, wanted in (("octets", args.octets), ("text", args.text)):
        payloads, flows, named = measure(kind, wanted, args.seed)
        rate = named.total() / payloads
        failed |= rate >= 1e-4
        print(f"{kind:<8}{payloads:>10,} payloads in {flows:,} flows: {named.total()} named, {rate:.2e}")
        for (protocol, transport, port), count in named.most_common(40):
            print(f"    {count:>5}  {protocol}  {transport}/{port}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
