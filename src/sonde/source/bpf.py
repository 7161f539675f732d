"""Filters as the kernel takes them: text compiled by libpcap, where it is installed (pcap_compile(3PCAP)).

program = compile_filter("not port 9000", link=1)     # instructions of struct sock_filter
"""

import ctypes
import ctypes.util

from sonde.source.captures import SourceError

LONGEST_FRAME = 262_144  # kept of a frame that is chosen: all of it
UNKNOWN_MASK = 0xFFFFFFFF  # PCAP_NETMASK_UNKNOWN
MOST_INSTRUCTIONS = 4096  # BPF_MAXINSNS
INSTRUCTION = 8  # octets


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.c_void_p))


def compile_filter(text: str, link: int) -> bytes:
    """Compile a filter for a link type; SourceError where libpcap is not there, or does not understand it."""
    pcap = _libpcap()
    handle = pcap.pcap_open_dead(link, LONGEST_FRAME)
    if not handle:
        raise SourceError("libpcap could not be opened; leave --filter away.")
    program = _Program()
    try:
        if pcap.pcap_compile(handle, ctypes.byref(program), text.encode(), 1, UNKNOWN_MASK) != 0:
            why = pcap.pcap_geterr(handle).decode(errors="replace").strip()
            raise SourceError(f"The filter is not understood by libpcap: {why}; see pcap-filter(7).")
        if program.length > MOST_INSTRUCTIONS:
            raise SourceError(f"The filter becomes {program.length} instructions; {MOST_INSTRUCTIONS} are the most.")
        compiled = ctypes.string_at(program.instructions, program.length * INSTRUCTION)
        pcap.pcap_freecode(ctypes.byref(program))
        return compiled
    finally:
        pcap.pcap_close(handle)


def _libpcap() -> ctypes.CDLL:
    """Load libpcap."""
    for name in ("libpcap.so.1", "libpcap.so.0.8", ctypes.util.find_library("pcap")):
        try:
            pcap = ctypes.CDLL(name) if name else None
        except OSError:
            continue
        if pcap is not None:
            pcap.pcap_open_dead.restype = ctypes.c_void_p
            pcap.pcap_open_dead.argtypes = [ctypes.c_int, ctypes.c_int]
            pcap.pcap_compile.argtypes = [
                ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint32,
            ]  # fmt: skip
            pcap.pcap_geterr.restype, pcap.pcap_geterr.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
            pcap.pcap_close.argtypes = pcap.pcap_freecode.argtypes = [ctypes.c_void_p]
            return pcap
    raise SourceError("A filter needs libpcap, which is not installed here (Debian: libpcap0.8); leave --filter away.")


__all__ = ["compile_filter"]
