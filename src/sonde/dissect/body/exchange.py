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
    REFERER,
    SEMICOLON,
    SERVER,
    SET_COOKIE,
    UPGRADE,
    USER_AGENT,
    drop_blanks,
    find_folded,
    is_blank,
    save_filename,
    save_text,
    save_url,
    save_user,
    skip_blanks,
)
from sonde.schema import ENDPOINT, PERSON, PROTOCOL, U16, U32, U64, Bool, Field, Record, Text, TextList, code
from sonde.wire import Int, Row, Wire, find, kernel, octets, starts_folded

BASIC, FILENAME, MULTIPART, IDENTITY = (
    octets(word) for word in ("basic", "filename=", "multipart/", "identity")
)
Version = code({9: "0.9", 10: "1.0", 11: "1.1", 20: "2.0", 30: "3.0"})


class HttpRecord(Record):
    """One request with its response (RFC 9110 §3.4)."""

    trans_depth: Annotated[U32, Field("Number of this exchange in its connection, from 1", PROTOCOL)]
    method: Annotated[Text, Field("What is asked for", PROTOCOL, ref="§9")]
    host: Annotated[Text, Field("Host header", ENDPOINT, ref="§7.2", names_application=True)]
    # In absolute form it begins with the scheme; user information is left out.
    path: Annotated[Text, Field("Request target up to its query, as sent", ENDPOINT, ref="§7.1")]
    query: Annotated[Text, Field("Request target after the first question mark", PERSON)]
    referrer: Annotated[Text, Field("Referer header", PERSON, ref="§10.1.3")]
    request_version: Annotated[Version, Field("HTTP version of the request", PROTOCOL)]
    version: Annotated[Version, Field("HTTP version of the response", PROTOCOL)]
    user_agent: Annotated[Text, Field("User-Agent header", ENDPOINT, ref="§10.1.5")]
    origin: Annotated[Text, Field("Origin header", ENDPOINT, ref="RFC 6454 §7")]
    request_body_len: Annotated[U64, Field("Body sent, without chunk framing", PROTOCOL, unit="octets")]
    response_body_len: Annotated[U64, Field("Body received, without chunk framing", PROTOCOL, unit="octets")]
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


@kernel
def read_request_header(wire: Wire, at: Int, end: Int, record: Row, header: Int, out: Out) -> None:
    """Keep what a request header says."""
    if header == HOST:
        record["host"] = save_text(wire, at, end, record, AT.host, out)
    elif header == USER_AGENT:
        record["user_agent"] = save_text(wire, at, end, record, AT.user_agent, out)
    elif header == REFERER:
        record["referrer"] = save_url(wire, at, end, record, AT.referrer, out)
    elif header == ORIGIN:
        record["origin"] = save_url(wire, at, end, record, AT.origin, out)
    elif header == COOKIE:
        record["cookie_seen"] = 1
    elif header == AUTHORIZATION:
        record["authorization_seen"] = 1
        if starts_folded(wire, at, end, BASIC) and at + len(BASIC) < end and is_blank(wire[at + len(BASIC)]):
            save_user(wire, skip_blanks(wire, at + len(BASIC), end), end, record, AT.username, out)


@kernel
def read_response_header(wire: Wire, at: Int, end: Int, record: Row, header: Int, out: Out) -> None:
    """Keep what a response header says."""
    if header == SERVER:
        record["server"] = save_text(wire, at, end, record, AT.server, out)
    elif header == SET_COOKIE:
        record["set_cookie_seen"] = 1


@kernel
def read_content_header(wire: Wire, at: Int, end: Int, record: Row, header: Int, asks: bool, out: Out) -> bool:
    """Keep what either side says of its body; True where its first octets will tell nothing."""
    if header == CONTENT_DISPOSITION:
        named = find_folded(wire, at, end, FILENAME)
        if named >= 0:
            span = save_filename(wire, named, end, record, AT.orig_filename if asks else AT.resp_filename, out)
            record["orig_filename" if asks else "resp_filename"] = span
        return False
    return False
