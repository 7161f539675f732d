"""Certificates: what OpenSSL's makers sign, read field by field, and what is broken."""

import datetime
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.dissect.handshake.der import read_alternative_names, read_certificate, spell_name
from sonde.dissect.handshake.derive import complete_certificates, complete_sessions, matches_name
from sonde.dissect.handshake.record import CertificateRecord, TlsRecord
from sonde.schema import null_row
from tests.dissect.tls_maker import DAY, LASTS_DAYS, make_certificate

ALTERNATIVE = [
    x509.DNSName("www.example.org"),
    x509.DNSName("*.example.org"),
    x509.RFC822Name("someone@example.org"),
    x509.UniformResourceIdentifier("https://example.org/"),
    x509.IPAddress(ip_address("192.0.2.1")),
    x509.IPAddress(ip_address("2001:db8::1")),
]
SAMPLE, _ = make_certificate(alternative=ALTERNATIVE)


def test_fields_of_an_elliptic_certificate() -> None:
    found = read_certificate(SAMPLE)
    assert found.whole
    assert (found.version, found.serial) == (3, "ABCDEF")
    assert found.subject == found.issuer == r"CN=www.example.org,O=Example\, Inc.,C=DE"
    assert found.not_valid_before == int(DAY.timestamp()) * 10**9
    assert found.not_valid_after == int((DAY + datetime.timedelta(days=LASTS_DAYS)).timestamp()) * 10**9
    assert (found.key_alg, found.key_type, found.key_length, found.curve) == (
        "id-ecPublicKey", "ecdsa", 256, "prime256v1",
    )  # fmt: skip
    assert found.sig_alg == "ecdsa-with-SHA256"
    assert (found.basic_constraints_ca, found.basic_constraints_path_len) == (True, 0)


def test_alternative_names_by_kind() -> None:
    found = read_certificate(SAMPLE)
    assert found.san_dns == ["www.example.org", "*.example.org"]
    assert found.san_email == ["someone@example.org"]
    assert found.san_uri == ["https://example.org/"]
    assert found.san_ip == ["192.0.2.1", "2001:db8::1"]


@pytest.mark.parametrize(
    ("key", "signing", "wanted"),
    [
        (rsa.generate_private_key(65537, 2048), hashes.SHA384,
         ("rsaEncryption", "rsa", 2048, "65537", None, "sha384WithRSAEncryption")),
        (ec.generate_private_key(ec.SECP384R1()), hashes.SHA512,
         ("id-ecPublicKey", "ecdsa", 384, None, "secp384r1", "ecdsa-with-SHA512")),
        (ed25519.Ed25519PrivateKey.generate(), None, ("ED25519", "ED25519", 253, None, None, "ED25519")),
        (dsa.generate_private_key(1024), hashes.SHA256, ("dsaEncryption", "dsa", 1024, None, None, "dsa_with_SHA256")),
    ],
    ids=["rsa", "ec", "ed25519", "dsa"],
)  # fmt: skip
def test_keys_of_each_kind(key, signing, wanted) -> None:
    found = read_certificate(make_certificate(key, signing=signing)[0])
    assert (found.key_alg, found.key_type, found.key_length, found.exponent, found.curve, found.sig_alg) == wanted


def test_names_agree_with_the_library() -> None:
    der, _ = make_certificate(organization='Quo"te + <Größe>; \\ # ')
    ours = read_certificate(der).subject
    theirs = x509.load_der_x509_certificate(der).subject.rfc4514_string()
    assert ours == theirs


def tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    head = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + head + content


def odd_certificate(
    serial: bytes = b"\1", before: bytes = b"200102030405Z", after: bytes = b"20470519030405Z"
) -> bytes:
    """Compose a certificate without extensions, as no library would sign it."""
    algorithm = tlv(0x30, tlv(6, bytes.fromhex("2a864886f70d01010b")) + b"\5\0")
    name = tlv(0x30, tlv(0x31, tlv(0x30, tlv(6, b"\x55\4\3") + tlv(0x0C, b"example.org"))))
    rsa = tlv(0x30, tlv(6, bytes.fromhex("2a864886f70d010101")) + b"\5\0")  # RFC 3279 §2.3.1
    key = tlv(0x30, rsa + tlv(3, b"\0" + tlv(0x30, tlv(2, b"\0\xc5") + tlv(2, b"\3"))))
    validity = tlv(
        0x30, tlv(0x17 if len(before) < 14 else 0x18, before) + tlv(0x17 if len(after) < 14 else 0x18, after)
    )
    body = tlv(0x30, tlv(2, serial) + algorithm + name + validity + name + key)
    return tlv(0x30, body + algorithm + tlv(3, b"\0" * 9))


