"""One HTTP exchange: its record, and what headers say in it (RFC 9110)."""

from typing import Annotated

import numpy as np

from sonde.dissect.api import Out, places
from sonde.dissect.body.kinds import MediaType
from sonde.dissect.body.lines import (
    AUTHORIZATION,
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_TYPE,
    COOKIE,
    HOST,
    ORIGIN,
    PROXIED,
    REFERER,
    SEMICOLON,
    SERVER,
    SET_COOKIE,
    UPGRADE,
    USER_AGENT,
    drop_blanks,
    find_folded,
    is_blank,
    save_url,
    save_user,
    skip_blanks,
    unquote,
)
from sonde.schema import (
    ENDPOINT,
    PERSON,
    PROTOCOL,
    U16,
    U32,
    U64,
    Bool,
    DurationNs,
    Field,
    Record,
    Text,
    TextList,
    code,
)  # fmt: skip
from sonde.wire import Int, Row, Wire, find, kernel, octets, starts_folded

BASIC, FILENAME, MULTIPART, IDENTITY = (octets(word) for word in ("basic", "filename=", "multipart/", "identity"))
Version = code({9: "0.9", 10: "1.0", 11: "1.1", 20: "2.0", 30: "3.0"})


class HttpRecord(Record):
    """One request with its response (RFC 9110 §3.4)."""

    trans_depth: Annotated[U32, Field("Number of this exchange in its connection, from 1", PROTOCOL)]
    method: Annotated[Text, Field("What is asked for", PROTOCOL, ref="§9")]
    host: Annotated[Text, Field("Host header", ENDPOINT, ref="§7.2", names_application="host")]
    # In absolute form it begins with the scheme; user information is left out.
    path: Annotated[Text, Field("Request target up to its query, as sent", ENDPOINT, ref="§7.1")]
    query: Annotated[Text, Field("Request target after the first question mark", PERSON)]
    referrer: Annotated[Text, Field("Referer header", PERSON, ref="§10.1.3")]
    request_version: Annotated[Version, Field("HTTP version of the request", PROTOCOL)]  # type: ignore[valid-type]
    version: Annotated[Version, Field("HTTP version of the response", PROTOCOL)]  # type: ignore[valid-type]
    user_agent: Annotated[Text, Field("User-Agent header", ENDPOINT, ref="§10.1.5", names_application="agent")]
    origin: Annotated[Text, Field("Origin header", ENDPOINT, ref="RFC 6454 §7")]
    request_body_len: Annotated[U64, Field("Body sent, without chunk framing", PROTOCOL, unit="octets")]
    response_body_len: Annotated[U64, Field("Body received, without chunk framing", PROTOCOL, unit="octets")]
    request_length: Annotated[U64, Field("Length of that body as declared", PROTOCOL, unit="octets", ref="§8.6")]
    response_length: Annotated[U64, Field("Length of that body as declared", PROTOCOL, unit="octets", ref="§8.6")]
    response_after: Annotated[DurationNs, Field("From the request line to the last status line", PROTOCOL)]
    # Null where the body's end is the stream's, or was not seen.
    request_body_time: Annotated[DurationNs, Field("From first to last octet of the body sent", PROTOCOL)]
    response_body_time: Annotated[DurationNs, Field("From first to last octet of the body received", PROTOCOL)]
    # Only of gzip, whose last octets tell it.
    response_decoded_len: Annotated[U32, Field("Body received, after content coding", PROTOCOL, unit="octets")]
    status_code: Annotated[U16, Field("Status code of the last response", PROTOCOL, ref="§15")]
    status_msg: Annotated[Text, Field("Reason phrase of the last response", ENDPOINT)]
    info_code: Annotated[U16, Field("Last interim status code (1xx)", PROTOCOL, ref="§15.2")]
    info_msg: Annotated[Text, Field("Reason phrase of that interim response", ENDPOINT)]
    username: Annotated[Text, Field("User of Basic authentication", PERSON, ref="RFC 7617 §2")]
    password_seen: Annotated[Bool, Field("A password was sent with that user", PROTOCOL)]
    authorization_seen: Annotated[Bool, Field("Request carried credentials", PROTOCOL, ref="§11.6.2")]
    cookie_seen: Annotated[Bool, Field("Request carried cookies", PROTOCOL, ref="RFC 6265 §4.2")]
    set_cookie_seen: Annotated[Bool, Field("Response set cookies", PROTOCOL, ref="RFC 6265 §4.1")]
    proxied: Annotated[TextList, Field("Headers that tell of a proxy, name -> value", ENDPOINT)]
    request_content_type: Annotated[Text, Field("Declared media type of the request", PROTOCOL, ref="§8.3")]
    response_content_type: Annotated[Text, Field("Declared media type of the response", PROTOCOL, ref="§8.3")]
    orig_mime: Annotated[MediaType, Field("Media type the request's first octets tell", PROTOCOL)]
    resp_mime: Annotated[MediaType, Field("Media type the response's first octets tell", PROTOCOL)]
    orig_filename: Annotated[Text, Field("File name the request declares", PERSON, ref="RFC 6266 §4.3")]
    resp_filename: Annotated[Text, Field("File name the response declares", PERSON, ref="RFC 6266 §4.3")]
    server: Annotated[Text, Field("Server header", ENDPOINT, ref="§10.2.4")]
    request_encoding: Annotated[Text, Field("Content coding of the request", PROTOCOL, ref="§8.4")]
    response_encoding: Annotated[Text, Field("Content coding of the response", PROTOCOL, ref="§8.4")]
    request_chunked: Annotated[Bool, Field("Request was sent in chunks", PROTOCOL, ref="RFC 9112 §7.1")]
    response_chunked: Annotated[Bool, Field("Response was sent in chunks", PROTOCOL, ref="RFC 9112 §7.1")]
    upgrade: Annotated[Text, Field("Protocol to change to (websocket, h2c)", PROTOCOL, ref="§7.8")]
    tunnel: Annotated[Bool, Field("What follows is not HTTP (CONNECT, 101)", PROTOCOL)]


