"""Devices at home that find and steer each other: Dropbox and Syncthing (their documentation), Spotify, Tuya, TP-Link, Sonos, TiVo, as described in public."""

from sonde.schema import MAYBE, YES, At, Has, Length, Number, Only, Protocol, Signature, begins

DROPBOX = Protocol(
    "dropbox-lansync",
    "Dropbox LAN sync",
    "observed",
    udp_ports=(17500,),
    tcp_ports=(17500,),
    signatures=begins('{"', verdict=YES, transport="udp", parts=(Has(b'"host_int":', 1, 64),)),
    aliases={"ndpi": ("Dropbox",), "wireshark": ("db-lsp-disc",)},
)
SPOTIFY = Protocol(
    "spotify",
    "Spotify",
    "observed",
    tcp_ports=(4070,),
    udp_ports=(57621,),
    signatures=(
        *begins("SpotUdp0", verdict=YES, transport="udp"),
        # The access point's protocol: 0, 4, length; a first field with Diffie-Hellman and client.
        Signature((At(0, b"\0\x04\0\0"), Length(2, 4), At(6, b"\x52"), Has(b"\x50", 8, 10)), YES, "orig", "tcp"),
    ),
    aliases={"ndpi": ("Spotify",)},
)
SYNCTHING = Protocol(
    "syncthing",
    "Syncthing",
    "Syncthing block exchange and local discovery",
    udp_ports=(21027,),
    tcp_ports=(22000,),
    signatures=begins("\x2e\xa7\xd9\x0b", verdict=YES),
    aliases={"ndpi": ("Syncthing",), "wireshark": ("bep",)},
)
TUYA = Protocol(
    "tuya",
    "Tuya local protocol",
    "public descriptions",
    tcp_ports=(6668,),
    udp_ports=(6666, 6667, 7000),
    signatures=(
        Signature((At(0, b"\0\0\x55\xaa"), At(-4, b"\0\0\xaa\x55")), YES),
        Signature((At(0, b"\0\0\x66\x99"), At(-4, b"\0\0\x99\x66")), YES),
    ),
    aliases={"ndpi": ("TuyaLP",)},
)
TPLINK = Protocol(
    "tplink-smarthome",
    "TP-Link smart home",
    "public descriptions",
    tcp_ports=(9999,),
    udp_ports=(9999, 20002),
    signatures=(
        # {"system":{ and {"emeter": under the cipher that begins with 171; over TCP behind a length.
        Signature((At(0, b"\xd0\xf2\x81\xf8\x8b\xff\x9a\xf7"),), YES, transport="udp"),
        Signature((Length(0, 4, add=4), At(4, b"\xd0\xf2\x81\xf8\x8b\xff\x9a\xf7")), YES, transport="tcp"),
        Signature((At(0, b"\xd0\xf2\x97\xfa\x9f\xeb\x8e\xfc\xde"),), YES, transport="udp"),
        Signature((Length(0, 4, add=4), At(4, b"\xd0\xf2\x97\xfa\x9f\xeb\x8e\xfc\xde")), YES, transport="tcp"),
    ),
    aliases={"ndpi": ("TPLINK_SHP",), "wireshark": ("tplink-smarthome",)},
)
TIVO = Protocol(
    "tivo-connect",
    "TiVoConnect discovery",
    "TiVoConnect Automatic Machine Discovery",
    tcp_ports=(2190,),
    udp_ports=(2190,),
    signatures=begins("tivoconnect=", verdict=YES, folded=True),
    aliases={"ndpi": ("TiVoConnect",), "wireshark": ("tivoconnect",)},
)
UBIQUITI = Protocol(
    "ubiquiti-discovery",
    "Ubiquiti discovery",
    "public descriptions",
    udp_ports=(10001,),
    signatures=(
        Signature(
            (Number(0, 1, 1, 2), Only(1, 2, b"\0\x08"), At(2, b"\0\0")), MAYBE, "both", "udp", 4, 4, own_port=True
        ),
        # Version, command, length; the first value is the hardware address.
        Signature(
            (
                Number(0, 1, 1, 2),
                Number(1, 1, 0, 11),
                Length(2, 2, add=4),
                Number(4, 1, 1, 2),
                At(5, b"\0"),
                Only(6, 7, b"\x06\x0a"),
            ),
            YES,
            transport="udp",
        ),
    ),
    aliases={"ndpi": ("UBNTAC2",), "wireshark": ("ubdp",)},
)
XIAOMI = Protocol(
    "xiaomi-push",
    "Xiaomi push",
    "observed",
    tcp_ports=(5222,),
    signatures=(Signature((At(0, b"\xc2\xfe\0\x05"), Length(4, 4, add=12)), YES, transport="tcp"),),
    aliases={"ndpi": ("Xiaomi",)},
)
MIIO = Protocol(
    "miio",
    "Xiaomi miIO",
    "public descriptions",
    udp_ports=(54321,),
    signatures=(Signature((At(0, b"\x21\x31"), Length(2, 2)), YES, "both", "udp", 32),),
)
KISMET = Protocol(
    "kismet",
    "Kismet server",
    "Kismet documentation",
    tcp_ports=(2501,),
    signatures=begins("*KISMET: ", "*KISMET:", verdict=YES, side="resp", transport="tcp"),
    aliases={"ndpi": ("Kismet",), "wireshark": ("kismet",)},
)
LIFX = Protocol(
    "lifx",
    "LIFX",
    "LIFX LAN protocol",
    udp_ports=(56700,),
    # Size, protocol number 1024 with the addressable bit (and tagged), reserved zeros.
    signatures=(
        Signature(
            (Length(0, 2, little=True), At(2, b"\0"), Only(3, 4, b"\x14\x34"), At(16, bytes(6))), YES, "both", "udp", 36
        ),
    ),
    aliases={"wireshark": ("lifx",)},
)
PROTOCOLS = (DROPBOX, SPOTIFY, SYNCTHING, TUYA, TPLINK, TIVO, UBIQUITI, XIAOMI, MIIO, KISMET, LIFX)
