"""TLS: handshakes of OpenSSL, cut in every way, and hellos by hand."""

import hashlib
import ssl
from typing import Any

import pytest

from sonde.dissect.handshake.derive import COMPLETE
from sonde.dissect.handshake.record import CertificateRecord, TlsRecord
from sonde.dissect.tls import DISSECTOR, identify
from sonde.schema import FROM_RESP, Verdict
from tests.bench import Sample, trial
from tests.dissect.tls_maker import NAME, handshake, handshake_messages

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
BOTH = pytest.mark.parametrize("version", [TLS12, TLS13])


def read(messages, **wishes):
    return trial(DISSECTOR, list(messages), stream=True, **wishes)


def without_times(rows):
    return {name: [{**row, "ts": 0} for row in found] for name, found in rows.items()}


def numbers(raw: bytes) -> list[int]:
    return [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw) - 1, 2)]


class Hello:
    """The obvious twin of the ClientHello reader (RFC 8446 §4.1.2)."""

    def __init__(self, message: bytes) -> None:
        at = 4 + 2 + 32
        self.version = int.from_bytes(message[4:6], "big")
        at += 1 + message[at]
        size = int.from_bytes(message[at : at + 2], "big")
        self.ciphers = numbers(message[at + 2 : at + 2 + size])
        at += 2 + size
        at += 1 + message[at] + 2
        self.extensions: dict[int, bytes] = {}
        while at < len(message):
            kind, size = numbers(message[at : at + 4])
            self.extensions[kind] = message[at + 4 : at + 4 + size]
            at += 4 + size

    def listed(self, kind: int, width: int = 2) -> bytes:
        return self.extensions.get(kind, b"")[width:]

    def ja3(self) -> str:
        lists = [self.ciphers, list(self.extensions), numbers(self.listed(10)), list(self.listed(11, 1))]
        text = ",".join([str(self.version), *("-".join(str(n) for n in each) for each in lists)])
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    def ja4(self) -> str:
        version = max(numbers(self.listed(43, 1)) or [self.version])
        alpn = self.listed(16)
        letters = (chr(alpn[1]) + chr(alpn[alpn[0]])) if alpn else "00"
        front = f"t1{version - 0x301}{'d' if 0 in self.extensions else 'i'}"
        front += f"{len(self.ciphers):02}{len(self.extensions):02}{letters}"
        ciphers = ",".join(f"{n:04x}" for n in sorted(self.ciphers))
        extensions = ",".join(f"{n:04x}" for n in sorted(self.extensions) if n not in (0, 16))
        extensions += "_" + ",".join(f"{n:04x}" for n in numbers(self.listed(13)))
        hashed = [hashlib.sha256(text.encode()).hexdigest()[:12] for text in (ciphers, extensions)]
        return "_".join([front, *hashed])


def test_tls12_session_tells_what_both_chose() -> None:
    messages, der = handshake(TLS12)
    rows = read(messages)
    (row,) = rows["tls"]
    assert (row["version"], row["server_name"], row["next_protocol"]) == ("TLSv12", NAME, "h2")
    assert row["cipher"].startswith("TLS_ECDHE_ECDSA_WITH_")
    assert row["curve"] in ("x25519", "secp256r1")
    assert (row["established"], row["resumed"], row["ssl_history"]) == (True, False, "CsxknGIti")
    assert row["cert_chain_fps"] == [hashlib.sha256(der).hexdigest()]
    assert row["client_alpn"] == ["h2", "http/1.1"]
    (certificate,) = rows["certificates"]
    assert (certificate["host_cert"], certificate["client_cert"], certificate["der"]) == (True, False, der)


def test_tls13_session_hides_certificates() -> None:
    rows = read(handshake(TLS13)[0])
    (row,) = rows["tls"]
    assert (row["version"], row["established"], row["ssl_history"]) == ("TLSv13", True, "CsiI")
    assert row["client_versions"] == [0x0304]
    assert row["client_version"] == "TLSv12"
    assert not rows["certificates"]


