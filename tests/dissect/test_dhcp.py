"""DHCP: the messages of RFC 2131 §3.1, laid out by hand."""

from typing import Any

import pytest

from sonde.dissect.dhcp import DISSECTOR
from tests.bench import Sample, trial

MAC = bytes.fromhex("00005e005301")  # RFC 7042 §2.1.1: for documentation
XID = 0x3903F326


def option(number: int, value: bytes | str) -> bytes:
    octets = value.encode() if isinstance(value, str) else value
    return bytes([number, len(octets)]) + octets


def message(op: int, options: bytes, *, assigned: str = "0.0.0.0", file: bytes = b"", name: bytes = b"") -> bytes:  # noqa: S104
    return (
        bytes([op, 1, 6, 0]) + XID.to_bytes(4, "big") + b"\0\5" + b"\x80\0"  # five seconds, broadcast
        + bytes(4) + bytes(map(int, assigned.split("."))) + bytes(4) + bytes(4)
        + MAC + bytes(10) + name.ljust(64, b"\0") + file.ljust(128, b"\0") + b"\x63\x82\x53\x63" + options
    )  # fmt: skip


DISCOVER = message(
    1,
    option(53, b"\1")
    + option(50, bytes([192, 0, 2, 7]))
    + option(61, b"\1" + MAC)
    + option(12, "host7\0")  # some senders end text with zeros
    + b"\0\0"  # padding
    + option(81, b"\0\0\0host7.example.org")
    + option(60, "Example 1.0")
    + option(57, b"\x05\xdc")
    + option(93, b"\0\7")
    + option(55, bytes([1, 3, 6, 15]))
    + b"\xff junk",
)
ACK = message(
    2,
    option(53, b"\5")
    + option(54, bytes([192, 0, 2, 1]))
    + option(51, (3600).to_bytes(4, "big"))
    + option(58, (1800).to_bytes(4, "big"))
    + option(59, (3150).to_bytes(4, "big"))
    + option(1, bytes([255, 255, 255, 0]))
    + option(3, bytes([192, 0, 2, 1, 192, 0, 2, 2]))
    + option(6, bytes([192, 0, 2, 53]))
    + option(15, "example.org")
    + option(82, b"\1\2ab")
    + b"\xff",
    assigned="192.0.2.7",
)


def read(octets: bytes, **kwargs: Any) -> dict[str, Any]:
    (row,) = trial(DISSECTOR, [(0, octets)], stream=False, **kwargs)["dhcp"]
    return row


def test_a_discover_tells_what_the_client_wants() -> None:
    row = read(DISCOVER)
    assert (row["message"], row["direction"], row["trans_id"]) == ("DISCOVER", "request", XID)
    assert (row["client_mac"], row["seconds"], row["broadcast"]) == ("00:00:5e:00:53:01", 5, True)
    assert (row["client_ip"], row["assigned_ip"], row["requested_ip"]) == (None, None, "192.0.2.7")
    assert (row["host_name"], row["client_fqdn"]) == ("host7", "host7.example.org")
    assert (row["vendor_class"], row["max_size"], row["architecture"]) == ("Example 1.0", 1500, 7)
    assert (row["client_id"], row["parameters"]) == (b"\1" + MAC, [1, 3, 6, 15])
    assert row["options"] == [53, 50, 61, 12, 81, 60, 57, 93, 55]
    assert (row["boot_file"], row["boot_server"], row["status"], row["anomaly"]) == (None, None, 0, [])


def test_an_ack_tells_what_it_gets() -> None:
    row = read(ACK)
    assert (row["message"], row["direction"], row["assigned_ip"]) == ("ACK", "reply", "192.0.2.7")
    assert (row["lease_time"], row["renewal_time"], row["rebinding_time"]) == (3600, 1800, 3150)
    assert (row["server_id"], row["subnet_mask"]) == ("192.0.2.1", "255.255.255.0")
    assert (row["routers"], row["name_servers"]) == (["192.0.2.1", "192.0.2.2"], ["192.0.2.53"])
    assert (row["domain"], row["relay_agent"]) == ("example.org", b"\1\2ab")


@pytest.mark.parametrize(("op", "client", "server"), [(1, "in use", None), (2, None, "in use")])
def test_a_message_is_whose_who_sent_it(op: int, client: str | None, server: str | None) -> None:
    row = read(message(op, option(53, b"\4") + option(56, "in use") + b"\xff"))
    assert (row["client_message"], row["server_message"]) == (client, server)


def test_a_name_in_the_form_of_dns_is_spelt_with_dots() -> None:
    row = read(message(1, option(81, b"\4\0\0" + b"\5host7\7example\3org\0") + b"\xff"))
    assert row["client_fqdn"] == "host7.example.org"
    cut = read(message(1, option(81, b"\4\0\0" + b"\5host7\7exam") + b"\xff"))
    assert cut["client_fqdn"] == "host7"


def test_text_in_pieces_is_put_together_across_all_fields() -> None:
    # RFC 3396 §5: first the options, then the file field, then the name field.
    row = read(
        message(
            1,
            option(53, b"\1") + option(52, b"\3") + option(56, "one ") + b"\xff",
            file=option(56, "two ") + b"\xff",
            name=option(56, "three") + b"\xff",
        )
    )
    assert (row["client_message"], row["options"]) == ("one two three", [53, 52, 56, 56, 56])
    assert (row["boot_file"], row["boot_server"]) == (None, None)


def test_file_and_server_are_names_where_they_hold_no_options() -> None:
    row = read(message(2, option(53, b"\2") + b"\xff", file=b"boot/image", name=b"boot.example.org"))
    assert (row["boot_file"], row["boot_server"]) == ("boot/image", "boot.example.org")
    wins = read(message(2, option(67, "other") + option(66, "tftp.example.org") + b"\xff", file=b"boot/image"))
    assert (wins["boot_file"], wins["boot_server"]) == ("other", "tftp.example.org")


def test_bootp_has_no_kind_of_message() -> None:
    row = read(message(1, b"")[:236] + bytes(64))
    assert (row["message"], row["client_mac"], row["anomaly"]) == (None, "00:00:5e:00:53:01", ["no_options"])


def test_an_option_that_is_cut_ends_the_options() -> None:
    row = read(message(1, option(53, b"\1") + b"\x0c\x20host"))
    assert (row["message"], row["host_name"], row["anomaly"]) == ("DISCOVER", None, ["option_cut"])
    assert read(message(1, option(50, b"\xc0\0")))["requested_ip"] is None


def test_every_prefix_reads_the_same_whatever_follows_it() -> None:
    for length in range(len(ACK)):
        row = read(ACK[:length], suffix=b"\0" * 8)
        assert row == read(ACK[:length], suffix=b"\xff" * 8)
        assert (row["status"] == 1) == (length < 236)


def test_what_is_neither_request_nor_reply_is_malformed() -> None:
    assert read(b"\3" + ACK[1:])["status"] == 2


SAMPLES = {"dhcp": [Sample([(0, DISCOVER), (1, ACK)], ports=(68, 67))]}
