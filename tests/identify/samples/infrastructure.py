"""Networks themselves: configuration, names, time, tunnels, routing, management, export of flows."""

from tests.identify.asking import ONLY_PORT, PORT, TCP, UDP, Sample, be, h

ZEROS = bytes(64)

SAMPLES = [
    Sample(
        "lisp", UDP, 4342, h("30000101 0102030405060708 0001 0014") + bytes(36), "RFC 9301 §5.6: one record", ONLY_PORT
    ),
    Sample("svn", TCP, 3690, b"( success ( 2 2 ( ) ( edit-pipeline svndiff1 ) ) ) ", "ra_svn: greeting", side="resp"),
    Sample(
        "zookeeper",
        TCP,
        2181,
        h("0000002d 00000000 0000000000000000 00007530 0000000000000000 00000010") + bytes(17),
        "connect, 30 s",
    ),
    Sample("bolt", TCP, 7687, h("6060b017 00000404 00000004 00000003 00000000"), "handshake: versions wanted"),
    Sample(
        "flute",
        UDP,
        4001,
        h("1010 0400 00000000 00000001 00000000 c0010001") + b'<?xml version="1.0"?><FDT-Instance Expires="1">',
        "RFC 6726 §3.4: table of files",
    ),
    Sample(
        "dhcpv6",
        UDP,
        547,
        h("01 a1b2c3 0001 000e 0001 0001 25e5148e 020000000001 0008 0002 0000"),
        "RFC 8415 §8: solicit; client identifier of 14 octets, elapsed time",
        ONLY_PORT,
    ),
    Sample(
        "dhcpv6",
        UDP,
        547,
        h("0c 01") + ZEROS[:16] + h("fe80") + ZEROS[:12] + h("0001 0009 0004 01a1b2c3"),
        "§9: a relay forwards, one hop, from a link-local peer",
        ONLY_PORT,
    ),
    Sample(
        "netbios-ssn",
        TCP,
        139,
        h("81000044 20")
        + b"CKFDENECFDEFFCFGEFFCCACACACACACA"
        + h("00 20")
        + b"EDEMEJEFEOFECACACACACACACACACAAA"
        + h("00"),
        "RFC 1002 §4.3.2: session request, *SMBSERVER, CLIENT",
    ),
    Sample("netbios-ssn", TCP, 139, h("82000000"), "RFC 1002 §4.3.3: accepted", ONLY_PORT, "resp"),
    Sample(
        "netbios-dgm",
        UDP,
        138,
        h("11 02 0001 c0000201 008a 0056 0000 20")
        + b"EDEMEJEFEOFECACACACACACACACACAAA"
        + h("00 20")
        + b"FHEPFCELEHFCEPFFFACACACACACACABN"
        + h("00")
        + bytes(18),
        "RFC 1002 §4.4.2: a group datagram",
    ),
    Sample(
        "snmp",
        UDP,
        161,
        h("30 26 02 01 01 04 06 7075626c6963 a0 19 02 01 07 02 01 00 02 01 00 30 0e 30 0c 06 082b06010201010100 05 00"),
        "RFC 1901: version 2c, community public, get sysDescr.0",
    ),
    Sample(
        "snmp",
        UDP,
        161,
        h(
            "30 3e 02 01 03 30 11 02 04 00000001 02 03 00ffe3 04 01 04 02 01 03 04 10 300e0400020100020100"
            "040004000400 30 14 0400 0400 a00e 0204 00000002 020100 020100 3000"
        ),
        "RFC 3412 §6: version 3, discovery of the engine",
    ),
    Sample(
        "kerberos",
        UDP,
        88,
        h("6a 2c 30 2a a1 03 02 01 05 a2 03 02 01 0a a4 1e 30 1c a0 07 03 05 00 40000000 a2 0d 1b 0b")
        + b"EXAMPLE.ORG"
        + h("a7 02 02 00"),
        "RFC 4120 §5.4.1: AS-REQ",
    ),
    Sample(
        "kerberos",
        TCP,
        88,
        h("0000002e 7e 2c 30 2a a0 03 02 01 05 a1 03 02 01 1e a4 11 18 0f")
        + b"20300101000000Z"
        + h("a5 05 02 03 0186a0 a6 03 02 01 19 00"),
        "§5.9.1 behind §7.2.2: KRB-ERROR, more is needed",
        side="resp",
    ),
    Sample(
        "ldap",
        TCP,
        389,
        h("30 0c 02 01 01 60 07 02 01 03 04 00 80 00"),
        "RFC 4511 §4.2: an anonymous bind of version 3",
    ),
    Sample(
        "ldap",
        UDP,
        389,
        h("30 84 00000025 02 01 02 63 84 0000001c 04 00 0a 01 00 0a 01 00 02 01 00 02 01 00 01 01 0087 07")
        + b"netlogo"
        + h("30 00"),
        "MS-ADTS §6.3.3: CLDAP search",
    ),
    Sample(
        "ldap",
        TCP,
        389,
        h("30 84 00000010 02 04 7fffffff 61 84 00000007 0a 01 00 04 00 04 00"),
        "RFC 4511 §4.1.1, §4.2.2: a bind's answer under the largest message number",
        side="resp",
    ),
    Sample(
        "radius",
        UDP,
        1812,
        h("01 2a 0020") + bytes(range(16)) + h("01 06 616c6365 04 06 c0000201"),
        "RFC 2865 §3: Access-Request, name and address of the NAS",
        PORT,
    ),
    Sample(
        "tacacs", TCP, 49, h("c0 01 01 00 00000001 00000008 01 00 02 01 00 00 00 00"), "RFC 8907 §4.1: authentication"
    ),
    Sample(
        "syslog", UDP, 514, b"<34>1 2003-10-11T22:14:15.003Z mymachine.example.org su - ID47 - BOM", "RFC 5424 §6.5"
    ),
    Sample(
        "syslog", UDP, 514, b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick", "RFC 3164 §5.4", PORT
    ),
    Sample("tftp", UDP, 69, h("0001") + b"rfc1350.txt\0octet\0", "RFC 1350 §5: read request"),
    Sample("tftp", UDP, 69, h("0006") + b"blksize\x001432\0", "RFC 2348: options acknowledged", side="resp"),
    Sample(
        "slp",
        UDP,
        427,
        h("02 01 000030 2000 000000 0001 0002 656e 0000 000f")
        + b"service:printer"
        + h("0007")
        + b"default"
        + h("0000 0000"),
        "RFC 2608 §8.1: service request",
    ),
    Sample("nat-pmp", UDP, 5351, h("0000"), "RFC 6886 §3.2: which is my public address", ONLY_PORT),
    Sample("nat-pmp", UDP, 5351, h("0001 0000 0050 1f90 00000e10"), "RFC 6886 §3.3: map UDP port 80", ONLY_PORT),
    Sample(
        "nat-pmp",
        UDP,
        5351,
        h("02 01 0000 00000e10 00000000000000000000ffff c0000201") + bytes(36),
        "RFC 6887 §11.1: MAP",
        ONLY_PORT,
    ),
    Sample(
        "rmcp",
        UDP,
        623,
        h("06 00 ff 07 00 00000000 00000000 09 20 18 c8 81 00 38 8e 04 b5"),
        "IPMI 2.0 §22.13: Get Channel Authentication Capabilities",
    ),
    Sample("rmcp", UDP, 623, h("06 00 00 06 000011be 80 01 00 00"), "DSP0136 §3.2.4.3: presence ping"),
    Sample(
        "portmap",
        UDP,
        111,
        h(
            "00000001 00000000 00000002 000186a0 00000002 00000003 0000000000000000 0000000000000000"
            "000186a3 00000003 00000011 00000000"
        ),
        "RFC 1833 §3: where is NFS 3 over UDP",
    ),
    Sample(
        "nfs",
        TCP,
        2049,
        h("80000028 00000001 00000000 00000002 000186a3 00000003 00000000 00000000000000000000000000000000"),
        "RFC 1813: the null procedure, in a record of RFC 5531 §11",
    ),
    Sample(
        "nfs-mount",
        UDP,
        635,
        h("00000001 00000000 00000002 000186a5 00000003 00000000 0000000000000000 0000000000000000"),
        "RFC 1813 appendix I",
    ),
    Sample(
        "sunrpc",
        UDP,
        4045,
        h("00000001 00000000 00000002 000186b5 00000004 00000000 0000000000000000 0000000000000000"),
        "RFC 5531 §9: program 100021, the lock manager",
    ),
    Sample("bgp", TCP, 179, b"\xff" * 16 + h("001d 01 04 fde8 00b4 c0000201 00"), "RFC 4271 §4.2: open, AS 65000"),
    Sample(
        "ldp",
        UDP,
        646,
        h("0001 001e c0000201 0000 0100 0014 00000001 0400 0004 000f 0000 0401 0004 c0000201"),
        "RFC 5036 §3.5.2: hello",
    ),
    Sample(
        "ldp",
        TCP,
        646,
        h("0001 0020 c0000201 0000 0200 0016 00000001 0500 000e 0001 00b4 00 00 0000 c0000202 0000"),
        "RFC 5036 §3.5.3: initialisation",
    ),
    Sample("hsrp", UDP, 1985, h("00 00 10 03 0a 64 01 00 636973636f000000 c0000201"), "RFC 2281 §5.1: hello, active"),
    Sample(
        "rip",
        UDP,
        520,
        h("02 02 0000 0002 0000 c0000200 ffffff00 00000000 00000001"),
        "RFC 2453 §4: one route",
        ONLY_PORT,
    ),
    Sample(
        "bfd",
        UDP,
        3784,
        h("20 40 03 18 00000001 00000000 000f4240 000f4240 00000000"),
        "RFC 5880 §4.1: down",
        ONLY_PORT,
    ),
    Sample(
        "bfd",
        UDP,
        4784,
        h("20 c0 03 18 f0f1f2f3 a0a1a2a3 000493e0 000493e0 000493e0"),
        "RFC 5883: up, over several hops, with discriminators by chance",
        ONLY_PORT,
    ),
    Sample("rpki-rtr", TCP, 323, h("01 02 0000 00000008"), "RFC 8210 §5.4: a router asks for all", ONLY_PORT),
    Sample("rpki-rtr", TCP, 323, h("01 01 1234 0000000c 00000007"), "RFC 8210 §5.3: what is new", ONLY_PORT),
    Sample(
        "rpki-rtr",
        TCP,
        323,
        h("01 03 1234 00000008 01 04 0000 00000014 01 18 18 00 c0000200 0000fde8"),
        "RFC 8210 §5.5: the answer, and a prefix",
        ONLY_PORT,
        "resp",
    ),
    Sample("rpki-rtr", TCP, 3323, h("01 00 1234 0000000c 00000007"), "RFC 8210 §5.2: there is more", ONLY_PORT, "resp"),
    Sample("rpki-rtr", TCP, 8282, h("01 08 0000 00000008"), "RFC 8210 §5.9: none that is as old", ONLY_PORT, "resp"),
    Sample(
        "dhcpv6",
        UDP,
        547,
        h("02 28b040 0004 000c 02030405 00000000 00000000 0001 000a 00030001 020000000001"),
        "RFC 8415 §21.5: an answer that begins with temporary addresses",
        ONLY_PORT,
        "resp",
    ),
    Sample("bfd", UDP, 6784, h("20 60 03 18 0de60837 00000000 000f4240 000493e0 000493e0"), "RFC 7130", ONLY_PORT),
    Sample(
        "hart-ip",
        UDP,
        5094,
        h("01 02 03 00 0007 001b 81 a606000001 03 0a 0000 40800000 41200000 5c"),
        "published: the answer to command 3, of a long address",
        PORT,
        "resp",
    ),
    Sample("git", TCP, 9418, b"000eversion 2\n", "gitprotocol-v2: what the server speaks", side="resp"),
    Sample(
        "lsp-ping",
        UDP,
        3503,
        h("0001 0000 01 02 00 00 12345678 00000001") + bytes(16) + h("0001 000c 0001 0005 c0000201 20 000000"),
        "RFC 8029 §3: an echo request, answered by a datagram",
        ONLY_PORT,
    ),
    Sample("openflow", TCP, 6653, h("04 02 0008 0000019a"), "ONF TS-025 §7.5.2: an echo request", ONLY_PORT),
    Sample("git", TCP, 9418, b"0014command=ls-refs\n0000", "gitprotocol-v2: the names of what is there"),
    Sample("ptp", UDP, 319, h("01 02 002c 00 00 0000") + bytes(36), "IEEE 1588 §13.6: delay request", ONLY_PORT),
    Sample(
        "roughtime",
        UDP,
        2002,
        h("02000000 40000000") + b"NONCPAD\xff" + bytes(1008),
        "Google's draft: a nonce, padded to 1024",
    ),
    Sample(
        "ike",
        UDP,
        500,
        h("0001020304050607 0000000000000000 21 20 22 08 00000000 0000001c"),
        "RFC 7296 §3.1: IKE_SA_INIT",
    ),
    Sample(
        "ike",
        UDP,
        4500,
        h("00000000 0001020304050607 0000000000000000 01 10 02 00 00000000 0000001c"),
        "RFC 2408 §3.1 behind RFC 3948 §2.2: main mode",
    ),
    Sample("esp", UDP, 4500, h("c0ffee01 00000001") + bytes(range(40)), "RFC 3948 §2.1: first packet", ONLY_PORT),
    Sample("openvpn", UDP, 1194, h("38 0102030405060708 00 00000000"), "hard reset of a client, no HMAC"),
    Sample(
        "openvpn",
        TCP,
        1194,
        h("001a 40 1112131415161718 01 00000000 0102030405060708 00000000"),
        "hard reset of a server, behind its length",
        side="resp",
    ),
    Sample(
        "openvpn",
        UDP,
        1194,
        h("38 0102030405060708 00000001 66000000") + bytes(range(32)) + h("a1b2c3d4e5"),
        "hard reset under tls-crypt",
    ),
    Sample("wireguard", UDP, 51820, h("01000000 00000001") + bytes(range(140)), "§5.4.2: initiation"),
    Sample("wireguard", UDP, 51820, h("04000000 00000001 0000000000000000") + bytes(range(16)), "§5.4.6: keepalive"),
    Sample(
        "tailscale-disco",
        UDP,
        41641,
        b"TS\xf0\x9f\x92\xac" + bytes(range(32)) + bytes(range(40)),
        "disco: magic, key, nonce",
    ),
    Sample("tinc", TCP, 655, b"0 examplehost 17.7\n", "ID: name and version"),
    Sample("softether", UDP, 5004, b"IP=192.0.2.1,PORT=50000", "what the peer's address looks like", side="resp"),
    Sample("l2tp", UDP, 1701, h("c802 0014 0000 0000 0000 0000 8008 0000 0000 0001"), "RFC 2661 §6.1: SCCRQ"),
    Sample(
        "pptp",
        TCP,
        1723,
        h("009c 0001 1a2b3c4d 0001 0000 0100 0000 00000003 00000003 ffff 0001") + bytes(128),
        "RFC 2637 §2.1: start of control",
    ),
    Sample("geneve", UDP, 6081, h("00 00 6558 00000a 00") + bytes(40), "RFC 8926 §3.4", ONLY_PORT),
    Sample("vxlan", UDP, 4789, h("08000000 00000a 00") + bytes(40), "RFC 7348 §5", ONLY_PORT),
    Sample(
        "teredo",
        UDP,
        3544,
        h("0001 00 00 0102030405060708 00 60000000 0000 3a ff") + bytes(32),
        "RFC 4380 §5.1.1: authentication, then a router solicitation",
        ONLY_PORT,
    ),
    Sample("capwap", UDP, 5246, h("0010 0200 00000000 00000001 01 0020 00") + bytes(32), "RFC 5415 §5.1: discovery"),
    Sample("capwap", UDP, 5246, h("01000000 16 feff 0000 000000000000 0030") + bytes(48), "RFC 5415 §4.2: DTLS"),
    Sample("gtp-u", UDP, 2152, h("30 ff 0008 00000001") + bytes(8), "TS 29.281 §5.1: a packet of a user", PORT),
    Sample("gtp-c", UDP, 2123, h("40 01 0009 000001 00 03 0001 00 01"), "TS 29.274 §7.1.1: echo", PORT),
    Sample("gtp-prime", UDP, 3386, h("0e 01 0000 0001"), "TS 32.295 §6.1: echo", PORT),
    Sample("pfcp", UDP, 8805, h("20 01 000c 000001 00 0060 0004 e8f80d5e"), "TS 29.244 §7.4.2: heartbeat", PORT),
    Sample(
        "diameter", TCP, 3868, h("01 000014 80 000101 00000000 00000001 00000001"), "RFC 6733 §3: capabilities exchange"
    ),
    Sample("dlep", UDP, 854, b"DLEP" + h("0001 0000"), "RFC 8175 §11.1: peer discovery"),
    Sample(
        "netflow",
        UDP,
        2055,
        h("0005 0001 00001000 66000000 00000000 00000001 00 00 0000") + bytes(48),
        "version 5, one record",
    ),
    Sample(
        "netflow",
        UDP,
        2055,
        h("0009 0001 00001000 66000000 00000001 00000000 0000 000c 0100 0001 0008 0004"),
        "RFC 3954 §5.2: a template",
    ),
    Sample(
        "ipfix", UDP, 4739, h("000a 001c 66000000 00000001 00000000 0002 000c 0100 0001 0008 0004"), "RFC 7011 §3.4.1"
    ),
    Sample(
        "sflow",
        UDP,
        6343,
        h("00000005 00000001 c0000201 00000000 00000001 00001000 00000000"),
        "version 5, agent 192.0.2.1",
    ),
    Sample("collectd", UDP, 25826, h("0000 000c") + b"example\0" + h("0008 000c 0000000000000001"), "host, then time"),
    Sample("statsd", UDP, 8125, b"api.requests:1|c", "a counter", ONLY_PORT),
    Sample("zabbix", TCP, 10051, b"ZBXD\x01" + be(2, 8)[::-1] + b"{}", "header, flags, length"),
    Sample("munin", TCP, 4949, b"# munin node at example.org\n", "greeting", side="resp"),
    Sample("checkmk", TCP, 6556, b"<<<check_mk>>>\nVersion: 2.0.0\n", "first section", side="resp"),
    Sample("ripe-atlas", UDP, 40000, b"MGLNDD_192.0.2.1_33434\n", "Magellan"),
    Sample(
        "ws-discovery",
        UDP,
        3702,
        b'<?xml version="1.0"?><soap:Envelope xmlns:wsd="http://schemas.xmlsoap.org/ws/2005/04/discovery">',
        "a probe",
    ),
    Sample("ssdp", UDP, 1900, b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n", "UPnP 2.0 §1.3.2"),
    Sample(
        "ssdp",
        UDP,
        50001,
        b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nUSN: uuid:1\r\n\r\n",
        "UPnP 2.0 §1.3.3",
        side="resp",
    ),
    Sample("dnscrypt", UDP, 443, b"r6fnvWj8" + bytes(range(64)), "§3: resolver magic", side="resp"),
    Sample("proxy-protocol", TCP, 443, b"PROXY TCP4 192.0.2.1 198.51.100.1 50000 443\r\n", "version 1"),
    Sample(
        "proxy-protocol", TCP, 443, h("0d0a0d0a000d0a515549540a 21 11 000c c0000201 c6336401 c350 01bb"), "version 2"
    ),
    Sample(
        "dcerpc",
        TCP,
        135,
        h("05 00 0b 03 10000000 0048 0000 00000001".replace("0048", "4800")) + bytes(56),
        "C706 §12.6.4.3: bind, little-endian",
    ),
    Sample("openflow", TCP, 6653, h("04 00 0010 00000001 0001 0008 00000010"), "TS-025 §7.5.1: hello with versions"),
    Sample("hsrp", UDP, 2029, h("01 28 02 00 04 06 0010 0200000a0b0c") + bytes(30), "version 2, for IPv6"),
    Sample("mumble", UDP, 64738, h("00000000 0102030405060708"), "a ping", ONLY_PORT),
    Sample("cphap", UDP, 8116, h("1a90 0806 0001 0001 0001 0001") + bytes(20), "magic and version", PORT),
]