def test_client_certificate_is_kept_apart() -> None:
    messages, der = handshake(TLS12, with_client_certificate=True)
    rows = read(messages)
    (row,) = rows["tls"]
    assert row["client_cert_asked"]
    assert row["client_cert_chain_fps"] == row["cert_chain_fps"] == [hashlib.sha256(der).hexdigest()]
    assert "XGY" in row["ssl_history"]
    assert [each["client_cert"] for each in rows["certificates"]] == [False, True]


@BOTH
def test_fingerprints_agree_with_their_twins(version) -> None:
    messages = handshake(version)[0]
    (row,) = read(messages)["tls"]
    hello = Hello(handshake_messages(messages)[0][1])
    assert row["ja3"] == hello.ja3()
    assert row["ja4"] == hello.ja4()
    assert row["client_ciphers"] == hello.ciphers
    assert row["client_extensions"] == list(hello.extensions)


def test_ja3_of_the_published_text() -> None:
    # TLS 1.0, ciphers 47 and 53, extensions 0, 10, 11; groups 23 and 24; format 0
    extensions = b"\0\0\0\x10\0\x0e\0\0\x0bexample.org" + b"\0\x0a\0\6\0\4\0\x17\0\x18" + b"\0\x0b\0\2\1\0"
    row = read([(0, client_hello(0x0301, extensions))])["tls"][0]
    text = b"769,47-53,0-10-11,23-24,0"
    assert row["ja3"] == hashlib.md5(text, usedforsecurity=False).hexdigest()
    assert row["ja4"].startswith("t10d020300_")


def test_grease_counts_nowhere() -> None:
    plain = b"\0\x0a\0\4\0\2\0\x17"
    greased = b"\x0a\x0a\0\0" + b"\0\x0a\0\6\0\4\x1a\x1a\0\x17" + b"\xfa\xfa\0\1\0"
    one = read([(0, client_hello(0x0303, plain))])["tls"][0]
    other = read([(0, client_hello(0x0303, greased, ciphers=b"\x2a\x2a\0\x2f\0\x35"))])["tls"][0]
    assert (one["ja3"], one["ja4"]) == (other["ja3"], other["ja4"])


def client_hello(version: int, extensions: bytes, *, ciphers: bytes = b"\0\x2f\0\x35", session: bytes = b"") -> bytes:
    body = version.to_bytes(2, "big") + bytes(range(32)) + bytes([len(session)]) + session
    body += len(ciphers).to_bytes(2, "big") + ciphers + b"\1\0"
    if extensions:
        body += len(extensions).to_bytes(2, "big") + extensions
    return record(22, b"\1" + len(body).to_bytes(3, "big") + body)


def server_hello(version: int, session: bytes = b"", extensions: bytes = b"", cipher: bytes = b"\0\x2f") -> bytes:
    body = version.to_bytes(2, "big") + bytes(range(32)) + bytes([len(session)]) + session + cipher + b"\0"
    if extensions:
        body += len(extensions).to_bytes(2, "big") + extensions
    return record(22, b"\2" + len(body).to_bytes(3, "big") + body)


def record(kind: int, body: bytes) -> bytes:
    return bytes([kind, 3, 1]) + len(body).to_bytes(2, "big") + body


@BOTH
def test_octet_by_octet_yields_the_same_rows(version) -> None:
    messages = handshake(version)[0]
    single = [(side, octets[at : at + 1]) for side, octets in messages for at in range(len(octets))]
    assert without_times(read(single)) == without_times(read(messages))


@BOTH
def test_every_prefix_of_each_side_is_read_without_fault(version) -> None:
    messages = list(handshake(version)[0])
    for number, (side, octets) in enumerate(messages[:4]):
        for length in range(0, len(octets), 3):
            read([*messages[:number], (side, octets[:length])])


def test_neighbours_in_the_buffer_do_not_matter() -> None:
    messages = handshake(TLS12)[0]
    for cut in range(1, len(messages[1][1]), 37):
        shown = [messages[0], (1, messages[1][1][:cut])]
        assert read(shown, suffix=b"\0" * 64) == read(shown, suffix=b"\xff" * 64)