def test_first_version_has_no_version_field() -> None:
    found = read_certificate(odd_certificate())
    assert (found.whole, found.version, found.serial, found.subject) == (True, 1, "01", "CN=example.org")


@pytest.mark.parametrize(("raw", "wanted"), [(b"\0", "00"), (b"\xff", "-01"), (b"\0\xff", "FF"), (b"\x01\x00", "0100")])
def test_serial_numbers_nobody_should_use_are_told(raw: bytes, wanted: str) -> None:
    assert read_certificate(odd_certificate(serial=raw)).serial == wanted


def test_bad_date_costs_only_the_dates() -> None:
    found = read_certificate(odd_certificate(before=b"209902030405Z"))
    assert not found.whole
    assert found.not_valid_before is None
    assert (found.subject, found.key_length) == ("CN=example.org", 8)


def test_end_of_time_is_out_of_range() -> None:
    found = read_certificate(odd_certificate(after=b"99991231235959Z"))
    assert found.whole
    assert found.date_out_of_range
    assert found.not_valid_after is None


def test_dates_with_an_offset_and_of_the_last_century() -> None:
    found = read_certificate(odd_certificate(before=b"9901020304Z", after=b"200102030405+0100"))
    assert found.not_valid_before == int(datetime.datetime(1999, 1, 2, 3, 4, tzinfo=datetime.UTC).timestamp()) * 10**9


def test_every_prefix_is_survived() -> None:
    for length in range(len(SAMPLE)):
        assert not read_certificate(SAMPLE[:length]).whole


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255))
def test_every_mutated_octet_is_survived(place: int, octet: int) -> None:
    read_certificate(SAMPLE[:place] + bytes([octet]) + SAMPLE[place + 1 :])


def test_stars_stand_for_one_label() -> None:
    below = frozenset({"other.example.net", "*.example.org"})
    assert matches_name("www.example.org", below)
    assert not matches_name("a.www.example.org", below)
    assert not matches_name("example.org", below)
    assert not matches_name(".example.org", below)
    assert not matches_name("example.org", frozenset({"*.org"}))
    assert matches_name("192.0.2.1", frozenset({"192.0.2.1"}))
    assert not matches_name("192.0.2.1", frozenset())


def rows_with(record, fields: dict[str, bytes | int]):
    """Make one row and its text from octets by field."""
    import numpy as np

    rows, text = null_row(record).copy(), bytearray()
    for name, value in fields.items():
        if isinstance(value, bytes):
            rows[name] = len(text) << 24 | len(value)
            text += value
        else:
            rows[name] = value
    return rows, np.frombuffer(bytes(text) + b"\0", np.uint8)


def content(raw: bytes) -> bytes:
    """Give what a short element holds."""
    return raw[2:]


def test_session_tells_whether_the_name_fits() -> None:
    body = x509.load_der_x509_certificate(SAMPLE)
    subject = content(body.subject.public_bytes())
    names = content(body.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.public_bytes())
    for host, wanted in ((b"FTP.example.org", True), (b"example.net", False)):
        fields = {"server_name": host, "subject_der": subject, "issuer_der": subject, "names_der": names}
        found = complete_sessions(*rows_with(TlsRecord, fields))
        assert found["sni_matches_cert"].to_pylist() == [wanted]
        assert found["subject"].to_pylist() == [spell_name(subject)]
    # Without alternative names the common name counts; without a certificate nothing is said.
    found = complete_sessions(*rows_with(TlsRecord, {"server_name": b"www.example.org", "subject_der": subject}))
    assert found["sni_matches_cert"].to_pylist() == [True]
    found = complete_sessions(*rows_with(TlsRecord, {"server_name": b"example.org"}))
    assert found["sni_matches_cert"].to_pylist() == [None]


def test_clients_subject_goes_to_the_column_of_persons() -> None:
    for client in (0, 1):
        rows, text = rows_with(CertificateRecord, {"fingerprint": b"f", "der": SAMPLE, "client_cert": client})
        found = complete_certificates(rows, text)
        assert (found["subject"][0] is None) == bool(client)
        assert (found["client_subject"][0] is None) != bool(client)


def test_unreadable_certificate_is_marked() -> None:
    rows, text = rows_with(CertificateRecord, {"fingerprint": b"g", "der": SAMPLE[:50]})
    complete_certificates(rows, text)
    assert rows["status"][0] == 2


def test_cut_alternative_names_keep_what_is_whole() -> None:
    raw = tlv(0x82, b"example.org") + tlv(0x82, b"example.net")[:5]
    assert read_alternative_names(raw).dns == ["example.org"]
