"""Control, metering, vehicles, buildings."""

from tests.identify.asking import ONLY_PORT, PORT, TCP, UDP, Sample, be, h, le

SAMPLES = [
    Sample(
        "s7comm",
        TCP,
        102,
        h("0300 0016 11 e0 0000 0001 00 c1020200 c2020300 c0010a 0300 0019 02f080 32 01 0000 0001 0008"),
        "a connection with other selectors, and what follows",
    ),
    Sample("modbus", TCP, 502, h("0001 0000 0006 01 03 0000 000a"), "read ten holding registers", PORT),
    Sample("dnp3", TCP, 20000, h("0564 05 c9 0100 0000 0000"), "IEEE 1815 §9: status of the link"),
    Sample("dnp3", TCP, 20000, h("0564 14 c4 0100 0200 0000") + bytes(18), "data unconfirmed", PORT),
    Sample("iec104", TCP, 2404, h("68 04 07 00 00 00"), "STARTDT act"),
    Sample("iec104", TCP, 2404, h("68 0e 0000 0000 64 01 06 00 0100 000000 14"), "general interrogation", PORT),
    Sample(
        "s7comm", TCP, 102, h("0300 0019 02f080 32 01 0000 0001 0008 0000 f0 00 0001 0001 01e0"), "set up communication"
    ),
    Sample("s7comm", TCP, 102, h("0300 0016 11 e0 0000 0001 00 c1020100 c2020102 c0010a"), "connect, rack 0 slot 2"),
    Sample("s7comm-plus", TCP, 102, h("0300 0011 02f080 72 01 0006 31000004ca00"), "version 1"),
    Sample(
        "mms",
        TCP,
        102,
        h(
            "0300 0040 02f080 0d 38 0506130100160102 14020002 c128 3126 a003800101 a21f a41d 300f 020101 0604 52010001"
            "3004 0602 5101 300a 020103 0605 28ca220201"
        ),
        "ISO 9506: initiate",
    ),
    Sample("bacnet", UDP, 47808, h("81 0b 000c 01 20 ffff 00 ff 10 08"), "ASHRAE 135 annex J: who is"),
    Sample("opc-ua", TCP, 4840, b"HELF" + le(33, 4) + bytes(24) + b"x", "OPC 10000-6 §7.1.2.3"),
    Sample(
        "ethernet-ip",
        TCP,
        44818,
        h("6500 0400 00000000 00000000 0000000000000000 00000000 0100 0000"),
        "register a session",
    ),
    Sample(
        "cip-io",
        UDP,
        2222,
        h("0200 0280 0800 01000000 01000000 b100 0400 01000000"),
        "sequenced address, connected data",
    ),
    Sample("fins", UDP, 9600, h("80 00 02 00 01 00 00 02 00 01 01 01 82 0000 00 0001"), "read memory", ONLY_PORT),
    Sample("fins", TCP, 9600, b"FINS" + be(12, 4) + bytes(12), "node address wanted"),
    Sample(
        "ads",
        TCP,
        48898,
        h("0000") + le(32, 4) + h("c0000202 0101 5303 c0000201 0101 0180 0100 0400 00000000 00000000 01000000"),
        "read device information",
    ),
    Sample("hart-ip", UDP, 5094, h("01 00 00 00 0001 000d 01 00007530"), "session initiate", PORT),
    Sample("ether-s-io", UDP, 6060, b"ESIO" + h("0001 0014 0001") + bytes(10), "transfer"),
    Sample("ether-s-bus", UDP, 5050, h("0000000d 01 00 0001 00 01 14 0000"), "a request"),
    Sample(
        "dlms",
        TCP,
        4059,
        h("0001 0010 0001 0005 c0 01 c1 00 08"),
        "IEC 62056-47: get",
    ),
    Sample("trdp", UDP, 17224, h("00000001 0100") + b"Pd" + bytes(32), "IEC 61375-2-3 annex A: process data"),
    Sample("egd", UDP, 18246, h("0d 01") + bytes(30), "production", ONLY_PORT),
    Sample("cnp-ip", UDP, 1628, h("0018 01 01 00 00 0000 00000000 00000001") + bytes(8), "data", ONLY_PORT),
    Sample("atg", TCP, 10001, b"\x01I20100\r\n", "in-tank inventory", PORT),
    Sample("can-ethernet", UDP, 40000, b"ISO11898" + h("00 00") + bytes(14), "a frame"),
    Sample(
        "ansi-c1222",
        UDP,
        1153,
        h("60 16 a2 0a 06 08 607c86f754011600 a8 03 02 01 01 be 03 28 01 00"),
        "an ACSE element",
    ),
    Sample("ieee-c37118", TCP, 4712, h("aa 41 0012 00f1 66000000 00000000 0005 d7d0"), "§6.6: send configuration 2"),
    Sample("knxnet-ip", UDP, 3671, h("06 10 0201 000e 08 01 c0000201 0e57"), "search request"),
    Sample("hislip", TCP, 4880, b"HS" + h("00 00 01005253") + be(7, 8) + b"hislip0", "IVI-6.1 §6.1: initialise"),
    Sample("coap", UDP, 5683, h("40 01 0001 b5") + b"hello", "RFC 7252 §3: get /hello", ONLY_PORT),
    Sample(
        "lifx",
        UDP,
        56700,
        h("2400 0034 00000001 0000000000000000 000000000000 01 00 0000000000000000 0200 0000"),
        "who is there",
    ),
    Sample("miio", UDP, 54321, h("2131 0020") + b"\xff" * 28, "hello"),
    Sample(
        "tuya", TCP, 6668, h("000055aa 00000001 00000009 0000000c 12345678") + b"\0\0\0\0" + h("0000aa55"), "heartbeat"
    ),
    Sample(
        "tplink-smarthome",
        UDP,
        9999,
        h("d0f281f88bff9af7d5ef94b6d1b4c09fec95e68fe187e8caf09f8feb"),
        '{"system":{ enciphered',
    ),
    Sample("ubiquiti-discovery", UDP, 10001, h("01 00 0000"), "who is there", ONLY_PORT),
    Sample(
        "someip",
        UDP,
        30490,
        h("ffff 8100 00000020 0000 0001 01 01 02 00 c0000000 0000000c") + bytes(16),
        "service discovery",
    ),
    Sample("someip", UDP, 30509, h("1234 0001 00000009 0001 0001 01 01 00 00 2a"), "a request"),
    Sample("doip", UDP, 13400, h("02 fd 0001 00000000"), "ISO 13400-2: which vehicle"),
    Sample("rtps", UDP, 7400, b"RTPS" + h("02 03 0101") + bytes(12), "DDSI-RTPS §8.3.3"),
    Sample("uftp", UDP, 1044, h("40 01 0001 c0000201 00000001 00 6a 18 00 01 06 0000"), "announce, version 4"),
    Sample("tivo-connect", UDP, 2190, b"TiVoConnect=1\nmethod=broadcast\nplatform=tcd\n", "a beacon"),
    Sample("kismet", TCP, 2501, b"*KISMET: 0.0.0 1700000000 \x01example\x01\n", "greeting", side="resp"),
]
