"""smtp.log: one row for each transaction, which waits for its message; and for connections that went on in TLS."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from sonde.sink.zeek_files import part, part_id
from sonde.sink.zeek_logs import Row, State, columns_of, ids, seconds

MOST_WAITING = 1 << 14  # envelopes without their message, and messages without their envelope
Name = tuple[Any, Any]


def smtp(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write smtp.log for envelopes; one whose message came waits for what is told of it."""
    count, c = columns_of(batch)
    for row in range(count):
        name: Name = (c["uid"][row], c["message"][row])
        envelope = {
            "ts": seconds(c["ts"][row]),
            **ids(c, row),
            "trans_depth": c["message"][row],
            "helo": c["helo"][row],
            "mailfrom": c["mail_from"][row],
            "rcptto": c["rcpt_to"][row],
            "last_reply": c["last_reply"][row],
            "path": [c["resp_ip"][row], c["orig_ip"][row]],
            "tls": False,
            "fuids": [],
        }
        if name in state.messages:
            yield "smtp", joined(envelope, state.messages.pop(name))
        elif c["size"][row]:
            state.envelopes[name] = envelope
            if len(state.envelopes) > MOST_WAITING:
                yield "smtp", state.envelopes.pop(next(iter(state.envelopes)))
        else:
            yield "smtp", envelope


def mail(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write smtp.log for messages whose envelopes were there before."""
    count, c = columns_of(batch)
    for row in range(count):
        if c["source"][row] != "smtp":
            continue
        name: Name = (c["uid"][row], c["message"][row])
        received = c["received"][row] or []
        told = {
            "date": c["date_header"][row],
            "from": c["from_header"][row],
            "to": c["to_addresses"][row],
            "cc": c["cc_addresses"][row],
            "reply_to": c["reply_to"][row],
            "msg_id": c["message_id"][row],
            "in_reply_to": c["in_reply_to"][row],
            "subject": c["subject"][row],
            "x_originating_ip": c["originating_ip"][row],
            "first_received": received[-1] if received else None,
            "second_received": received[-2] if len(received) > 1 else None,
            "user_agent": c["user_agent"][row],
            "hops": c["received_ips"][row] or [],
            "fuids": state.parts.pop(name, []),
        }
        if name in state.envelopes:
            yield "smtp", joined(state.envelopes.pop(name), told)
        else:
            state.messages[name] = told
            if len(state.messages) > MOST_WAITING:
                del state.messages[next(iter(state.messages))]


def mail_part(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write files.log for the parts of messages, which come before their messages."""
    count, c = columns_of(batch)
    depths: dict[Name, int] = {}
    for row in range(count):
        if c["source"][row] != "smtp":
            continue
        name: Name = (c["uid"][row], c["message"][row])
        depths[name] = depths.get(name, 0) + 1
        if not c["size"][row]:
            continue  # what holds others, and what is empty, is no file
        if len(state.parts) < MOST_WAITING:
            state.parts.setdefault(name, []).append(part_id(c, row))
        yield part(c, row, depths[name])


def smtp_session(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write smtp.log for connections that went on in TLS: nothing else is known of them."""
    count, c = columns_of(batch)
    for row in range(count):
        if c["starttls"][row] == "used":
            code = c["last_code"][row]
            yield (
                "smtp",
                {
                    "ts": seconds(c["ts"][row]),
                    **ids(c, row),
                    "trans_depth": (c["transactions"][row] or 0) + 1,
                    "helo": c["helo"][row],
                    "last_reply": None if code is None else str(code),
                    "path": [c["resp_ip"][row], c["orig_ip"][row]],
                    "tls": True,
                    "fuids": [],
                },
            )


def joined(envelope: Row, told: Row) -> Row:
    """Put what an envelope and a message say into one row; the path goes on from hop to hop."""
    path = list(envelope["path"])
    for hop in told["hops"]:
        if path[-1] != hop:
            path.append(hop)
    return {**envelope, **{name: value for name, value in told.items() if name != "hops"}, "path": path}