def test_messages_may_span_records() -> None:
    messages, _ = handshake(TLS12)
    whole = read(messages)
    pieces = []
    for side, octets in messages[:2]:
        clear = b"".join(message for each, message in handshake_messages(((side, octets),)) if each == side)
        pieces.append((side, b"".join(record(22, clear[at : at + 50]) for at in range(0, len(clear), 50))))
    shown = read([*pieces, *messages[2:]])
    assert without_times(shown)["tls"] == without_times(whole)["tls"]
    assert [row["der"] for row in shown["certificates"]] == [row["der"] for row in whole["certificates"]]


def test_echoed_session_id_means_resumed() -> None:
    session = bytes(range(1, 33))
    (row,) = read([(0, client_hello(0x0303, b"", session=session)), (1, server_hello(0x0303, session))])["tls"]
    assert row["resumed"]
    (row,) = read([(0, client_hello(0x0303, b"", session=bytes(32))), (1, server_hello(0x0303, bytes(32)))])["tls"]
    assert not row["resumed"]


def test_ticket_taken_up_means_resumed() -> None:
    change = record(20, b"\1")
    hello = client_hello(0x0303, b"\0\x23\0\4abcd")
    (row,) = read([(0, hello), (1, server_hello(0x0303) + change + record(22, b"?" * 40)), (0, change)])["tls"]
    assert row["resumed"]
    assert row["ticket_seen"]


def test_accepted_psk_means_resumed_and_early_data_is_told() -> None:
    hello = client_hello(0x0303, b"\0\x2a\0\0" + b"\0\x2b\0\3\2\3\4" + b"\0\x29\0\2\0\0")
    chosen = server_hello(0x0303, extensions=b"\0\x29\0\2\0\0" + b"\0\x2b\0\2\3\4", cipher=b"\x13\1")
    (row,) = read([(0, hello), (1, chosen)])["tls"]
    assert (row["resumed"], row["early_data_seen"], row["version"], row["cipher"]) == (
        True, True, "TLSv13", "TLS_AES_128_GCM_SHA256",
    )  # fmt: skip


def test_retry_is_told_apart_from_a_server_hello() -> None:
    special = hashlib.sha256(b"HelloRetryRequest").digest()
    retry = server_hello(0x0303, extensions=b"\0\x2b\0\2\3\4\0\x33\0\2\0\x17", cipher=b"\x13\1").replace(
        bytes(range(32)), special
    )
    hello = client_hello(0x0303, b"\0\x2b\0\3\2\3\4")
    (row,) = read([(0, hello), (1, retry), (0, hello)])["tls"]
    assert (row["ssl_history"], row["hello_retry"], row["curve"]) == ("CjC", True, "secp256r1")


def test_alert_in_clear_is_named() -> None:
    (row,) = read([(0, client_hello(0x0303, b"")), (1, record(21, b"\2\x28"))])["tls"]
    assert (row["last_alert"], row["ssl_history"], row["established"]) == ("handshake_failure", "Cl", False)
    assert "unanswered" in row["anomaly"]


def test_server_that_speaks_first_is_told_apart() -> None:
    messages = [(1 - side, octets) for side, octets in handshake(TLS12)[0]]
    (row,) = read(messages)["tls"]
    assert row["ssl_history"] == "^CsxknGIti"


def test_hello_in_the_form_of_ssl2_leads_to_tls() -> None:
    hello = bytes.fromhex(
        "802b"  # 43 octets
        "01 0301"  # ClientHello for TLS 1.0
        "0012 0000 0010"  # ciphers, session id, challenge
        "00002f 000035 00000a 010080 030080 020080"  # three of TLS, three of SSL 2.0
    ) + bytes(range(16))
    assert identify_octets(hello) == Verdict.YES
    (row,) = read([(0, hello), (1, server_hello(0x0301))])["tls"]
    assert (row["client_version"], row["version"], row["ssl_history"]) == ("TLSv10", "TLSv10", "Cs")
    assert row["client_ciphers"] == [0x2F, 0x35, 0x0A, 0x010080, 0x030080, 0x020080]


