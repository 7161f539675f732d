"""Vendors' own protocols with a plain mark, as observed: Avast, Alibaba Cloud's agent, Softnyx and the like are left out."""

from sonde.schema import MAYBE, YES, At, Has, Length, Number, Only, Protocol, Signature, begins

AVAST = Protocol(
    "avast",
    "Avast antivirus",
    "observed",
    # "NOSA", then the length of the message.
    signatures=begins("NOSA", verdict=YES, transport="tcp", parts=(Length(4, 2, fit="within"),), min_length=12),
    aliases={"ndpi": ("AVAST",)},
)
ALICLOUD = Protocol(
    "alicloud",
    "Alibaba Cloud agent",
    "observed",
    # 0xCEFABEBA, a length, little-endian; what follows is encrypted.
    signatures=begins("\xce\xfa\xbe\xba", verdict=YES, transport="tcp", parts=(Number(4, 4, 1, 0xFFFFF, little=True),)),
    aliases={"ndpi": ("AliCloud",)},
)
EAQ = Protocol(
    "eaq",
    "EAQ measurement",
    "observed",
    udp_ports=(6000,),
    # Sixteen octets: number, time in seconds and microseconds, size.
    signatures=(
        Signature(
            (At(0, b"\0\0"), At(4, b"\0\0"), At(8, b"\0"), At(12, b"\0\0"), Only(14, 15, b"\x60\x90"), At(15, b"\0")),
            MAYBE,
            "both",
            "udp",
            16,
            16,
            own_port=True,
        ),
    ),
    aliases={"ndpi": ("EAQ",)},
)
OOKLA = Protocol(
    "ookla",
    "Ookla Speedtest",
    "observed",
    tcp_ports=(5060, 8080),
    signatures=(
        *begins("HELLO 2.", "HELLO 3.", verdict=YES, side="resp", transport="tcp", parts=(Has(b" 20", 6, 20),)),
        *begins("HI\n", "HI ", verdict=MAYBE, side="orig", transport="tcp", max_length=64, own_port=True),
    ),
    aliases={"ndpi": ("Ookla",)},
)
CHECKPOINT = Protocol(
    "cphap",
    "Check Point high availability",
    "Check Point ClusterXL",
    udp_ports=(8116,),
    signatures=(Signature((At(0, b"\x1a\x90"), Number(2, 2, 1, 0x1000)), MAYBE, "both", "udp", 24),),
    aliases={"ndpi": ("CPHA",), "wireshark": ("cpha",)},
)
LOTUS = Protocol(
    "lotus-notes",
    "HCL (Lotus) Notes",
    "observed",
    tcp_ports=(1352,),
    signatures=(Signature((At(0, b"", b""), At(6, b"\0\0\x02\0\0\x40\x02\x0f")), YES, "orig", "tcp", 17),),
    aliases={"ndpi": ("LotusNotes",)},
)
SAP = Protocol(
    "sap-ni",
    "SAP network interface",
    "SAP, as described in public",
    tcp_ports=(3200, 3299, 3300),
    signatures=(
        Signature((Length(0, 4, add=4), At(4, b"NI_")), YES, transport="tcp"),
        # DIAG: communication flags and mode of a first message, and its length.
        Signature(
            (Length(0, 4, add=4), At(4, b"\xff\xff\xff\xff"), Has(b"\x10\x04", 200, 420)), MAYBE, "orig", "tcp", 200
        ),
    ),
    aliases={"ndpi": ("SAP",), "wireshark": ("sapni",)},
)
JRMI = Protocol(
    "java-rmi",
    "Java RMI",
    "Java RMI specification §10.2",
    tcp_ports=(1098, 1099),
    signatures=(Signature((At(0, b"JRMI\0"), Number(5, 1, 1, 2), Number(6, 1, 0x4B, 0x4D)), YES, "orig", "tcp"),),
    aliases={"ndpi": ("JRMI",), "wireshark": ("rmi",)},
)
RPC_OVER_HTTP = Protocol(
    "rpc-over-http",
    "RPC over HTTP",
    "MS-RPCH",
    tcp_ports=(593,),
    signatures=begins("ncacn_http/1.0", verdict=YES, side="resp", transport="tcp"),
    aliases={"ndpi": ("MS-RPCH",)},
)
ICECAST = Protocol(
    "icecast",
    "Icecast and SHOUTcast",
    "SHOUTcast documentation",
    tcp_ports=(8001,),
    signatures=(
        *begins("ICY 200 OK", verdict=YES, side="resp", transport="tcp"),
        *begins("SOURCE /", verdict=YES, side="orig", transport="tcp", parts=(Has(b"\nice-", 8, 512),)),
    ),
    aliases={"ndpi": ("IceCast",), "wireshark": ("icap",)},
)
VHUA = Protocol(
    "vhua",
    "VHUA",
    "observed",
    udp_ports=(58267,),
    signatures=begins("\x05\x14\x3a\x05\x08\xf8\xa1\xb1\x03", verdict=YES, transport="udp"),
    aliases={"ndpi": ("VHUA",)},
)
NANO = Protocol(
    "nano",
    "Nano network",
    "Nano node protocol",
    tcp_ports=(7075,),
    udp_ports=(7075,),
    # "R", network, versions (highest, used, lowest), type, extensions.
    signatures=(
        Signature(
            (
                At(0, b"R"),
                Only(1, 2, b"ABCX"),
                Number(2, 1, 13, 40),
                Number(3, 1, 13, 40),
                Number(4, 1, 13, 40),
                Number(5, 1, 2, 15),
            ),
            YES,
        ),
    ),
    aliases={"ndpi": ("Nano",), "wireshark": ("nano",)},
)
PROTOCOLS = (AVAST, ALICLOUD, EAQ, OOKLA, CHECKPOINT, LOTUS, SAP, JRMI, RPC_OVER_HTTP, ICECAST, VHUA, NANO)
