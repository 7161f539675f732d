"""Certificate messages (RFC 5246 §7.4.2): a row for each certificate, its fingerprint for the session.

The kernel keeps a certificate once in a batch: it compares each with the ones kept last,
word by word, so that neither hashing nor copying is paid for twice. What a certificate
says is read in Python (x509.py), once for each distinct one of a run. Only the names of
the first of a chain are found here, because the session's own row tells them.
"""

import numpy as np

from sonde.dissect.handshake.record import AT, CERT_AT, CHAIN_CUT
from sonde.schema import NO_TEXT
from sonde.table.out import (
    DONE,
    LENGTH_BITS,
    LENGTH_MASK,
    MALFORMED,
    TEXT,
    Out,
    begin_item,
    begin_text,
    close_row,
    end_item,
    end_text,
    open_row,
    put_hex,
    put_octets,
    save,
)
from sonde.wire import Int, Row, Wire, kernel, octets, starts, u8, u16, u24, u64
from sonde.wire.digest import sha256

WORD = np.int64(8)  # digits
WORD_OCTETS = np.int64(8)  # that are compared at once
MAX_CHAIN = 16  # certificates read of one message
MAX_CERTIFICATE = 1 << 16  # octets
MAX_EXTENSIONS = 64
RECENT = 16  # rows compared with
BY_SERVER, BY_CLIENT = np.int64(0), np.int64(2)  # bit 0 of a role says that it is the first of its chain
SEQUENCE, VERSION, EXTENSIONS = 0x30, 0xA0, 0xA3
ALTERNATIVE_NAMES = octets(b"\x06\x03\x55\x1d\x11")  # RFC 5280 §4.2.1.6


@kernel
def equals_kept(wire: Wire, at: Int, end: Int, span: Int, text: Wire) -> bool:
    """Compare a certificate with one that was kept; the signature at the end differs first."""
    length, kept = span & LENGTH_MASK, span >> LENGTH_BITS
    if span < 0 or length != end - at:
        return False
    place = length
    while place >= WORD_OCTETS:
        place -= WORD_OCTETS
        if u64(wire, at + place) != u64(text, kept + place):
            return False
    for rest in range(place):
        if wire[at + rest] != text[kept + rest]:
            return False
    return True


@kernel
def find_kept(wire: Wire, at: Int, end: Int, role: Int, out: Out) -> Int:
    """Give the row of this batch that holds the same certificate in the same role, or -1."""
    last = out.count[DONE]
    for place in range(last - 1, max(last - RECENT, 0) - 1, -1):
        row = out.done[place]
        kept = out.rows[row]
        same_role = kept["host_cert"] == role & 1 and kept["client_cert"] == role >> 1
        if same_role and equals_kept(wire, at, end, np.int64(kept["der"]), out.text):
            return row
    return -1


@kernel
def keep_certificate(wire: Wire, at: Int, end: Int, role: Int, session: Row, turn: Row, out: Out) -> Int:
    """Fill a row with a certificate and its fingerprint; give the row."""
    row = open_row(out, turn)
    record = out.rows[row]
    record["host_cert"], record["client_cert"] = role & 1, role >> 1
    begun = begin_text(out)
    sha256(wire, at, end, session["digest"], session["words"])
    for word in range(8):
        put_hex(out, session["digest"][word], WORD)
    record["fingerprint"] = end_text(out, CERT_AT.fingerprint, begun)
    if end - at > MAX_CERTIFICATE or end - at < 4 or u8(wire, at) != SEQUENCE:
        record["status"] = MALFORMED
    elif len(out.text) - out.count[TEXT] > end - at:  # half of one would be worth nothing
        begun = begin_text(out)
        put_octets(out, wire, at, end)
        record["der"] = end_text(out, CERT_AT.der, begun)
    close_row(out, row)
    return row


@kernel
def put_fingerprint(cert: Row, texts: Wire, out: Out) -> None:
    """Append the fingerprint in a certificate's row to a list of the session."""
    span = np.int64(cert["fingerprint"])
    if span < 0:
        return
    begun = begin_item(out)
    put_octets(out, texts, span >> LENGTH_BITS, (span >> LENGTH_BITS) + (span & LENGTH_MASK))
    end_item(out, begun)


