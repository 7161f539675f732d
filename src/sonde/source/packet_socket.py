"""One AF_PACKET socket with its ring (packet(7); linux/if_packet.h): opened, tuned, asked for what it lost.

Only `open_socket` needs CAP_NET_RAW. Until `begin` a filter that refuses everything lies on the socket,
so that nothing is captured before all is in place.
"""

import ctypes
import errno
import fcntl
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

from sonde.source.captures import SourceError

SOL_PACKET = 263
(ADD_MEMBERSHIP, RX_RING, STATISTICS, VERSION, RESERVE, TIMESTAMP, FANOUT, IGNORE_OUTGOING) = (
    1, 5, 6, 10, 12, 17, 18, 23,
)  # fmt: skip
TPACKET_V3, PROMISCUOUS = 2, 1
FANOUT_HASH, FANOUT_ROLLOVER = 0, 0x1000  # PACKET_FANOUT_HASH, PACKET_FANOUT_FLAG_ROLLOVER
ALL_PROTOCOLS = 3  # ETH_P_ALL
ATTACH_FILTER, DETACH_FILTER = 26, 27  # SO_ATTACH_FILTER, SO_DETACH_FILTER
GET_FLAGS, GET_ADDRESS, SET_STAMPING = 0x8913, 0x8927, 0x89B0  # SIOCGIFFLAGS, SIOCGIFHWADDR, SIOCSHWTSTAMP
IS_UP, IS_LOOPBACK, IS_RUNNING = 0x1, 0x8, 0x40
RAW_HARDWARE = 1 << 6  # SOF_TIMESTAMPING_RAW_HARDWARE
EVERY_FRAME = 1  # HWTSTAMP_FILTER_ALL
REFUSE = struct.pack("HBBI", 0x06, 0, 0, 0)  # BPF: return 0, keep nothing of the frame
INSTRUCTION = 8  # octets
NAME_OCTETS = 15
TAG_OCTETS = 4  # room before each frame, for a VLAN tag to be put back

#: Link type of an interface by its ARPHRD_* (linux/if_arp.h), where frames begin alike in both directions.
LINKS = {1: 1, 772: 1, 65534: 101, 519: 101, 801: 105, 803: 127, 768: 101, 769: 101, 776: 101, 778: 101}


@dataclass
class Loss:
    """What the kernel says it had for a socket since it was last asked."""

    received: int = 0
    dropped: int = 0
    freezes: int = 0


