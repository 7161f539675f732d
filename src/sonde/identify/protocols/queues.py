"""Queues that name themselves: NSQ, Apache Pulsar and RocketMQ, IBM MQ, Microsoft's MSMQ, Beanstalk, MQTT-SN, Erlang's port mapper."""

from sonde.schema import DIGITS, LETTERS, MAYBE, YES, At, Has, Length, Number, Only, Protocol, Signature, begins

NSQ = Protocol(
    "nsq",
    "NSQ",
    "NSQ TCP protocol",
    tcp_ports=(4150,),
    signatures=begins("  V2", verdict=MAYBE, side="orig", transport="tcp", max_length=4)
    + begins("  V2IDENTIFY\n", "  V2SUB ", "  V2PUB ", verdict=YES, side="orig", transport="tcp")
    + begins("IDENTIFY\n", verdict=YES, side="orig", transport="tcp", parts=(At(13, b"{"),)),
)
PULSAR = Protocol(
    "pulsar",
    "Apache Pulsar",
    "Pulsar binary protocol",
    tcp_ports=(6650,),
    # Length of all, of the command; a command of kind connect (2) or connected (3), which repeats its number as a field.
    signatures=(
        Signature(
            (Length(0, 4, add=4), At(4, b"\0\0"), At(8, b"\x08\x02\x12"), At(12, b"\x0a")), YES, "orig", "tcp", 16
        ),
        Signature(
            (Length(0, 4, add=4, fit="within"), At(4, b"\0\0"), At(8, b"\x08\x03\x1a"), At(12, b"\x0a")),
            YES,
            "resp",
            "tcp",
            16,
        ),
    ),
)
ROCKETMQ = Protocol(
    "rocketmq",
    "Apache RocketMQ",
    "RocketMQ remoting protocol",
    tcp_ports=(9876, 10911),
    # Length, length of the head (JSON is 0), the head.
    signatures=(Signature((Length(0, 4, add=4), At(4, b"\0\0"), At(8, b'{"code":')), YES, transport="tcp"),),
)
IBM_MQ = Protocol(
    "ibm-mq",
    "IBM MQ",
    "IBM MQ channel protocol",
    tcp_ports=(1414,),
    # Transmission segment headers, in ASCII or EBCDIC.
    signatures=tuple(
        Signature((At(0, mark), Length(4, 4)), YES, transport="tcp", min_length=28)
        for mark in (b"TSH ", b"TSHC", b"TSHM", b"\xe3\xe2\xc8\x40", b"\xe3\xe2\xc8\xc3", b"\xe3\xe2\xc8\xd4")
    ),
    aliases={"wireshark": ("mq",)},
)
MSMQ = Protocol(
    "msmq",
    "Microsoft Message Queuing",
    "MS-MQQB",
    tcp_ports=(1801,),
    udp_ports=(1801, 3527),
    # §2.2.19.1: version 16, reserved, flags, "LIOR", size of the packet.
    signatures=(Signature((At(0, b"\x10"), At(4, b"LIOR"), Length(8, 4, little=True, fit="begun")), YES),),
    aliases={"wireshark": ("msmq",)},
)
BEANSTALK = Protocol(
    "beanstalk",
    "Beanstalk",
    "beanstalkd protocol.txt",
    tcp_ports=(11300,),
    signatures=(
        Signature((At(0, b"put "), Only(4, 5, DIGITS), Has(b"\r\n", 8, 64)), MAYBE, "orig", "tcp", own_port=True),
        *begins(
            "reserve\r\n",
            "reserve-with-timeout ",
            "watch ",
            "use ",
            "stats\r\n",
            verdict=MAYBE,
            side="orig",
            transport="tcp",
            own_port=True,
        ),
        *begins("INSERTED ", "USING ", "WATCHING ", verdict=MAYBE, side="resp", transport="tcp", own_port=True),
    ),
    aliases={"wireshark": ("beanstalk",)},
)
MQTT_SN = Protocol(
    "mqtt-sn",
    "MQTT for sensor networks",
    "MQTT-SN 1.2",
    udp_ports=(1883, 1884, 10000),
    signatures=(
        # §5.4.4: length, connect (4), flags, protocol 1, duration, the client's name.
        Signature(
            (Length(0, 1), At(1, b"\x04"), At(3, b"\x01"), Only(6, 7, LETTERS + DIGITS)), MAYBE, "orig", "udp", 7, 40
        ),
        Signature((At(0, b"\x03\x05"), Number(2, 1, 0, 3)), MAYBE, "resp", "udp", 3, 3),
    ),
    aliases={"wireshark": ("mqttsn",)},
)
EPMD = Protocol(
    "epmd",
    "Erlang port mapper",
    "Erlang distribution protocol",
    tcp_ports=(4369,),
    signatures=(
        # Length, a request: of a port (z), names (n), to register (x).
        Signature(
            (Length(0, 2, add=2), At(2, b"z"), Only(3, 0, LETTERS + DIGITS + b"_-.")),
            MAYBE,
            "orig",
            "tcp",
            4,
            own_port=True,
        ),
        Signature((At(0, b"\0\x01n"),), MAYBE, "orig", "tcp", 3, 3, own_port=True),
        Signature(
            (Length(0, 2, add=2), At(2, b"x"), Only(5, 6, b"MH"), At(6, b"\0")), MAYBE, "orig", "tcp", 13, own_port=True
        ),
        Signature((At(0, b"\0\0\x11\x11"),), MAYBE, "resp", "tcp", 5, own_port=True),
        Signature((At(0, b"w\0"), Only(4, 5, b"MH"), At(5, b"\0")), MAYBE, "resp", "tcp", 12, own_port=True),
    ),
    aliases={"wireshark": ("epmd",)},
)
PROTOCOLS = (NSQ, PULSAR, ROCKETMQ, IBM_MQ, MSMQ, BEANSTALK, MQTT_SN, EPMD)
