"""Message brokers that name themselves: ActiveMQ's OpenWire, STOMP 1.2, Gearman, Nanomsg SP (RFC SP-TCP)."""

from sonde.schema import YES, At, Length, Protocol, Signature, begins

OPENWIRE = Protocol(
    "openwire",
    "OpenWire",
    "Apache ActiveMQ OpenWire",
    tcp_ports=(61616,),
    signatures=(
        Signature((At(0, b"\0"), At(4, b"\x01ActiveMQ")), YES, transport="tcp"),
        Signature((At(0, b"\x01ActiveMQ"),), YES, transport="tcp"),
    ),
    aliases={"ndpi": ("OpenWire",), "wireshark": ("openwire",)},
)
STOMP = Protocol(
    "stomp",
    "STOMP",
    "STOMP 1.2",
    tcp_ports=(61613,),
    signatures=(
        *begins("CONNECT\n", "CONNECT\r\n", "STOMP\n", "STOMP\r\n", verdict=YES, side="orig", transport="tcp"),
        *begins("CONNECTED\n", "CONNECTED\r\n", verdict=YES, side="resp", transport="tcp"),
    ),
    aliases={"ndpi": ("STOMP",), "wireshark": ("stomp",)},
)
GEARMAN = Protocol(
    "gearman",
    "Gearman",
    "Gearman protocol",
    tcp_ports=(4730,),
    signatures=(
        Signature((At(0, b"\0REQ\0\0\0"), Length(8, 4, add=12, fit="within")), YES, "orig", "tcp"),
        Signature((At(0, b"\0RES\0\0\0"), Length(8, 4, add=12, fit="within")), YES, "resp", "tcp"),
    ),
    aliases={"ndpi": ("Gearman",), "wireshark": ("gearman",)},
)
SP = Protocol(
    "nanomsg",
    "Nanomsg scalability protocols",
    "SP-TCP mapping",
    signatures=(Signature((At(0, b"\0SP\0"), At(6, b"\0\0")), YES, transport="tcp", min_length=8, max_length=8),),
)
PROTOCOLS = (OPENWIRE, STOMP, GEARMAN, SP)
