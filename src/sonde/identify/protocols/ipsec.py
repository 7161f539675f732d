"""IPsec: key exchange (IKE, RFC 7296; ISAKMP, RFC 2408), ESP in datagrams (RFC 3948), ESP and AH by themselves."""

from sonde.schema import MAYBE, YES, At, Length, Number, Protocol, Signature, begins

# RFC 7296 §3.1, RFC 2408 §3.1: exchange types of both versions.
EXCHANGES = {b"\x10": ((1, 6), (32, 33)), b"\x20": ((34, 38), (43, 44))}


def _headers(shift: int, mark: bytes, transport: str) -> tuple[Signature, ...]:
    """Declare headers of 28 octets, `shift` octets into the payload."""
    return tuple(
        Signature(
            (At(0, mark), At(shift + 17, version), Number(shift + 18, 1, *bounds), Length(shift + 24, 4, add=shift)),
            YES,
            transport=transport,
            min_length=shift + 28,
        )
        for version, exchanges in EXCHANGES.items()
        for bounds in exchanges
    )


IKE = Protocol(
    "ike",
    "Internet Key Exchange",
    "RFC 7296",
    udp_ports=(500, 4500),
    tcp_ports=(500, 4500),
    signatures=(
        *_headers(0, b"", "udp"),
        *_headers(4, b"\0\0\0\0", "udp"),  # RFC 3948 §2.2: the mark that it is not ESP
        *begins("IKETCP", verdict=YES, transport="tcp"),  # RFC 8229 §4
    ),
    aliases={"ndpi": ("IPSec",), "wireshark": ("isakmp", "ike")},
)
ESP = Protocol(
    "esp",
    "IP Encapsulating Security Payload",
    "RFC 4303",
    udp_ports=(4500,),
    ip_protocols=(50,),
    signatures=(
        # RFC 3948 §2.1: the SPI is above 255 (RFC 4303 §2.1), the sequence begins with 1; words fill it.
        Signature(
            (Number(0, 4, 256, 0xFFFFFFFF), Number(4, 4, 1, 0xFFFF)),
            MAYBE,
            transport="udp",
            min_length=28,
            step=4,
            own_port=True,
        ),
        # RFC 3948 §2.3: keeps the mapping alive.
        Signature((At(0, b"\xff"),), MAYBE, transport="udp", max_length=1, own_port=True),
    ),
    aliases={"ndpi": ("IPSec",), "wireshark": ("esp", "udpencap")},
)
AH = Protocol(
    "ah",
    "IP Authentication Header",
    "RFC 4302",
    ip_protocols=(51,),
    aliases={"ndpi": ("IPSec",), "wireshark": ("ah",)},
)
PROTOCOLS = (IKE, ESP, AH)
