"""The records of a TLS session and of a certificate, and the state that both need.

TLS, DTLS and QUIC fill the same two tables. One row stands for one session: it opens
with the first message that can be read and closes when both sides have begun to
encrypt, as Zeek's ssl.log does, or when the flow ends.
"""

from typing import Annotated, ClassVar, NamedTuple

import numpy as np

from sonde.dissect.api import places
from sonde.dissect.handshake.names import Alert, Cipher, Group, Version
from sonde.schema import (
    ENDPOINT,
    PERSON,
    PROTOCOL,
    U8,
    U32,
    Bool,
    Field,
    Octets,
    Record,
    Text,
    TextList,
    TimeNs,
    U32List,
)
from sonde.table.out import (
    OWN_ANOMALY,
    UNANSWERED,
    UNASKED,
    Out,
    begin_text,
    close_row,
    drop_row,
    end_text,
    open_row,
    put_octet,
)
from sonde.wire import Int, Row, kernel, octets

MAX_HISTORY = 100  # letters, as in Zeek
MAX_SESSION_ID = 32  # RFC 5246 §7.4.1.2

ANOMALIES = ("malformed_hello", "bad_record", "bad_message", "chain_cut", "date_out_of_range", "odd_name")
MALFORMED_HELLO, BAD_RECORD, BAD_MESSAGE, CHAIN_CUT, DATE_OUT_OF_RANGE, ODD_NAME = (
    np.int64(1 << (OWN_ANOMALY + bit)) for bit in range(len(ANOMALIES))
)


class TlsRecord(Record):
    """One TLS or DTLS session, or the one inside a QUIC connection (RFC 8446)."""

    table: ClassVar[str] = "tls"

    version: Annotated[Version, Field("Version the server chose", PROTOCOL, ref="RFC 8446 §4.2.1")]
    cipher: Annotated[Cipher, Field("Cipher suite the server chose", PROTOCOL, ref="RFC 8446 §4.1.3")]
    curve: Annotated[Group, Field("Group of the key exchange", PROTOCOL, ref="RFC 8446 §4.2.8")]
    server_name: Annotated[
        Text, Field("Name the client asks for (SNI)", ENDPOINT, ref="RFC 6066 §3", names_application="host")
    ]
    resumed: Annotated[Bool, Field("Keys of an earlier session were used again", PROTOCOL)]
    last_alert: Annotated[Alert, Field("Last alert that was not encrypted", PROTOCOL, ref="RFC 8446 §6")]
    next_protocol: Annotated[Text, Field("Protocol the server chose (ALPN)", PROTOCOL, ref="RFC 7301")]
    established: Annotated[Bool, Field("Both sides came to encrypt", PROTOCOL)]
    ssl_history: Annotated[Text, Field("A letter a message, upper case from the client", PROTOCOL)]
    cert_chain_fps: Annotated[TextList, Field("SHA-256 of the server's certificates", ENDPOINT)]
    client_cert_chain_fps: Annotated[TextList, Field("SHA-256 of the client's certificates", PERSON)]
    subject: Annotated[Text, Field("Subject of the server's certificate", ENDPOINT, derived=True)]
    issuer: Annotated[Text, Field("Issuer of the server's certificate", ENDPOINT, derived=True)]
    client_subject: Annotated[Text, Field("Subject of the client's certificate", PERSON, derived=True)]
    client_issuer: Annotated[Text, Field("Issuer of the client's certificate", ENDPOINT, derived=True)]
    sni_matches_cert: Annotated[
        Bool, Field("The certificate is for that name", PROTOCOL, ref="RFC 6125 §6.4", derived=True)
    ]
    ja3: Annotated[Text, Field("JA3 fingerprint of the client", PROTOCOL)]
    ja3s: Annotated[Text, Field("JA3S fingerprint of the server", PROTOCOL)]
    ja4: Annotated[Text, Field("JA4 fingerprint of the client", PROTOCOL)]
    client_version: Annotated[Version, Field("Version in the client's hello", PROTOCOL)]
    client_versions: Annotated[U32List, Field("Versions the client supports", PROTOCOL, ref="RFC 8446 §4.2.1")]
    client_ciphers: Annotated[U32List, Field("Cipher suites the client offers", PROTOCOL)]
    client_extensions: Annotated[U32List, Field("Extensions of the client, in order", PROTOCOL)]
    client_groups: Annotated[U32List, Field("Groups the client supports", PROTOCOL, ref="RFC 8446 §4.2.7")]
    client_alpn: Annotated[TextList, Field("Protocols the client offers", PROTOCOL, ref="RFC 7301")]
    server_extensions: Annotated[U32List, Field("Extensions of the server, in order", PROTOCOL)]
    hello_retry: Annotated[Bool, Field("The server asked for another hello", PROTOCOL, ref="RFC 8446 §4.1.4")]
    ech_seen: Annotated[Bool, Field("Client offers Encrypted Client Hello", PROTOCOL, ref="RFC 9849")]
    early_data_seen: Annotated[Bool, Field("Client announces early data", PROTOCOL, ref="RFC 8446 §4.2.10")]
    ticket_seen: Annotated[Bool, Field("Client offers a session ticket or PSK", PROTOCOL)]
    ocsp_seen: Annotated[Bool, Field("Server stapled an OCSP response", PROTOCOL, ref="RFC 6066 §8")]
    client_cert_asked: Annotated[Bool, Field("Server asked for a certificate", PROTOCOL)]
    # As they stand in the first certificate of a chain; the derived fields above are made of them.
    subject_der: Annotated[Octets, Field("Subject, not yet spelt", ENDPOINT, internal=True)]
    issuer_der: Annotated[Octets, Field("Issuer, not yet spelt", ENDPOINT, internal=True)]
    names_der: Annotated[
        Octets, Field("Alternative names, not yet spelt", ENDPOINT, internal=True, names_application="certificate")
    ]
    client_subject_der: Annotated[Octets, Field("Client's subject, not yet spelt", PERSON, internal=True)]
    client_issuer_der: Annotated[Octets, Field("Client's issuer, not yet spelt", ENDPOINT, internal=True)]
    held: Annotated[Octets, Field("Handshake message not yet whole", PROTOCOL, internal=True)]


