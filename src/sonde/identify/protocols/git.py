"""Git's own transport (git's gitprotocol-pack, gitprotocol-v2): lines with their length in four hexadecimal digits."""

from sonde.schema import HEX_DIGITS, YES, At, Only, Protocol, Signature

PROTOCOL = Protocol(
    "git",
    "Git",
    "gitprotocol-pack",
    tcp_ports=(9418,),
    signatures=(
        *(
            Signature((Only(0, 4, HEX_DIGITS), At(4, command)), YES, "orig", "tcp")
            for command in (b"git-upload-pack ", b"git-receive-pack ", b"git-upload-archive ", b"command=")
        ),
        Signature((At(0, b"000eversion "), Only(12, 13, b"12"), At(13, b"\n")), YES, "resp", "tcp"),
    ),
    aliases={"ndpi": ("Git",), "wireshark": ("git",)},
)
