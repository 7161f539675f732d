"""Link layers: from a frame's first octet to the network layer.

Ethernet (IEEE 802.3, VLAN 802.1Q and 802.1ad, 802.2 LLC/SNAP), Linux cooked v1 and v2,
BSD loopback, raw IP, PPP (RFC 1661) and PPPoE (RFC 2516), Cisco HDLC, frame relay, MPLS
(RFC 3032), 802.11 with radiotap, Prism, AVS or PPI headers, NSH (RFC 8300), PKTAP, NFLOG.
"""

from sonde.decode import cursor as c
from sonde.table.packets import ARP, NOT_IP, TRUNCATED, UNKNOWN_LINK
from sonde.wire import Int, Ints, Wire, kernel, le16, le32, u8, u16, u32

ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_ARP = 0x0800, 0x86DD, 0x0806
VN_TAG = 0x8926  # IEEE 802.1BR
BACKBONE_TAG = 0x88E7  # IEEE 802.1ah, MAC in MAC
NO_VLAN = -1


@kernel
def first_layer(link: Int) -> Int:
    """Give the layer that a link type begins with (tcpdump.org/linktypes); 0 unknown."""
    if link == 1:
        return c.ETHERNET
    if link in (12, 14, 101, 228, 229):
        return c.IP
    if link in (0, 108):
        return c.LOOPBACK
    if link in (9, 50, 166, 204, 200):
        return c.PPP
    if link == 104:
        return c.HDLC
    if link == 107:
        return c.FRAME_RELAY
    if link == 105:
        return c.WIFI
    if link == 113:
        return c.COOKED
    if link == 276:
        return c.COOKED_2
    return first_layer_rare(link)


@kernel
def first_layer_rare(link: Int) -> Int:
    """Give the layer of the less common link types."""
    if link == 119:
        return c.PRISM
    if link == 127:
        return c.RADIOTAP
    if link == 163:
        return c.AVS
    if link == 192:
        return c.PPI
    if link == 258:
        return c.PKTAP
    if link == 239:
        return c.NFLOG
    if link == 117:
        return c.PFLOG
    if link == 219:
        return c.MPLS
    if link == 51:
        return c.PPPOE
    if link == 6:
        return c.TOKEN_RING
    if link == 10:
        return c.FDDI
    return c.DONE


@kernel
def stop(at: Ints, drop: Int) -> None:
    """End decoding of a frame for a reason."""
    at[c.LAYER] = c.DONE
    at[c.DROP] = drop


@kernel
def by_ethertype(at: Ints, kind: Int) -> None:
    """Go on with the layer that an EtherType names."""
    if kind == ETHERTYPE_IPV4:
        at[c.LAYER] = c.IPV4
    elif kind == ETHERTYPE_IPV6:
        at[c.LAYER] = c.IPV6
    elif kind == ETHERTYPE_ARP:
        stop(at, ARP)
    elif kind in (0x8847, 0x8848):
        at[c.LAYER] = c.MPLS
    elif kind == 0x8864:
        at[c.LAYER] = c.PPPOE
    elif kind == 0x894F:
        at[c.LAYER] = c.NSH
    elif kind == 0x8909:
        at[c.LAYER] = c.CISCO_META
    elif kind == 0x6558:
        at[c.LAYER] = c.ETHERNET
    elif kind == BACKBONE_TAG and at[c.END] - at[c.AT] > 4:
        at[c.AT] += 4
        at[c.LAYER] = c.ETHERNET
    elif kind == 0x880B:
        at[c.LAYER] = c.PPP
    else:
        stop(at, NOT_IP)


@kernel
def decode_vlans(wire: Wire, at: Ints, kind: Int) -> Int:
    """Take off VLAN tags; give the EtherType behind them, or -1 where the frame ends."""
    for _ in range(8):
        if kind not in (0x8100, 0x88A8, 0x9100, 0x9200, VN_TAG):
            break
        if at[c.END] - at[c.AT] < 6:
            stop(at, TRUNCATED)
            return -1
        if kind == VN_TAG:
            kind = u16(wire, at[c.AT] + 4)
            at[c.AT] += 6
            continue
        vlan = u16(wire, at[c.AT]) & 0xFFF
        if at[c.VLAN] == NO_VLAN:
            at[c.VLAN] = vlan
        elif at[c.INNER_VLAN] == NO_VLAN:
            at[c.INNER_VLAN] = vlan
        kind = u16(wire, at[c.AT] + 2)
        at[c.AT] += 4
    return kind


@kernel
def decode_ethernet(wire: Wire, at: Ints) -> None:
    """Read an Ethernet II or 802.3 header."""
    if at[c.END] - at[c.AT] < 14:
        stop(at, TRUNCATED)
        return
    kind = u16(wire, at[c.AT] + 12)
    # Cisco FabricPath puts an outer header of 16 octets around the whole frame.
    if kind == 0x8903 and at[c.END] - at[c.AT] >= 30:
        at[c.AT] += 16
        kind = u16(wire, at[c.AT] + 12)
    at[c.AT] += 14
    kind = decode_vlans(wire, at, kind)
    if kind < 0:
        return
    if kind < 0x0600:
        at[c.LAYER] = c.LLC
    else:
        by_ethertype(at, kind)


