"""Progress on stderr, where it is a terminal; and what is compiled, where that takes a while."""

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from sonde.wire import announce_with

EVERY_S = 0.2


class Progress:
    """Shows how far reading came. Use as a context manager."""

    def __init__(self, captures: list[str], *, quiet: bool) -> None:
        """Know how much there is to read."""
        self.shown = not quiet and sys.stderr.isatty()
        self.quiet = quiet
        self.total = sum(Path(each).stat().st_size for each in captures if Path(each).is_file())
        self.began = self.last = time.monotonic()
        self.compiling = False

    def __enter__(self) -> Self:
        """Begin to listen for compilation."""
        announce_with(self.compile)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave a clean line."""
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr)
        announce_with(lambda _: None)

    def compile(self, name: str) -> None:
        """Say what is compiled."""
        if self.quiet:
            return
        if self.shown:
            print(f"\r\x1b[Kcompiling for this machine, once: {name}", end="", file=sys.stderr, flush=True)
        elif not self.compiling:
            print("sonde: compiling kernels for this machine; this happens once.", file=sys.stderr, flush=True)
        self.compiling = True

    def update(self, frames: int, offset: int) -> None:
        """Show frames and octets read so far."""
        now = time.monotonic()
        if not self.shown or now - self.last < EVERY_S:
            return
        self.last = now
        rate = frames / max(now - self.began, 0.001) / 1e6
        share = f"{100 * offset / self.total:3.0f} %  " if self.total else ""
        print(f"\r\x1b[K{share}{frames:,} packets  {rate:.2f} M/s", end="", file=sys.stderr, flush=True)
