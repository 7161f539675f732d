"""Services that others find and keep state by: ZooKeeper (its client protocol), Neo4j's Bolt."""

from sonde.schema import MAYBE, YES, At, Length, Number, Protocol, Signature, begins

ZOOKEEPER = Protocol(
    "zookeeper",
    "Apache ZooKeeper",
    "ZooKeeper client protocol",
    tcp_ports=(2181,),
    signatures=(
        # To connect: length, version 0, last transaction, time-out, session, password of 16 octets, read-only.
        Signature(
            (Length(0, 4, add=4), At(4, bytes(4)), Number(16, 4, 1000, 600_000), At(28, b"\0\0\0\x10")),
            YES,
            "orig",
            "tcp",
            48,
            49,
        ),
        *begins(
            "ruok",
            "stat",
            "srvr",
            "mntr",
            "conf",
            "envi",
            verdict=MAYBE,
            side="orig",
            transport="tcp",
            max_length=5,
            own_port=True,
        ),
        *begins("imok", "Zookeeper version: ", verdict=MAYBE, side="resp", transport="tcp"),
    ),
    aliases={"wireshark": ("zookeeper",)},
)
BOLT = Protocol(
    "bolt",
    "Neo4j Bolt",
    "Bolt handshake specification",
    tcp_ports=(7687,),
    signatures=(Signature((At(0, b"\x60\x60\xb0\x17"),), YES, "orig", "tcp", 20),),
)
PROTOCOLS = (ZOOKEEPER, BOLT)
