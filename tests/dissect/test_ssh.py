"""SSH: banners, KEXINITs and packets laid out by hand from RFC 4253; a fingerprint from ssh-keygen."""

import hashlib
import itertools
from typing import Any

import numpy as np
import pytest

from sonde.dissect.secure_shell.choices import complete, read_lists
from sonde.dissect.ssh import DISSECTOR, SshRecord
from sonde.schema import NO_TEXT
from sonde.table.out import LENGTH_BITS
from tests.bench import Sample, trial

CLIENT, SERVER = b"SSH-2.0-Example_1.0 with comment\r\n", b"SSH-2.0-Server_2\r\n"
#: Client: kex, host key, ciphers, MACs and compressions in both directions, languages (RFC 4253 §7.1).
CLIENT_LISTS = (
    "curve25519-sha256,diffie-hellman-group14-sha256,ext-info-c",
    "ssh-ed25519,rsa-sha2-512",
    "chacha20-poly1305@openssh.com,aes128-ctr",
    "aes256-ctr",
    "hmac-sha2-256,hmac-sha1",
    "hmac-sha1",
    "none,zlib",
    "none",
    "",
    "",
)
SERVER_LISTS = (
    "diffie-hellman-group14-sha256,curve25519-sha256,ext-info-s",
    "rsa-sha2-512",
    "aes128-ctr,aes256-ctr",
    "aes128-ctr,aes256-ctr",
    "hmac-sha1,hmac-sha2-256",
    "hmac-sha1",
    "zlib,none",
    "none",
    "",
    "",
)
KEY = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))
KEY_PRINT = "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"  # ssh-keygen -l of that key


def string(octets: bytes) -> bytes:
    return len(octets).to_bytes(4, "big") + octets


def packet(payload: bytes) -> bytes:
    padding = 8 - (len(payload) + 5) % 8
    padding += 8 if padding < 4 else 0  # at least four octets (RFC 4253 §6)
    return (len(payload) + padding + 1).to_bytes(4, "big") + bytes([padding]) + payload + b"\0" * padding


def kexinit(lists: tuple[str, ...]) -> bytes:
    body = b"".join(string(names.encode()) for names in lists)
    return packet(b"\x14" + b"\xc0" * 16 + body + b"\0" + b"\0\0\0\0")


KEX_CLIENT, KEX_SERVER = kexinit(CLIENT_LISTS), kexinit(SERVER_LISTS)
NEWKEYS = packet(b"\x15")
REPLY = packet(b"\x1f" + string(KEY) + string(b"\x42" * 32) + string(b"signature"))
EXCHANGE: list[tuple[int, bytes]] = [
    (0, CLIENT), (1, SERVER), (0, KEX_CLIENT), (1, KEX_SERVER), (0, packet(b"\x1e" + string(b"\x41" * 32))),
    (1, REPLY + NEWKEYS), (0, NEWKEYS),
]  # fmt: skip
# In octets: SERVICE_ACCEPT in its packet, and one with USERAUTH_SUCCESS; a failure is longer than either.
ACCEPT, SUCCESS, FAILURE = 44, 28, 60


def read(*messages: tuple[int, bytes | int], **kwargs: Any) -> dict[str, Any]:
    (row,) = trial(DISSECTOR, list(messages), stream=True, **kwargs)["ssh"]
    return row


def derive(row: dict[str, Any]) -> dict[str, Any]:
    """Give the derived columns of a row that the bench decoded."""
    return derive_all([row])[0]


