"""How each table reads in Zeek's logs (names and meanings of Zeek's reference)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

from sonde.table.late import pa

Row = dict[str, Any]
SECOND_NS = 1_000_000_000
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
#: Protocols that Zeek names otherwise.
SERVICES = {
    "tls": "ssl",
    "dtls": "ssl",
    "mdns": "dns",
    "llmnr": "dns",
    "nbns": "dns",
    "postgresql": "postgresql",
    "kerberos": "krb",
    "rdp": "rdp",
    "netbios-ssn": "smb",
    "smb": "smb",
    "dcerpc": "dce_rpc",
    "portmap": "portmapper",
    "nfs-mount": "mount",
    "quic": "quic,ssl",  # the hello is read by Zeek's analyzer of TLS, which counts as well
}
SERVICES_OF = {
    TCP: SERVICES | {"ldap": "ldap_tcp", "kerberos": "krb_tcp", "dnp3": "dnp3_tcp"},
    UDP: SERVICES | {"ldap": "ldap_udp", "dnp3": "dnp3_udp"},
}
TUNNEL_TYPES = {
    "ipip": "IP",
    "6in4": "IP",
    "4in6": "IP",
    "gre": "GRE",
    "erspan": "GRE",
    "vxlan": "VXLAN",
    "geneve": "GENEVE",
    "gtp-u": "GTPv1",
    "teredo": "TEREDO",
    "ayiya": "AYIYA",
}
#: What Zeek takes for local where nothing else is declared: IANA's special-purpose addresses that are not global.
LOCAL = tuple(
    ip_network(net)
    for net in """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.168.0.0/16
    198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 ::/128 ::1/128 64:ff9b:1::/48 100::/64 2001:2::/48
    2001:db8::/32 fc00::/7 fe80::/10""".split()
)
#: Tunnels without connection, of which Zeek does not say that they end.
ENDLESS_TUNNELS = {"IP", "GRE"}


@dataclass
class State:
    """What waits for more rows: nothing of a person that has not passed the gate."""

    waiting: dict[Any, Row] = field(default_factory=dict)
    order: list[tuple[str, Row]] = field(default_factory=list)
    #: DHCP exchanges by transaction id: when they began, and their rows.
    exchanges: dict[int, tuple[int, Row]] = field(default_factory=dict)
    #: Envelopes that wait for their message, and messages for their envelope.
    envelopes: dict[tuple[Any, Any], Row] = field(default_factory=dict)
    messages: dict[tuple[Any, Any], Row] = field(default_factory=dict)
    #: Names of the parts of messages that are still to come.
    parts: dict[tuple[Any, Any], list[str]] = field(default_factory=dict)

    def rest(self) -> Iterator[tuple[str, Row]]:
        """Give the rows still waiting at the end."""
        yield from self.order
        for _, exchange in self.exchanges.values():
            yield "dhcp", exchange
        for envelope in self.envelopes.values():
            yield "smtp", envelope


def seconds(value: Any) -> float | None:  # noqa: ANN401
    """Convert ns to seconds, to the microsecond as Zeek prints them."""
    return None if value is None else round(int(value) / SECOND_NS, 6)


@lru_cache(4096)
def is_local(address: str | None) -> bool | None:
    """Say whether Zeek's defaults take an address for local; None for what the policy made of one."""
    try:
        return any(ip_address(address or "") in net for net in LOCAL)
    except ValueError:
        return None


def columns_of(batch: pa.RecordBatch) -> tuple[int, dict[str, list[Any]]]:
    """Give a batch as lists by name; times and durations as ns. What the policy dropped reads as nothing."""
    found: dict[str, list[Any]] = defaultdict(lambda: [None] * batch.num_rows)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        kind = column.type
        if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
            column = column.cast(pa.int64())  # noqa: PLW2901
        found[name] = column.to_pylist()
    return batch.num_rows, found


