"""Distributed storage and search that name themselves: Ceph (its documentation), Lustre, Elasticsearch's transport, ClickHouse, NBD, iSCSI (RFC 7143)."""

from sonde.schema import YES, At, Has, Length, Number, Protocol, Signature, begins

CEPH = Protocol(
    "ceph",
    "Ceph",
    "Ceph messenger",
    tcp_ports=(3300, 6789),
    signatures=begins("ceph v2\n", "ceph v0", verdict=YES, transport="tcp"),
    aliases={"ndpi": ("Ceph",), "wireshark": ("ceph",)},
)
LUSTRE = Protocol(
    "lustre",
    "Lustre networking",
    "LNet",
    tcp_ports=(988,),
    # LNet's acceptor: its magic number in either order, version.
    signatures=begins(
        "\x00\x71\xce\xac", "\xac\xce\x71\x00", verdict=YES, transport="tcp", parts=(Number(4, 1, 0, 1),)
    ),
    aliases={"ndpi": ("Lustre",), "wireshark": ("lnet",)},
)
ELASTICSEARCH = Protocol(
    "elasticsearch",
    "Elasticsearch transport",
    "Elasticsearch transport protocol",
    tcp_ports=(9300,),
    signatures=begins(
        "ES", verdict=YES, transport="tcp", parts=(Length(2, 4, add=6, fit="within"), At(6, bytes(4))), min_length=19
    ),
    aliases={"ndpi": ("Elasticsearch",), "wireshark": ("elasticsearch",)},
)
CLICKHOUSE = Protocol(
    "clickhouse",
    "ClickHouse",
    "ClickHouse native protocol",
    tcp_ports=(9000,),
    # Hello (0), then the client's or server's name, which has this in it.
    signatures=(Signature((At(0, b"\0"), Number(1, 1, 8, 64), Has(b"ClickHouse", 2, 24)), YES, transport="tcp"),),
    aliases={"ndpi": ("ClickHouse",), "wireshark": ("clickhouse",)},
)
NBD = Protocol(
    "nbd",
    "Network Block Device",
    "NBD proto.md",
    tcp_ports=(10809,),
    signatures=begins("NBDMAGIC", verdict=YES, side="resp", transport="tcp"),
    aliases={"wireshark": ("nbd",)},
)
ISCSI = Protocol(
    "iscsi",
    "Internet SCSI",
    "RFC 7143",
    tcp_ports=(860, 3260),
    signatures=(
        # §11.12: a login, versions 0; its text names the initiator.
        Signature((At(0, b"\x43"), At(2, b"\0\0\0"), Has(b"InitiatorName=", 48, 200)), YES, "orig", "tcp"),
    ),
    aliases={"wireshark": ("iscsi",)},
)
PROTOCOLS = (CEPH, LUSTRE, ELASTICSEARCH, CLICKHOUSE, NBD, ISCSI)