def derive_all(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give them of several rows of one batch."""
    text = bytearray()
    rows = np.zeros(len(given), [(name, "i8") for name in ("client_lists", "server_lists", "host_key")])
    for place, row in enumerate(given):
        for name in rows.dtype.names or ():
            raw = row[name]
            rows[name][place] = NO_TEXT if raw is None else len(text) << LENGTH_BITS | len(raw)
            text += raw or b""
    found = {
        name: values.to_pylist() for name, values in complete(rows, np.frombuffer(text or b"\0", np.uint8)).items()
    }
    return [{name: values[place] for name, values in found.items()} for place in range(len(given))]


def sizes(*lengths: int) -> list[tuple[int, bytes]]:
    """Answers of the server in ciphertext, each after something that the client sent."""
    return [(side, bytes(length) if side else bytes(80)) for length in lengths for side in (0, 1)]


def test_banners_are_kept_without_their_line_end() -> None:
    row = read(*EXCHANGE)
    assert (row["client"], row["server"]) == ("SSH-2.0-Example_1.0 with comment", "SSH-2.0-Server_2")
    assert (row["version"], row["anomaly"], row["status"]) == (2, [], 0)


def test_the_clients_first_name_that_the_server_has_is_agreed_on() -> None:
    found = derive(read(*EXCHANGE))
    assert (found["kex_alg"], found["host_key_alg"]) == ("curve25519-sha256", "rsa-sha2-512")
    assert (found["cipher_alg"], found["server_cipher_alg"]) == ("aes128-ctr", "aes256-ctr")
    assert (found["mac_alg"], found["server_mac_alg"]) == ("hmac-sha2-256", "hmac-sha1")
    assert (found["compression_alg"], found["server_compression_alg"]) == ("none", "none")


def test_each_row_of_a_batch_is_told_its_own() -> None:
    whole = read(*EXCHANGE)
    choices = {
        "client_lists": (whole["client_lists"], whole["client_lists"][:100], None),
        "server_lists": (whole["server_lists"], None),
        "host_key": (whole["host_key"], whole["host_key"] + b"other", None),
    }
    batch = [dict(zip(choices, each, strict=True)) for each in itertools.product(*choices.values())]
    assert derive_all(batch + batch[::-1]) == [derive(row) for row in batch + batch[::-1]]
    assert len({str(derive(row)) for row in batch}) == len(batch)


def test_lists_are_those_of_what_a_side_sends() -> None:
    found = derive(read(*EXCHANGE))
    assert found["client_kex_algs"] == CLIENT_LISTS[0].split(",")
    assert found["client_ciphers"] == ["chacha20-poly1305@openssh.com", "aes128-ctr"]
    assert found["server_ciphers"] == ["aes128-ctr", "aes256-ctr"]
    assert found["server_macs"] == ["hmac-sha1"]


def test_hassh_digests_key_exchange_cipher_mac_and_compression() -> None:
    found = derive(read(*EXCHANGE))
    client, server = (";".join(lists[n] for n in places) for lists, places in (
        (CLIENT_LISTS, (0, 2, 4, 6)), (SERVER_LISTS, (0, 3, 5, 7))))  # fmt: skip
    assert found["hassh"] == hashlib.md5(client.encode()).hexdigest()
    assert found["hassh_server"] == hashlib.md5(server.encode()).hexdigest()


def test_the_host_key_is_known_by_its_fingerprint() -> None:
    found = derive(read(*EXCHANGE))
    assert (found["host_key_fingerprint"], found["host_key_type"]) == (KEY_PRINT, "ssh-ed25519")


def test_a_group_is_no_host_key() -> None:
    # RFC 4419 §3: 31 is then a prime and a generator, and the key comes in 33.
    group = packet(b"\x1f" + string(b"\0" + b"\xff" * 256) + string(b"\2"))
    reply = packet(b"\x21" + string(KEY) + string(b"\x42" * 256) + string(b"signature"))
    assert read(*EXCHANGE[:4], (1, group))["host_key"] is None
    assert read(*EXCHANGE[:4], (1, group + reply))["host_key"] == KEY


@pytest.mark.parametrize(
    ("answers", "success", "attempts"),
    [
        ((ACCEPT, SUCCESS), True, 1),  # nothing more than a name was wanted
        ((ACCEPT, FAILURE, SUCCESS), True, 1),  # the first failure is that of the method `none`
        ((ACCEPT, FAILURE, FAILURE, FAILURE, SUCCESS, FAILURE), True, 3),
        ((ACCEPT, FAILURE, FAILURE), False, 1),
        ((ACCEPT, FAILURE, 332, SUCCESS), True, 1),  # a key that would do is no attempt
        ((ACCEPT,), None, 0),
        ((), None, None),
    ],
)
def test_sizes_tell_how_authentication_goes(
    answers: tuple[int, ...], success: bool | None, attempts: int | None
) -> None:
    row = read(*EXCHANGE, *sizes(*answers))
    assert (row["auth_success"], row["auth_attempts"]) == (success, attempts)


def test_what_the_server_sends_unasked_is_no_accept() -> None:
    row = read(*EXCHANGE, (1, bytes(200)), *sizes(ACCEPT, FAILURE, SUCCESS))  # EXT_INFO (RFC 8308)
    assert (row["auth_success"], row["auth_attempts"]) == (True, 1)


def test_a_server_seen_alone_tells_it_too() -> None:
    alone = [(side, octets) for side, octets in [*EXCHANGE, *sizes(ACCEPT, FAILURE, SUCCESS)] if side == 1]
    row = read(*alone)
    assert (row["auth_success"], row["auth_attempts"], row["anomaly"]) == (True, 1, ["unasked"])
    assert derive(row)["hassh_server"] == derive(read(*EXCHANGE))["hassh_server"]


@pytest.mark.parametrize(
    ("client", "server", "version"),
    [
        (b"SSH-2.0-a\n", b"SSH-1.99-b\n", 2),
        (b"SSH-1.99-a\n", b"SSH-1.99-b\n", 2),
        (b"SSH-1.5-a\n", b"SSH-1.99-b\n", 1),
        (b"SSH-1.5-a\n", b"SSH-1.5-b\n", 1),
        (b"SSH-1.5-a\n", b"SSH-2.0-b\n", None),  # they cannot talk
        (b"SSH-2.0-a\n", b"", 2),
    ],
)
def test_the_version_is_what_both_can_speak(client: bytes, server: bytes, version: int | None) -> None:
    assert read((0, client), (1, server))["version"] == version


def test_nothing_of_version_1_is_taken_for_packets() -> None:
    row = read((0, b"SSH-1.5-a\n"), (1, b"SSH-1.5-b\n"), (1, b"\0\0\0\x05\0\0\0\2" + b"x" * 80))
    assert (row["server_lists"], row["anomaly"]) == (None, [])


def test_lines_before_the_banner_are_passed_over() -> None:
    row = read((0, CLIENT), (1, b"Welcome to example.org\r\nBe kind.\r\n" + SERVER))
    assert (row["server"], row["anomaly"]) == ("SSH-2.0-Server_2", ["lines_before_banner"])


def test_segmentation_changes_no_row() -> None:
    small = [(side, octets[n : n + 1]) for side, octets in EXCHANGE for n in range(len(octets))]
    assert read(*small) == read(*EXCHANGE)


def test_every_prefix_reads_the_same_whatever_follows_it() -> None:
    whole = SERVER + KEX_SERVER + REPLY + NEWKEYS
    for length in range(1, len(whole), 5):
        row = read((0, CLIENT), (1, whole[:length]), suffix=b"\0" * 8)
        assert row == read((0, CLIENT), (1, whole[:length]), suffix=b"\xff" * 8)


def test_what_is_no_packet_ends_the_reading() -> None:
    row = read((0, CLIENT), (1, SERVER + b"Protocol mismatch.\n"), (1, KEX_SERVER))
    assert (row["server_lists"], row["anomaly"]) == (None, ["bad_packet"])


def test_a_gap_in_clear_ends_the_reading() -> None:
    row = read((0, CLIENT), (1, SERVER), (1, 100), (1, KEX_SERVER))
    assert (row["server_lists"], row["anomaly"]) == (None, ["gap"])


def test_one_side_alone_is_told() -> None:
    assert read((0, CLIENT))["anomaly"] == ["unanswered"]
    assert read((1, SERVER))["anomaly"] == ["unasked"]


def test_lists_that_are_cut_end_there() -> None:
    assert read_lists(string(b"a,b") + string(b"c")[:4]) == ["a,b"]
    found = derive({"client_lists": string(b"a,b") + b"\0", "server_lists": None, "host_key": None})
    assert (found["client_kex_algs"], found["hassh"], found["kex_alg"]) == (["a", "b"], None, None)


def test_a_name_only_run_stops_at_the_banner() -> None:
    state: dict[str, Any] = {}
    row = read(*EXCHANGE, names_only=True, conn=state)
    assert (row["client"], row["server"], row["anomaly"]) == ("SSH-2.0-Example_1.0 with comment", None, [])
    assert state["confirmed"] == 1


def test_no_key_leaves_but_as_its_fingerprint() -> None:
    from sonde.record import catalogue

    assert not {"host_key", "client_lists", "server_lists"} & set(catalogue(SshRecord))


SAMPLES = {"ssh": [Sample(list(EXCHANGE), stream=True, ports=(40000, 22))]}
