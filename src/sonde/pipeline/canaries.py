"""Captures for the self-test: a unique word in each field that can hold one, and the class of that field.

The words are made anew for each test, so that no output can hold one by chance. Packets are
laid out by hand: RFC 791, 768, 9293; DNS RFC 1035, DHCP RFC 2131, HTTP RFC 9112, SSH RFC
4253, TLS RFC 8446 and RFC 5246, SOCKS RFC 1928 and 1929, HAProxy's proxy-protocol.txt, mail in
`mail_canaries.py`; QUIC's and others' text is encrypted or none.
"""

import datetime as dt
import struct
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from sonde.pipeline.mail_canaries import imap, pop3, smtp
from sonde.pipeline.words import Canary, Words
from sonde.schema import CONTENT, ENDPOINT, PERSON, SECRET

START_NS = 1_700_000_000_000_000_000
CLIENT, SERVERS = ip_address("192.0.2.1"), {4: ip_address("198.51.100.2"), 6: ip_address("2001:db8:1::2")}
Address = IPv4Address | IPv6Address
FIN, SYN, PSH, ACK = 1, 2, 8, 16
Ends = tuple[bytes, bytes]  # addresses of client and server


def write_canaries(path: Path, client: Address = CLIENT) -> list[Canary]:
    """Write a capture (draft-ietf-opsawg-pcap §4, §5) of one client, and give the words in it."""
    words, ends = Words(), (client.packed, SERVERS[client.version].packed)
    kind = b"\x08\x00" if client.version == 4 else b"\x86\xdd"
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        for number, packet in enumerate(_packets(words, ends)):
            ts = START_NS + number * 1_000_000
            frame = bytes.fromhex("02000000000b02000000000a") + kind + packet
            file.write(struct.pack("<IIII", ts // 10**9, ts % 10**9, len(frame), len(frame)) + frame)
    return words.canaries


def _packets(words: Words, ends: Ends) -> Iterator[bytes]:
    yield from _datagrams(_dns(words), (40001, 53), ends)
    yield from _datagrams(_dhcp(words), (68, 67), ends)
    yield from _connection(_http(words), (40002, 80), ends)
    yield from _connection(_ssh(words), (40003, 22), ends)
    yield from _connection(_tls(words), (40004, 443), ends)
    yield from _connection(smtp(words), (40005, 25), ends)
    yield from _connection(pop3(words), (40006, 110), ends)
    yield from _connection(imap(words), (40007, 143), ends)
    yield from _connection(_socks(words), (40008, 1080), ends)
    yield from _connection(_passed_on(words), (40009, 8080), ends)


def _dns(words: Words) -> list[tuple[int, bytes]]:
    name = b"".join(bytes((len(label),)) + label.encode() for label in (words("dns.query", ENDPOINT), "example", "org"))
    asked = name + b"\0" + struct.pack("!HH", 16, 1)
    text = words("dns.answers", ENDPOINT).encode()
    answer = b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 60, len(text) + 1) + bytes((len(text),)) + text
    return [
        (0, struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + asked),
        (1, struct.pack("!HHHHHH", 7, 0x8180, 1, 1, 0, 0) + asked + answer),
    ]


def _dhcp(words: Words) -> list[tuple[int, bytes]]:
    head = struct.pack("!BBBBIHH", 1, 1, 6, 0, 7, 0, 0) + bytes(16) + bytes.fromhex("02005e005301") + bytes(10 + 192)
    options = {
        53: b"\x01",
        12: words("dhcp.host_name", ENDPOINT).encode(),
        60: words("dhcp.vendor_class", ENDPOINT).encode(),
    }
    user = words("dhcp.user_class", PERSON).encode()
    options[77] = bytes((len(user),)) + user
    packed = b"".join(bytes((code, len(value))) + value for code, value in options.items())
    return [(0, head + bytes.fromhex("63825363") + packed + b"\xff")]


def _http(words: Words) -> list[tuple[int, bytes]]:
    import base64  # noqa: PLC0415 - by nobody else

    user, password = words("http.username", PERSON), words("HTTP password", SECRET)
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    words.canaries.append(Canary(basic, ("HTTP Authorization",), SECRET))
    body, reply = words("HTTP request body", CONTENT), words("HTTP response body", CONTENT)
    request = (
        f"POST /{words('http.path', ENDPOINT)}?{words('http.query', PERSON)} HTTP/1.1\r\n"
        f"Host: {words('http.host', ENDPOINT)}.example.org\r\n"
        f"User-Agent: {words('http.user_agent', ENDPOINT)}\r\n"
        f"Referer: http://www.example.org/{words('http.referrer', PERSON)}\r\n"
        f"Cookie: session={words('HTTP cookie', SECRET)}\r\n"
        f"Authorization: Basic {basic}\r\n"
        f"X-Api-Key: {words('HTTP key of an API', SECRET)}\r\n"
        f"Content-Disposition: attachment; filename={words('http.orig_filename', PERSON)}.txt\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
    response = (
        f"HTTP/1.1 200 OK\r\nServer: {words('http.server', ENDPOINT)}\r\n"
        f"Set-Cookie: session={words('HTTP cookie set', SECRET)}\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(reply)}\r\n\r\n{reply}"
    )
    return [(0, request.encode()), (1, response.encode())]


def _ssh(words: Words) -> list[tuple[int, bytes]]:
    return [
        (0, f"SSH-2.0-{words('ssh.client', ENDPOINT)}\r\n".encode()),
        (1, f"SSH-2.0-{words('ssh.server', ENDPOINT)}\r\n".encode()),
    ]


def _socks(words: Words) -> list[tuple[int, bytes]]:
    user, password = words("socks.user", PERSON).encode(), words("SOCKS password", SECRET).encode()
    name = f"{words('socks.request_name', ENDPOINT)}.example.org".encode()
    return [
        (0, b"\x05\x01\x02"),
        (1, b"\x05\x02"),
        (0, b"\x01" + bytes((len(user),)) + user + bytes((len(password),)) + password),
        (1, b"\x01\x00"),
        (0, b"\x05\x01\x00\x03" + bytes((len(name),)) + name + struct.pack("!H", 80)),
        (1, b"\x05\x00\x00\x01" + bytes(6)),
    ]


def _passed_on(words: Words) -> list[tuple[int, bytes]]:
    """Compose a header of the PROXY protocol with what the proxy knows of the client's TLS."""

    def added(kind: int, value: bytes) -> bytes:
        return struct.pack("!BH", kind, len(value)) + value

    name = added(2, f"{words('proxy.authority', ENDPOINT)}.example.org".encode())
    client = added(0x20, b"\x07" + bytes(4) + added(0x22, words("proxy.client_name", PERSON).encode()))
    told = CLIENT.packed + SERVERS[4].packed + struct.pack("!HH", 50000, 443) + name + client
    return [(0, bytes.fromhex("0d0a0d0a000d0a515549540a2111") + struct.pack("!H", len(told)) + told)]


def _tls(words: Words) -> list[tuple[int, bytes]]:
    """Compose a handshake of TLS 1.2 as far as the certificates (RFC 5246 §7.4)."""
    name = f"{words('tls.server_name', ENDPOINT)}.example.org".encode()
    listed = struct.pack("!BH", 0, len(name)) + name
    extension = struct.pack("!HHH", 0, len(listed) + 2, len(listed)) + listed
    client = b"\x03\x03" + bytes(32) + b"\0" + struct.pack("!HH", 2, 0xC02F) + b"\x01\0"
    client += struct.pack("!H", len(extension)) + extension
    server = b"\x03\x03" + bytes(32) + b"\0" + struct.pack("!HBH", 0xC02F, 0, 0)
    der = _certificate(words)
    chain = len(der).to_bytes(3) + der
    sent = _handshake(2, server) + _handshake(11, len(chain).to_bytes(3) + chain) + _handshake(14, b"")
    return [(0, _record(_handshake(1, client))), (1, _record(sent))]


def _handshake(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + len(body).to_bytes(3) + body


def _record(body: bytes) -> bytes:
    return b"\x16\x03\x03" + struct.pack("!H", len(body)) + body


def _certificate(words: Words) -> bytes:
    """Make a certificate that nobody trusts, with words in its names."""
    from cryptography import x509  # noqa: PLC0415 - only the self-test needs it
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    def called(places: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, words(places, ENDPOINT))])

    key = ed25519.Ed25519PrivateKey.generate()
    names = x509.SubjectAlternativeName([
        x509.DNSName(f"{words('certificates.san_dns', ENDPOINT)}.example.org"),
        x509.RFC822Name(f"{words('certificates.san_email', PERSON)}@example.org"),
    ])  # fmt: skip
    begins = dt.datetime(2023, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(
        called("certificates.issuer, tls.issuer"), called("certificates.subject, tls.subject"), key.public_key()
    )
    builder = builder.serial_number(7).not_valid_before(begins).not_valid_after(begins + dt.timedelta(days=365))
    return builder.add_extension(names, critical=False).sign(key, None).public_bytes(Encoding.DER)


def _datagrams(messages: Iterable[tuple[int, bytes]], ports: tuple[int, int], ends: Ends) -> Iterator[bytes]:
    for side, octets in messages:
        src, dst = ports if side == 0 else ports[::-1]
        yield _ip(ends if side == 0 else ends[::-1], 17, struct.pack("!HHHH", src, dst, 8 + len(octets), 0) + octets)


def _connection(messages: Iterable[tuple[int, bytes]], ports: tuple[int, int], ends: Ends) -> Iterator[bytes]:
    following = [1000, 5000]

    def send(side: int, octets: bytes, flags: int) -> bytes:
        src, dst = ports if side == 0 else ports[::-1]
        acknowledged = following[1 - side] if flags & ACK else 0
        head = struct.pack("!HHIIBBHHH", src, dst, following[side], acknowledged, 0x50, flags, 65535, 0, 0)
        following[side] += len(octets) + bool(flags & (SYN | FIN))
        return _ip(ends if side == 0 else ends[::-1], 6, head + octets)

    yield from (send(0, b"", SYN), send(1, b"", SYN | ACK), send(0, b"", ACK))
    for side, octets in messages:
        for at in range(0, len(octets), 1400):
            yield send(side, octets[at : at + 1400], ACK | PSH)
    yield from (send(0, b"", FIN | ACK), send(1, b"", FIN | ACK), send(0, b"", ACK))


def _ip(ends: Ends, protocol: int, payload: bytes) -> bytes:
    """Put an IP header before a payload; no checksums, which are not looked at."""
    if len(ends[0]) == 16:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + b"".join(ends) + payload
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0) + b"".join(ends) + payload


__all__ = ["Canary", "write_canaries"]
