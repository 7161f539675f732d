"""What a signature demands, in words: for the catalogue (docs/protocols.md) and for `sonde explain`."""

from typing import Any

from sonde.schema import ASK, MAYBE, YES, Has, Length, Number, Only, Protocol, Same, Signature

MOST_SHOWN = 24  # octets of a text or of a set
VERDICTS = {YES: "sure", MAYBE: "must be confirmed", ASK: "then its structure is followed"}
SENDERS = {"orig": "from the client", "resp": "from the server", "both": ""}
FITS = {"whole": "tells the length", "within": "tells the length, or less", "begun": "tells the length, or more"}
SETS = {
    10: "digits",
    22: "hexadecimal digits",
    52: "letters",
    95: "printable ASCII",
    98: "text in ASCII",
    226: "text in UTF-8",
}


def describe(declared: Signature) -> str:
    """Say in one line what must be true of a payload, and what follows."""
    parts = [_part(part, folded=declared.folded) for part in declared.parts]
    most = declared.max_length if declared.max_length < 1 << 16 else 0
    if declared.min_length and declared.min_length == most:
        parts.append(f"{most} octets long")
    elif declared.min_length or most:
        bounds = (f"at least {declared.min_length}" if declared.min_length else "", f"at most {most}" if most else "")
        parts.append(" and ".join(bound for bound in bounds if bound) + " octets long")
    where = [
        SENDERS[declared.side],
        "" if declared.transport == "both" else f"over {declared.transport.upper()}",
        "on a registered port" if declared.own_port else "",
        "if the other side agrees" if declared.pair else "",
    ]
    said = ", ".join(each for each in where if each)
    return f"{'; '.join(parts)}{f' ({said})' if said else ''}: {VERDICTS[declared.verdict]}"


def rules_of(protocol: Protocol) -> list[str]:
    """Describe all that can tell a protocol, in the order of the numbers that flows tell (`flows.rule`)."""
    return [describe(declared) for declared in protocol.signatures]


def structure_of(protocol: Protocol) -> str:
    """Say what its kernel does, in the words of its docstring; empty where it has none."""
    kernel = protocol.identify
    plain = getattr(kernel, "py_func", kernel)
    return (getattr(plain, "__doc__", "") or "").strip().splitlines()[0] if kernel is not None else ""


def shown(octets: bytes) -> str:
    """Spell octets: as text where they are, else in hexadecimal."""
    cut = octets[:MOST_SHOWN]
    more = "..." if len(octets) > MOST_SHOWN else ""
    if cut and all(32 <= octet < 127 or octet in b"\r\n\t" for octet in cut) and len(cut) > 1:
        text = cut.decode("ascii").replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t")
        return f'"{text}"{more}'
    return f"{cut.hex(' ')}{more}"


def _part(part: Any, *, folded: bool) -> str:  # noqa: ANN401
    """Say one part of a signature."""
    if isinstance(part, Number):
        low, high = (f"{each:#x}" if each > 9999 else str(each) for each in (part.low, part.high))
        return f"{_number(part)} is {low}" if part.low == part.high else f"{_number(part)} is {low} to {high}"
    if isinstance(part, Length):
        scale = f", in units of {part.unit}" if part.unit > 1 else ""
        added = f" less {part.add}" if part.add > 0 else f" and {-part.add} more" if part.add else ""
        return f"{_number(part)} {FITS[part.fit]}{added}{scale}"
    if isinstance(part, Has):
        return f"{shown(part.octets)} from {part.start} to {part.stop}"
    if isinstance(part, Same):
        return f"the same {part.size} octets at {part.at} and {part.other}"
    if isinstance(part, Only):
        among = SETS.get(len(part.among)) or (
            f"one of {shown(part.among)}" if len(part.among) <= MOST_SHOWN else f"a set of {len(part.among)} octets"
        )
        return f"{among} from {part.at} to {part.stop or 'the end'}"
    at, octets = part[0], part[1]
    mask = part[2] if len(part) > 2 else b""
    bits = f" in the bits {mask.hex(' ')}" if mask else ""
    return f"{shown(octets)}{' in any case' if folded else ''}{bits} at {at}"


def _number(part: Any) -> str:  # noqa: ANN401
    order = ", little-endian" if part.little and part.size > 1 else ""
    return f"number at {part.at} ({part.size} octet{'s' * (part.size > 1)}{order})"
