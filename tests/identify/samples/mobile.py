"""Mobile and telephone networks in SCTP: each message behind the identifier of its protocol."""

from tests.identify.asking import ONLY_PORT, SCTP, Sample, h

SAMPLES = [
    Sample(
        "s1ap",
        SCTP,
        36412,
        h("00000012 00 11 00 1d 000003 003b 4008 0000f110 00001000 0040 0007 0000 4000f110 0089 4001 40"),
        "TS 36.413 §9.1.8.4: S1 Setup Request, reject",
    ),
    Sample("s1ap", SCTP, 36412, h("00000000 20 11 00 0d 000002 0069 0007 0000"), "outcome; no identifier", ONLY_PORT),
    Sample("rua", SCTP, 29169, h("00000013 00 01 00 10 000004 0007 4001 00 0003 0003 000001"), "TS 25.468: Connect"),
    Sample(
        "hnbap", SCTP, 29169, h("00000014 00 01 00 30 000006 0003 0006") + bytes(40), "TS 25.469: HNB Register Request"
    ),
    Sample(
        "sbcap", SCTP, 29168, h("00000018 00 00 00 2a 000004 0005 0002 1112") + bytes(28), "TS 29.168: Write-Replace"
    ),
    Sample("x2ap", SCTP, 36422, h("0000001b 00 06 00 20 000002 0015 0008 0000f110") + bytes(20), "TS 36.423: X2 Setup"),
    Sample("x2ap", SCTP, 36422, h("0000001b 40 06 40 08 000001 0005 4001 08"), "X2 Setup Failure, ignore", side="resp"),
    Sample(
        "lcsap",
        SCTP,
        9082,
        h("0000001d 00 00 00 15 000003 0002 0004 00000001") + bytes(9),
        "TS 29.171: Location Request",
    ),
    Sample("m2ap", SCTP, 36443, h("0000002b 00 03 00 10 000001 0010 0008") + bytes(8), "TS 36.443: M2 Setup Request"),
    Sample("m3ap", SCTP, 36444, h("0000002c 00 07 00 10 000001 0010 0008") + bytes(8), "TS 36.444: M3 Setup Request"),
    Sample(
        "ngap",
        SCTP,
        38412,
        h("0000003c 00 15 00 2d 000003 001b 0008 0000f110 00000001 0066 0010 00000000 0100f110 00001000 0015 4001 40"),
        "TS 38.413 §9.2.6.1: NG Setup Request",
    ),
    Sample(
        "ngap", SCTP, 38412, h("00000000 20 15 00 31 000004 0001 0005") + bytes(40), "no identifier", ONLY_PORT, "resp"
    ),
    Sample("xnap", SCTP, 38422, h("0000003d 00 11 00 20 000002 001c 0008") + bytes(24), "TS 38.423: Xn Setup Request"),
    Sample(
        "f1ap", SCTP, 38472, h("0000003e 00 01 00 30 000004 004e 0002 0001") + bytes(36), "TS 38.473: F1 Setup Request"
    ),
    Sample(
        "e1ap", SCTP, 38462, h("00000040 00 03 00 20 000003 0039 0002 0001") + bytes(20), "TS 37.483: E1 Setup Request"
    ),
    Sample("iua", SCTP, 9900, h("00000001 01 00 03 01 00000008"), "RFC 4233 §3.3.2.1: ASP Up"),
    Sample(
        "m2ua",
        SCTP,
        2904,
        h("00000002 01 00 06 01 00000018 0001 0008 00000001 0300 0008 01020304"),
        "RFC 3331 §3.3.1: data",
    ),
    Sample("m3ua", SCTP, 2905, h("00000003 01 00 03 01 00000008"), "RFC 4666 §3.5.1: ASP Up"),
    Sample(
        "m3ua", SCTP, 2905, h("00000000 01 00 03 04 00000008"), "§3.5.2: ASP Up Ack; no identifier", ONLY_PORT, "resp"
    ),
    Sample("sua", SCTP, 14001, h("00000004 01 00 04 01 00000010 000b 0008 00000002"), "RFC 3868 §3.6.1: ASP Active"),
    Sample(
        "m2pa",
        SCTP,
        3565,
        h("00000005 01 00 0b 02 00000014 00ffffff 00ffffff 00000001"),
        "RFC 4165 §2.2: Link Status, Alignment",
    ),
    Sample("megaco", SCTP, 2944, h("00000007") + b"MEGACO/1 [192.0.2.1]:2944\nTransaction = 1 {", "RFC 3525, annex H"),
    Sample("diameter", SCTP, 3868, h("0000002e 01 000014 80 000101 00000000 00000001 00000001"), "RFC 6733 §3, §2.1"),
    Sample(
        "diameter",
        SCTP,
        3868,
        h("00000000 01 000014 80 000118 00000000 00000001 00000001"),
        "watchdog; no identifier",
        ONLY_PORT,
    ),
]
