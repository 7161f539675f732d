"""conn.log's service: protocols inside each other, under Zeek's names."""

import pytest

from sonde.sink.zeek_logs import TCP, UDP, services


@pytest.mark.parametrize(
    ("layers", "protocol", "number", "told"),
    [
        (["ipv4", "tcp", "http"], "http", TCP, "http"),
        (["ipv4", "tcp", "http", "websocket"], "http", TCP, "http,websocket"),
        (["ipv4", "tcp", "smtp", "tls"], "smtp", TCP, "smtp,ssl"),
        (["ipv4", "udp", "quic"], "quic", UDP, "quic,ssl"),
        (["ipv4", "tcp", "ldap"], "ldap", TCP, "ldap_tcp"),
        (["ipv4", "udp", "ldap"], "ldap", UDP, "ldap_udp"),
        (["ipv4", "tcp", "kerberos"], "kerberos", TCP, "krb_tcp"),
        (["ipv4", "udp", "kerberos"], "kerberos", UDP, "krb"),
        (["ipv4", "tcp", "dcerpc"], "dcerpc", TCP, "dce_rpc"),
        (["gtp-u", "ipv4", "udp", "dns"], "dns", UDP, "dns"),
        (["ipv4", "tcp"], None, TCP, None),
        (None, "http", TCP, None),
    ],
)
def test_services_have_zeek_s_names(
    layers: list[str] | None, protocol: str | None, number: int, told: str | None
) -> None:
    assert services(layers, protocol, number) == told
