"""DICOM's upper layer (PS3.8 §9.3): a request to associate names both sides."""

from sonde.schema import PRINTABLE, YES, At, Length, Only, Protocol, Signature

PROTOCOL = Protocol(
    "dicom",
    "DICOM",
    "DICOM PS3.8",
    tcp_ports=(104, 11112),
    signatures=(
        Signature(
            (At(0, b"\x01\0"), Length(2, 4, add=6, fit="begun"), At(6, b"\0\x01\0\0"), Only(10, 42, PRINTABLE)),
            YES,
            "orig",
            "tcp",
            74,
        ),
        Signature((At(0, b"\x02\0"), Length(2, 4, add=6, fit="begun"), At(6, b"\0\x01\0\0")), YES, "resp", "tcp", 74),
    ),
    aliases={"wireshark": ("dicom",)},
)
