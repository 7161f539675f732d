"""Databases and what keeps data in memory, by what their clients begin with: their vendors' documentation."""

from sonde.schema import LETTERS, MAYBE, PRINTABLE, YES, At, Has, Length, Number, Only, Protocol, Signature, begins

FIREBIRD = Protocol(
    "firebird",
    "Firebird and InterBase",
    "Firebird protocol.h",
    tcp_ports=(3050,),
    signatures=(
        # XDR: connect (1), attach or create (19, 20), version of that (2, 3).
        Signature((At(0, b"\0\0\0\x01\0\0\0"), Number(7, 1, 19, 20), Number(8, 4, 2, 3)), YES, "orig", "tcp", 32),
        Signature(
            (At(0, b"\0\0\0"), Only(3, 4, b"\x03\x5e\x62"), Only(4, 6, b"\xff\x80\0"), Number(8, 4, 1, 40)),
            MAYBE,
            "resp",
            "tcp",
            16,
        ),
    ),
    aliases={"wireshark": ("gdsdb",)},
)
HANA = Protocol(
    "hana",
    "SAP HANA SQL command network protocol",
    "SAP HANA SQL Command Network Protocol",
    tcp_ports=(30013, 30015, 39015),
    # An initialization request: a filler, product and protocol versions, one option: byte order.
    signatures=begins(
        "\xff\xff\xff\xff\x04\x20\x00\x04\x01\x00\x00\x01\x01", verdict=YES, side="orig", transport="tcp"
    ),
    aliases={"wireshark": ("saphdb",)},
)
RETHINKDB = Protocol(
    "rethinkdb",
    "RethinkDB",
    "RethinkDB driver documentation",
    tcp_ports=(28015,),
    # Magic numbers of versions 0.3, 0.4 and 1.0, little-endian.
    signatures=begins(
        "\xc3\xbd\xc2\x34", "\x20\x2d\x0c\x40", "\x3e\xe8\x75\x5f", verdict=YES, side="orig", transport="tcp"
    ),
)
AEROSPIKE = Protocol(
    "aerospike",
    "Aerospike",
    "Aerospike wire protocol",
    tcp_ports=(3000,),
    # Version 2, kind (information, security, message), six octets of length.
    signatures=(
        Signature(
            (At(0, b"\x02"), Number(1, 1, 1, 4), At(2, b"\0\0"), Length(2, 6, add=8)),
            MAYBE,
            transport="tcp",
            min_length=9,
        ),
    ),
    aliases={"wireshark": ("aerospike",)},
)
TARANTOOL = Protocol(
    "tarantool",
    "Tarantool",
    "Tarantool binary protocol",
    tcp_ports=(3301,),
    signatures=begins("Tarantool ", verdict=YES, side="resp", transport="tcp", parts=(Has(b"(Binary) ", 10, 60),)),
)
ARANGODB = Protocol(
    "velocystream",
    "ArangoDB VelocyStream",
    "VelocyStream documentation",
    tcp_ports=(8529,),
    signatures=begins("VST/1.0\r\n\r\n", "VST/1.1\r\n\r\n", verdict=YES, side="orig", transport="tcp"),
)
HADOOP = Protocol(
    "hadoop-rpc",
    "Hadoop IPC",
    "Hadoop RPC wire protocol",
    tcp_ports=(8020, 9000),
    signatures=(Signature((At(0, b"hrpc"), Number(4, 1, 4, 12)), YES, "orig", "tcp", 7),),
)
HBASE = Protocol(
    "hbase",
    "Apache HBase RPC",
    "HBase reference guide",
    tcp_ports=(16000, 16020),
    # Preamble: version 0, authentication (80 to 82).
    signatures=(Signature((At(0, b"HBas\0"), Number(5, 1, 80, 82)), YES, "orig", "tcp"),),
    aliases={"wireshark": ("hbrpc",)},
)
HAZELCAST = Protocol(
    "hazelcast",
    "Hazelcast",
    "Hazelcast open client protocol",
    tcp_ports=(5701,),
    signatures=begins("CP2", "CB2", "HZC", verdict=MAYBE, side="orig", transport="tcp", max_length=3)
    + begins("CP2\x4a\0\0\0", "CP2\x5a\0\0\0", verdict=YES, side="orig", transport="tcp"),
    aliases={"wireshark": ("hazelcast",)},
)
IGNITE = Protocol(
    "ignite",
    "Apache Ignite thin client",
    "Ignite binary client protocol",
    tcp_ports=(10800,),
    # Length, handshake (1), version 1.x.x, client code 2; little-endian.
    signatures=(
        Signature(
            (Length(0, 4, add=4, little=True), At(4, b"\x01\x01\0"), Number(7, 2, 0, 12, little=True), At(11, b"\x02")),
            YES,
            "orig",
            "tcp",
            12,
        ),
    ),
    aliases={"wireshark": ("apache-ignite",)},
)
HOTROD = Protocol(
    "hotrod",
    "Infinispan Hot Rod",
    "Hot Rod protocol 2.0",
    tcp_ports=(11222,),
    signatures=(
        Signature((At(0, b"\xa0"), Number(2, 1, 10, 41), Number(3, 1, 1, 99)), MAYBE, "orig", "tcp", 7, own_port=True),
    ),
)
RAFT = Protocol(
    "raft",
    "Raft, as C-Raft and Dqlite speak it",
    "raft (C) documentation",
    # Eight octets each, little-endian: version 1, the server's number, the length of its address; the address.
    signatures=(
        Signature(
            (
                At(0, b"\x01\0\0\0\0\0\0\0"),
                Number(16, 1, 8, 80),
                At(17, bytes(7)),
                Length(16, 4, add=24, little=True, fit="within"),
                Only(24, 25, LETTERS + b"0123456789[@"),
                Only(24, 30, PRINTABLE + b"\0"),
            ),
            YES,
            "orig",
            "tcp",
            32,
        ),
    ),
    aliases={"ndpi": ("Raft",)},
)
PROTOCOLS = (
    FIREBIRD,
    HANA,
    RETHINKDB,
    AEROSPIKE,
    TARANTOOL,
    ARANGODB,
    HADOOP,
    HBASE,
    HAZELCAST,
    IGNITE,
    HOTROD,
    RAFT,
)
