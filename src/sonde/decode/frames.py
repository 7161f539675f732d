"""The stage's main function: a block of frames becomes packets.

    packets, drops = decode(block, settings)
    packets["src_port"], packets["payload_at"]
    drops[packets_table.ARP]  # frames that were not looked into, by reason

A frame gives no packet, one, or one for each tunnel around it.
"""

import numpy as np

from sonde.decode import cursor as c
from sonde.decode import link, network, transport, tunnel
from sonde.decode.plain import decode_plain
from sonde.table.frames import Block
from sonde.table.packets import (
    DROPS,
    NO_TUNNEL,
    PACKET,
    RECORDED,
    TOO_DEEP,
    TRUNCATED,
    UNKNOWN_LINK,
)
from sonde.wire import Int, Ints, Row, Rows, Wire, kernel, u8
from sonde.wire.hash import mix

MOST_ROWS = 6  # of one frame: five tunnels and what they carry
NO_VLAN = -1


VERIFY, LANES, KEY = range(3)  # places in the settings


def settings(*, verify: bool, lanes: int, key: int) -> Ints:
    """Make the settings; `key` is secret, or a sender could choose hash buckets."""
    return np.array([verify, lanes, np.int64(np.uint64(key))], np.int64)


def decode(block: Block, chosen: Ints) -> tuple[Rows, Ints]:
    """Decode all frames of a block; give its packets and the counts of what was dropped."""
    packets = np.empty(len(block.frames) * MOST_ROWS, PACKET)
    drops = np.zeros(len(DROPS), np.int64)
    work = (chosen, np.zeros(c.SIZE, np.int64))
    return packets[: decode_frames(block.wire, block.frames, block.first, packets, drops, work)], drops


@kernel
def decode_frames(wire: Wire, frames: Rows, first: Int, packets: Rows, drops: Ints, work: tuple[Ints, Ints]) -> Int:
    """Decode frames, the first of which has this number; give how many packet rows were written."""
    count = 0
    for number in range(len(frames)):
        count = decode_frame(wire, frames[number], first + number, (packets, count), drops, work)
    return count


@kernel
def decode_frame(
    wire: Wire, frame: Row, number: Int, results: tuple[Rows, Int], drops: Ints, work: tuple[Ints, Ints]
) -> Int:
    """Decode one frame into the rows from a place on; give the place behind them."""
    packets, before = results
    chosen = work[0]
    if chosen[VERIFY] == 0 and decode_plain(wire, frame, packets[before]):
        key_packet(packets[before], chosen)
        packets[before]["ts"] = frame["ts"]
        packets[before]["frame"] = number
        return before + 1
    return decode_any(wire, frame, number, results, drops, work)


@kernel
def decode_any(
    wire: Wire, frame: Row, number: Int, results: tuple[Rows, Int], drops: Ints, work: tuple[Ints, Ints]
) -> Int:
    """Decode one frame layer by layer, whatever it is."""
    packets, before = results
    chosen, at = work
    at[c.AT] = frame["at"]
    at[c.FIRST] = frame["at"]
    at[c.END] = frame["at"] + frame["length"]
    at[c.WIRE_END] = frame["at"] + max(np.int64(frame["original"]), np.int64(frame["length"]))
    at[c.VLAN] = NO_VLAN
    at[c.INNER_VLAN] = NO_VLAN
    at[c.TUNNELS] = 0
    at[c.TUNNEL_ID] = -1
    at[c.DROP] = RECORDED
    at[c.LAYER] = link.first_layer(np.int64(frame["link"]))
    if at[c.LAYER] == c.DONE:
        link.stop(at, UNKNOWN_LINK)
    count = decode_layers(wire, at, packets, before, chosen)
    if at[c.DROP] != RECORDED:
        if count > before:
            packets[count - 1]["outer"] = 0  # a tunnel whose inside tells nothing
        else:
            drops[at[c.DROP]] += 1
    for row in range(before, count):
        packets[row]["ts"] = frame["ts"]
        packets[row]["frame"] = number
    return count


@kernel
def decode_layers(wire: Wire, at: Ints, packets: Rows, count: Int, chosen: Ints) -> Int:
    """Decode one frame from the cursor on; give the new count of packet rows."""
    most = count + MOST_ROWS
    for _ in range(c.MAX_DEPTH):
        layer = at[c.LAYER]
        if layer == c.IP:
            if at[c.AT] >= at[c.END]:
                link.stop(at, TRUNCATED)
                return count
            layer = c.IPV4 if u8(wire, at[c.AT]) >> 4 == 4 else c.IPV6
        if layer == c.ETHERNET:
            link.decode_ethernet(wire, at)
        elif layer in (c.IPV4, c.IPV6):
            if count >= most:
                link.stop(at, TOO_DEEP)
                return count
            count = decode_packet(wire, at, packets, count, layer, chosen)
        elif layer == c.DONE:
            return count
        else:
            decode_other_layer(wire, at, layer)
    if at[c.LAYER] != c.DONE:
        link.stop(at, TOO_DEEP)
    return count


