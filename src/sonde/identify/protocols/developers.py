"""What developers' tools speak: debuggers, compilers that share work, version control, machines' monitors."""

from sonde.schema import MAYBE, YES, At, Has, Length, Only, Protocol, Signature, begins

JDWP = Protocol(
    "jdwp",
    "Java Debug Wire Protocol",
    "JDWP specification",
    tcp_ports=(8000, 5005),
    signatures=begins("JDWP-Handshake", verdict=YES, transport="tcp", max_length=64),
    aliases={"wireshark": ("jdwp",)},
)
ADB = Protocol(
    "adb",
    "Android Debug Bridge",
    "AOSP adb protocol.txt",
    tcp_ports=(5555,),
    # Command, two arguments, length, checksum; the command again, its bits inverted.
    signatures=tuple(
        Signature((At(0, word), At(20, bytes(octet ^ 0xFF for octet in word))), YES, transport="tcp", min_length=24)
        for word in (b"CNXN", b"AUTH", b"STLS", b"OPEN", b"OKAY", b"WRTE", b"CLSE")
    ),
    aliases={"wireshark": ("adb",)},
)
GDB = Protocol(
    "gdb-remote",
    "GDB remote serial protocol",
    "GDB manual, appendix E",
    tcp_ports=(1234, 2159),
    signatures=(
        *begins("+$qSupported:", "$qSupported:", verdict=YES, side="orig", transport="tcp"),
        Signature((Only(0, 1, b"+$"), Has(b"PacketSize=", 1, 16), Has(b"#", 8, 2048)), YES, "resp", "tcp"),
    ),
    aliases={"wireshark": ("gdb",)},
)
DBGP = Protocol(
    "dbgp",
    "DBGp",
    "DBGP common debugger protocol",
    tcp_ports=(9000, 9003),
    # A length in digits, zero, then XML.
    signatures=(
        Signature((Only(0, 1, b"123456789"), Has(b"\0<?xml", 1, 12), Has(b'"urn:debugger_protocol_v1"', 20, 400)), YES),
    ),
    aliases={"wireshark": ("dbgp",)},
)
USBIP = Protocol(
    "usbip",
    "USB/IP",
    "Linux kernel documentation usbip_protocol",
    tcp_ports=(3240,),
    # Version 1.1.1, a request or reply for the list or an import, status 0.
    signatures=tuple(
        Signature((At(0, b"\x01\x11" + code + bytes(4)),), YES, side, "tcp")
        for code, side in ((b"\x80\x05", "orig"), (b"\x80\x03", "orig"), (b"\0\x05", "resp"), (b"\0\x03", "resp"))
    ),
    aliases={"wireshark": ("usbip",)},
)
PERFORCE = Protocol(
    "perforce",
    "Perforce",
    "observed",
    tcp_ports=(1666,),
    # Variables with lengths; a client tells its function, "protocol".
    signatures=(
        Signature((Has(b"func\0\x08\0\0\0protocol\0", 5, 4000),), MAYBE, transport="tcp", min_length=40, own_port=True),
    ),
)
CVS = Protocol(
    "cvs-pserver",
    "CVS pserver",
    "CVS client/server protocol",
    tcp_ports=(2401,),
    signatures=begins(
        "BEGIN AUTH REQUEST\n", "BEGIN VERIFICATION REQUEST\n", verdict=YES, side="orig", transport="tcp"
    ),
    aliases={"wireshark": ("cvspserver",)},
)
DISTCC = Protocol(
    "distcc",
    "distcc",
    "distcc protocol",
    tcp_ports=(3632,),
    signatures=(
        Signature((At(0, b"DIST0000000"), Only(11, 12, b"123"), At(12, b"ARGC")), YES, "orig", "tcp"),
        Signature((At(0, b"DONE0000000"), Only(11, 12, b"123"), At(12, b"STAT")), YES, "resp", "tcp"),
    ),
    aliases={"wireshark": ("distcc",)},
)
QMP = Protocol(
    "qmp",
    "QEMU Machine Protocol",
    "QEMU QMP specification",
    tcp_ports=(4444,),
    signatures=begins('{"QMP": {"version"', verdict=YES, side="resp", transport="tcp"),
)
LIBVIRT = Protocol(
    "libvirt",
    "libvirt remote protocol",
    "libvirt RPC documentation",
    tcp_ports=(16509,),
    # Length, program, version 1.
    signatures=(Signature((Length(0, 4), At(4, b"\x20\0\x80\x86\0\0\0\x01")), YES, transport="tcp", min_length=28),),
    aliases={"wireshark": ("libvirt",)},
)
LANGUAGE_SERVER = Protocol(
    "language-server",
    "Language Server and Debug Adapter protocols",
    "LSP 3.17",
    # JSON behind a head of one field.
    signatures=begins(
        "Content-Length: ", verdict=YES, transport="tcp", parts=(Has(b'\r\n\r\n{"', 17, 80), Has(b'":', 20, 120))
    ),
)
PROTOCOLS = (JDWP, ADB, GDB, DBGP, USBIP, PERFORCE, CVS, DISTCC, QMP, LIBVIRT, LANGUAGE_SERVER)
