"""ONC RPC version 2 (RFC 5531) and what runs over it: the port mapper (RFC 1833), mounts and NFS (RFC 1813, RFC 7530).

Calls name their program; answers only repeat the call's number, so they need the call.
"""

from sonde.schema import MAYBE, YES, At, Number, Protocol, Signature

PROGRAMS = {100000: "portmap", 100003: "nfs", 100005: "mount"}
RPC_VERSION_2 = b"\0\0\0\x02"
CALL, REPLY = b"\0\0\0\0", b"\0\0\0\x01"
ACCEPTED = b"\0\0\0\0"


def _calls(low: int, high: int, verdict: int) -> tuple[Signature, ...]:
    """Declare calls of programs from `low` to `high`: a datagram, and a record (§11) whose last fragment it is."""
    return (
        Signature(
            (At(4, CALL + RPC_VERSION_2), Number(12, 4, low, high), Number(16, 4, 1, 8), Number(20, 4, 0, 64)),
            verdict,
            transport="udp",
            min_length=40,
        ),
        Signature(
            (At(0, b"\x80\0"), At(8, CALL + RPC_VERSION_2), Number(16, 4, low, high), Number(20, 4, 1, 8)),
            verdict,
            transport="tcp",
            min_length=44,
        ),
    )


# §9: accepted; an authentication of at most 400 octets; success or why not.
REPLIES = (
    Signature(
        (At(4, REPLY + ACCEPTED), Number(12, 4, 0, 6), Number(16, 4, 0, 400)), MAYBE, transport="udp", min_length=24
    ),
    Signature(
        (At(0, b"\x80"), At(8, REPLY + ACCEPTED), Number(16, 4, 0, 6), Number(20, 4, 0, 400)),
        MAYBE,
        transport="tcp",
        min_length=28,
    ),
)
NFS = Protocol(
    "nfs",
    "Network File System",
    "RFC 7530",
    tcp_ports=(2049,),
    udp_ports=(2049,),
    signatures=(*_calls(100003, 100003, YES), *REPLIES),
    aliases={"ndpi": ("NFS",), "zeek": ("nfs",), "wireshark": ("nfs",)},
)
PORTMAP = Protocol(
    "portmap",
    "ONC RPC port mapper",
    "RFC 1833",
    tcp_ports=(111,),
    udp_ports=(111,),
    signatures=(*_calls(100000, 100000, YES), *REPLIES),
    aliases={"ndpi": ("NFS",), "zeek": ("portmapper",), "wireshark": ("portmap",)},
)
MOUNT = Protocol(
    "nfs-mount",
    "NFS mount service",
    "RFC 1813",
    signatures=_calls(100005, 100005, YES),
    aliases={"ndpi": ("NFS",), "zeek": ("mount",), "wireshark": ("mount",)},
)
RPC = Protocol(
    "sunrpc",
    "ONC Remote Procedure Call",
    "RFC 5531",
    # §8.2: numbers that are administered, those named above left out.
    signatures=(
        *_calls(100001, 100002, YES),
        *_calls(100004, 100004, YES),
        *_calls(100006, 102000, YES),
        *_calls(390000, 400150, YES),
    ),
    aliases={"wireshark": ("rpc",)},
)
PROTOCOLS = (NFS, PORTMAP, MOUNT, RPC)
