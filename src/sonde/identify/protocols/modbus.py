"""Modbus over TCP (MODBUS Messaging on TCP/IP Implementation Guide 1.0b), Schneider's UMAS within it (function 90)."""

from sonde.schema import MAYBE, At, Length, Number, Only, Protocol, Signature

# Application Protocol 1.1b §6: functions; an answer may have the highest bit set.
FUNCTIONS = bytes([*range(1, 9), 11, 12, 15, 16, 17, 20, 21, 22, 23, 24, 43, 90])
ERRORS = bytes(0x80 | function for function in FUNCTIONS)

PROTOCOL = Protocol(
    "modbus",
    "Modbus/TCP",
    "MODBUS Messaging on TCP/IP 1.0b",
    tcp_ports=(502,),
    udp_ports=(502,),
    signatures=(
        # §3.1.3: transaction, protocol 0, length of what follows (at most 254), unit, function.
        Signature((At(2, b"\0\0\0"), Length(4, 2, add=6), Only(7, 8, FUNCTIONS)), MAYBE, min_length=8, max_length=260),
        Signature(
            (At(2, b"\0\0\0\x03"), Length(4, 2, add=6), Only(7, 8, ERRORS), Number(8, 1, 1, 11)),
            MAYBE,
            min_length=9,
            max_length=9,
        ),
    ),
    aliases={"ndpi": ("Modbus", "UMAS"), "zeek": ("modbus",), "wireshark": ("modbus", "mbtcp")},
)
