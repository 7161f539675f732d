"""Packets as `decode` finds them: one row for each IP packet that counts for a flow.

A frame yields one innermost packet, and one `outer` row for each tunnel around it, so
that outer flows are counted too. A frame without any is counted under a drop reason.
"""

import numpy as np

PACKET = np.dtype(
    [
        ("ts", "i8"),
        ("frame", "i8"),  # number of the frame in the input
        ("src_high", "u8"),  # addresses; IPv4 as ::ffff:a.b.c.d
        ("src_low", "u8"),
        ("dst_high", "u8"),
        ("dst_low", "u8"),
        ("hash", "u8"),  # keyed, the same for both directions
        ("payload_at", "i8"),
        ("flow", "i8"),  # filled by `flow`; -1 none
        ("ip_at", "i8"),  # first octet of the IP header in the wire
        ("payload_length", "i4"),  # transport payload at hand
        ("payload_wire", "i4"),  # transport payload that was sent
        ("ip_octets", "i4"),  # from the IP header on, as sent
        ("tunnel_id", "i4"),  # VNI, TEID, session: of the innermost tunnel
        ("seq", "u4"),
        ("ack", "u4"),
        ("tunnels", "u4"),  # kinds of tunnels around, outermost in the high octet
        ("src_port", "u2"),  # ICMP: type
        ("dst_port", "u2"),  # ICMP: the answer's type, or code
        ("window", "u2"),
        ("vlan", "i2"),  # -1 none
        ("inner_vlan", "i2"),
        ("transport", "u1"),  # IP protocol number
        ("version", "u1"),  # 4 or 6
        ("tcp_flags", "u1"),
        ("ttl", "u1"),
        ("side", "u1"),  # filled by `flow`: 0 from the originator
        ("outer", "u1"),  # carries another packet row
        ("carries", "u1"),  # the tunnel kind that an outer row carries
        ("fragment", "u1"),  # waits for reassembly
        ("bad_checksum", "u1"),
        ("lane", "u1"),
        ("one_way", "u1"),  # ICMP without a counterpart
        ("answers", "u1"),  # a datagram between two ports that are alike, which only a server sends
        ("source", "u1"),  # 0 the block's wire, 1 the fragments' arena
    ],
    align=True,
)

# Kinds of tunnels, as the field `tunnel` of flows names them.
TUNNELS = ("", "ipip", "6in4", "gre", "erspan", "vxlan", "geneve", "gtp-u", "teredo", "l2tp", "ayiya", "4in6")
NO_TUNNEL, IPIP, SIX_IN_FOUR, GRE, ERSPAN, VXLAN, GENEVE, GTP_U, TEREDO, L2TP, AYIYA, FOUR_IN_SIX = range(12)

# Why a frame is not recorded (closed list); packets in = recorded + these.
DROPS = (
    "recorded",
    "arp",
    "not_ip",
    "truncated",
    "bad_header",
    "bad_checksum",
    "too_deep",
    "unknown_link",
    "fragment_incomplete",
    "fragment_bad",
    "flow_table_full",
    "internal",
    "merged_fragment",
    "out_of_scope",
)
(
    RECORDED,
    ARP,
    NOT_IP,
    TRUNCATED,
    BAD_HEADER,
    BAD_CHECKSUM,
    TOO_DEEP,
    UNKNOWN_LINK,
    FRAGMENT_INCOMPLETE,
    FRAGMENT_BAD,
    FLOW_TABLE_FULL,
    INTERNAL,
    MERGED_FRAGMENT,
    OUT_OF_SCOPE,
) = range(14)

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