class CertificateRecord(Record):
    """One X.509 certificate as it was sent (RFC 5280); no trust decision is made.

    One that many sessions show has a row for each batch, not for each session.
    """

    table: ClassVar[str] = "certificates"

    fingerprint: Annotated[Text, Field("SHA-256 of the certificate", ENDPOINT)]
    version: Annotated[U8, Field("Version, 1 to 3", PROTOCOL, ref="§4.1.2.1", derived=True)]
    serial: Annotated[Text, Field("Serial number, hexadecimal", ENDPOINT, ref="§4.1.2.2", derived=True)]
    subject: Annotated[Text, Field("Whom a server's certificate names", ENDPOINT, ref="§4.1.2.6", derived=True)]
    client_subject: Annotated[Text, Field("Whom a client's certificate names", PERSON, derived=True)]
    issuer: Annotated[Text, Field("Who signed it", ENDPOINT, ref="§4.1.2.4", derived=True)]
    not_valid_before: Annotated[TimeNs, Field("Begin of validity", PROTOCOL, ref="§4.1.2.5", derived=True)]
    not_valid_after: Annotated[TimeNs, Field("End of validity", PROTOCOL, ref="§4.1.2.5", derived=True)]
    key_alg: Annotated[Text, Field("Algorithm of the public key", PROTOCOL, ref="§4.1.2.7", derived=True)]
    sig_alg: Annotated[Text, Field("Algorithm of the signature", PROTOCOL, ref="§4.1.1.2", derived=True)]
    key_type: Annotated[Text, Field("Kind of key: rsa, dsa, ecdsa", PROTOCOL, derived=True)]
    key_length: Annotated[U32, Field("Length of the key", PROTOCOL, unit="bits", derived=True)]
    exponent: Annotated[Text, Field("Public exponent of an RSA key", PROTOCOL, derived=True)]
    curve: Annotated[Text, Field("Curve of an elliptic key", PROTOCOL, derived=True)]
    san_dns: Annotated[TextList, Field("Host names it is for", ENDPOINT, ref="§4.2.1.6", derived=True, holds="host")]
    san_uri: Annotated[TextList, Field("URIs it is for", ENDPOINT, derived=True)]
    san_email: Annotated[TextList, Field("Mail addresses it is for", PERSON, derived=True, holds="mail")]
    san_ip: Annotated[TextList, Field("Addresses it is for", ENDPOINT, derived=True, holds="address")]
    basic_constraints_ca: Annotated[Bool, Field("It may sign others", PROTOCOL, ref="§4.2.1.9", derived=True)]
    basic_constraints_path_len: Annotated[
        U32, Field("How many may stand between", PROTOCOL, ref="§4.2.1.9", derived=True)
    ]
    host_cert: Annotated[Bool, Field("First of its chain", PROTOCOL)]
    client_cert: Annotated[Bool, Field("Sent by the client", PROTOCOL)]
    der: Annotated[Octets, Field("The certificate itself", ENDPOINT, internal=True)]


AT = places(TlsRecord)
CERT_AT = places(CertificateRecord)

