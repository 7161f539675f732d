"""Valve's protocols: Source engine queries (Valve developer wiki), Steam's discovery, relays and client connections."""

from sonde.schema import MAYBE, YES, At, Length, Only, Protocol, Signature, begins

SOURCE = Protocol(
    "source-engine",
    "Source engine queries",
    "Valve developer wiki",
    udp_ports=(27015, 27016),
    signatures=(
        *begins("\xff\xff\xff\xffTSource Engine Query\0", verdict=YES, transport="udp"),
        *begins("\xff\xff\xff\xffI\x11", "\xff\xff\xff\xffm", verdict=MAYBE, transport="udp"),
        Signature((At(0, b"\xff\xff\xff\xff"), Only(4, 5, b"UVW")), MAYBE, "orig", "udp", 9, 9),
        Signature((At(0, b"\xff\xff\xff\xff"), Only(4, 5, b"ADE")), MAYBE, "resp", "udp"),
    ),
    aliases={"ndpi": ("Source_Engine", "HalfLife2")},
)
STEAM = Protocol(
    "steam",
    "Steam",
    "observed",
    tcp_ports=(27017, 27018, 27019),
    udp_ports=(27036,),
    signatures=(
        *begins("\xff\xff\xff\xff\x21\x4c\x5f\xa0", verdict=YES, transport="udp"),  # Remote Play discovery
        *begins("VS01", verdict=YES, transport="udp", min_length=36),
        Signature((Length(0, 4, add=8, little=True), At(4, b"VT01")), YES, transport="tcp"),
    ),
    aliases={"ndpi": ("Steam",), "wireshark": ("steam_ihs_discovery",)},
)
RELAY = Protocol(
    "steam-datagram-relay",
    "Steam Datagram Relay",
    "observed",
    signatures=(Signature((At(0, b"\x01\x81sdping"),), YES, transport="udp"),),
    aliases={"ndpi": ("SteamDatagramRelay",)},
)
QUAKE = Protocol(
    "quake",
    "Quake engine queries",
    "Quake 3 source",
    udp_ports=(27960, 27961, 26000),
    signatures=begins(
        "\xff\xff\xff\xffgetstatus",
        "\xff\xff\xff\xffgetinfo",
        "\xff\xff\xff\xffgetchallenge",
        "\xff\xff\xff\xffgetservers",
        "\xff\xff\xff\xffinfoResponse",
        "\xff\xff\xff\xffstatusResponse",
        "\xff\xff\xff\xffchallengeResponse",
        verdict=YES,
        transport="udp",
    ),
    aliases={"wireshark": ("quake3",)},
)
PROTOCOLS = (SOURCE, STEAM, RELAY, QUAKE)
