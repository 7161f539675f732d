"""BitTorrent: peers (BEP 3), DHT (BEP 5), local discovery (BEP 14), trackers over UDP (BEP 15), uTP (BEP 29).

What is encrypted on purpose (message stream encryption) stays unknown.
"""

from sonde.schema import MAYBE, YES, At, Number, Protocol, Signature, begins

# BEP 5: messages are dictionaries; their keys stand in order, so these begin them.
DHT = ("d1:ad2:id20:", "d1:rd2:id20:", "d1:eli20", "d2:ip6:", "d2:ip18:", "d1:ad2:bs", "d1:rd2:id2")
CONNECT = b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0"  # BEP 15: the magic number, and action 0
UTP = (0x01, 0x11, 0x21, 0x31)  # BEP 29: type in the high half, version 1 in the low
UTP_SYN = 0x41

PROTOCOL = Protocol(
    "bittorrent",
    "BitTorrent",
    "BEP 3",
    tcp_ports=(6881, 6882, 6883, 6884, 6885, 6886, 6887, 6888, 6889),
    udp_ports=(6771, 6881, 6882, 6883, 6884, 6885, 6886, 6887, 6888, 6889, 51413),
    signatures=(
        *begins("\x13BitTorrent protocol", verdict=YES),
        *begins(*DHT, verdict=YES, transport="udp"),
        *begins("BT-SEARCH * HTTP/1.1\r\n", verdict=YES, transport="udp"),
        Signature((At(0, CONNECT),), YES, transport="udp", min_length=16, max_length=16),
        # A connection begins with version 1, extension or none, and its first sequence number.
        Signature((At(0, bytes([UTP_SYN])), Number(1, 1, 0, 3), At(16, b"\0\x01\0\0")), YES, "orig", "udp", 20, 64),
        Signature((At(0, bytes([UTP_SYN])), Number(1, 1, 0, 2)), MAYBE, transport="udp", min_length=20, max_length=64),
        # The window is neither empty nor beyond 16 MiB; no extension, or one of selective
        # acknowledgement (next none, length a word or two), or an older one with the window full.
        *(
            Signature((At(0, bytes([kind])), *extension), MAYBE, transport="udp", min_length=20)
            for kind in UTP
            for extension in (
                (At(1, b"\0"), Number(12, 4, 1024, 0xFFFFFF)),
                (At(1, b"\x01"), Number(12, 4, 1024, 0xFFFFFF), At(20, b"\0"), Number(21, 1, 4, 8)),
                (At(1, b"\x02"), At(12, b"\x7f\xff\xff\xff")),
            )
        ),
    ),
    aliases={"ndpi": ("BitTorrent",), "wireshark": ("bittorrent", "bt-dht", "bt-utp")},
)