@kernel
def decode_other_layer(wire: Wire, at: Ints, layer: Int) -> None:
    """Take one step through a link layer other than Ethernet."""
    if layer in (c.COOKED, c.COOKED_2):
        link.decode_cooked(wire, at)
    elif layer == c.LOOPBACK:
        link.decode_loopback(wire, at)
    elif layer == c.PPP:
        link.decode_ppp(wire, at)
    elif layer == c.PPPOE:
        link.decode_pppoe(wire, at)
    elif layer == c.MPLS:
        link.decode_mpls(wire, at)
    elif layer == c.LLC:
        link.decode_llc(wire, at)
    elif layer == c.HDLC:
        link.decode_hdlc(wire, at)
    elif layer == c.FRAME_RELAY:
        link.decode_frame_relay(wire, at)
    elif layer == c.WIFI:
        link.decode_wifi(wire, at)
    elif layer == c.NSH:
        link.decode_nsh(wire, at)
    elif layer == c.NFLOG:
        link.decode_nflog(wire, at)
    else:
        link.decode_prefixed(wire, at)


@kernel
def decode_packet(wire: Wire, at: Ints, packets: Rows, count: Int, layer: Int, chosen: Ints) -> Int:
    """Decode one IP packet into the next row; where it is a tunnel, leave the cursor inside."""
    packet = packets[count]
    packet["outer"] = 0
    packet["carries"] = NO_TUNNEL
    packet["flow"] = -1
    packet["source"] = 0
    packet["side"] = 0
    packet["vlan"] = at[c.VLAN]
    packet["inner_vlan"] = at[c.INNER_VLAN]
    packet["tunnels"] = at[c.TUNNELS]
    packet["tunnel_id"] = at[c.TUNNEL_ID]
    if layer == c.IPV4:
        protocol = network.decode_ipv4(wire, at, packet, chosen[VERIFY])
    else:
        protocol = network.decode_ipv6(wire, at, packet)
    if protocol < 0:
        return count
    if packet["fragment"]:
        packet["transport"] = protocol
        packet["src_port"] = 0
        packet["dst_port"] = 0
        packet["payload_at"] = at[c.AT]
        packet["payload_length"] = at[c.END] - at[c.AT]
        packet["payload_wire"] = at[c.WIRE_END] - at[c.AT]
        at[c.LAYER] = c.DONE
        key_packet(packet, chosen)
        return count + 1
    transport.decode_transport(wire, at, packet, protocol, chosen[VERIFY])
    if at[c.DROP] != RECORDED:
        return count
    key_packet(packet, chosen)
    enter_tunnel(wire, at, packet, protocol)
    return count + 1


@kernel
def enter_tunnel(wire: Wire, at: Ints, packet: Row, protocol: Int) -> None:
    """If the packet carries another, mark it and put the cursor there; else be done."""
    kind = NO_TUNNEL
    if protocol == transport.UDP:
        at[c.AT] = packet["payload_at"]
        kind = tunnel.enter_udp_tunnel(wire, at, np.int64(packet["src_port"]), np.int64(packet["dst_port"]))
    elif protocol in (tunnel.PROTOCOL_IPIP, tunnel.PROTOCOL_IPV6, tunnel.PROTOCOL_GRE):
        kind = tunnel.enter_ip_tunnel(wire, at, protocol, np.int64(packet["version"]))
    if kind == NO_TUNNEL:
        at[c.LAYER] = c.DONE
        return
    packet["outer"] = 1
    packet["carries"] = kind
    at[c.TUNNELS] = (at[c.TUNNELS] << 8 | kind) & 0xFFFFFFFF
    at[c.WIRE_END] = max(at[c.WIRE_END], at[c.END])
    at[c.VLAN] = NO_VLAN
    at[c.INNER_VLAN] = NO_VLAN


@kernel(wraps=True)
def key_packet(packet: Row, chosen: Ints) -> None:
    """Hash the flow key, the same for both directions, and choose the lane by addresses."""
    key = np.uint64(chosen[KEY])
    src_port, dst_port = np.uint64(packet["src_port"]), np.uint64(packet["dst_port"])
    src, dst = packet["src_low"], packet["dst_low"]
    forward = src < dst or (src == dst and src_port <= dst_port)
    if packet["version"] == 6 and packet["src_high"] != packet["dst_high"]:
        forward = packet["src_high"] < packet["dst_high"]
    if packet["version"] == 4:
        low = np.uint64(0xFFFFFFFF)
        pair = (src & low) << np.uint64(32) | dst & low if forward else (dst & low) << np.uint64(32) | src & low
        state = mix(key, pair, key)
    elif forward:
        state = mix(mix(mix(key, packet["src_high"], key), src, key), packet["dst_high"], key)
        state = mix(state, dst, key)
    else:
        state = mix(mix(mix(key, packet["dst_high"], key), dst, key), packet["src_high"], key)
        state = mix(state, src, key)
    lanes = np.uint64(chosen[LANES])
    packet["lane"] = (state >> np.uint64(40)) % lanes if lanes > np.uint64(1) else np.uint64(0)
    sixteen = np.uint64(16)
    ports = src_port << sixteen | dst_port if forward else dst_port << sixteen | src_port
    ports = ports | np.uint64(packet["transport"]) << np.uint64(32)
    packet["hash"] = mix(state, ports, key)
