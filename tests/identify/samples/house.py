"""Stage and studio, overlays and gateways, older services, plants and houses, games and what runs near by."""

from tests.identify.asking import ONLY_PORT, PORT, PORT_PAIR, TCP, UDP, Sample, be, h, le

SAMPLES = [
    Sample("art-net", UDP, 6454, b"Art-Net\0" + h("0020 000e 00 00"), "ArtPoll"),
    Sample(
        "sacn", UDP, 5568, h("0010 0000") + b"ASC-E1.17\0\0\0" + h("726e 00000004") + bytes(16), "E1.31 §5: root layer"
    ),
    Sample("osc", UDP, 57120, b"#bundle\0" + h("0000000000000001 00000020"), "OSC 1.0: bundle, at once"),
    Sample("osc", UDP, 57120, b"/oscillator/4/frequency\0,f\0\0\x43\xdc\0\0", "OSC 1.0: example", PORT),
    Sample("rtp-midi", UDP, 5004, h("ffff 494e 00000002 01020304 0a0b0c0d") + b"bus\0", "invitation"),
    Sample(
        "sap-announcement",
        UDP,
        9875,
        h("2000 1234 c0000201") + b"application/sdp\0v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n",
        "RFC 2974 §3",
    ),
    Sample(
        "srt",
        UDP,
        9710,
        h("80000000 00000000 00000000 00000000 00000004 00000002 12345678 000005dc 00002000 00000001 0000abcd 00000000")
        + bytes(16),
        "§3.2.1: induction",
    ),
    Sample(
        "zrtp",
        UDP,
        40000,
        h("1000 0001") + b"ZRTP" + h("12345678 505a 001d") + b"Hello   1.10" + bytes(8),
        "RFC 6189 §5.2: Hello",
    ),
    Sample(
        "msrp",
        TCP,
        2855,
        b"MSRP a786hjs2 SEND\r\nTo-Path: msrp://biloxi.example.com:12763/kjhd37s2s20w2a;tcp\r\n",
        "RFC 4975 §4",
    ),
    Sample("ua-udp", UDP, 32640, h("00 0001 01 0101 0a 0202 05dc 0301 0a"), "connect: version, window, size"),
    Sample("ua-udp", UDP, 32640, h("04"), "alive", ONLY_PORT),
    Sample("ua-udp", UDP, 32640, h("07 0001 0002 0400 d0 0b 01 02"), "data: a message of four octets", ONLY_PORT),
    Sample("unistim", UDP, 5000, h("00000001 02 01 00000000 1e 02"), "a payload of the server", ONLY_PORT),
    Sample(
        "ptp-ip",
        TCP,
        15740,
        le(36, 4) + le(1, 4) + bytes(range(16)) + "Lab\0".encode("utf-16-le") + le(0x10000, 4),
        "init command request",
    ),
    Sample("hdhomerun", UDP, 65001, h("0002 000c 0104 00000001 0204 ffffffff") + bytes(4), "discovery of tuners"),
    Sample("slimproto", TCP, 3483, b"HELO" + be(36, 4) + h("0c 00 00005e005301") + bytes(28), "a player"),
    Sample("media-server-discovery", UDP, 7359, b"who is JellyfinServer?", "its documentation"),
    Sample("rtl-tcp", TCP, 1234, b"RTL0" + be(5, 4) + be(29, 4), "R820T, 29 gains", side="resp"),
    Sample(
        "zerotier",
        UDP,
        9993,
        bytes(range(8))
        + h("89e92ceee5 0102030405 00")
        + bytes(8)
        + h("01 0b 01 0a 0001 0000018bcfe56800")
        + bytes(100),
        "HELLO, protocol 11",
    ),
    Sample("nebula", UDP, 4242, h("10 00 0000 00000000 0000000000000001") + bytes(64), "first message of a handshake"),
    Sample("n2n", UDP, 7654, h("03 02 0001") + b"mynetwork".ljust(20, b"\0") + bytes(16), "register", PORT),
    Sample("threema", TCP, 5222, bytes(range(100, 148)), "client hello: key and prefix", PORT_PAIR),
    Sample("threema", TCP, 5222, bytes(range(100, 180)), "server hello: prefix and box", PORT_PAIR, "resp"),
    Sample(
        "scgi",
        TCP,
        4000,
        b"70:CONTENT_LENGTH\x0027\0SCGI\x001\0REQUEST_METHOD\0POST\0REQUEST_URI\0/deepthought\0,",
        "SCGI: example",
    ),
    Sample(
        "uwsgi",
        TCP,
        3031,
        h("00 2c00 00 0e00")
        + b"REQUEST_METHOD"
        + h("0300")
        + b"GET"
        + h("0900")
        + b"PATH_INFO"
        + h("0100")
        + b"/"
        + bytes(9),
        "variables",
    ),
    Sample("icap", TCP, 1344, b"OPTIONS icap://icap.server.net/sample-service ICAP/1.0\r\n", "RFC 3507 §4.10"),
    Sample("wccp", UDP, 2048, h("0000000a 0200 000c") + bytes(12), "here I am"),
    Sample("babel", UDP, 6696, h("2a02 0008 04 06 0000 0001 0190"), "RFC 8966 §4.6.5: hello", PORT),
    Sample(
        "olsr", UDP, 698, h("0014 0001 01 86 0010 c0000201 01 00 0001 0000 05 03"), "RFC 3626 §6.1: hello", ONLY_PORT
    ),
    Sample("glbp", UDP, 3222, h("01 00 0001 0000 0007b4000101 01 1c") + bytes(26), "hello of group 1", ONLY_PORT),
    Sample("mndp", UDP, 5678, h("0000 0001 0001 0006 00005e005301 0005 0003") + b"lab", "an announcement"),
    Sample("dhcp-failover", TCP, 647, h("000c 07 0c 65000000 00000001"), "contact", ONLY_PORT),
    Sample("linux-ha", UDP, 694, b"###\nt=status\nst=active\nsrc=node1\n%%%\n", "a status"),
    Sample("haproxy-peers", TCP, 1024, b"HAProxyS 2.1\nremote\nlocal 1 1\n", "peers-v2.0: hello"),
    Sample(
        "cups-browsing",
        UDP,
        631,
        b'6 3 ipp://host.example.org:631/printers/office "Office" "Laser"\n',
        "an idle printer",
    ),
    Sample("lpd", TCP, 515, b"\x02office\n", "RFC 1179 §5.2: a job", ONLY_PORT),
    Sample("pjl", TCP, 9100, b"\x1b%-12345X@PJL INFO STATUS\r\n", "universal exit, PJL"),
    Sample("epson-control", UDP, 3289, b"EPSONP" + h("00 ff 0000 0000 0000"), "who is there"),
    Sample(
        "managesieve",
        TCP,
        4190,
        b'"IMPLEMENTATION" "Example1 ManageSieved v001"\r\n"SIEVE" "fileinto"\r\n',
        "RFC 5804 §1.7",
        side="resp",
    ),
    Sample("spamd", TCP, 783, b"SYMBOLS SPAMC/1.5\r\nContent-length: 3\r\n\r\n", "a check"),
    Sample("clamd", TCP, 3310, b"zINSTREAM\0" + be(4, 4) + b"test", "clamd(8)"),
    Sample("milter", TCP, 8891, be(13, 4) + b"O" + be(6, 4) + h("000001ff 001fffff"), "SMFIC_OPTNEG"),
    Sample("ident", TCP, 113, b"6191, 23\r\n", "RFC 1413 §4", ONLY_PORT),
    Sample("ident", TCP, 113, b"6193, 23 : USERID : UNIX : stjohns\r\n", "RFC 1413 §4", ONLY_PORT, "resp"),
    Sample("kpasswd", UDP, 464, be(60, 2) + h("ff80 0028 6e 82") + bytes(52), "RFC 3244 §2"),
    Sample("9p", TCP, 564, le(19, 4) + h("64 ffff 00200000 0600") + b"9P2000", "Tversion"),
    Sample(
        "ndmp",
        TCP,
        10000,
        h("8000001c 00000001 5f5e1000 00000000 00000900 00000000 00000000 00000004"),
        "connect, version 4",
    ),
    Sample("ncp", TCP, 524, b"DmdT" + be(23, 4) + h("00000001 00000000 1111 00 01 00 00 00"), "create a connection"),
    Sample("bacula", TCP, 9101, be(33, 4) + b"Hello *UserAgent* calling 10002\n".ljust(33, b"\0"), "a console"),
    Sample("amanda", UDP, 10080, b"Amanda 2.6 REQ HANDLE 000-00000000 SEQ 1\nSERVICE noop\n", "a request"),
    Sample(
        "dict",
        TCP,
        2628,
        b"220 dict.example.org dictd 1.12 <auth.mime> <100@dict.example.org>\r\n",
        "RFC 2229 §3.1",
        side="resp",
    ),
    Sample("dict", TCP, 2628, b"DEFINE * penguin\r\n", "RFC 2229 §3.2", ONLY_PORT),
    Sample(
        "acap", TCP, 674, b'* ACAP (IMPLEMENTATION "ACME v3.5") (SASL "CRAM-MD5")\r\n', "RFC 2244 §7.1", side="resp"
    ),
    Sample("chargen", TCP, 19, bytes(range(32, 104)) + b"\r\n", "RFC 864: a line", side="resp"),
    Sample("finger", TCP, 79, b"postmaster\r\n", "RFC 1288 §2.3", ONLY_PORT),
    Sample("gopher", TCP, 70, b"/docs\r\n", "RFC 1436 §2", ONLY_PORT),
    Sample(
        "vmware-auth",
        TCP,
        902,
        b"220 VMware Authentication Daemon Version 1.10: SSL Required, ServerDaemonProtocol:SOAP\r\n",
        "greeting",
        side="resp",
    ),
    Sample("pcanywhere", UDP, 5632, b"NQ", "who is there", ONLY_PORT),
    Sample("otp", TCP, 9391, b"< OTP/2.0 >\n", "greeting"),
    Sample("synergy", TCP, 24800, be(11, 4) + b"Synergy" + h("0001 0006"), "hello, version 1.6", side="resp"),
    Sample("emi-ucp", TCP, 5000, b"\x0201/00045/O/31/0234765439845/0139/A0\x03", "EMI-UCP: alert"),
    Sample("cimd2", TCP, 9971, b"\x0201:001\t010:user1\t011:\t\x03", "CIMD 2: login"),
    Sample("slmp", TCP, 5007, h("5000 00 ff ff03 00 0c00 1000 0104 0000 640000 a8 0100"), "3E: batch read"),
    Sample("slmp", UDP, 5006, h("d400 0001 0000 00 ff ff03 00 0200 0000"), "4E: an answer", side="resp"),
    Sample(
        "codesys",
        TCP,
        11740,
        h("000117e8") + le(24, 4) + h("c5 6b 40 40 00 42 03 20 01 02 03 04 05 06 07 08"),
        "block driver over TCP",
    ),
    Sample("codesys", UDP, 1740, h("c5 74 40 03 00 30 c2 01 00 00 00 00"), "a datagram", ONLY_PORT),
    Sample("niagara-fox", TCP, 1911, b"fox a 1 -1 fox hello\n{\nfox.version=s:1.0\nid=i:1\n};;\n", "hello"),
    Sample(
        "ft1.2", TCP, 10001, h("68 0b 0b 68 53 01 64 01 06 01 00 00 00 00 14 d4 16"), "IEC 101: general interrogation"
    ),
    Sample("ethercat", UDP, 34980, h("0e10 08 00 0000 1001 0400 0000 00000000 0000"), "a logical read", ONLY_PORT),
    Sample("mavlink", UDP, 14550, h("fd 09 00 00 00 01 01 000000 00000000 0203 51 04 03 1234"), "heartbeat, version 2"),
    Sample("mavlink", UDP, 14550, h("fe 09 00 01 01 00 00000000 0203 51 04 03 1234"), "heartbeat, version 1", PORT),
    Sample("matter", UDP, 5540, h("04 0000 00 01020304 0102030405060708 05 20 0001 0000 15"), "PBKDFParamRequest"),
    Sample("pcworx", TCP, 1962, h("0101 001a 0000 0000 7880 0003 000c") + b"IBETH01N0_M\0", "first message"),
    Sample("proconos", TCP, 20547, h("cc 01 00 0b 40 02 00 00 47 ee"), "ask for what it is"),
    Sample("hap-directlogic", UDP, 28784, b"HAP" + h("0100 3b5c 0100 05"), "query for devices"),
    Sample("ge-srtp", TCP, 18245, bytes(56), "to begin", ONLY_PORT),
    Sample("tristation", UDP, 1502, h("05 00 0400 68 69 6a 6b 1234"), "a command", ONLY_PORT),
    Sample("dahua", UDP, 37810, h("20000000") + b"DHIP" + bytes(8) + le(2, 4) + bytes(12), "a search"),
    Sample("dvrip", TCP, 34567, h("ff 00 0000 00000000 00000000 0000 e803") + le(2, 4) + b"{}", "login: 1000"),
    Sample(
        "hikvision-sadp",
        UDP,
        37020,
        b'<?xml version="1.0" encoding="utf-8"?><Probe><Uuid>1</Uuid><Types>inquiry</Types></Probe>',
        "inquiry",
    ),
    Sample("broadlink", UDP, 80, h("5aa5aa555aa5aa55") + bytes(40), "a command"),
    Sample("wiz", UDP, 38899, b'{"method":"getPilot","params":{}}', "what is the state"),
    Sample("govee", UDP, 4001, b'{"msg":{"cmd":"scan","data":{"account_topic":"reserve"}}}', "scan"),
    Sample("gree", UDP, 7000, b'{"t":"scan"}', "scan"),
    Sample("daikin", UDP, 30050, b"DAIKIN_UDP/common/basic_info", "discovery"),
    Sample("yeelight", TCP, 55443, b'{"id":1,"method":"set_power","params":["on","smooth",500]}\r\n', "§4.1: command"),
    Sample(
        "rtcm",
        TCP,
        2101,
        h("d3 00 13 3e d7 d3 02 02 98 0e de ef 34 b4 bd 62 ac 09 41 98 6f 33 36 0b 98"),
        "RTCM 10403: message 1005",
        PORT,
        "resp",
    ),
    Sample("ntrip", TCP, 2101, b"SOURCETABLE 200 OK\r\nServer: NTRIP Caster\r\n", "a table of sources", side="resp"),
    Sample("scpi-raw", TCP, 5025, b"*IDN?\n", "IEEE 488.2 §10.14", ONLY_PORT),
    Sample("ocpp", TCP, 8180, b'[2,"19223201","BootNotification",{"chargePointVendor":"VendorX"}]', "OCPP-J §4.2.1"),
    Sample("battle-net", TCP, 6112, b"\xff\x50" + le(58, 2) + bytes(4) + b"68XIRATS" + bytes(42), "SID_AUTH_INFO"),
    Sample("starcraft2", TCP, 1119, h("4a00000a66020aed2d66") + bytes(39), "a first message"),
    Sample("dofus", TCP, 5555, b"HCabcdefghijklmnopqrstuvwxyzabcdef\0", "HC, the key", side="resp"),
    Sample("gamespy-query", UDP, 7778, b"\\status\\", "the state"),
    Sample("gamespy-query", UDP, 29900, h("fefd 09 01020304"), "version 4: a challenge", PORT),
    Sample("terraria", TCP, 7777, le(15, 2) + b"\x01\x0bTerraria279", "connect"),
    Sample("teeworlds", UDP, 8303, b"\xff" * 10 + b"gie3\x05", "get information"),
    Sample("sa-mp", UDP, 7777, b"SAMP" + h("c0000201 611e") + b"i", "information"),
    Sample(
        "soulseek",
        TCP,
        2242,
        le(68, 4)
        + le(1, 4)
        + le(4, 4)
        + b"user"
        + le(8, 4)
        + b"password"
        + le(160, 4)
        + le(32, 4)
        + b"d51c9a7e9353746a6020f9602d452929"
        + le(1, 4),
        "Login",
    ),
    Sample(
        "direct-connect", TCP, 411, b"$Lock EXTENDEDPROTOCOLABCABCABC Pk=DCPLUSPLUS0.777|", "NMDC: Lock", side="resp"
    ),
    Sample("libp2p", TCP, 4001, b"\x13/multistream/1.0.0\n", "multistream-select"),
    Sample("ipmsg", UDP, 2425, b"1:100:shirouzu:jupiter:32:Hello", "a message", ONLY_PORT),
    Sample("kde-connect", UDP, 1716, b'{"id":1,"type":"kdeconnect.identity","body":{"deviceId":"x"}}\n', "identity"),
    Sample(
        "localsend",
        UDP,
        53317,
        b'{"alias":"Nice Orange","version":"2.0","deviceModel":"x","deviceType":"mobile","fingerprint":"y"}',
        "§3.1: announcement",
    ),
    Sample("resilio-sync", UDP, 3838, b"BSYNC\0d2:la6:" + bytes(6) + b"e", "discovery"),
    Sample(
        "sd-rtn",
        UDP,
        4001,
        h("1c000100 00000000 00000000 2b00") + b"192-0-2-1.edge.sd-rtn.com" + bytes(8),
        "a session's name",
        ONLY_PORT,
    ),
]
