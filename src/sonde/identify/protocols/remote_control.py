"""Remote control of desktops by vendors' own protocols, as observed: TeamViewer, NoMachine, SPICE (its documentation)."""

from sonde.schema import MAYBE, YES, At, Only, Protocol, Signature, begins

TEAMVIEWER = Protocol(
    "teamviewer",
    "TeamViewer",
    "observed",
    tcp_ports=(5938,),
    udp_ports=(5938,),
    signatures=(
        # 0x1724 or 0x1130, a command, a length.
        Signature((At(0, b"\x17\x24\x0a\x20"),), YES, transport="tcp"),
        Signature((Only(0, 1, b"\x17\x11"), Only(1, 2, b"\x24\x30")), MAYBE, transport="tcp", own_port=True),
        Signature((At(0, bytes(10)), At(11, b"\x17\x24")), YES, transport="udp"),
    ),
    aliases={"ndpi": ("TeamViewer",), "wireshark": ("teamviewer",)},
)
NOMACHINE = Protocol(
    "nx",
    "NoMachine NX",
    "observed",
    tcp_ports=(4000,),
    signatures=begins("NXSH-", "NXD-", verdict=YES, transport="tcp"),
    aliases={"ndpi": ("NoMachine",)},
)
SPICE = Protocol(
    "spice",
    "SPICE",
    "SPICE protocol",
    tcp_ports=(5900,),
    signatures=begins("REDQ\x02\0\0\0", verdict=YES, transport="tcp"),
    aliases={"wireshark": ("spice",)},
)
PROTOCOLS = (TEAMVIEWER, NOMACHINE, SPICE)