AT = places(HttpRecord)


#: The field that takes a header's value, for responses and requests; -1 none.
FIELDS = np.full((2, PROXIED + 1), -1, np.int64)
for _header, _of_response, _of_request in (
    (HOST, -1, AT.host),
    (USER_AGENT, -1, AT.user_agent),
    (REFERER, -1, AT.referrer),
    (ORIGIN, -1, AT.origin),
    (SERVER, AT.server, -1),
    (UPGRADE, AT.upgrade, AT.upgrade),
    (CONTENT_TYPE, AT.response_content_type, AT.request_content_type),
    (CONTENT_ENCODING, AT.response_encoding, AT.request_encoding),
    (CONTENT_DISPOSITION, AT.resp_filename, AT.orig_filename),
):
    FIELDS[0, _header], FIELDS[1, _header] = _of_response, _of_request


@kernel
def read_header(wire: Wire, at: Int, end: Int, record: Row, header: Int, asks: Int, out: Out) -> None:
    """Keep the value wire[at:end] of a header; of secrets only that they were there."""
    if header == COOKIE:
        record["cookie_seen"] = 1
    elif header == SET_COOKIE:
        record["set_cookie_seen"] = 1
    elif header == AUTHORIZATION:
        record["authorization_seen"] = 1
        if starts_folded(wire, at, end, BASIC) and at + len(BASIC) < end and is_blank(wire[at + len(BASIC)]):
            save_user(wire, skip_blanks(wire, at + len(BASIC), end), end, record, AT.username, out)
    field = FIELDS[asks, header]
    if field < 0:
        return
    if header == CONTENT_TYPE:
        stop = find(wire, at, end, SEMICOLON)
        end = end if stop < 0 else drop_blanks(wire, at, stop)
    elif header == CONTENT_DISPOSITION:
        at = find_folded(wire, at, end, FILENAME)
        if at < 0:
            return
        at, end = unquote(wire, at, end)
    put_span(record, field, save_url(wire, at, end, record, field, out))


@kernel
def put_span(record: Row, field: Int, span: Int) -> None:
    """Set a text field by its index."""
    if field == AT.host:
        record["host"] = span
    elif field == AT.user_agent:
        record["user_agent"] = span
    elif field == AT.referrer:
        record["referrer"] = span
    elif field == AT.origin:
        record["origin"] = span
    elif field == AT.server:
        record["server"] = span
    elif field == AT.upgrade:
        record["upgrade"] = span
    elif field == AT.response_content_type:
        record["response_content_type"] = span
    elif field == AT.request_content_type:
        record["request_content_type"] = span
    elif field == AT.response_encoding:
        record["response_encoding"] = span
    elif field == AT.request_encoding:
        record["request_encoding"] = span
    elif field == AT.resp_filename:
        record["resp_filename"] = span
    elif field == AT.orig_filename:
        record["orig_filename"] = span


@kernel
def hides_kind(wire: Wire, at: Int, end: Int, header: Int) -> bool:
    """Say whether a header means that the body's first octets are not those of its kind."""
    if header == CONTENT_ENCODING:
        return bool(end > at and not starts_folded(wire, at, end, IDENTITY))
    return bool(header == CONTENT_TYPE and starts_folded(wire, at, end, MULTIPART))
