"""Where decoding stands in a frame: a few whole numbers that layers pass on."""

# Places in the cursor (an int64 array).
AT, END, LAYER, VLAN, INNER_VLAN, TUNNELS, TUNNEL_ID, DEPTH, OUTER_PORT, WIRE_END, DROP, FIRST = range(12)
SIZE = 12

# Layers.
(
    DONE,
    ETHERNET,
    IP,
    IPV4,
    IPV6,
    PPP,
    MPLS,
    COOKED,
    COOKED_2,
    LOOPBACK,
    WIFI,
    RADIOTAP,
    LLC,
    PPPOE,
    HDLC,
    ETHERTYPE,
    GRE_LAYER,
    NSH,
    PRISM,
    AVS,
    PPI,
    PKTAP,
    NFLOG,
    PFLOG,
    USB,
    CISCO_META,
    TOKEN_RING,
    JUNIPER,
    FRAME_RELAY,
    FDDI,
) = range(30)

MAX_DEPTH = 16  # layers of one frame, tunnels included
