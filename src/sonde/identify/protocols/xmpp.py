"""XMPP (RFC 6120): a stream of XML, which its first element names."""

from sonde.schema import MAYBE, UTF8_TEXT, YES, Has, Only, Protocol, begins

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
    aliases={"ndpi": ("Jabber",), "zeek": ("xmpp",), "wireshark": ("xmpp",)},
)
