"""Berkeley's remote services: rsh (RFC 1282 kin; rcmd(3)), rlogin (RFC 1282)."""

from sonde.schema import DIGITS, MAYBE, PRINTABLE, At, Has, Only, Protocol, Signature

RSH = Protocol(
    "rsh",
    "Remote shell",
    "rcmd(3)",
    tcp_ports=(514,),
    signatures=(
        # The port for errors as digits, ended by zero; the two users' names and the command follow.
        *(
            Signature(
                (Only(0, digits, DIGITS), At(digits, b"\0")), MAYBE, "orig", "tcp", digits + 1, 400, own_port=True
            )
            for digits in (3, 4)
        ),
    ),
    aliases={"ndpi": ("RSH",), "wireshark": ("rsh",)},
)
RLOGIN = Protocol(
    "rlogin",
    "Remote login",
    "RFC 1282",
    tcp_ports=(513,),
    signatures=(
        # §2: zero, both users' names, terminal and speed, each ended by zero.
        Signature(
            (At(0, b"\0"), Only(1, 2, PRINTABLE), Has(b"\0", 2, 40), Has(b"00\0", 6, 120)),
            MAYBE,
            "orig",
            "tcp",
            10,
            200,
            own_port=True,
        ),
    ),
    aliases={"zeek": ("rlogin",), "wireshark": ("rlogin",)},
)
PROTOCOLS = (RSH, RLOGIN)
