"""files.log: a row for each body of HTTP and each part of a message, and the names by which other logs call them.

Certificates are not listed: Zeek too leaves them to x509.log by default.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from sonde.sink.zeek_logs import Row, ids, seconds

BASE_62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ID_LENGTH = 17  # characters behind the F


def file_id(*parts: object) -> str:
    """Name a file by what it is part of: the same parts give the same name."""
    number = int.from_bytes(blake2b("/".join(map(str, parts)).encode(), digest_size=16).digest(), "big")
    digits = []
    for _ in range(ID_LENGTH):
        number, digit = divmod(number, 62)
        digits.append(BASE_62[digit])
    return "F" + "".join(digits)


def body_id(c: dict[str, list[Any]], row: int, side: str) -> str | None:
    """Name the body of a request or response, if there is one."""
    length = c["request_body_len" if side == "orig" else "response_body_len"][row]
    return file_id(c["uid"][row], c["trans_depth"][row], side) if length else None


def bodies(c: dict[str, list[Any]], row: int) -> Iterator[tuple[str, Row]]:
    """Give the rows for the bodies of an HTTP exchange."""
    for side, kind in (("orig", "request"), ("resp", "response")):
        name = body_id(c, row, side)
        if name is None:
            continue
        decoded = c["response_decoded_len"][row] if side == "resp" else None
        seen = c[f"{kind}_body_len"][row] if decoded is None else decoded
        # A coded body's declared length is not that of the file.
        total = None if c[f"{kind}_encoding"][row] else c[f"{kind}_length"][row]
        lost = total is not None and "gap" in (c["anomalies"][row] or ())
        after = c["response_after"][row] if side == "resp" else 0
        yield (
            "files",
            {
                "ts": seconds(c["ts"][row] + (after or 0)),
                "fuid": name,
                **ids(c, row),
                "source": "HTTP",
                "depth": 0,
                "analyzers": [],
                "mime_type": c[f"{side}_mime"][row],
                "filename": c[f"{side}_filename"][row],
                "duration": seconds(c[f"{kind}_body_time"][row]),
                "is_orig": side == "orig",
                "seen_bytes": seen,
                "total_bytes": total,
                "missing_bytes": max(total - seen, 0) if lost else 0,
                "overflow_bytes": 0,
                "timedout": False,
            },
        )


def part_id(c: dict[str, list[Any]], row: int) -> str:
    """Name a part of a message."""
    return file_id(c["uid"][row], c["message"][row], c["part"][row], "part")


def part(c: dict[str, list[Any]], row: int, depth: int) -> tuple[str, Row]:
    """Give the row of a part of a message; `depth` is which of its entities it is, as Zeek counts."""
    return (
        "files",
        {
            "ts": seconds(c["ts"][row]),
            "fuid": part_id(c, row),
            **ids(c, row),
            "source": "SMTP",
            "depth": depth,
            "analyzers": [],
            "mime_type": c["found_type"][row],
            "filename": c["file_name"][row],
            "is_orig": True,
            "seen_bytes": c["size"][row],
            "missing_bytes": 0,
            "overflow_bytes": 0,
            "timedout": False,
        },
    )
