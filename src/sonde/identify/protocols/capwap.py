"""CAPWAP (RFC 5415): between wireless access points and their controller."""

from sonde.schema import MAYBE, YES, At, Number, Only, Protocol, Signature

PROTOCOL = Protocol(
    "capwap",
    "Control And Provisioning of Wireless Access Points",
    "RFC 5415",
    udp_ports=(5246, 5247),
    signatures=(
        # §4.3: preamble 0 (no DTLS), header length in words, radio; discovery and its answer, not fragmented.
        Signature((At(0, b"\0\x10\x02\0\0\0\0\0\0\0\0"), Number(11, 1, 1, 2)), YES, transport="udp"),
        # §4.2: preamble 1, reserved; then a DTLS record.
        Signature(
            (At(0, b"\x01\0\0\0"), Number(4, 1, 20, 23), At(5, b"\xfe"), Only(6, 7, b"\xfd\xff")), YES, transport="udp"
        ),
        # Data or control in clear: binding of 802.11 (1) or none; fragment number and offset are zero.
        Signature(
            (At(0, b"\0"), Number(1, 1, 0x10, 0x48), At(4, bytes(4))),
            MAYBE,
            transport="udp",
            min_length=16,
            own_port=True,
        ),
    ),
    aliases={"ndpi": ("CAPWAP",), "wireshark": ("capwap",)},
)
