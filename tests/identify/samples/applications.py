"""Programs' own discovery and synchronisation."""

from tests.identify.asking import TCP, UDP, Sample, h

SAMPLES = [
    Sample(
        "dropbox-lansync",
        UDP,
        17500,
        b'{"host_int": 1, "version": [2, 0], "displayname": "", "port": 17500}',
        "an announcement",
    ),
    Sample("syncthing", UDP, 21027, h("2ea7d90b 0a20") + bytes(range(32)), "local discovery"),
    Sample(
        "gquic", UDP, 443, h("0d 0102030405060708") + b"Q043" + h("01") + bytes(64), "public header with version Q043"
    ),
    Sample("gquic", UDP, 443, h("c3") + b"Q050" + h("50 0102030405060708") + bytes(64), "long header, Q050"),
    Sample("rtp", UDP, 40000, h("80 e0 0001 00000bb8 deadbeef") + bytes(40), "dynamic type with the marker", "pair"),
    Sample("nano", TCP, 7075, b"RC" + h("14 14 12 02 0000") + bytes(8), "keep alive"),
]