@kernel
def decode_llc(wire: Wire, at: Ints) -> None:
    """Read 802.2 LLC and SNAP (IEEE 802, RFC 1042)."""
    place = at[c.AT]
    if at[c.END] - place < 3:
        stop(at, TRUNCATED)
    elif u16(wire, place) == 0xAAAA and at[c.END] - place >= 8:
        at[c.AT] += 8
        kind = decode_vlans(wire, at, u16(wire, place + 6))
        if kind >= 0:
            by_ethertype(at, kind)
    elif u16(wire, place) == 0x0606:
        at[c.AT] += 3
        at[c.LAYER] = c.IPV4
    else:
        stop(at, NOT_IP)


@kernel
def decode_ppp(wire: Wire, at: Ints) -> None:
    """Read PPP with or without address and control octets, protocol field 1 or 2 octets."""
    if at[c.END] - at[c.AT] >= 2 and u16(wire, at[c.AT]) in (0xFF03, 0x0F00, 0x8F00, 0x0003):
        at[c.AT] += 2
    elif at[c.END] - at[c.AT] >= 3 and u8(wire, at[c.AT]) <= 1 and u16(wire, at[c.AT] + 1) == 0xFF03:
        at[c.AT] += 3  # a direction octet before it (link type 204)
    if at[c.END] - at[c.AT] < 2:
        stop(at, TRUNCATED)
        return
    kind = u8(wire, at[c.AT])
    if kind & 1:
        at[c.AT] += 1
    else:
        kind = u16(wire, at[c.AT])
        at[c.AT] += 2
    if kind == 0x21:
        at[c.LAYER] = c.IPV4
    elif kind == 0x57:
        at[c.LAYER] = c.IPV6
    elif kind in (0x0281, 0x0283):
        at[c.LAYER] = c.MPLS
    else:
        stop(at, NOT_IP)


@kernel
def decode_pppoe(wire: Wire, at: Ints) -> None:
    """Read a PPPoE session header (RFC 2516 §4)."""
    if at[c.END] - at[c.AT] < 8:
        stop(at, TRUNCATED)
        return
    at[c.AT] += 6
    at[c.LAYER] = c.PPP


@kernel
def decode_mpls(wire: Wire, at: Ints) -> None:
    """Take off the label stack (RFC 3032 §2.1); what follows shows by its first nibble."""
    for _ in range(16):
        if at[c.END] - at[c.AT] < 5:
            stop(at, TRUNCATED)
            return
        bottom = u8(wire, at[c.AT] + 2) & 1
        at[c.AT] += 4
        if bottom:
            break
    nibble = u8(wire, at[c.AT]) >> 4
    if nibble in (4, 6):
        at[c.LAYER] = c.IP
    elif nibble == 0 and at[c.END] - at[c.AT] >= 18 and u32(wire, at[c.AT]) >> 28 == 0:
        at[c.AT] += 4  # pseudowire control word (RFC 4385 §3)
        at[c.LAYER] = c.ETHERNET
    else:
        at[c.LAYER] = c.ETHERNET


@kernel
def decode_cooked(wire: Wire, at: Ints) -> None:
    """Read Linux cooked capture v1 (16 octets) or v2 (20 octets)."""
    size = 16 if at[c.LAYER] == c.COOKED else 20
    if at[c.END] - at[c.AT] < size:
        stop(at, TRUNCATED)
        return
    kind = u16(wire, at[c.AT] + 14) if size == 16 else u16(wire, at[c.AT])
    at[c.AT] += size
    kind = decode_vlans(wire, at, kind)
    if kind < 0:
        return
    if kind == 4:
        at[c.LAYER] = c.LLC
    else:
        by_ethertype(at, kind)


@kernel
def decode_loopback(wire: Wire, at: Ints) -> None:
    """Read the BSD loopback's address family, in whichever octet order."""
    if at[c.END] - at[c.AT] < 4:
        stop(at, TRUNCATED)
        return
    family = u32(wire, at[c.AT])
    if family > 0xFFFF:
        family = le32(wire, at[c.AT])
    at[c.AT] += 4
    if family == 2:
        at[c.LAYER] = c.IPV4
    elif family in (10, 23, 24, 28, 30):
        at[c.LAYER] = c.IPV6
    elif family > 0x600:
        by_ethertype(at, family)
    else:
        stop(at, NOT_IP)


@kernel
def decode_hdlc(wire: Wire, at: Ints) -> None:
    """Read Cisco HDLC, or PPP in HDLC framing."""
    if at[c.END] - at[c.AT] < 4:
        stop(at, TRUNCATED)
    elif u8(wire, at[c.AT]) in (0x0F, 0x8F):
        kind = u16(wire, at[c.AT] + 2)
        at[c.AT] += 4
        by_ethertype(at, kind)
    else:
        at[c.LAYER] = c.PPP