def ids(c: dict[str, list[Any]], row: int) -> Row:
    """Give the connection's identity."""
    return {
        "uid": c["uid"][row],
        "id.orig_h": c["orig_ip"][row],
        "id.orig_p": c["orig_port"][row],
        "id.resp_h": c["resp_ip"][row],
        "id.resp_p": c["resp_port"][row],
    }


def conn(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write conn.log, and tunnel.log for flows that are tunnels."""
    count, c = columns_of(batch)
    for row in range(count):
        number = c["ip_protocol"][row]
        carries = c["carries"][row]
        if carries in TUNNEL_TYPES:
            kind = TUNNEL_TYPES[carries]
            yield "tunnel", tunnel_row(c, row, kind)
            if kind not in ENDLESS_TUNNELS:
                yield "tunnel", {**tunnel_row(c, row, kind), "ts": seconds(c["end"][row]), "action": "Tunnel::CLOSE"}
            if number not in (TCP, UDP):
                continue
        elif c["protocol"][row] == "socks" and c["confirmed"][row]:
            yield "tunnel", {**tunnel_row(c, row, "SOCKS"), "id.orig_p": 0}  # whoever uses the proxy
        yield "conn", conn_row(c, row, number)


def services(layers: list[str] | None, protocol: str | None, number: int) -> str | None:
    """Name protocols inside each other as Zeek does; tunnels, network and transport are none."""
    if not layers or protocol not in layers:
        return None
    names = SERVICES_OF.get(number, SERVICES)
    return ",".join(dict.fromkeys(names.get(each, each) for each in layers[layers.index(protocol) :]))


def tunnel_row(c: dict[str, list[Any]], row: int, kind: str) -> Row:
    """Give a row of tunnel.log for the discovery of a tunnel."""
    stamp = c["start"][row] if "start" in c else c["ts"][row]
    return {"ts": seconds(stamp), **ids(c, row), "tunnel_type": f"Tunnel::{kind}", "action": "Tunnel::DISCOVER"}


def conn_row(c: dict[str, list[Any]], row: int, number: int) -> Row:
    """Give one row of conn.log."""
    duration = (c["end"][row] or 0) - (c["start"][row] or 0)
    proto = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMPV6: "icmp"}.get(number, "unknown_transport")
    lasted = duration > 0
    orig, resp = c["orig_stream"][row], c["resp_stream"][row]
    named = ids(c, row)
    if proto == "unknown_transport":
        named["id.orig_p"] = named["id.resp_p"] = orig = resp = 0
    return {
        "ts": seconds(c["start"][row]),
        **named,
        "proto": proto,
        "service": services(c["layers"][row], c["protocol"][row], number) if c["confirmed"][row] else None,
        "duration": seconds(duration) if lasted else None,
        "orig_bytes": orig if lasted else None,
        "resp_bytes": resp if lasted else None,
        "conn_state": c["state"][row],
        "local_orig": is_local(c["orig_ip"][row]),
        "local_resp": is_local(c["resp_ip"][row]),
        "missed_bytes": (c["orig_missed"][row] or 0) + (c["resp_missed"][row] or 0),
        "history": c["history"][row],
        "orig_pkts": c["orig_packets"][row],
        "orig_ip_bytes": c["orig_octets"][row],
        "resp_pkts": c["resp_packets"][row],
        "resp_ip_bytes": c["resp_octets"][row],
        "vlan": c["vlan"][row],
        "inner_vlan": c["inner_vlan"][row],
        "community_id": c["community_id"][row],
        "ip_proto": number,
    }


def ntp(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write ntp.log."""
    count, c = columns_of(batch)
    for row in range(count):
        if c["status"][row] != "ok":
            continue
        stratum, ref_id = c["stratum"][row], c["reference_id"][row]
        yield (
            "ntp",
            {
                "ts": seconds(c["ts"][row]),
                **ids(c, row),
                "version": c["version"][row],
                "mode": c["mode"][row],
                "stratum": stratum,
                "poll": power(c["poll"][row]),
                "precision": power(c["precision"][row]),
                "root_delay": (c["root_delay"][row] or 0) / SECOND_NS,
                "root_disp": (c["root_dispersion"][row] or 0) / SECOND_NS,
                "ref_id": reference_id(stratum, ref_id),
                "ref_time": seconds(c["reference"][row]) or 0.0,
                "org_time": seconds(c["origin"][row]) or 0.0,
                "rec_time": seconds(c["received"][row]) or 0.0,
                "xmt_time": seconds(c["transmitted"][row]) or 0.0,
                "num_exts": c["extensions"][row],
            },
        )


def power(exponent: int | None) -> float | None:
    """Give a power of two."""
    return None if exponent is None else 2.0**exponent


def reference_id(stratum: int | None, number: int | str | None) -> str | None:
    """Spell a reference id: four letters up to stratum 1, an address beyond (RFC 5905 §7.3).

    What the policy put in its place is told as it is.
    """
    if not isinstance(number, int) or stratum is None:
        return None if isinstance(number, int) else number
    raw = number.to_bytes(4, "big")
    if stratum <= 1:
        return "".join(chr(octet) if 32 <= octet <= 126 else f"\\x{octet:02x}" for octet in raw)
    return ".".join(map(str, raw))


def dns(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write dns.log."""
    from sonde.sink import zeek_dns  # noqa: PLC0415 - it builds on this module

    yield from zeek_dns.dns(batch, state)


def http(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write http.log."""
    from sonde.sink import zeek_http  # noqa: PLC0415 - it builds on this module

    yield from zeek_http.http(batch, state)


def tls(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write ssl.log."""
    from sonde.sink import zeek_tls  # noqa: PLC0415 - it builds on this module

    yield from zeek_tls.tls(batch, state)


def certificates(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write x509.log."""
    from sonde.sink import zeek_tls  # noqa: PLC0415 - it builds on this module

    yield from zeek_tls.certificates(batch, state)


def quic(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write quic.log."""
    from sonde.sink import zeek_quic  # noqa: PLC0415 - it builds on this module

    yield from zeek_quic.quic(batch, state)


def dhcp(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write dhcp.log."""
    from sonde.sink import zeek_dhcp  # noqa: PLC0415 - it builds on this module

    yield from zeek_dhcp.dhcp(batch, state)


def socks(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write socks.log."""
    from sonde.sink import zeek_socks  # noqa: PLC0415 - it builds on this module

    yield from zeek_socks.socks(batch, state)


def ssh(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write ssh.log."""
    from sonde.sink import zeek_ssh  # noqa: PLC0415 - it builds on this module

    yield from zeek_ssh.ssh(batch, state)


def smtp(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write smtp.log for envelopes."""
    from sonde.sink import zeek_smtp  # noqa: PLC0415 - it builds on this module

    yield from zeek_smtp.smtp(batch, state)


def smtp_session(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write smtp.log for connections that went on in TLS."""
    from sonde.sink import zeek_smtp  # noqa: PLC0415 - it builds on this module

    yield from zeek_smtp.smtp_session(batch, state)


def mail(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write what smtp.log says of messages."""
    from sonde.sink import zeek_smtp  # noqa: PLC0415 - it builds on this module

    yield from zeek_smtp.mail(batch, state)


def mail_part(batch: pa.RecordBatch, state: State) -> Iterator[tuple[str, Row]]:
    """Write files.log for the parts of messages; see zeek_smtp.py."""
    from sonde.sink import zeek_smtp  # noqa: PLC0415 - it builds on this module

    yield from zeek_smtp.mail_part(batch, state)


CONVERTERS: dict[str, Callable[[pa.RecordBatch, State], Iterator[tuple[str, Row]]]] = {
    "certificates": certificates,
    "dhcp": dhcp,
    "flows": conn,
    "dns": dns,
    "http": http,
    "mail": mail,
    "mail_part": mail_part,
    "ntp": ntp,
    "quic": quic,
    "smtp": smtp,
    "smtp_session": smtp_session,
    "socks": socks,
    "ssh": ssh,
    "tls": tls,
}
