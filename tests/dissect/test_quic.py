"""QUIC: the packets of RFC 9001's appendix, and Initials sealed with the cryptography package."""

import ssl
from itertools import pairwise

import pytest

from sonde.dissect.quic import DISSECTOR, identify
from sonde.schema import Verdict
from tests.bench import Sample, trial
from tests.dissect.quic_maker import DCID, SERVER, VERSION_2, seal
from tests.dissect.tls_maker import NAME, handshake, handshake_messages

SCID = b"\1\2\3"
# The CRYPTO frame of appendix A.2: a ClientHello for example.com.
CLIENT_FRAME = bytes.fromhex(
    "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868"
    "04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578"
    "616d706c652e636f6dff01000100000a00080006001d00170018001000070005"
    "04616c706e000500050100000000003300260024001d00209370b2c9caa47fba"
    "baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400"
    "0d0010000e0403050306030203080408050806002d00020101001c0002400100"
    "3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000"
    "75300901100f088394c8f03e51570806048000ffff"
)
# The frames of appendix A.3: an ACK and a ServerHello.
SERVER_FRAMES = bytes.fromhex(
    "02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf739"
    "88cfc79825df566dc5430b9a045a1200130100002e00330024001d00209d3c94"
    "0d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00"
    "020304"
)


CLIENT = seal(CLIENT_FRAME.ljust(1162, b"\0"), number=2)
ANSWER = seal(SERVER_FRAMES, server=True, number=1, size=2)


def crypto(hello: bytes, at: int, end: int) -> bytes:
    """Compose a CRYPTO frame of a part of a hello."""
    return b"\6" + (0x4000 | at).to_bytes(2, "big") + (0x4000 | end - at).to_bytes(2, "big") + hello[at:end]


def read(datagrams, **wishes):
    return trial(DISSECTOR, list(datagrams), stream=False, **wishes)


def test_our_seal_is_that_of_rfc_9001() -> None:
    assert CLIENT[:32].hex() == "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11"
    assert ANSWER[:40].hex() == "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a"


def test_packets_of_the_appendix() -> None:
    rows = read([(0, CLIENT), (1, ANSWER)])
    (row,) = rows["quic"]
    assert (row["version"], row["history"], row["server_name"], row["client_protocol"]) == (
        "1", "ISis", "example.com", "alpn",
    )  # fmt: skip
    assert (row["client_initial_dcid"], row["client_scid"], row["server_scid"]) == (DCID.hex(), "", SERVER.hex())
    (hello,) = rows["tls"]
    assert (hello["version"], hello["cipher"], hello["curve"], hello["ssl_history"], hello["established"]) == (
        "TLSv13", "TLS_AES_128_GCM_SHA256", "x25519", "Cs", False,
    )  # fmt: skip
    assert row["ja4"] == hello["ja4"]
    assert hello["ja4"].startswith("q13d0211an_")


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (VERSION_2, "quicv2"), (0xFF00001D, "draft-29"), (0xFF000017, "draft-23"), (0xFF000016, "draft-22"),
        (0xFACEB001, "mvfst-22"), (0xFACEB00E, "mvfst-experimental"), (0x54303530, "T050"), (0x54303531, "T051"),
    ],
)  # fmt: skip
def test_other_versions_have_other_keys(version: int, name: str) -> None:
    frames = CLIENT_FRAME.ljust(1162, b"\0")
    (row,) = read([(0, seal(frames, version=version)), (1, seal(SERVER_FRAMES, server=True, version=version))])["quic"]
    assert (row["version"], row["server_name"], row["history"]) == (name, "example.com", "ISis")


def test_google_numbers_its_crypto_frames_otherwise_and_nobody_else_may() -> None:
    frames = b"\x08" + CLIENT_FRAME[1:].ljust(1161, b"\0")
    (row,) = read([(0, seal(frames, version=0x54303530))])["quic"]
    assert (row["version"], row["server_name"], row["anomaly"]) == ("T050", "example.com", [])
    (row,) = read([(0, seal(frames))])["quic"]
    assert (row["server_name"], row["anomaly"]) == (None, ["undecryptable"])


def test_server_may_answer_in_another_version() -> None:
    (row,) = read([(0, CLIENT), (1, seal(SERVER_FRAMES, server=True, version=VERSION_2))])["quic"]
    assert row["history"] == "ISis"


