"""Certificate messages (RFC 5246 §7.4.2): a row for each certificate, its fingerprint for the session.

The kernel keeps a certificate once in a batch: it compares each with the ones kept last,
octet by octet, so that neither hashing nor copying is paid for twice. What a certificate
says is read in Python (der.py), once for each distinct one of a run.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sonde.dissect.handshake.der import Certificate, read_certificate
from sonde.dissect.handshake.record import AT, CERT_AT, CHAIN_CUT, DATE_OUT_OF_RANGE
from sonde.dissect.handshake.x509_names import matches_name
from sonde.table.out import (
    DONE,
    LENGTH_BITS,
    LENGTH_MASK,
    MALFORMED,
    MAX_TEXT,
    TEXT,
    TRUNCATED,
    Out,
    begin_item,
    begin_text,
    close_row,
    end_item,
    end_text,
    open_row,
    put_hex,
    put_octets,
)
from sonde.wire import Int, Row, Rows, Wire, kernel, u8, u24
from sonde.wire.digest import sha256

MAX_CHAIN = 16  # certificates read of one message
RECENT = 16  # rows compared with
SEQUENCE = 0x30
LARGEST_NS = (1 << 63) - 1
SECOND_NS = 1_000_000_000


@kernel
def equals_kept(wire: Wire, at: Int, end: Int, span: Int, text: Wire) -> bool:
    """Compare a certificate with one that was kept; the signature at the end differs first."""
    length, kept = span & LENGTH_MASK, span >> LENGTH_BITS
    if span < 0 or length != end - at:
        return False
    for place in range(length - 1, -1, -1):
        if wire[at + place] != text[kept + place]:
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
def keep_certificate(wire: Wire, at: Int, end: Int, role: Int, conn: Row, out: Out) -> Int:
    """Fill a row with a certificate and its fingerprint; give the row."""
    row = open_row_for(conn, out)
    record = out.rows[row]
    record["host_cert"], record["client_cert"] = role & 1, role >> 1
    begun = begin_text(out)
    sha256(wire, at, end, conn["digest"], conn["words"])
    for word in range(8):
        put_hex(out, conn["digest"][word], 8)
    record["fingerprint"] = end_text(out, CERT_AT.fingerprint, begun)
    if end - at > MAX_CERTIFICATE or end - at < 4 or u8(wire, at) != SEQUENCE:
        record["status"] = MALFORMED
    else:
        begun = begin_text(out)
        put_octets(out, wire, at, end)
        record["der"] = end_text(out, CERT_AT.der, begun)
    close_row(out, row)
    return row
