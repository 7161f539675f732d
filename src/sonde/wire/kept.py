"""What is kept between runs, for it takes long to make: machine code above all. What nobody uses any more goes.

    keep(cache_folder() / "name", octets)
    octets = recall(cache_folder() / "name")         # OSError where it is not there

Each version of the program, of LLVM and of the CPU has code of its own, some 5 MiB; a file's time says when it was
last of use.
"""

import hashlib
import os
import sys
import tempfile
import threading
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

UNUSED_S = 90 * 86400  # after which a file is taken for one that nobody wants
TOLD_S = 7 * 86400  # so exactly is it known when a file was of use
FOLDER_NAME = 16  # hexadecimal digits
#: What writes machine code; kernels themselves are told by their own sources.
WRITTEN_BY = ("compile.py", "emit.py", "processor.py")


@cache
def file_digest(name: str) -> bytes:
    """Digest a source file of the package; nothing for what is none."""
    try:
        return hashlib.blake2b(Path(name).read_bytes(), digest_size=16).digest()
    except OSError:
        return b""


@cache
def cache_folder() -> Path:
    """Give the folder of kept machine code for this Python, this Numba's LLVM and this CPU."""
    import llvmlite
    import llvmlite.binding as llvm

    host = (llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    described = repr((host, llvmlite.__version__, np.__version__, sys.version)).encode()
    digest = hashlib.blake2b(
        described + b"".join(file_digest(str(Path(__file__).with_name(each))) for each in WRITTEN_BY),
        digest_size=FOLDER_NAME // 2,
    ).hexdigest()
    home = os.environ.get("SONDE_CACHE") or os.environ.get("XDG_CACHE_HOME")
    base = Path(home) if home else Path.home() / ".cache"
    folder = base / "sonde" / digest
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # a home that cannot be written: this process alone keeps its code
        folder = Path(tempfile.mkdtemp(prefix="sonde-kernels-"))
    return folder


def recall(path: Path) -> bytes:
    """Read what was kept, and let its time say that it is of use."""
    with path.open("rb") as file:
        if time.time() - os.fstat(file.fileno()).st_mtime > TOLD_S:
            with suppress(OSError):
                os.utime(path)
        return file.read()


def keep(path: Path, kept: bytes) -> None:
    """Write machine code aside and rename it, so that no other process reads half of it."""
    try:
        aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        aside.write_bytes(kept)
        aside.rename(path)
    except OSError:
        return  # a full disk costs the next start its time, not this run its result
    clear_once()


@cache
def clear_once() -> None:
    """Once in a process that keeps something new, and so may be of a new version, look for what is of none."""
    folder = cache_folder()
    if folder.parent.name == "sonde":  # and not a folder of this process alone
        clear_unused(folder.parent)


def clear_unused(base: Path) -> None:
    """Remove what was of no use for long, and folders that are empty then; of others' files, none."""
    before = time.time() - UNUSED_S
    with suppress(OSError):
        for folder in base.iterdir():
            if len(folder.name) != FOLDER_NAME or not folder.is_dir() or folder.is_symlink():
                continue
            for file in folder.iterdir():
                with suppress(OSError):
                    if file.lstat().st_mtime < before:
                        file.unlink()
            with suppress(OSError):
                folder.rmdir()  # refused where something is left


__all__ = ["cache_folder", "clear_unused", "file_digest", "keep", "recall"]