def test_hello_in_pieces_out_of_order_over_two_packets() -> None:
    hello = handshake_messages(handshake(ssl.TLSVersion.TLSv1_3)[0])[0][1]
    end = len(hello)
    cuts = [0, 1, 3, 40, 41, 200, 300, end]
    pieces = [crypto(hello, at, stop) for at, stop in pairwise(cuts)]
    first = pieces[6] + b"\1" + pieces[2] + b"\0\0\0" + pieces[0] + pieces[2]
    second = b"\1\1" + pieces[5] + pieces[3] + b"\0" + pieces[4] + pieces[1]
    rows = read([(0, seal(first.ljust(1150, b"\0"))), (0, seal(second.ljust(1150, b"\0"), number=1))])
    assert rows["quic"][0]["server_name"] == NAME
    assert rows["quic"][0]["history"] == "IIS"
    whole = read([(0, seal(crypto(hello, 0, end).ljust(1150, b"\0")))])
    assert rows["tls"][0]["ja3"] == whole["tls"][0]["ja3"]


def test_hello_that_never_gets_whole_leaves_no_session() -> None:
    hello = handshake_messages(handshake(ssl.TLSVersion.TLSv1_3)[0])[0][1]
    rows = read([(0, seal(crypto(hello, 50, 90).ljust(1150, b"\0")))])
    assert rows["tls"] == []
    assert rows["quic"][0]["history"] == "I"


def test_retry_ends_a_row_and_the_next_has_keys_of_its_own() -> None:
    retry = bytes([0xF0]) + bytes([0, 0, 0, 1]) + b"\0" + b"\4RTRY" + b"token" + bytes(16)
    again = seal(CLIENT_FRAME.ljust(1150, b"\0"), dcid=b"RTRY", token=b"token")
    first, second = read([(0, CLIENT), (1, retry), (0, again)])["quic"]
    assert (first["history"], first["retry_seen"]) == ("ISr", True)
    assert (second["history"], second["client_initial_dcid"]) == ("IS", b"RTRY".hex())


def test_coalesced_early_data_and_padding_behind_are_told() -> None:
    # A 0-RTT packet has no token: its length follows the ids (RFC 9000 §17.2.3).
    early = bytes([0xD0]) + CLIENT[1:15] + b"\x40\x20" + b"?" * 32
    (row,) = read([(0, CLIENT + early), (0, CLIENT + b"\0" * 20)])["quic"]
    assert (row["history"], row["zero_rtt_seen"]) == ("ISZIX", True)


def test_short_headers_count_in_powers_of_two() -> None:
    (row,) = read([(0, CLIENT), (1, ANSWER), *[(0, b"\x40" + b"?" * 30)] * 9])["quic"]
    assert row["history"] == "ISisOOOO"


def test_close_in_an_initial_ends_the_row() -> None:
    close = seal(b"\x1c\x41\x28\0\0".ljust(40, b"\0"), server=True)
    (row,) = read([(0, CLIENT), (1, close)])["quic"]
    assert row["history"] == "ISic"


def test_unknown_version_leaves_one_row() -> None:
    packet = b"\xc0\x1a\x2a\x3a\x4a" + CLIENT[5:]
    (row,) = read([(0, packet), (0, packet)])["quic"]
    assert (row["version"], row["history"]) == ("unknown-1a2a3a4a", "U")


def test_wrong_keys_are_told_and_leave_no_names() -> None:
    spoilt = CLIENT[:10] + b"?" + CLIENT[11:]
    rows = read([(0, spoilt)])
    assert rows["quic"][0]["anomaly"] == ["undecryptable"]
    assert rows["quic"][0]["server_name"] is None
    assert rows["tls"] == []


def test_every_prefix_is_survived_and_neighbours_do_not_matter() -> None:
    for length in [*range(80), *range(80, len(CLIENT), 61)]:
        shown = [(0, CLIENT[:length])]
        assert read(shown, suffix=b"\0" * 64) == read(shown, suffix=b"\xff" * 64)


def test_names_only_stops_at_the_hello() -> None:
    state: dict = {}
    rows = read([(0, CLIENT), (1, ANSWER)], names_only=True, conn=state)
    assert rows["quic"][0]["server_name"] == "example.com"
    assert rows["quic"][0]["history"] == "IS"
    assert state["done"].tolist() == [1, 1]


def test_long_headers_are_recognised() -> None:
    import numpy as np

    def verdict(octets: bytes, hint: int = 0) -> int:
        return int(identify(np.frombuffer(octets, np.uint8), 0, len(octets), hint))

    assert verdict(CLIENT) == Verdict.YES
    assert verdict(CLIENT[:-1]) == Verdict.NO
    assert verdict(b"\xc0\x1a\x2a\x3a\x4a" + CLIENT[5:]) == Verdict.NO
    assert verdict(b"\xc0\x1a\x2a\x3a\x4a" + CLIENT[5:], 2) == Verdict.MAYBE
    assert verdict(b"\xc3Q046" + CLIENT[5:], 2) == Verdict.NO
    assert verdict(b"\x40" + bytes(40)) == Verdict.NO


SAMPLES = {"quic": [Sample([(0, CLIENT), (1, ANSWER)], ports=(40000, 443))]}
