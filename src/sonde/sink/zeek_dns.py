"""dns.log: one row for each query, response or pair of them."""

from collections.abc import Iterator

import pyarrow as pa

from sonde.sink.zeek_logs import Row, State, columns_of, ids, seconds

LOGGED_OPCODES = {0, 4, 5}  # query, notify, dynamic update
WKS = 11
#: Types of answers that Zeek's log passes over: HINFO, NB, NBSTAT, OPT, SVCB, HTTPS, TSIG, CAA.
PASSED_OVER = {13, 32, 41, 64, 65, 250, 257}
NETBIOS_PORT, NBSTAT = 137, 33


def dns(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write dns.log."""
    count, c = columns_of(batch)
    for row in range(count):
        if c["trans_id"][row] is not None and c["opcode"][row] in LOGGED_OPCODES:
            yield "dns", dns_row(c, row)


def dns_row(c: dict[str, list], row: int) -> Row:  # type: ignore[type-arg]
    """Give one row; what Zeek knows only from answers that it prints is left out without them."""
    asked = "unasked" not in (c["anomalies"][row] or ())
    passed_over = PASSED_OVER | {NBSTAT} if NETBIOS_PORT in (c["orig_port"][row], c["resp_port"][row]) else PASSED_OVER
    kinds = [kind for kind in c["answer_types"][row] or () if kind not in passed_over]
    texts = zip(c["answers"][row] or (), c["ttls"][row] or (), c["answer_types"][row] or (), strict=False)
    answers = [(text, ttl) for text, ttl, kind in texts if kind not in passed_over and kind != WKS]
    return {
        "ts": seconds(c["ts"][row]),
        **ids(c, row),
        "proto": c["transport"][row],
        "trans_id": c["trans_id"][row],
        "rtt": seconds(c["rtt"][row]) if kinds else None,
        "query": c["query"][row] if asked or kinds else None,
        "qclass": c["qclass"][row] if asked else None,
        "qclass_name": c["qclass_name"][row] if asked else None,
        "qtype": c["qtype"][row] if asked else None,
        "qtype_name": c["qtype_name"][row] if asked else None,
        "rcode": c["rcode"][row],
        "rcode_name": c["rcode_name"][row],
        "AA": bool(kinds and c["aa"][row]),
        "TC": bool(c["tc"][row]),
        "RD": bool(c["rd"][row]),
        "RA": bool(kinds and c["ra"][row]),
        "Z": c["z"][row] or 0,
        "answers": [text for text, _ in answers] or None,
        "TTLs": [float(ttl) for _, ttl in answers] or None,
        "rejected": bool(c["rejected"][row]),
        "opcode": c["opcode"][row],
        "opcode_name": c["opcode_name"][row],
        "auth": printed(c["auth"][row]),
        "addl": printed(c["addl"][row]),
    }


def printed(texts: list[str] | None) -> list[str] | None:
    """Keep the records of a section that read as something."""
    return list(dict.fromkeys(text for text in texts or () if text)) or None  # a set, in Zeek
