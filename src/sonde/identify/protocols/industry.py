"""Control and metering by protocols with a mark of their own: Omron FINS, Beckhoff ADS, HART-IP, Ether-S-I/O, Ether-S-Bus, DLMS (IEC 62056), TRDP (IEC 61375), GE's EGD and SRTP, CNP/IP (IEC 14908), tank gauges."""

from sonde.schema import (
    ASCII_TEXT,
    DIGITS,
    MAYBE,
    PRINTABLE,
    YES,
    At,
    Has,
    Length,
    Number,
    Only,
    Protocol,
    Signature,
    begins,
)

FINS = Protocol(
    "fins",
    "Omron FINS",
    "Omron W342",
    tcp_ports=(9600,),
    udp_ports=(9600,),
    signatures=(
        *begins("FINS", verdict=YES, transport="tcp", parts=(Length(4, 4, add=8),)),
        # Information field (command or response), reserved, gateways (2), destination network.
        Signature(
            (Only(0, 1, b"\x80\x81\xc0\xc1"), At(1, b"\0"), Number(2, 1, 0, 7), Number(10, 1, 1, 0x26)),
            MAYBE,
            transport="udp",
            min_length=12,
            max_length=2012,
            own_port=True,
        ),
    ),
    aliases={"ndpi": ("FINS",), "wireshark": ("omron",)},
)
ADS = Protocol(
    "ads",
    "Beckhoff ADS",
    "Beckhoff AMS/TCP",
    tcp_ports=(48898,),
    signatures=(
        # AMS/TCP: reserved, length; AMS: both addresses, command 1 to 9, state flags (request 4, response 5), length.
        Signature(
            (
                At(0, b"\0\0"),
                Length(2, 4, add=6, little=True),
                Number(22, 2, 1, 9, little=True),
                Number(24, 2, 4, 5, little=True),
            ),
            YES,
            transport="tcp",
            min_length=38,
        ),
    ),
    aliases={"ndpi": ("BeckhoffADS",), "wireshark": ("ams",)},
)
HART = Protocol(
    "hart-ip",
    "HART-IP",
    "FieldComm TS-85",
    tcp_ports=(5094,),
    udp_ports=(5094,),
    signatures=(
        # Version 1, type (request, response), identifier, status, number, length; what is published is a PDU.
        Signature((At(0, b"\x01"), Number(1, 1, 0, 1), Number(2, 1, 0, 4), Length(6, 2)), MAYBE, min_length=8),
        Signature((At(0, b"\x01\x02"), Number(2, 1, 3, 4), Length(6, 2)), MAYBE, min_length=8),
    ),
    aliases={"ndpi": ("HART-IP",), "wireshark": ("hart_ip",)},
)
ESIO = Protocol(
    "ether-s-io",
    "Ether-S-I/O",
    "SAIA Ether-S-I/O",
    udp_ports=(6060,),
    signatures=begins("ESIO", verdict=YES, transport="udp", parts=(Number(4, 2, 0, 2),)),
    aliases={"ndpi": ("EtherSIO",), "wireshark": ("esio",)},
)
SBUS = Protocol(
    "ether-s-bus",
    "SAIA Ether-S-Bus",
    "SAIA S-Bus",
    udp_ports=(5050,),
    # Length, version, protocol, number, kind: request, response, acknowledgement.
    signatures=(
        Signature(
            (Length(0, 4), Number(4, 1, 0, 1), Number(5, 1, 0, 1), Number(8, 1, 0, 2)),
            YES,
            transport="udp",
            min_length=11,
        ),
    ),
    aliases={"ndpi": ("Ether-S-Bus",), "wireshark": ("sbus",)},
)
DLMS = Protocol(
    "dlms",
    "DLMS/COSEM",
    "IEC 62056-47",
    tcp_ports=(4059,),
    udp_ports=(4059,),
    signatures=(
        # Wrapper: version 1, both ports, length; an association, a request or an answer.
        Signature(
            (
                At(0, b"\0\x01"),
                Length(6, 2, add=8),
                Only(8, 9, b"\x60\x61\x62\x63\xc0\xc1\xc3\xc4\xc5\xc7\xc8\xcb\xd8"),
            ),
            YES,
            min_length=12,
        ),
    ),
    aliases={"ndpi": ("IEC62056",), "wireshark": ("dlms",)},
)
TRDP = Protocol(
    "trdp",
    "Train Real-time Data Protocol",
    "IEC 61375-2-3",
    tcp_ports=(17225,),
    udp_ports=(17224, 17225),
    # Number, version 1.x, kind as two letters.
    signatures=tuple(
        Signature((At(4, b"\x01\0" + kind),), YES, min_length=40)
        for kind in (b"Pd", b"Pp", b"Pr", b"Pe", b"Mn", b"Mr", b"Mp", b"Mq", b"Mc", b"Me")
    ),
    aliases={"ndpi": ("TRDP",), "wireshark": ("trdp_spy",)},
)
EGD = Protocol(
    "egd",
    "Ethernet Global Data",
    "GE GFK-2224",
    udp_ports=(18246, 7937),
    signatures=(Signature((At(0, b"\x0d\x01"),), MAYBE, "both", "udp", 32, 1432, own_port=True),),
    aliases={"ndpi": ("EthernetGlobalData",), "wireshark": ("egd",)},
)
CNP = Protocol(
    "cnp-ip",
    "CN/IP (LonWorks over IP)",
    "ISO/IEC 14908-4",
    udp_ports=(1628, 1629),
    signatures=(
        # Length, version 1, kind of packet, extended header, flags.
        Signature(
            (Length(0, 2), At(2, b"\x01"), Only(3, 4, b"\x01\x03\x04\x06\x07\x08\x60\x63\x64\x66\x68\x6e\x70\x71\x7f")),
            MAYBE,
            transport="udp",
            min_length=20,
            own_port=True,
        ),
    ),
    aliases={"ndpi": ("CNP-IP",), "wireshark": ("cnip",)},
)
ATG = Protocol(
    "atg",
    "Automatic tank gauge",
    "Veeder-Root TLS-350 serial interface",
    tcp_ports=(10001,),
    signatures=(
        # SOH, function (I asks, S sets) of five digits; the answer repeats it.
        Signature(
            (At(0, b"\x01"), Only(1, 2, b"IS"), Only(2, 6, DIGITS + b"ABCDEF"), Only(6, 0, PRINTABLE + b"\r\n")),
            MAYBE,
            "orig",
            "tcp",
            7,
            64,
        ),
        Signature(
            (Only(0, 1, b"\x01\n"), Has(b"I", 1, 4), Has(b"20", 5, 40), Only(5, 20, ASCII_TEXT)),
            MAYBE,
            "resp",
            "tcp",
            20,
        ),
    ),
    aliases={"ndpi": ("ATG",)},
)
CAN = Protocol(
    "can-ethernet",
    "Controller Area Network over UDP",
    "WAGO and PEAK gateways",
    signatures=begins("ISO11898", verdict=YES, transport="udp"),
    aliases={"ndpi": ("Controller_Area_Network",)},
)
PROTOCOLS = (FINS, ADS, HART, ESIO, SBUS, DLMS, TRDP, EGD, CNP, ATG, CAN)
