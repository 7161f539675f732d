"""MQTT 3.1, 3.1.1 and 5 (OASIS MQTT): connections begin with the protocol's name."""

from sonde.schema import MAYBE, YES, At, Number, Protocol, Signature

PROTOCOL = Protocol(
    "mqtt",
    "Message Queuing Telemetry Transport",
    "OASIS MQTT 5.0",
    tcp_ports=(1883,),
    signatures=(
        # §2.1.4: the remaining length has one octet or two; §3.1.2.1, §3.1.2.2: name and version.
        *(
            Signature((At(0, b"\x10"), At(size, name)), YES, "orig", "tcp")
            for size in (2, 3)
            for name in (b"\0\x04MQTT\x04", b"\0\x04MQTT\x05", b"\0\x06MQIsdp\x03")
        ),
        Signature((At(0, b"\x20\x02"), Number(2, 1, 0, 1), Number(3, 1, 0, 5)), MAYBE, "resp", "tcp", 4),  # CONNACK
    ),
    aliases={"ndpi": ("MQTT",), "zeek": ("mqtt",), "wireshark": ("mqtt",)},
)
