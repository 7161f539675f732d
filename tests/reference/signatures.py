"""Twin of the matcher: each part of a signature as a sentence of plain Python, no index, no arrays."""

from typing import Any

from sonde.schema import At, Has, Length, Number, Only, Protocol, Same, Signature


def number(octets: bytes, at: int, size: int, *, little: bool) -> int:
    return int.from_bytes(octets[at : at + size], "little" if little else "big")


def folds(octets: bytes, *, folded: bool) -> bytes:
    return octets.upper() if folded else octets


def is_true(part: Any, octets: bytes, *, folded: bool, cut: bool) -> bool:
    """Say whether one part is true of a payload."""
    length = len(octets)
    if isinstance(part, (Number, Length)):
        at = part.at if part.at >= 0 else length + part.at
        if at < 0 or at + part.size > length:
            return False
        value = number(octets, at, part.size, little=part.little)
        if isinstance(part, Number):
            return part.low <= value <= part.high
        told = value * part.unit + part.add
        if part.fit == "begun":
            return told >= length
        if cut:
            return length <= told <= 1 << 16
        return told == length if part.fit == "whole" else told <= length
    if isinstance(part, Has):
        return folds(part.octets, folded=folded) in folds(octets, folded=folded)[part.start : part.stop]
    if isinstance(part, Same):
        one, other = (octets[at : at + part.size] for at in (part.at, part.other))
        return len(one) == len(other) == part.size and one == other
    if isinstance(part, Only):
        stop = part.stop if part.stop > 0 else max(length + part.stop, 0)
        return part.at <= length and all(octet in part.among for octet in octets[part.at : stop])
    part = At(*part)
    at = part.at if part.at >= 0 else length + part.at
    if at < 0 or at + len(part.octets) > length:
        return False
    found = folds(octets[at : at + len(part.octets)], folded=folded)
    wanted = folds(part.octets, folded=folded)
    mask = part.mask or b"\xff" * len(wanted)
    return all(one & bits == other & bits for one, other, bits in zip(found, wanted, mask, strict=True))


def verdict(declared: Signature, octets: bytes, transport: str, side: str, *, own_port: bool, cut: bool) -> int:
    """Give what a signature says of a payload: its verdict, or 0."""
    length = len(octets)
    fits = (
        (declared.transport == transport or (declared.transport == "both" and transport != "sctp"))
        and declared.side in ("both", side)
        and (own_port or not declared.own_port)
        and declared.min_length <= length <= declared.max_length
        and (length - declared.min_length) % declared.step == 0
        and all(is_true(part, octets, folded=declared.folded, cut=cut) for part in declared.parts)
    )
    return int(declared.verdict) if fits else 0


def owns(protocol: Protocol, transport: str, ports: tuple[int, int]) -> bool:
    """Say whether one of two ports is registered for a protocol."""
    return bool(set(ports) & set(getattr(protocol, f"{transport}_ports")))
