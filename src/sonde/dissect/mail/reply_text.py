"""What servers write behind the code of a reply: the name that a message has in their queue.

No standard says how; these are the words of Postfix ("queued as"), Exim and qmail ("id=", "qp"),
Sendmail and Exchange ("... Message accepted", "Queued mail for delivery").
"""

import re
from typing import Any

from sonde.table.out import LENGTH_BITS, LENGTH_MASK

QUEUE_ID = re.compile(
    rb"queued as ([A-Za-z0-9.-]{5,64})"
    rb"|\bid=([A-Za-z0-9-]{5,64})"
    rb"|\bqp ([0-9]{2,20})"
    rb"|InternalId=([0-9]{5,24})"
    rb"|^[245]\d\d [245]\.\d{1,3}\.\d{1,3} ([A-Za-z0-9]{8,32}) Message accepted",
    re.IGNORECASE,
)
MOST_LOOKED_AT = 512  # octets of a reply


def queue_ids(spans: Any, text: Any) -> list[str | None]:  # noqa: ANN401
    """Give the queue's name in each reply, or None; `spans` point into `text`."""
    return [_queue_id(span, text) for span in spans.tolist()]


def _queue_id(span: int, text: Any) -> str | None:  # noqa: ANN401
    if span < 0:
        return None
    start, length = span >> LENGTH_BITS, min(span & LENGTH_MASK, MOST_LOOKED_AT)
    found = QUEUE_ID.search(text[start : start + length].tobytes())
    return next(group for group in found.groups() if group).decode("ascii") if found else None
