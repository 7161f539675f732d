"""SMB (MS-CIFS; MS-SMB2 for versions 2 and 3), directly over TCP or in a NetBIOS session."""

from sonde.schema import YES, At, Protocol, Signature

MARKS = (b"\xffSMB", b"\xfeSMB", b"\xfdSMB", b"\xfcSMB")  # MS-CIFS §2.2.3.1, MS-SMB2 §2.2.1, §2.2.41, §2.2.42

PROTOCOL = Protocol(
    "smb",
    "Server Message Block",
    "MS-SMB2",
    tcp_ports=(445,),
    signatures=(
        # RFC 1002 §4.3.1: a session message; its length has 17 bits there and 24 directly over TCP.
        *(Signature((At(0, b"\0"), At(4, mark)), YES, transport="tcp") for mark in MARKS),
        # Behind the answer to a session request.
        *(Signature((At(0, b"\x82\0\0\0\0"), At(8, mark)), YES, transport="tcp") for mark in MARKS[:2]),
    ),
    aliases={"ndpi": ("SMBv1", "SMBv23"), "zeek": ("smb",), "wireshark": ("smb", "smb2")},
)
