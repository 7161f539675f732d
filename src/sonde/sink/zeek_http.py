"""http.log: one row for each exchange."""

import re
from collections.abc import Iterator

import pyarrow as pa

from sonde.sink.zeek_files import bodies, body_id
from sonde.sink.zeek_logs import Row, State, columns_of, ids, seconds, tunnel_row

ESCAPED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


def http(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write http.log, files.log for the bodies, tunnel.log for CONNECT.

    A password is never known, so its column is never there.
    """
    count, c = columns_of(batch)
    for row in range(count):
        code, message = c["status_code"][row], c["status_msg"][row]
        if code is None and c["version"][row] == "0.9":
            code, message = 0, "<empty>"
        decoded = c["response_decoded_len"][row]
        yield (
            "http",
            {
                "ts": seconds(c["ts"][row]),
                **ids(c, row),
                "trans_depth": c["trans_depth"][row],
                "method": c["method"][row],
                "host": c["host"][row],
                "uri": uri(c["path"][row], c["query"][row]),
                "referrer": c["referrer"][row],
                "version": c["version"][row],
                "user_agent": c["user_agent"][row],
                "origin": c["origin"][row],
                "request_body_len": c["request_body_len"][row] or 0,
                "response_body_len": (c["response_body_len"][row] if decoded is None else decoded) or 0,
                "status_code": code,
                "status_msg": message,
                "info_code": c["info_code"][row],
                "info_msg": c["info_msg"][row],
                "tags": [],
                "username": c["username"][row],
                "proxied": c["proxied"][row],
                "orig_fuids": listed(body_id(c, row, "orig")),
                "orig_filenames": listed(c["orig_filename"][row]),
                "orig_mime_types": listed(c["orig_mime"][row]),
                "resp_fuids": listed(body_id(c, row, "resp")),
                "resp_filenames": listed(c["resp_filename"][row]),
                "resp_mime_types": listed(c["resp_mime"][row]),
            },
        )
        yield from bodies(c, row)
        if c["tunnel"][row] and c["method"][row] == "CONNECT":
            yield "tunnel", {**tunnel_row(c, row, "HTTP"), "id.orig_p": 0}  # whoever uses the proxy


def uri(path: str | None, query: str | None) -> str | None:
    """Join what the policy may have parted, and undo percent-encoding as Zeek does."""
    if path is None and query is None:
        return None
    whole = path or "" if query is None else f"{path or ''}?{query}"
    return ESCAPED.sub(decode, whole) if "%" in whole else whole


def decode(match: re.Match[str]) -> str:
    """Spell percent-encoded octets: as UTF-8 where they are, else as Zeek escapes octets in text."""
    raw = bytes.fromhex(match.group().replace("%", ""))
    try:
        text, highest = raw.decode(), chr(0x10FFFF)
    except UnicodeDecodeError:
        text, highest = raw.decode("latin-1"), "~"
    return "".join(
        "\\\\" if char == "\\" else char if " " <= char <= highest and char != "\x7f" else f"\\x{ord(char):02x}"
        for char in text
    )


def listed(value: str | None) -> list[str] | None:
    """Make a list of what there is at most one of."""
    return None if value is None else [value]
