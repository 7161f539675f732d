"""FIX, the Financial Information eXchange (FIX 4.x and FIXT 1.1, "Message format"): fields, each ended by SOH."""

from sonde.schema import YES, Has, Protocol, begins

PROTOCOL = Protocol(
    "fix",
    "Financial Information eXchange",
    "FIX Protocol",
    signatures=(
        *begins("8=FIX", verdict=YES, transport="tcp"),
        # The second field is always the length, tag 9.
        *begins("8=", verdict=YES, transport="tcp", parts=(Has(b"\x019=", 3, 16), Has(b"\x0135=", 5, 32))),
    ),
    aliases={"ndpi": ("FIX",), "wireshark": ("fix",)},
)