#: What is remembered of a session: one field of a flow's state, of the same type in every
#: dissector, so that what they share is compiled once.
SESSION = np.dtype(
    [
        ("row", "i8"),
        ("marks", "i8", (16,)),  # where the parts of a hello stand
        ("digest", "i8", (8,)),
        ("words", "i8", (16,)),
        ("version", "i4"),  # that the server chose; 0 not yet known
        ("client_side", "u1"),
        ("names_only", "u1"),
        ("sure", "u1"),  # a hello was read, or records enough
        ("refused", "u1"),  # it is another protocol
        ("begun", "u1"),  # the row is open
        ("closed", "u1"),
        ("datagrams", "u1"),  # over TLS, DTLS or QUIC
        ("asked", "u1"),  # a ClientHello was read
        ("answered", "u1"),  # a ServerHello was read
        ("encrypted", "u1", (2,)),
        ("keyed", "u1"),  # ClientKeyExchange was seen
        ("ticket", "u1"),  # a ticket was offered with an empty session id
        ("psk", "u1"),
        ("held_mark", "i8"),  # which message comes in pieces
        ("prefix", "i8"),  # octets of it that are there without a gap
        ("history_length", "u1"),
        ("history", "u1", (MAX_HISTORY,)),
        ("offered_length", "u1"),
        ("offered", "u1", (MAX_SESSION_ID,)),  # the session id of the client
    ],
    align=True,
)
STATE = (("session", SESSION),)
OVER_TLS, OVER_DTLS, OVER_QUIC = range(3)


class Marks(NamedTuple):
    """Places in `marks`: where a list of a hello begins; where it ends stands behind. 0 is absent."""

    ciphers: int = 0
    extensions: int = 2
    groups: int = 4
    formats: int = 6
    signatures: int = 8
    alpn: int = 10
    versions: int = 12
    name: int = 14


MARK = Marks()

# Handshake types (RFC 8446 §4, RFC 5246 §7.4, RFC 6347 §4.3.2).
(
    HELLO_REQUEST, CLIENT_HELLO, SERVER_HELLO, HELLO_VERIFY, TICKET, RETRY_DRAFT, CERTIFICATE, SERVER_KEY,
    CERTIFICATE_REQUEST, CLIENT_KEY, CERTIFICATE_STATUS,
) = 0, 1, 2, 3, 4, 6, 11, 12, 13, 16, 22  # fmt: skip
_LETTERS = {0: "h", 1: "c", 2: "s", 3: "v", 4: "t", 5: "e", 6: "j", 8: "o", 11: "x", 12: "k", 13: "r", 14: "n"}
_LETTERS |= {15: "y", 16: "g", 20: "f", 21: "w", 22: "u", 23: "a", 24: "p", 254: "m"}
#: Zeek's letter of each handshake type; z for those that are not assigned.
LETTERS = octets("".join(_LETTERS.get(kind, "z") for kind in range(256)))
RETRY, CIPHER_CHANGE, ALERT, HEARTBEAT, APPLICATION, FLIPPED = (np.int64(ord(letter)) for letter in "jilbd^")


@kernel
def begin_session(session: Row, turn: Row, out: Out) -> None:
    """Open the row of a session, at the first message that is read."""
    if session["begun"] == 0:
        session["begun"] = 1
        session["row"] = open_row(out, turn)
        out.rows[session["row"]]["resumed"] = 0
        out.rows[session["row"]]["established"] = 0


@kernel
def note(session: Row, side: Int, letter: Int) -> None:
    """Append a letter to the history, in upper case for the client."""
    length = np.int64(session["history_length"])
    if length < MAX_HISTORY:
        from_client = side == np.int64(session["client_side"]) and letter != FLIPPED
        session["history"][length] = letter - 32 if from_client else letter
        session["history_length"] = length + 1


@kernel
def end_session(session: Row, out: Out) -> None:
    """Write down the history and close the row; nothing more is read of the flow."""
    closed = session["closed"]
    session["closed"] = 1
    if session["begun"] == 0 or closed == 1:
        return
    if session["asked"] == 0 and session["answered"] == 0 and session["history_length"] == 0:
        drop_row(out, session["row"])  # pieces of a hello that never was whole
        return
    row = session["row"]
    record = out.rows[row]
    begun = begin_text(out)
    for place in range(np.int64(session["history_length"])):
        put_octet(out, np.int64(session["history"][place]))
    record["ssl_history"] = end_text(out, AT.ssl_history, begun)
    if session["asked"] == 1 and session["answered"] == 0 and session["names_only"] == 0:
        record["anomaly"] |= np.uint64(UNANSWERED)
    if session["asked"] == 0:
        record["anomaly"] |= np.uint64(UNASKED)
    close_row(out, row)


@kernel
def begin_turn(conn: Row, over: Int) -> None:
    """Tell the session what the driver tells."""
    conn["session"]["names_only"] = conn["names_only"]
    conn["session"]["datagrams"] = over


@kernel
def end_turn(conn: Row) -> None:
    """Tell the driver what became of the session."""
    if conn["session"]["sure"] == 1:
        conn["confirmed"] = 1
    if conn["session"]["refused"] == 1:
        conn["violated"] = 1
    if conn["session"]["closed"] == 1:
        conn["done"][0] = 1
        conn["done"][1] = 1
