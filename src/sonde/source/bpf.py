"""Filters as the kernel takes them: text compiled by libpcap, where it is installed (pcap_compile(3PCAP)).

program = compile_filter("not port 9000", link=1)     # instructions of struct sock_filter
"""

import ctypes

from sonde.source.captures import SourceError

LONGEST_FRAME = 262_144  # kept of a frame that is chosen: all of it
UNKNOWN_MASK = 0xFFFFFFFF  # PCAP_NETMASK_UNKNOWN
MOST_INSTRUCTIONS = 4096  # BPF_MAXINSNS
INSTRUCTION = 8  # octets
NAMES = ("libpcap.so.1", "libpcap.so.0.8")  # by name alone: searching would start programs, which a probe may not


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
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    for name in NAMES:
        try:
            pcap = ctypes.CDLL(name)
        except OSError:
            continue
        pcap.pcap_open_dead.restype, pcap.pcap_open_dead.argtypes = pointer, [ctypes.c_int, ctypes.c_int]
        pcap.pcap_compile.argtypes = [pointer, pointer, text, ctypes.c_int, ctypes.c_uint32]
        pcap.pcap_geterr.restype, pcap.pcap_geterr.argtypes = text, [pointer]
        pcap.pcap_close.argtypes = pcap.pcap_freecode.argtypes = [pointer]
        return pcap
    raise SourceError("A filter needs libpcap, which is not installed here (Debian: libpcap0.8); leave --filter away.")


__all__ = ["compile_filter"]
