"""Captures of very many flows, made to stress a probe: steady crowds, floods, half-open handshakes, collisions.

    write_capture(Path("crowd.pcap"), crowd(200_000))

Clients are in 10.0.0.0/8, servers in 172.16.0.0/12. IPv4 headers have their checksums; TCP's and UDP's are zero,
as where a card fills them in.
"""

import itertools
import ssl
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

SYN, ACK, PSH_ACK, SYN_ACK, FIN_ACK = 0x02, 0x10, 0x18, 0x12, 0x11
TCP, UDP = 6, 17
CLIENTS, SERVERS = 10 << 24, 0xAC100000
ETHERNET = bytes.fromhex("02000000000202000000000108 00".replace(" ", ""))
WINDOW = 1000  # conversations that are under way at the same moment of a capture
NAMES = 64
UDP_OF = 5  # two of so many flows are DNS
TICK_NS = 25_000

Frames: TypeAlias = Sequence[bytes]


def write_capture(path: Path, frames: Iterable[bytes], tick_ns: int = TICK_NS) -> int:
    """Write a classic pcap (nanoseconds) with a frame each tick; give the number of frames."""
    count = 0
    with path.open("wb", buffering=1 << 20) as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
        for count, frame in enumerate(frames, 1):
            seconds, rest = divmod(count * tick_ns, 1_000_000_000)
            file.write(struct.pack("<IIII", 1_760_000_000 + seconds, rest, len(frame), len(frame)))
            file.write(frame)
    return count


def ipv4(source: int, destination: int, transport: int, body: bytes) -> bytes:
    """Give an Ethernet frame with an IPv4 packet (RFC 791 §3.1)."""
    total = 20 + len(body)
    summed = 0x4500 + total + 0x4000 + (64 << 8) + transport
    summed += (source >> 16) + (source & 0xFFFF) + (destination >> 16) + (destination & 0xFFFF)
    summed = (summed & 0xFFFF) + (summed >> 16)
    check = ~((summed & 0xFFFF) + (summed >> 16)) & 0xFFFF
    head = struct.pack("!BBHHHBBHII", 0x45, 0, total, 0, 0x4000, 64, transport, check, source, destination)
    return ETHERNET + head + body


def segment(ends: tuple[int, int, int, int], flags: int, seq: int, ack: int, payload: bytes = b"") -> bytes:
    """Give a frame with a TCP segment (RFC 9293 §3.1); `ends`: source, its port, destination, its port."""
    source, source_port, destination, port = ends
    head = struct.pack("!HHIIBBHHH", source_port, port, seq, ack, 0x50, flags, 64240, 0, 0)
    return ipv4(source, destination, TCP, head + payload)


def datagram(ends: tuple[int, int, int, int], payload: bytes) -> bytes:
    """Give a frame with a UDP datagram (RFC 768)."""
    source, source_port, destination, port = ends
    return ipv4(source, destination, UDP, struct.pack("!HHHH", source_port, port, 8 + len(payload), 0) + payload)


def ends_of(number: int, port: int) -> tuple[int, int, int, int]:
    """Give the ends of a conversation, distinct for each number up to 2^24."""
    return CLIENTS + number, 1024 + number * 7919 % 64_000, SERVERS + number * 31 % (1 << 18) + 1, port


