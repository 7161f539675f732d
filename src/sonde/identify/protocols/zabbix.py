"""Zabbix (Zabbix manual, "Header and data length")."""

from sonde.schema import YES, Protocol, begins

PROTOCOL = Protocol(
    "zabbix",
    "Zabbix",
    "Zabbix protocol",
    tcp_ports=(10050, 10051),
    signatures=begins("ZBXD\x01", "ZBXD\x03", "ZBXD\x05", "ZBXD\x07", verdict=YES, transport="tcp"),
    aliases={"ndpi": ("Zabbix",)},
)
