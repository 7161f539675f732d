"""Handshakes for tests, made by OpenSSL through Python's ssl module, without sockets."""

import datetime
import functools
import ssl
import tempfile
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "www.example.org"
DAY = datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
LASTS_DAYS = 10_000
Messages = list[tuple[int, bytes]]


def make_certificate(key=None, *, organization: str = "Example, Inc.", alternative=None, signing=hashes.SHA256):
    """Make a self-signed certificate; give its DER and its key."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, NAME),
        ]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(0xABCDEF)
        .not_valid_before(DAY)
        .not_valid_after(DAY + datetime.timedelta(days=LASTS_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    )
    if alternative:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
    made = builder.sign(key, signing() if signing else None)
    return made.public_bytes(serialization.Encoding.DER), key


@functools.cache
def handshake(
    version: ssl.TLSVersion, *, with_client_certificate: bool = False, named: str | None = NAME
) -> tuple[tuple[tuple[int, bytes], ...], bytes]:
    """Run a handshake and one exchange of data; give (side, octets) in turn and the server's certificate."""
    der, key = make_certificate(alternative=[x509.DNSName("*.example.org")])
    folder = Path(tempfile.mkdtemp())
    pem = (
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + ssl.DER_cert_to_PEM_cert(der).encode()
    )
    (folder / "both.pem").write_bytes(pem)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    server.load_cert_chain(folder / "both.pem")
    if with_client_certificate:
        client.load_cert_chain(folder / "both.pem")
        server.verify_mode = ssl.CERT_REQUIRED
        server.load_verify_locations(cadata=der)
    for context in (server, client):
        context.minimum_version = context.maximum_version = version
        context.set_alpn_protocols(["h2", "http/1.1"])
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    from_client, from_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        (client.wrap_bio(to_client, from_client, server_hostname=named), from_client, to_server),
        (server.wrap_bio(to_server, from_server, server_side=True), from_server, to_client),
    ]
    messages: Messages = []
    for act in ("do_handshake",) * 8 + ("write",):
        for side, (end, sent, received) in enumerate(ends):
            with suppress(ssl.SSLWantReadError):
                end.do_handshake() if act == "do_handshake" else end.write(b"x" * 200)
            octets = sent.read()
            if octets:
                messages.append((side, octets))
                received.write(octets)
    return tuple(messages), der


def handshake_messages(messages: tuple[tuple[int, bytes], ...]) -> list[tuple[int, bytes]]:
    """Give the handshake messages in clear, with their headers, by side."""
    found, seen_change = [], [False, False]
    for side, octets in messages:
        at, gathered = 0, b""
        while at < len(octets):
            kind, size = octets[at], int.from_bytes(octets[at + 3 : at + 5], "big")
            if kind == 20:
                seen_change[side] = True
            elif kind == 22 and not seen_change[side]:
                gathered += octets[at + 5 : at + 5 + size]
            at += 5 + size
        while gathered:
            size = 4 + int.from_bytes(gathered[1:4], "big")
            found.append((side, gathered[:size]))
            gathered = gathered[size:]
    return found
