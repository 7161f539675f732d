"""DTLS: handshakes of OpenSSL's TLS, wrapped into DTLS by hand (RFC 6347 §4)."""

import ssl

from sonde.dissect.dtls import DISSECTOR, identify
from sonde.schema import Verdict
from tests.bench import Sample, trial
from tests.dissect.tls_maker import NAME, handshake, handshake_messages

HELLO_VERIFY = b"\3\0\0\x07" + b"\xfe\xff\4abcd"
Datagrams = list[tuple[int, bytes]]


def record(kind: int, body: bytes, *, epoch: int = 0, number: int = 0) -> bytes:
    return (
        bytes([kind])
        + b"\xfe\xfd"
        + epoch.to_bytes(2, "big")
        + number.to_bytes(6, "big")
        + len(body).to_bytes(2, "big")
        + body
    )


def fragments(message: bytes, number: int, size: int = 1 << 14) -> list[bytes]:
    """Cut a handshake message into fragments (§4.2.3)."""
    body = message[4:]
    cuts = range(0, max(len(body), 1), size)
    return [
        message[:4]
        + number.to_bytes(2, "big")
        + at.to_bytes(3, "big")
        + len(body[at : at + size]).to_bytes(3, "big")
        + body[at : at + size]
        for at in cuts
    ]


def in_dtls(message: bytes) -> bytes:
    """Give a hello of TLS the version of DTLS, and a client's an empty cookie."""
    if message[0] not in (1, 2):
        return message
    body = b"\xfe\xfd" + message[6:]
    if message[0] == 1:
        at = 2 + 32 + 1 + body[34]
        body = body[:at] + b"\0" + body[at:]
    return message[:1] + len(body).to_bytes(3, "big") + body


def session(size: int = 1 << 14, *, retry: bool = False) -> Datagrams:
    """Wrap a handshake of TLS 1.2."""
    numbers, found = [0, 0], []
    messages = [(side, in_dtls(message)) for side, message in handshake_messages(handshake(ssl.TLSVersion.TLSv1_2)[0])]
    if retry:
        messages = [messages[0], (1, HELLO_VERIFY), *messages]
    for side, message in messages:
        found += [(side, record(22, fragment)) for fragment in fragments(message, numbers[side], size)]
        numbers[side] += 1
    secret = record(22, b"?" * 40, epoch=1)
    return [*found, (0, record(20, b"\1") + secret), (1, record(20, b"\1") + secret)]


def read(datagrams: Datagrams, **wishes):
    return trial(DISSECTOR, datagrams, stream=False, **wishes)


def test_session_tells_what_both_chose() -> None:
    rows = read(session())
    (row,) = rows["tls"]
    assert (row["version"], row["server_name"], row["established"]) == ("DTLSv12", NAME, True)
    assert row["ssl_history"] == "CsxknGtIi"
    assert row["ja4"].startswith("dd2d")
    assert len(rows["certificates"]) == 1


def test_verify_request_brings_a_second_hello() -> None:
    (row,) = read(session(retry=True))["tls"]
    assert row["ssl_history"] == "CvCsxknGtIi"


def without_times(rows):
    return {name: [{**row, "ts": 0, "held": None} for row in found] for name, found in rows.items()}


def test_fragments_yield_the_same_rows() -> None:
    whole = read(session())
    for size in (1, 30, 200):
        assert without_times(read(session(size))) == without_times(whole)


def test_fragments_in_any_order_and_twice() -> None:
    datagrams = session(100)
    number = next(place for place, (side, _) in enumerate(datagrams) if side == 1)
    shuffled = [*reversed(datagrams[:number]), *datagrams[number:]]
    assert without_times(read(shuffled)) == without_times(read(session()))
    doubled = [datagram for datagram in datagrams for _ in range(2)]
    assert without_times(read(doubled))["tls"][0]["ssl_history"] == "CsxknGtIi"


def test_every_prefix_of_each_datagram_is_survived() -> None:
    for number, (side, octets) in enumerate(session()[:6]):
        for length in range(0, len(octets), 5):
            read([*session()[:number], (side, octets[:length])])


def test_neighbours_in_the_buffer_do_not_matter() -> None:
    side, octets = session()[0]
    for length in range(1, len(octets), 7):
        shown = [(side, octets[:length])]
        assert read(shown, suffix=b"\0" * 64) == read(shown, suffix=b"\xff" * 64)


def test_other_datagrams_of_the_flow_are_passed_over() -> None:
    binding = bytes.fromhex("0001 0000 2112a442") + bytes(12)  # STUN
    (row,) = read([(0, binding), (1, binding), *session()])["tls"]
    assert row["established"]


def test_encrypted_records_of_dtls13_are_told_by_their_first_bits() -> None:
    hello = in_dtls(handshake_messages(handshake(ssl.TLSVersion.TLSv1_2)[0])[0][1])
    body = b"\xfe\xfd" + bytes(32) + b"\0\x13\1\0" + b"\0\6\0\x2b\0\2\xfe\xfc"
    server = b"\2" + len(body).to_bytes(3, "big") + body
    secret = b"\x2f\0\0\0\x20" + b"?" * 32
    shown = [(0, record(22, fragments(hello, 0)[0])), (1, record(22, fragments(server, 0)[0]) + secret), (0, secret)]
    (row,) = read(shown)["tls"]
    assert (row["version"], row["established"], row["ssl_history"]) == ("DTLSv13", True, "Cs")


def test_names_only_stops_at_the_hello() -> None:
    state: dict = {}
    rows = read(session(), names_only=True, conn=state)
    assert rows["tls"][0]["server_name"] == NAME
    assert state["done"].tolist() == [1, 1]


def test_hellos_are_recognised_and_other_datagrams_are_not() -> None:
    import numpy as np

    def verdict(octets: bytes) -> int:
        return int(identify(np.frombuffer(octets, np.uint8), 0, len(octets), 0))

    assert verdict(session()[0][1]) == Verdict.YES
    assert verdict(record(23, b"x" * 50, epoch=1)) == Verdict.MAYBE
    assert verdict(record(23, b"x" * 50, epoch=1) + b"?") == Verdict.NO
    assert verdict(b"\x16\xfe\xfd" + bytes(20)) == Verdict.NO


SAMPLES = {"dtls": [Sample(list(session())), Sample(list(session(200, retry=True)))]}
