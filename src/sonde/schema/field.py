"""How a record is declared: one line a field, read by code, documents and policy alike.

    class NtpRecord(Record):
        version: Annotated[U8, Field("Protocol version, 1 to 4", PROTOCOL)]

The class is never instantiated. From its annotations come the NumPy row that kernels
fill (`row_dtype`), the Arrow schema, the documentation, and what the policy may decide.
Null is a named sentinel in the row: ABSENT in whole numbers, NO_TIME in times,
NO_TEXT in text; rows start out with every field null.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar, cast, get_args, get_origin, get_type_hints

import numpy as np

NO_TIME = -(1 << 63)
ABSENT = -1
NO_TEXT = -1


class Privacy(IntEnum):
    """What a field may tell of a person (docs: ACCOUNTABILITY §1). Higher is graver."""

    PROTOCOL = 1
    ENDPOINT = 2
    PERSON = 3
    CONTENT = 4
    SECRET = 5


PROTOCOL, ENDPOINT, PERSON = Privacy.PROTOCOL, Privacy.ENDPOINT, Privacy.PERSON
CONTENT, SECRET = Privacy.CONTENT, Privacy.SECRET


@dataclass(frozen=True, slots=True)
class Field:
    """Meaning and privacy class of one field; the class is required."""

    doc: str
    privacy: Privacy
    unit: str = ""
    ref: str = ""
    #: What the field holds that may tell the application: a "host" (SNI, Host, QNAME), the hosts of a
    #: "certificate" (RFC 5280 §4.2.1.6), or an "agent", the products of a client (RFC 9110 §10.1.5).
    names_application: Literal["", "host", "certificate", "agent"] = ""
    #: Only for the record stage: filled or replaced there, from what the kernel kept.
    derived: bool = False
    #: Never emitted; raw material of derived fields.
    internal: bool = False
    #: What a policy can shorten in it: "address", "host", "mail", "mac" or "time"; empty for other text.
    #: Text that only *may* be an address or a host name is "host": each value is looked at.
    holds: str = ""

    @property
    def shape(self) -> str:
        """Give what its values are, for techniques that shorten them; a name that tells applications is a host."""
        return self.holds or ("host" if self.names_application == "host" else "")


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of column: how a kernel stores it and what Arrow calls it."""

    name: str
    storage: str
    null: int | float
    arrow: str
    #: For codes: what each number is called; an unknown one follows `unknown`.
    names: Mapping[int, str] = field(default_factory=dict, hash=False)
    unknown: str = "unknown-{}"


# Unsigned numbers are stored one size wider, so that ABSENT is none of their values.
U8: TypeAlias = Annotated[int, Kind("u8", "i2", ABSENT, "uint8")]
U16: TypeAlias = Annotated[int, Kind("u16", "i4", ABSENT, "uint16")]
U32: TypeAlias = Annotated[int, Kind("u32", "i8", ABSENT, "uint32")]
U64: TypeAlias = Annotated[int, Kind("u64", "i8", ABSENT, "uint64")]
I8: TypeAlias = Annotated[int, Kind("i8", "i2", -(1 << 15), "int8")]
I32: TypeAlias = Annotated[int, Kind("i32", "i8", NO_TIME, "int32")]
I64: TypeAlias = Annotated[int, Kind("i64", "i8", NO_TIME, "int64")]
F64: TypeAlias = Annotated[float, Kind("f64", "f8", float("nan"), "float64")]
Bool: TypeAlias = Annotated[int, Kind("bool", "i1", ABSENT, "bool")]
TimeNs: TypeAlias = Annotated[int, Kind("time", "i8", NO_TIME, "timestamp")]
DurationNs: TypeAlias = Annotated[int, Kind("duration", "i8", NO_TIME, "duration")]
#: An IPv4 address as a number; emitted as text.
IPv4: TypeAlias = Annotated[int, Kind("ipv4", "i8", ABSENT, "string")]
#: A hardware address as a number; emitted as text.
Mac: TypeAlias = Annotated[int, Kind("mac", "i8", ABSENT, "string")]
#: Text of the wire: a span in the text arena; emitted as UTF-8, other octets as \\xNN.
Text: TypeAlias = Annotated[int, Kind("text", "i8", NO_TEXT, "string")]
#: Opaque octets: a span; emitted as binary.
Octets: TypeAlias = Annotated[int, Kind("octets", "i8", NO_TEXT, "binary")]
#: A span of length-prefixed texts (u16, big-endian, then the octets).
TextList: TypeAlias = Annotated[int, Kind("text_list", "i8", NO_TEXT, "list_string")]
#: A span of big-endian 32-bit numbers.
U32List: TypeAlias = Annotated[int, Kind("u32_list", "i8", NO_TEXT, "list_uint32")]


def code(names: Mapping[int, str], unknown: str = "unknown-{}") -> Any:  # noqa: ANN401
    """Make a column type for a registered number that is emitted as its name."""
    return Annotated[int, Kind("code", "i4", ABSENT, "dictionary", names, unknown)]


class Record:
    """Base of all record declarations."""

    #: Name of the table; by default the class name in lower case without "record".
    table: ClassVar[str]
    #: Tables that the content stage makes of these rows; such rows themselves leave nowhere.
    feeds: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        """Refuse: a record is a declaration."""
        raise TypeError(f"{type(self).__name__} declares columns; it has no instances")


Made = TypeVar("Made")


def once(make: Callable[[type[Record]], Made]) -> Callable[[type[Record]], Made]:
    """Remember what a function makes of a record's declaration."""
    return cast("Callable[[type[Record]], Made]", cache(cast("Any", make)))


@dataclass(frozen=True, slots=True)
class Column:
    """One declared field together with its place in the record."""

    index: int
    name: str
    kind: Kind
    field: Field


@once
def columns(record: type[Record]) -> tuple[Column, ...]:
    """Give the declared columns in order; TypeError for one without type or class."""
    found: list[Column] = []
    hints = get_type_hints(record, include_extras=True)
    for name, hint in hints.items():
        if get_origin(hint) is ClassVar:
            continue
        marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
        kinds = [mark for mark in marks if isinstance(mark, Kind)]
        fields = [mark for mark in marks if isinstance(mark, Field)]
        if len(kinds) != 1 or len(fields) != 1 or not isinstance(fields[0].privacy, Privacy):
            raise TypeError(f"{record.__name__}.{name} must declare one type and one Field")
        found.append(Column(len(found), name, kinds[0], fields[0]))
    return tuple(found)


#: What every row begins with: when, of which flow, how well it could be read.
HEADER = (("ts", "i8"), ("flow", "i8"), ("order", "i8"), ("anomaly", "u8"), ("status", "u1"), ("open", "u1"))


@once
def row_dtype(record: type[Record]) -> np.dtype[np.void]:
    """Give the NumPy row in which kernels leave one record."""
    fields = [*HEADER, *((column.name, column.kind.storage) for column in columns(record))]
    return np.dtype(fields, align=True)


@once
def null_row(record: type[Record]) -> np.ndarray[Any, np.dtype[np.void]]:
    """Give an array of one row in which every field is null."""
    row = np.zeros(1, row_dtype(record))
    for column in columns(record):
        row[column.name] = column.kind.null
    return row


def table_name(record: type[Record]) -> str:
    """Give the name of the table in which a record is kept."""
    own: str | None = record.__dict__.get("table")
    return own or record.__name__.removesuffix("Record").lower()
