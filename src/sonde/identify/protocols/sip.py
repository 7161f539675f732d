"""SIP (RFC 3261), on datagrams and streams alike."""

from sonde.schema import DIGITS, MAYBE, YES, Has, Only, Protocol, begins

# RFC 3261 §7.1, RFC 3262, RFC 3265, RFC 3311, RFC 3428, RFC 3515, RFC 3903, RFC 6086
METHODS = (
    "INVITE ",
    "ACK ",
    "BYE ",
    "CANCEL ",
    "OPTIONS ",
    "REGISTER ",
    "PRACK ",
    "SUBSCRIBE ",
    "NOTIFY ",
    "PUBLISH ",
    "INFO ",
    "REFER ",
    "MESSAGE ",
    "UPDATE ",
)
SCHEMES = (b"sip:", b"sips:", b"tel:")

PROTOCOL = Protocol(
    "sip",
    "Session Initiation Protocol",
    "RFC 3261",
    tcp_ports=(5060,),
    udp_ports=(5060, 5061),
    signatures=(
        *begins("SIP/2.0 ", verdict=YES, parts=(Only(8, 11, DIGITS),)),
        *(
            begun
            for scheme in SCHEMES
            for begun in begins(*(method.encode() + scheme for method in METHODS), verdict=YES, folded=True)
        ),
        # A method that we do not know, or a damaged target, still names the version.
        *begins(*METHODS, verdict=YES, parts=(Has(b" SIP/2.0\r\n", 4, 256),)),
        # RFC 5626 §4.4.1: what keeps a binding alive.
        *begins("\r\n\r\n", verdict=MAYBE, max_length=4, own_port=True),
    ),
    announces=("sdp", "rtp"),
    aliases={"ndpi": ("SIP",), "zeek": ("sip",), "wireshark": ("sip",)},
)