@kernel
def read_certificates(wire: Wire, at: Int, end: Int, role: Int, session: Row, turn: Row, out: Out, certs: Out) -> None:
    """Read a Certificate message: a list of certificates, the sender's own first."""
    record = out.rows[session["row"]]
    if end - at < 3 or u24(wire, at) > end - at - 3:
        record["anomaly"] |= np.uint64(CHAIN_CUT)
        return
    end = at + 3 + u24(wire, at)
    at += 3
    begun = begin_text(out)
    place, number = at, 0
    while place < end:
        stop = place + 3 + u24(wire, place) if end - place >= 3 else end + 1
        if stop > end or number == MAX_CHAIN:
            record["anomaly"] |= np.uint64(CHAIN_CUT)
            break
        own = role | 1 if number == 0 else role
        row = find_kept(wire, place + 3, stop, own, certs)
        if row < 0:
            row = keep_certificate(wire, place + 3, stop, own, session, turn, certs)
        put_fingerprint(certs.rows[row], certs.text, out)
        number += 1
        place = stop
    if role == BY_CLIENT:
        record["client_cert_chain_fps"] = end_text(out, AT.client_cert_chain_fps, begun)
    else:
        record["cert_chain_fps"] = end_text(out, AT.cert_chain_fps, begun)
    if number > 0:
        save_leaf_names(wire, at + 3, at + 3 + u24(wire, at), role, session, out)


@kernel
def read_one_certificate(
    wire: Wire, at: Int, end: Int, role: Int, session: Row, turn: Row, out: Out, certs: Out
) -> None:
    """Read a certificate that stands alone, as in SSL 2.0."""
    row = find_kept(wire, at, end, role | 1, certs)
    if row < 0:
        row = keep_certificate(wire, at, end, role | 1, session, turn, certs)
    begun = begin_text(out)
    put_fingerprint(certs.rows[row], certs.text, out)
    out.rows[session["row"]]["cert_chain_fps"] = end_text(out, AT.cert_chain_fps, begun)
    save_leaf_names(wire, at, end, role, session, out)


@kernel
def element(wire: Wire, at: Int, end: Int) -> tuple[Int, Int]:
    """Give where the content of a DER element begins and ends (X.690 §8.1); end -1 where it does not fit."""
    if end - at < 2:
        return at, -1
    length = u8(wire, at + 1)
    begin = at + 2
    if length == 0x81 and end - at >= 3:
        length, begin = u8(wire, at + 2), at + 3
    elif length == 0x82 and end - at >= 4:
        length, begin = u16(wire, at + 2), at + 4
    elif length >= 0x80:
        return at, -1  # a certificate of 64 KiB is not kept anyway
    return begin, begin + length if begin + length <= end else -1


@kernel
def save_leaf_names(wire: Wire, at: Int, end: Int, role: Int, session: Row, out: Out) -> None:
    """Keep issuer, subject and other names of a certificate as they stand, for Python to spell."""
    record = out.rows[session["row"]]
    at, end = element(wire, at, end)
    at, end = element(wire, at, end)  # TBSCertificate (RFC 5280 §4.1)
    part = 0
    while at < end:
        begin, stop = element(wire, at, end)
        if stop < 0:
            return
        tag = u8(wire, at)
        if part == 0 and tag != VERSION:
            part = 1
        if part == 3:
            issuer = save(out, AT.client_issuer_der if role == BY_CLIENT else AT.issuer_der, wire, begin, stop)
            if role == BY_CLIENT:
                record["client_issuer_der"] = issuer
            else:
                record["issuer_der"] = issuer
        elif part == 5:
            subject = save(out, AT.client_subject_der if role == BY_CLIENT else AT.subject_der, wire, begin, stop)
            if role == BY_CLIENT:
                record["client_subject_der"] = subject
            else:
                record["subject_der"] = subject
        elif part > 6 and tag == EXTENSIONS and role == BY_SERVER:
            record["names_der"] = save_alternative_names(wire, begin, stop, out)
        part += 1
        at = stop


@kernel
def save_alternative_names(wire: Wire, at: Int, end: Int, out: Out) -> Int:
    """Find the alternative names among the extensions and keep them."""
    at, end = element(wire, at, end)
    for _ in range(MAX_EXTENSIONS):
        begin, stop = element(wire, at, end)
        if stop < 0:
            break
        if starts(wire, begin, stop, ALTERNATIVE_NAMES):
            begin += len(ALTERNATIVE_NAMES)
            if stop - begin > 3 and u8(wire, begin) == 1:
                begin += 3  # critical
            begin, stop = element(wire, begin, stop)
            if stop < 0:
                break
            begin, stop = element(wire, begin, stop)
            return save(out, AT.names_der, wire, begin, stop) if stop >= 0 else NO_TEXT
        at = stop
    return NO_TEXT


__all__ = ["BY_CLIENT", "BY_SERVER", "read_certificates", "read_one_certificate"]