class PacketSocket:
    """A socket with a ring, on one interface."""

    def __init__(self, name: str, index: int, link: int, number: socket.socket) -> None:
        """Use `open_socket`."""
        self.name, self.index, self.link, self.socket = name, index, link, number

    def attach(self, program: bytes) -> None:
        """Have the kernel drop what a BPF program gives 0 for."""
        kept = ctypes.create_string_buffer(program, len(program))
        told = struct.pack("HxxxxxxQ", len(program) // INSTRUCTION, ctypes.addressof(kept))
        self.socket.setsockopt(socket.SOL_SOCKET, ATTACH_FILTER, told)

    def begin(self, program: bytes | None) -> None:
        """Let frames in: those that a program chooses, or all."""
        if program is None:
            self.socket.setsockopt(socket.SOL_SOCKET, DETACH_FILTER, 0)
        else:
            self.attach(program)

    def refuse(self) -> None:
        """Let no further frame in."""
        with suppress(OSError):
            self.attach(REFUSE)

    def join(self, group: int) -> None:
        """Share the interface's frames, by flow, with the sockets of a group; a full ring's go to another."""
        self.socket.setsockopt(SOL_PACKET, FANOUT, group | (FANOUT_HASH | FANOUT_ROLLOVER) << 16)

    def loss(self) -> Loss:
        """Ask what was received and dropped since the last time (struct tpacket_stats_v3)."""
        return Loss(*struct.unpack("III", self.socket.getsockopt(SOL_PACKET, STATISTICS, 12)))

    def is_up(self) -> bool:
        """Say whether the interface is there, up and has a carrier."""
        with suppress(OSError):
            self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # that it went down is told once, and cleared
            flags = int(struct.unpack("H", _ask(self.socket, GET_FLAGS, self.name)[16:18])[0])
            return flags & (IS_UP | IS_RUNNING) == IS_UP | IS_RUNNING
        return False

    def is_there(self) -> bool:
        """Say whether the interface that was opened still exists."""
        with suppress(OSError):
            return socket.if_nametoindex(self.name) == self.index
        return False


def open_socket(name: str, block_octets: int, blocks: int, retire_ms: int, *, hardware_stamps: bool) -> PacketSocket:
    """Open a socket and its ring on an interface; SourceError with a sentence for the user where that cannot be."""
    index = _index(name)
    try:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError:
        raise SourceError(
            f"Capturing on {name} needs CAP_NET_RAW; start as root with --user NAME, or run "
            "`setcap cap_net_raw+ep` on the Python interpreter."
        ) from None
    try:
        return _prepared(opened, name, index, (block_octets, blocks, retire_ms), hardware_stamps=hardware_stamps)
    except OSError as error:
        opened.close()
        if error.errno == errno.ENOMEM:
            raise SourceError(
                f"There is no memory for {block_octets * blocks >> 20} MiB of ring on {name}; ask for less with --ring."
            ) from None
        raise SourceError(f"{name} cannot be captured from: {error.strerror}.") from None
    except BaseException:
        opened.close()
        raise


def _prepared(
    opened: socket.socket, name: str, index: int, ring: tuple[int, int, int], *, hardware_stamps: bool
) -> PacketSocket:
    kind = int(struct.unpack("H", _ask(opened, GET_ADDRESS, name)[16:18])[0])
    if kind not in LINKS:
        raise SourceError(f"{name} is of a kind (ARPHRD {kind}) that is not decoded; choose another interface.")
    flags = int(struct.unpack("H", _ask(opened, GET_FLAGS, name)[16:18])[0])
    found = PacketSocket(name, index, LINKS[kind], opened)
    found.refuse()
    opened.setsockopt(SOL_PACKET, VERSION, TPACKET_V3)
    opened.setsockopt(SOL_PACKET, RESERVE, TAG_OCTETS)
    if flags & IS_LOOPBACK:  # there what goes out comes in too
        opened.setsockopt(SOL_PACKET, IGNORE_OUTGOING, 1)
    if hardware_stamps:
        _stamp_in_hardware(opened, name)
    block_octets, blocks, retire_ms = ring
    frame_octets = 2048  # of no meaning in version 3, but checked
    wanted = struct.pack(
        "7I", block_octets, blocks, frame_octets, block_octets // frame_octets * blocks, retire_ms, 0, 0
    )
    opened.setsockopt(SOL_PACKET, RX_RING, wanted)
    opened.setsockopt(SOL_PACKET, ADD_MEMBERSHIP, struct.pack("iHH8s", index, PROMISCUOUS, 0, b""))
    opened.bind((name, ALL_PROTOCOLS))
    return found


def _stamp_in_hardware(opened: socket.socket, name: str) -> None:
    """Have the interface stamp every frame that comes in (struct hwtstamp_config)."""
    config = ctypes.create_string_buffer(struct.pack("iii", 0, 0, EVERY_FRAME), 12)
    asked = bytearray(struct.pack("16sQ16x", name.encode(), ctypes.addressof(config)))
    try:
        fcntl.ioctl(opened, SET_STAMPING, asked)
        opened.setsockopt(SOL_PACKET, TIMESTAMP, RAW_HARDWARE)
    except OSError:
        raise SourceError(
            f"{name} does not stamp frames in hardware, or CAP_NET_ADMIN is lacking; leave --timestamps hardware away."
        ) from None


def _index(name: str) -> int:
    """Give the number of an interface; SourceError where there is none."""
    if name and len(name.encode()) <= NAME_OCTETS:
        with suppress(OSError):
            return socket.if_nametoindex(name)
    there = ", ".join(sorted(each for _, each in socket.if_nameindex()))
    raise SourceError(f"There is no interface {name!r} here; there are {there}.")


def _ask(opened: socket.socket, what: int, name: str) -> bytes:
    """Ask about an interface (struct ifreq; netdevice(7))."""
    return bytes(fcntl.ioctl(opened, what, struct.pack("40s", name.encode())))


__all__ = ["Loss", "PacketSocket", "open_socket"]