@kernel
def decode_frame_relay(wire: Wire, at: Ints) -> None:
    """Read frame relay with NLPID (RFC 2427)."""
    if at[c.END] - at[c.AT] < 4:
        stop(at, TRUNCATED)
        return
    kind = u16(wire, at[c.AT] + 2)
    if kind == 0x03CC:
        at[c.AT] += 4
        at[c.LAYER] = c.IPV4
    elif kind == 0x038E:
        at[c.AT] += 4
        at[c.LAYER] = c.IPV6
    else:
        at[c.AT] += 4
        by_ethertype(at, kind)


@kernel
def decode_nsh(wire: Wire, at: Ints) -> None:
    """Read a network service header (RFC 8300 §2)."""
    if at[c.END] - at[c.AT] < 8:
        stop(at, TRUNCATED)
        return
    length = (u8(wire, at[c.AT] + 1) & 0x3F) * 4
    following = u8(wire, at[c.AT] + 3)
    if length < 8 or length > at[c.END] - at[c.AT]:
        stop(at, TRUNCATED)
        return
    at[c.AT] += length
    if following == 1:
        at[c.LAYER] = c.IPV4
    elif following == 2:
        at[c.LAYER] = c.IPV6
    elif following == 3:
        at[c.LAYER] = c.ETHERNET
    elif following == 5:
        at[c.LAYER] = c.MPLS
    else:
        stop(at, NOT_IP)


@kernel
def decode_prefixed(wire: Wire, at: Ints) -> None:
    """Pass over headers that capture tools put before a frame."""
    layer, left, place = at[c.LAYER], at[c.END] - at[c.AT], at[c.AT]
    if left < 8:
        stop(at, TRUNCATED)
        return
    size, following = 0, c.WIFI
    if layer == c.RADIOTAP:
        size = le16(wire, place + 2)
    elif layer == c.PRISM:
        size = 144 if u32(wire, place) == 0x44000000 or le32(wire, place) == 0x44 else u32(wire, place + 4)
        if u32(wire, place) >> 12 == 0x80211:
            size = u32(wire, place + 4)
    elif layer == c.AVS:
        size = u32(wire, place + 4)
    elif layer == c.CISCO_META:
        size, following = 8, c.ETHERTYPE
    elif layer == c.PPI:
        size, following = le16(wire, place + 2), first_layer_of_ppi(le32(wire, place + 4))
    elif layer == c.PKTAP and left >= 108:
        size, following = le32(wire, place), first_layer_of_ppi(le32(wire, place + 8))
    elif layer == c.PFLOG:
        size, following = (u8(wire, place) + 3) & 0xFC, c.IP
    elif layer == c.TOKEN_RING:
        size, following = 14, c.LLC
    elif layer == c.FDDI:
        size, following = 13, c.LLC
    if size < 4 or size > left or following == c.DONE:
        stop(at, TRUNCATED if following != c.DONE else UNKNOWN_LINK)
        return
    at[c.AT] += size
    at[c.LAYER] = following
    if following == c.ETHERTYPE:
        by_ethertype(at, u16(wire, at[c.AT] - 2))


@kernel
def first_layer_of_ppi(link: Int) -> Int:
    """Give the layer of a link type inside another header; never a header of that sort again."""
    layer = first_layer(link)
    if layer in (c.PPI, c.PKTAP):
        return c.DONE
    return layer


@kernel
def decode_nflog(wire: Wire, at: Ints) -> None:
    """Walk NFLOG's attributes to the packet (attribute 9)."""
    if at[c.END] - at[c.AT] < 4:
        stop(at, TRUNCATED)
        return
    place = at[c.AT] + 4
    for _ in range(64):
        if at[c.END] - place < 4:
            break
        size, kind = le16(wire, place), le16(wire, place + 2)
        if size < 4:
            break
        if kind == 9:
            at[c.AT] = place + 4
            at[c.LAYER] = c.IP
            return
        place += (size + 3) & ~3
    stop(at, NOT_IP)


@kernel
def decode_wifi(wire: Wire, at: Ints) -> None:
    """Read an 802.11 data frame (IEEE 802.11 §9.3.2.1); other and protected frames carry no IP."""
    if at[c.END] - at[c.AT] < 24:
        stop(at, TRUNCATED)
        return
    control, flags = u8(wire, at[c.AT]), u8(wire, at[c.AT] + 1)
    if control >> 2 & 3 != 2 or control & 0x40 or flags & 0x40:
        stop(at, NOT_IP)  # management, control, null function, or protected
        return
    size = 24
    if flags & 3 == 3:
        size += 6  # fourth address
    if control & 0x80:
        if at[c.END] - at[c.AT] > size and u8(wire, at[c.AT] + size) & 0x80:
            stop(at, NOT_IP)  # an aggregate of frames is not taken apart
            return
        size += 2  # QoS control
        if flags & 0x80:
            size += 4  # HT control
    at[c.AT] += size
    at[c.LAYER] = c.LLC
