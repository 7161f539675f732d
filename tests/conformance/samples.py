"""What conformance is run on: the samples of tests/dissect, whole, cut and damaged."""

import importlib
import pkgutil
import random
from functools import cache

import tests.dissect
from sonde.dissect import Dissector, all_dissectors
from tests.bench import Sample
from tests.maker import START_NS, Frame, conversation

NAMES = [dissector.protocol.name for dissector in all_dissectors()]


def dissector_of(name: str) -> Dissector:
    """Give the dissector of a protocol."""
    return next(each for each in all_dissectors() if each.protocol.name == name)


@cache
def samples_of(name: str) -> list[Sample]:
    """Collect the samples that any module of tests/dissect has of a protocol."""
    found: list[Sample] = []
    for module in sorted(pkgutil.iter_modules(tests.dissect.__path__), key=lambda each: each.name):
        if module.name.startswith("test_"):
            loaded = importlib.import_module(f"tests.dissect.{module.name}")
            found += getattr(loaded, "SAMPLES", {}).get(name, [])
    return found


def cut(sample: Sample, message: int, length: int) -> Sample:
    """End a sample within one of its messages."""
    side, octets = sample.messages[message]
    assert isinstance(octets, bytes)
    return sample._replace(messages=[*sample.messages[:message], (side, octets[:length])])


def cuts(sample: Sample, most: int) -> list[Sample]:
    """Give every prefix of a sample, or `most` of each message, evenly spread and all short ones."""
    found = []
    for number, (_, octets) in enumerate(sample.messages):
        if isinstance(octets, int):
            continue
        lengths = set(range(len(octets) + 1))
        if len(lengths) > most:
            step = len(lengths) / (most // 2)
            lengths = set(range(most // 2)) | {int(place * step) for place in range(most // 2)}
        found += [cut(sample, number, length) for length in sorted(lengths)]
    return found


def in_octets(sample: Sample) -> Sample:
    """Give a stream octet by octet."""
    messages: list[tuple[int, bytes | int]] = []
    for side, octets in sample.messages:
        if isinstance(octets, int):
            messages.append((side, octets))
        else:
            messages += [(side, octets[at : at + 1]) for at in range(len(octets))]
    return sample._replace(messages=messages)


def damaged(sample: Sample, source: random.Random) -> Sample:
    """Change, insert, remove or repeat some octets of a sample; lose or swap a message."""
    messages: list[tuple[int, bytes | int]] = []
    for side, octets in sample.messages:
        raw = bytearray(octets if isinstance(octets, bytes) else b"")
        for _ in range(source.choice((0, 1, 1, 2, 8))):
            at = source.randrange(len(raw) + 1)
            match source.randrange(5):
                case 0 if at < len(raw):
                    raw[at] ^= 1 << source.randrange(8)
                case 1 if at < len(raw):
                    raw[at] = source.choice((0, 1, 0x7F, 0x80, 0xC0, 0xFE, 0xFF))
                case 2:
                    raw[at:at] = source.randbytes(source.choice((1, 2, 40)))
                case 3:
                    del raw[at : at + source.choice((1, 2, 9))]
                case _:
                    raw[at:at] = raw[at : at + source.choice((1, 4, 30))]
        messages.append((side, octets if isinstance(octets, int) else bytes(raw)))
    match source.randrange(8):
        case 0 if sample.stream:
            messages.insert(source.randrange(len(messages) + 1), (source.randrange(2), source.choice((1, 7, 1400))))
        case 1:
            messages.reverse()
        case 2:
            messages = [(1 - side, octets) for side, octets in messages]
        case 3:
            messages *= 3
    return sample._replace(messages=messages)


def noise(source: random.Random, *, stream: bool, ports: tuple[int, int]) -> Sample:
    """Compose messages of chance."""
    sizes = [source.choice((1, 2, 3, 8, 20, 60, 300)) for _ in range(source.randint(1, 4))]
    messages: list[tuple[int, bytes | int]] = [(source.randrange(2), source.randbytes(size)) for size in sizes]
    return Sample(messages, stream, ports)


def capture_of_all() -> tuple[list[Frame], dict[str, str]]:
    """Lay every sample into one capture; give its frames, and whose sample each client's is."""
    frames: list[Frame] = []
    clients: dict[str, str] = {}
    for name in NAMES:
        for sample in samples_of(name):
            number = len(clients)
            client = f"2001:db8::{number + 1:x}"
            clients[client] = name
            ports = (sample.ports[0], sample.ports[1] or 9999)
            start_ns = START_NS + number * 1_000_000_000
            hosts = (client, "2001:db8:1::1")
            frames += conversation(sample.messages, stream=sample.stream, ports=ports, hosts=hosts, start_ns=start_ns)
    return frames, clients