def backwards(ends: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Give the ends as the other side has them."""
    return ends[2], ends[3], ends[0], ends[1]


def talk(number: int, port: int, asks: bytes, answers: bytes, *, ends: bool) -> Frames:
    """Give a TCP conversation with its handshake; one that does not end stays open."""
    there = ends_of(number, port)
    back = backwards(there)
    mine, theirs = number * 65_537 & 0xFFFFFFFF, number * 40_503 & 0xFFFFFFFF
    said, heard = mine + 1 + len(asks) & 0xFFFFFFFF, theirs + 1 + len(answers) & 0xFFFFFFFF
    frames = [
        segment(there, SYN, mine, 0),
        segment(back, SYN_ACK, theirs, mine + 1 & 0xFFFFFFFF),
        segment(there, ACK, mine + 1 & 0xFFFFFFFF, theirs + 1 & 0xFFFFFFFF),
        segment(there, PSH_ACK, mine + 1 & 0xFFFFFFFF, theirs + 1 & 0xFFFFFFFF, asks),
        segment(back, PSH_ACK, theirs + 1 & 0xFFFFFFFF, said, answers),
        segment(there, ACK, said, heard),
    ]
    if ends:
        after, last = said + 1 & 0xFFFFFFFF, heard + 1 & 0xFFFFFFFF
        frames += [segment(there, FIN_ACK, said, heard), segment(back, FIN_ACK, heard, after)]
        frames.append(segment(there, ACK, after, last))
    return frames


def web(number: int, *, ends: bool = True) -> Frames:
    """Give a conversation of HTTP/1.1 (RFC 9112)."""
    asks = f"GET /page/{number} HTTP/1.1\r\nHost: www{number % NAMES}.example.com\r\nUser-Agent: crowd/1\r\n\r\n"
    body = f"<p>{number}</p>"
    answers = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    return talk(number, 80, asks.encode(), answers.encode(), ends=ends)


def client_hellos(count: int) -> list[bytes]:
    """Give what a TLS client says first, to so many names."""
    context = ssl.create_default_context()
    found = []
    for number in range(count):
        sent = ssl.MemoryBIO()
        channel = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=f"tls{number}.example.com")
        try:
            channel.do_handshake()
        except ssl.SSLWantReadError:
            found.append(sent.read())
    return found


def lookup(number: int) -> Frames:
    """Give a question of DNS and its answer (RFC 1035 §4)."""
    there = ends_of(number, 53)
    labels = (f"host{number}", "example", "com")
    name = b"".join(bytes([len(each)]) + each.encode() for each in labels) + b"\0"
    question = name + struct.pack("!HH", 1, 1)
    address = struct.pack("!I", SERVERS + number % 65_536)
    answer = struct.pack("!HHHIH", 0xC00C, 1, 1, 300, 4) + address
    asks = struct.pack("!HHHHHH", number & 0xFFFF, 0x0100, 1, 0, 0, 0) + question
    answers = struct.pack("!HHHHHH", number & 0xFFFF, 0x8180, 1, 1, 0, 0) + question + answer
    return [datagram(there, asks), datagram(backwards(there), answers)]


def stayers(count: int) -> Iterator[Frames]:
    """Give so many conversations that never end: two fifths DNS, the rest TCP of HTTP, TLS and neither."""
    hellos = client_hellos(NAMES)
    for number in range(1, count + 1):
        if number % UDP_OF < 2:
            yield lookup(number)
        elif number % UDP_OF == 2:
            yield web(number, ends=False)
        elif number % UDP_OF == 3:
            yield talk(number, 443, hellos[number % NAMES], b"\x15\x03\x03\x00\x02\x02\x28", ends=False)
        else:
            yield talk(number, 7000, b"ping %d\n" % number, b"pong %d\n" % number, ends=False)


def woven(conversations: Iterable[Frames], window: int = WINDOW) -> Iterator[bytes]:
    """Give the frames of conversations with so many of them under way at a time, each in its order."""
    waiting = iter(conversations)
    while together := list(itertools.islice(waiting, window)):
        for row in itertools.zip_longest(*together):
            yield from (frame for frame in row if frame is not None)


def crowd(count: int, passing: int = 0) -> Iterator[bytes]:
    """Give the frames of so many flows that stay open, and of some of HTTP that begin and end among them."""
    every = count // passing if passing else 0

    def mixed() -> Iterator[Frames]:
        for number, each in enumerate(stayers(count)):
            yield each
            if every and number % every == 0:
                yield web((1 << 22) + number)

    return woven(mixed())
