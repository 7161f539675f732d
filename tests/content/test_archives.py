"""Archives made by the standard library, and by hand after the formats' specifications; cut anywhere."""

import gzip
import io
import struct
import tarfile

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sonde.content import MessageReader, archives
from sonde.content.archives import Found
from sonde.content.kinds import kind_of


def watch(octets: bytes, step: int = 1 << 30) -> Found:
    """Show a file's octets in pieces to what watches its type."""
    watched = archives.watch(kind_of(octets))
    assert watched is not None
    for at in range(0, len(octets), step):
        watched.feed(memoryview(octets)[at : at + step])
    return watched.found


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT])
def test_members_of_tar_are_those_of_tarfile(form: int) -> None:
    held = io.BytesIO()
    names = ["a.txt", "y" * 60 + "/" + "x" * 60 + ".pdf"]
    with tarfile.open(fileobj=held, mode="w", format=form) as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 700
            archive.addfile(member, io.BytesIO(b"y" * 700))
    assert watch(held.getvalue(), 100).names == names


def test_the_name_in_gzip_is_told() -> None:
    held = io.BytesIO()
    with gzip.GzipFile("report.csv", "wb", fileobj=held) as archive:
        archive.write(b"x" * 100)
    assert watch(held.getvalue(), 3).names == ["report.csv"]


def rar_4(flags: int) -> bytes:
    """Lay out a RAR 1.5 to 4 archive: marker, archive header, a file of ten octets, end."""
    name = b"a.exe"
    main = struct.pack("<HBHHHI", 0, 0x73, 0, 13, 0, 0)
    file = struct.pack("<HBHHIIBIIBBHI", 0, 0x74, 0x8000 | flags, 32 + len(name), 10, 10, 0, 0, 0, 29, 0x30, 5, 0)
    return b"Rar!\x1a\7\0" + main + file + name + b"0123456789" + struct.pack("<HBHH", 0, 0x7B, 0, 7)


def rar_5(*, encrypted: bool) -> bytes:
    """Lay out a RAR 5 archive: signature, main header, a file of ten octets, end."""
    extra = b"\x02\x01\x00" if encrypted else b""
    name = b"b.js"
    body = bytes((2, 2 | bool(extra), *((len(extra),) if extra else ()), 10, 0, 10, 0, 0, 0, len(name))) + name + extra
    blocks = [b"\1\0\0", body, b"\5\0\0"]
    out = b"Rar!\x1a\7\1\0"
    for block in blocks:
        out += bytes(4) + bytes((len(block),)) + block + (b"0123456789" if block is body else b"")
    return out


@pytest.mark.parametrize("step", [1, 1 << 30])
def test_members_of_rar_are_told(step: int) -> None:
    assert [watch(rar_4(flags), step).names for flags in (0, 4)] == [["a.exe"]] * 2
    assert [watch(rar_4(flags), step).is_encrypted for flags in (0, 4)] == [False, True]
    assert [watch(rar_5(encrypted=locked), step).names for locked in (False, True)] == [["b.js"]] * 2
    assert [watch(rar_5(encrypted=locked), step).is_encrypted for locked in (False, True)] == [False, True]


def test_an_encrypted_7z_is_told() -> None:
    header = b"\x17\x06\x00\x01\x09\x00\x07\x0b\x01\x00\x01\x24\x06\xf1\x07\x01\x00"
    start = struct.pack("<QQI", 20, len(header), 0)
    octets = b"7z\xbc\xaf\x27\x1c\0\4" + bytes(4) + start + bytes(20) + header
    assert watch(octets, 9).is_encrypted


def attached(octets: bytes, name: str, step: int = 1 << 30) -> dict:
    """Read a message with one attachment."""
    head = (
        b"Content-Type: application/octet-stream; name="
        + name.encode()
        + b"\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    )
    reader = MessageReader(1)
    for at in range(0, len(head + octets), step):
        reader.feed(np.frombuffer((head + octets)[at : at + step], np.uint8))
    message = reader.finish()
    return message.parts[0] | {"verdicts": message.fields["verdicts"]}


@pytest.mark.parametrize("step", [7, 700, 1 << 30])
def test_a_part_lists_its_members_and_what_they_mean(step: int) -> None:
    row = attached(rar_4(4), "a.rar", step)
    assert (row["members"], row["member_count"], row["encrypted"]) == (["a.exe"], 1, True)
    assert row["verdicts"] == ["executable", "encrypted_archive"]
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for number in range(3):
            member = tarfile.TarInfo(f"{number}.pdf")
            member.size = 5000
            archive.addfile(member, io.BytesIO(b"y" * 5000))
    row = attached(held.getvalue(), "a.tar", step)
    assert (row["members"], row["encrypted"], row["oddities"]) == (["0.pdf", "1.pdf", "2.pdf"], None, None)


def test_bounds_are_kept_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for number in range(9):
            archive.addfile(tarfile.TarInfo(f"{number}.txt"))
    monkeypatch.setattr(archives, "MOST_MEMBERS", 3)
    found = watch(held.getvalue())
    assert (found.count, found.names, found.odd) == (9, ["0.txt", "1.txt", "2.txt"], {"members_cut"})
    monkeypatch.setattr(archives, "MOST_STEPS", 4)
    assert watch(held.getvalue()).odd == {"archive_cut"}
    monkeypatch.setattr(archives, "MOST_HEADER", 10)
    assert watch(rar_4(0)).odd == {"archive_cut"}


OPENINGS = [b"Rar!\x1a\7\0", b"Rar!\x1a\7\1\0", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b\x08"]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(OPENINGS),
    st.lists(st.sampled_from([*OPENINGS, b"\0\0\0\0", b"\xff", b"\2\2\1", b"a"])),
    st.integers(1, 50),
)
@example(OPENINGS[2], [b"\0\0\0\0", b"\2\2\1", *[b"\0\0\0\0"] * 3, OPENINGS[1]], 1)  # what is passed over ends with it
def test_any_octets_can_be_watched_wherever_they_are_cut(opening: bytes, pieces: list[bytes], step: int) -> None:
    octets = opening + b"".join(pieces)
    assert watch(octets, step) == watch(octets)
