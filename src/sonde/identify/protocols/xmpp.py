"""XMPP (RFC 6120): a stream of XML, which its first element names."""

from sonde.schema import MAYBE, UTF8_TEXT, YES, At, Has, Only, Protocol, Signature, begins

PROTOCOL = Protocol(
    "xmpp",
    "Extensible Messaging and Presence Protocol",
    "RFC 6120",
    tcp_ports=(5222, 5269, 5280),
    signatures=(
        *begins("<stream:stream ", "<?xml version='1.0' ?><stream:stream", verdict=YES, transport="tcp"),
        *begins("<?xml ", verdict=YES, transport="tcp", parts=(Has(b"<stream:stream", 6, 128),)),
        *begins("<?xml ", verdict=YES, transport="tcp", parts=(Has(b"jabber:", 6, 256),)),
        *begins(
            "<presence ",
            "<iq ",
            "<message ",
            "<presence/>",
            verdict=MAYBE,
            transport="tcp",
            parts=(Only(4, 40, UTF8_TEXT),),
        ),
        *begins(
            "<?xml version='1.0'", '<?xml version="1.0"', verdict=MAYBE, transport="tcp", max_length=64, own_port=True
        ),
    ),
    starts_tls=True,
    # RFC 6120 §4.7.2: whom the stream is to.
    applications=(
        ("truphone", Signature((At(0, b"<"), Has(b"truphone.com", 16, 400)), YES, "orig", "tcp")),
        ("kakaotalk", Signature((At(0, b"<"), Has(b"kakao.com", 16, 400)), YES, "orig", "tcp")),
        ("google-chat", Signature((At(0, b"<"), Has(b'to="gmail.com"', 16, 400)), YES, "orig", "tcp")),
        ("messenger", Signature((At(0, b"<"), Has(b"chat.facebook.com", 16, 400)), YES, "orig", "tcp")),
    ),
    aliases={"ndpi": ("Jabber",), "zeek": ("xmpp",), "wireshark": ("xmpp",)},
)
