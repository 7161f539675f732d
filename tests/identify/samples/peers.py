"""File sharing and ledgers: peers among themselves."""

from tests.identify.asking import PAIR, PORT, TCP, UDP, Sample, h, le

SAMPLES = [
    Sample("bittorrent", TCP, 6881, b"\x13BitTorrent protocol" + bytes(48), "BEP 3: handshake"),
    Sample("bittorrent", UDP, 6881, b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe", "BEP 5: ping"),
    Sample("bittorrent", UDP, 6969, h("0000041727101980 00000000 00000001"), "BEP 15: connect"),
    Sample("bittorrent", UDP, 40000, h("41 00 0001 00000000 00000000 00100000 0001 0000"), "BEP 29: the first packet"),
    Sample("bittorrent", UDP, 40000, h("21 00 0002 00000001 00000001 00100000 0001 0001"), "BEP 29: state", PAIR),
    Sample("edonkey", TCP, 4662, h("e3") + le(22, 4) + h("01 10") + bytes(20), "hello"),
    Sample("edonkey", UDP, 4665, h("e3 96 55aa1234"), "ask a server for its state", PORT),
    Sample("gnutella", TCP, 6346, b"GNUTELLA CONNECT/0.6\r\nUser-Agent: x\r\n\r\n", "handshake"),
    Sample("gnutella", UDP, 6346, bytes(range(16)) + h("00 01 00") + le(0, 4), "ping"),
    Sample("bitcoin", TCP, 8333, h("f9beb4d9") + b"version\0\0\0\0\0" + le(0, 4) + h("5df6e0e2"), "version"),
    Sample(
        "monero",
        TCP,
        18080,
        h("0121010101010101") + le(10, 8) + h("01") + le(1001, 4) + le(0, 4) + le(1, 4) + le(1, 4),
        "handshake",
    ),
    Sample(
        "stratum",
        TCP,
        3333,
        b'{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"x","pass":"y","agent":"z"}}\n',
        "Monero's pools: JSON-RPC, named for what it is used for",
    ),
    Sample("ethereum", TCP, 30303, h("0150 04") + bytes(range(256)) + bytes(79), "RLPx, EIP-8: size, point", PORT),
    Sample("stratum", TCP, 3333, b'{"id": 1, "method": "mining.subscribe", "params": []}\n', "subscribe"),
]
