"""Git's own transport (git's gitprotocol-pack): lines with their length in four hexadecimal digits."""

from sonde.schema import HEX_DIGITS, YES, At, Only, Protocol, Signature

PROTOCOL = Protocol(
    "git",
    "Git",
    "gitprotocol-pack",
    tcp_ports=(9418,),
    signatures=tuple(
        Signature((Only(0, 4, HEX_DIGITS), At(4, command)), YES, "orig", "tcp")
        for command in (b"git-upload-pack ", b"git-receive-pack ", b"git-upload-archive ")
    ),
    aliases={"ndpi": ("Git",), "wireshark": ("git",)},
)
