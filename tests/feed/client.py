"""A mail server's side of the milter protocol, written from Sendmail's mfdef.h and Postfix's MILTER_README."""

import socket
import struct


class Client:
    """Talks to a filter as Postfix does; answers are read where the filter did not say that it gives none."""

    def __init__(self, address: "tuple[str, int] | str", steps: int = 0x1FFFFF) -> None:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(address)
        self.send(b"O", struct.pack(">III", 6, 0x1FF, steps))
        letter, data = self.answer()
        assert letter == b"O"
        self.version, self.actions, self.steps = struct.unpack(">III", data)

    def send(self, letter: bytes, data: bytes = b"") -> None:
        self.socket.sendall(struct.pack(">I", 1 + len(data)) + letter + data)

    def answer(self) -> tuple[bytes, bytes]:
        length = int.from_bytes(self._exactly(4), "big")
        octets = self._exactly(length)
        return octets[:1], octets[1:]

    def _exactly(self, length: int) -> bytes:
        octets = b""
        while len(octets) < length:
            more = self.socket.recv(length - len(octets))
            if not more:
                raise EOFError
            octets += more
        return octets

    def step(self, letter: bytes, data: bytes, unanswered: int) -> None:
        """Send a step; read the answer, if one is due."""
        self.send(letter, data)
        if not self.steps & unanswered:
            assert self.answer()[0] == b"c"

    def message(self, sender: str, recipients: list[str], octets: bytes, piece: int = 65535) -> bytes:
        """Tell of a whole message; give the filter's last word."""
        head, _, body = octets.partition(b"\r\n\r\n")
        self.send(b"D", b"Mi\0QUEUEID\0")
        self.step(b"M", f"<{sender}>\0SIZE=100\0".encode(), 0x4000)
        for each in recipients:
            self.step(b"R", f"<{each}>\0".encode(), 0x8000)
        self.step(b"T", b"", 0x10000)
        for field in head.replace(b"\r\n ", b"\n ").replace(b"\r\n\t", b"\n\t").split(b"\r\n"):
            name, _, value = field.partition(b":")
            if not self.steps & 0x100000:
                value = value.removeprefix(b" ")
            self.step(b"L", name + b"\0" + value + b"\0", 0x80)
        self.step(b"N", b"", 0x40000)
        for at in range(0, len(body), piece):
            self.step(b"B", body[at : at + piece], 0x80000)
        self.send(b"E")
        return self.answer()[0]

    def hello(self, address: str = "192.0.2.77", port: int = 40000) -> None:
        family = b"6" if ":" in address else b"4"
        self.step(b"C", b"mail.example.net\0" + family + struct.pack(">H", port) + address.encode() + b"\0", 0x1000)
        self.step(b"H", b"mail.example.net\0", 0x2000)

    def quit(self) -> None:
        self.send(b"Q")
        self.socket.close()
