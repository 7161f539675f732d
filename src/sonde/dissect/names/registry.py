"""Registered numbers of the Domain Name System, under the names that Zeek prints (IANA: DNS Parameters)."""

import numpy as np

from sonde.schema import code
from sonde.wire import octets

TYPES = dict(
    enumerate(
        "A NS MD MF CNAME SOA MB MG MR NULL WKS PTR HINFO MINFO MX TXT RP AFSDB X25 ISDN RT NSAP NSAP-PTR SIG KEY PX "
        "GPOS AAAA LOC NXT EID NIMLOC SRV ATMA NAPTR KX CERT A6 DNAME SINK OPT APL DS SSHFP IPSECKEY RRSIG NSEC "
        "DNSKEY DHCID NSEC3 NSEC3PARAM TLSA SMIMEA".split(),
        1,
    )
)
TYPES |= dict(enumerate("HIP NINFO RKEY TALINK CDS CDNSKEY OPENPGPKEY CSYNC ZONEMD SVCB HTTPS".split(), 55))
TYPES |= dict(enumerate("SPF UINFO UID GID UNSPEC NID L32 L64 LP EUI48 EUI64".split(), 99))
TYPES |= dict(enumerate("TKEY TSIG IXFR AXFR MAILB MAILA * URI CAA AVC DOA AMTRELAY".split(), 249))
TYPES |= {32768: "TA", 32769: "DLV", 65281: "WINS", 65282: "WINS-R", 65422: "XPF", 65521: "INTEGRITY"}
OPT, NB, SRV, BINDS = 41, 32, 33, 65534
CLASSES = {1: "C_INTERNET", 2: "C_CSNET", 3: "C_CHAOS", 4: "C_HESIOD", 254: "C_NONE", 255: "C_ANY"}
RCODES = dict(
    enumerate("NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET NXRRSet NOTAUTH NOTZONE".split())
) | {number: f"unassigned-{number}" for number in range(11, 16)}
OPCODES = {0: "query", 1: "iquery", 2: "server-status", 4: "notify", 5: "dynamic-update", 6: "dso"}
NETBIOS = 1 << 16  # added to a type or opcode that the NetBIOS name service means otherwise (RFC 1002 §4.2)
NETBIOS_OPCODES = {0: "query", 5: "registration", 6: "release", 7: "wack", 8: "refresh"}

QueryType = code(TYPES | {NETBIOS + SRV: "NBSTAT"}, "query-{}")
QueryClass = code(CLASSES, "qclass-{}")
ResponseCode = code(RCODES, "rcode-{}")
Opcode = code(OPCODES | {NETBIOS + number: f"netbios-{name}" for number, name in NETBIOS_OPCODES.items()}, "opcode-{}")

#: 1 for types that a question may be believed to ask for.
IS_TYPE = np.array([number in TYPES for number in range(512)], np.uint8)

# How the data of a record reads: one letter an operation, lower case with its operand.
LITERAL, NUMBER, SKIP, NAME, NAME_OR_ROOT, OWNER = octets("lnsNRO").tolist()
IPV4, IPV6, STRINGS, STRING, HEX, REST, PARAMS, KIND = octets("46TSHEPK").tolist()


def _say(text: str) -> bytes:
    return b"l" + bytes((len(text),)) + text.encode()


def _number(width: int) -> bytes:
    return b"n" + bytes((width,))


def _skip(width: int) -> bytes:
    return b"s" + bytes((width,))


_SPACE = _say(" ")
_UNKNOWN = _say("<unknown type=") + b"K" + _say(">")
_SERVICE = _number(2) + _SPACE + b"RP"
#: By type; what is not here is unknown.
_READINGS: dict[int, bytes] = {
    1: b"4",  # A
    **dict.fromkeys((2, 5, 12), b"N"),  # NS, CNAME, PTR
    6: b"N",  # SOA: the primary server
    11: b"",  # WKS
    13: _say("HINFO ") + b"S" + _SPACE + b"S",
    15: _skip(2) + b"N",  # MX
    16: b"T" + b"TXT",
    **dict.fromkeys((28, 38), b"6"),  # AAAA, A6
    29: _say("LOC:  ") + _skip(1) + _number(1) + _SPACE + _number(1) + _SPACE + _number(1),
    NB: _say("NB ") + _skip(2) + b"4",
    SRV: _skip(6) + b"N",
    35: _say("NAPTR ") + _number(2) + _SPACE + _number(2) + _SPACE + b"S" + _SPACE + b"S" + _SPACE + b"SN",
    43: _say("DS ") + _skip(2) + _number(1) + _SPACE + _number(1),
    44: _say("SSHFP: ") + _skip(2) + b"H",
    46: _say("RRSIG ") + _number(2) + _SPACE + _skip(16) + b"R",
    47: _say("NSEC ") + b"O" + _SPACE + b"N",
    48: _say("DNSKEY ") + _skip(3) + _number(1),
    50: _say("NSEC3"),
    51: _say("NSEC3PARAM"),
    64: _say("SVCB ") + _SERVICE,
    65: _say("HTTPS ") + _SERVICE,
    99: b"T" + b"SPF",
    257: _say("CAA ") + _number(1) + _SPACE + b"S" + _SPACE + b"E",
}
_ALL = [_UNKNOWN, _say("BIND9 signing signal"), *_READINGS.values()]
#: All readings, each ended by 0, and where the one of each type begins.
READINGS = octets(b"".join(each + b"\0" for each in _ALL))
_BEGIN = [sum(len(each) + 1 for each in _ALL[:place]) for place in range(len(_ALL))]
READING_OF = np.zeros(512, np.int64)
for _place, _type in enumerate(_READINGS):
    READING_OF[_type] = _BEGIN[_place + 2]
BINDS_READING = _BEGIN[1]

#: Parameters of SVCB and HTTPS that are spelled out (RFC 9460 §14.3.2); each padded with blanks to its width.
PARAM_WIDTH = 16
_PARAMS = "mandatory alpn no-default-alpn port ipv4hint ech ipv6hint".split()
PARAM_NAMES = octets("".join(name.ljust(PARAM_WIDTH) for name in _PARAMS))
ALPN, PORT, IPV4_HINT, ECH, IPV6_HINT, PARAMS_KNOWN = 1, 3, 4, 5, 6, len(_PARAMS)
