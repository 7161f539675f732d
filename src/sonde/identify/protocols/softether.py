"""SoftEther VPN (its source): asking for one's own address, keeping connections alive, packs of named values."""

from sonde.schema import MAYBE, YES, At, Has, Number, Protocol, Signature, begins

PROTOCOL = Protocol(
    "softether",
    "SoftEther VPN",
    "SoftEther source",
    udp_ports=(5004,),
    signatures=(
        *begins("IP=", verdict=YES, transport="udp", parts=(Has(b",PORT=", 10, 48),), max_length=64),
        *begins("A", verdict=MAYBE, transport="udp", max_length=1, own_port=True),
        # A pack: how many values, then the length of the first name and the name.
        *(
            Signature((At(0, bytes(3)), Number(3, 1, 1, 64), At(4, bytes(3)), Has(name, 8, 400)), YES, transport="udp")
            for name in (b"opcode", b"tran_id", b"get_token", b"svc_name")
        ),
        *begins("VPNCONNECT", verdict=YES, transport="tcp"),
    ),
    aliases={"ndpi": ("Softether",)},
)