def test_data_records_without_beginning_are_confirmed_and_leave_no_row() -> None:
    state: dict = {}
    data = record(23, b"x" * 100)
    assert read([(0, data), (1, data)], conn=state) == {"tls": [], "certificates": []}
    assert state["confirmed"] == 1
    assert state["violated"] == 0


def test_other_protocols_are_violations() -> None:
    state: dict = {}
    assert read([(0, b"GET / HTTP/1.1\r\n")], conn=state)["tls"] == []
    assert state["violated"] == 1


def test_gap_ends_the_reading_and_is_told() -> None:
    messages = handshake(TLS12)[0]
    (row,) = read([messages[0], (1, messages[1][1][:60]), (1, 500), (1, b"?" * 50)])["tls"]
    assert "gap" in row["anomaly"]
    assert row["established"] is False


def test_data_after_establishment_is_not_shown() -> None:
    state: dict = {}
    read(handshake(TLS13)[0], conn=state)
    assert state["done"].tolist() == [1, 1]


def test_names_only_stops_at_the_hello() -> None:
    state: dict = {}
    rows = read(handshake(TLS12)[0], names_only=True, conn=state)
    assert rows["tls"][0]["server_name"] == NAME
    assert rows["tls"][0]["ja3"] is None
    assert state["done"].tolist() == [1, 1]


@pytest.mark.parametrize(("version", "certificates"), [(TLS12, 1), (TLS13, 0)])
def test_names_only_goes_on_to_the_certificate_where_no_server_is_named(version: Any, certificates: int) -> None:
    state: dict = {}
    rows = read(handshake(version, named=None)[0], names_only=True, conn=state)
    (row,) = rows["tls"]
    assert (row["server_name"], row["established"]) == (None, False)
    assert len(rows["certificates"]) == certificates  # that of TLS 1.3 is encrypted
    assert state["done"].tolist() == [1, 1]


def test_certificate_is_kept_once_in_a_batch() -> None:
    messages, _ = handshake(TLS12)
    certificate = next(message for side, message in handshake_messages(messages) if message[0] == 11)
    twice = [messages[0], (1, server_hello(0x0303) + record(22, certificate) + record(22, certificate))]
    rows = read(twice)
    assert len(rows["certificates"]) == 1
    assert len(rows["tls"][0]["cert_chain_fps"]) == 1


def identify_octets(octets: bytes, hint: int = 4) -> int:
    import numpy as np

    wire = np.frombuffer(octets, np.uint8)
    return int(identify(wire, 0, len(wire), hint))


@BOTH
def test_hellos_are_recognised(version) -> None:
    messages = handshake(version)[0]
    assert identify_octets(messages[0][1]) == Verdict.YES
    assert identify_octets(messages[1][1], 4 | FROM_RESP) == Verdict.YES


def test_data_in_midstream_may_be_tls() -> None:
    assert identify_octets(record(23, b"x" * 100)) == Verdict.MAYBE
    assert identify_octets(record(23, b"x" * 100) + b"GET / HTTP") == Verdict.NO
    assert identify_octets(b"\x16\x03\x01\x00\x00\x01") == Verdict.NO


def test_every_field_is_documented_and_complete_names_derived_ones() -> None:
    from sonde.schema import columns

    for record_type, name in ((TlsRecord, "tls"), (CertificateRecord, "certificates")):
        assert name in COMPLETE
        assert all(len(column.field.doc) < 60 for column in columns(record_type))


SAMPLES = {
    "tls": [
        Sample(list(handshake(TLS12)[0]), stream=True, ports=(40000, 443)),
        Sample(list(handshake(TLS13)[0]), stream=True, ports=(40000, 443)),
        Sample(list(handshake(TLS12, with_client_certificate=True)[0]), stream=True),
    ]
}
