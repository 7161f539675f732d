"""RTSP (RFC 7826, RFC 2326)."""

from sonde.schema import YES, Has, Protocol, begins

METHODS = (
    "OPTIONS ",
    "DESCRIBE ",
    "ANNOUNCE ",
    "SETUP ",
    "PLAY ",
    "PAUSE ",
    "TEARDOWN ",
    "GET_PARAMETER ",
    "SET_PARAMETER ",
    "RECORD ",
    "REDIRECT ",
)

PROTOCOL = Protocol(
    "rtsp",
    "Real-Time Streaming Protocol",
    "RFC 7826",
    tcp_ports=(554, 8554, 7070),
    udp_ports=(554,),
    signatures=(
        *begins("RTSP/1.0 ", "RTSP/2.0 ", verdict=YES),
        *begins(*(f"{method}rtsp" for method in METHODS), verdict=YES),
        *begins(*(f"{method}* RTSP/" for method in METHODS[:1]), verdict=YES),
        *begins(*METHODS, verdict=YES, parts=(Has(b" RTSP/1.0\r\n", 5, 256),)),
    ),
    announces=("rtsp", "rtp"),
    aliases={"ndpi": ("RTSP",), "wireshark": ("rtsp",)},
)
