"""What may stand behind `sonde`: commands, options, and how their values are read.

docs/cli.md is made from this file.
"""

import argparse
import math
from collections.abc import Callable, Mapping
from typing import NoReturn, TypeAlias

FORMATS = ("parquet", "jsonl", "csv", "zeek")
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
SMALLEST_MEMORY = 16 << 20
Commands = Mapping[str, Callable[[argparse.Namespace], int]]
Subparsers: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001 - it has no public name


class UsageError(ValueError):
    """A command line that means nothing; the message is for the user."""


class Parser(argparse.ArgumentParser):
    """A parser that says in one sentence what is wrong."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and leaving."""
        raise UsageError(f"{message}; see `{self.prog} --help`.")


def build_parser(version: str, run: Commands, *more: Callable[["Subparsers"], None]) -> Parser:
    """Describe commands and options; `run` carries them out, and `more` describes those of other files."""
    parser = Parser(
        prog="sonde",
        description="An accountable network probe: captures in, typed records out.",
        epilog="Example: sonde read office.pcapng && sonde query office.sonde 'from flows'",
    )
    parser.add_argument("--version", action="version", version=f"sonde {version}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_read(commands, run["read"])
    _add_query(commands, run["query"])
    _add_explain(commands, run["explain"])
    _add_protocols(commands, run["protocols"])
    for add in more:
        add(commands)
    return parser


def _add_read(commands: Subparsers, run: Callable[[argparse.Namespace], int]) -> None:
    read = commands.add_parser(
        "read",
        help="read captures, write records",
        description="Read captures (pcap, pcapng; gzip, zstd, xz, bz2; - for standard input) and write records.",
        epilog="Example: sonde read office.pcapng -o office.sonde --tables flows,dns",
    )
    add = read.add_argument
    add("captures", nargs="+", metavar="CAPTURE", help="files, globs, folders, or -")
    add("-o", "--output", metavar="DIR", help="where to write (default: NAME.sonde here)")
    add("--format", choices=FORMATS, default="parquet", help="form of the output (default: parquet)")
    add("--tables", type=names, metavar="A,B", help="tables wanted (default: all); flows alone is fastest")
    add("--policy", default="default", metavar="POLICY", help="default, clear, strict, or a file (default: default)")
    add("--signers", metavar="FILE", help="allowed_signers, if the policy asks for signatures")
    add("--keys", metavar="DIR", help="where keys are kept (default: $SONDE_KEYS, or the user's state folder)")
    add("--audit", metavar="DIR", help="audit log to write to (default: what the policy's file says, or none)")
    add("--probe", default="", metavar="NAME", help="name of this probe in a new audit log (default: probe)")
    add("--authorisation", metavar="FILE", help="keep content of mail as this file allows (needs --vault)")
    add("--vault", metavar="DIR", help="the vault that takes it, encrypted")
    add("--checksums", choices=("ignore", "verify"), default="ignore", help="drop what fails them")
    add("--memory", type=octets, default="512M", metavar="SIZE", help="budget of the flow tables (default: 512M)")
    add("--lanes", type=lanes, default=0, metavar="N", help="threads (default: one for each core but one, up to 4)")
    add("--interim", type=seconds, default=0.0, metavar="S", help="also record long flows every S seconds")
    add("--overlap", choices=("first", "last"), default="first", help="whose octets count in overlaps")
    add(
        "--names", "--applications", dest="applications", action="append", default=[], metavar="FILE",
        help="your own names of applications (TOML; see docs/identify.md)",
    )  # fmt: skip
    add("--digest", action="store_true", help="put the inputs' SHA-256 in the manifest")
    quiet = read.add_mutually_exclusive_group()
    quiet.add_argument("--quiet", action="store_true", help="print nothing but errors")
    quiet.add_argument("--json", action="store_true", help="print the manifest as JSON instead of a summary")
    read.set_defaults(run=run)


def _add_query(commands: Subparsers, run: Callable[[argparse.Namespace], int]) -> None:
    query = commands.add_parser(
        "query",
        help="ask a dataset in SQL",
        description="Ask a dataset in DuckDB's SQL; each table is a view.",
        epilog="Example: sonde query office.sonde 'select query, count(*) as n from dns group by all order by n desc'",
    )
    query.add_argument("dataset", metavar="DATASET", help="the folder that `sonde read` wrote")
    query.add_argument("sql", metavar="SQL", help="one SELECT")
    query.add_argument("--format", choices=("table", "csv", "jsonl"), default="table", help="of the answer")
    query.set_defaults(run=run)


def _add_explain(commands: Subparsers, run: Callable[[argparse.Namespace], int]) -> None:
    explain = commands.add_parser(
        "explain",
        help="tell the story of one flow",
        description="Tell the story of one flow: its layers, how its protocol and application are known, by which "
        "rule, after how many payloads, which flows belong to it, and its records in other tables.",
        epilog="Example: sonde explain office.sonde CHhAvVGS1DHFjwGM9",
    )
    explain.add_argument("dataset", metavar="DATASET", help="the folder that `sonde read` wrote")
    explain.add_argument("uid", metavar="UID", help="the flow's name, as all tables have it")
    explain.set_defaults(run=run)


def _add_protocols(commands: Subparsers, run: Callable[[argparse.Namespace], int]) -> None:
    protocols = commands.add_parser(
        "protocols",
        help="list what is identified and dissected",
        description="List the protocols and applications that Sonde identifies, and the tables it fills.",
        epilog="Example: sonde protocols --json | jq '.[] | select(.dissects) | .name'",
    )
    protocols.add_argument("--json", action="store_true", help="as JSON, with aliases of other tools")
    protocols.set_defaults(run=run)


def octets(text: str) -> int:
    """Read a size of memory such as 512M."""
    size = any_octets(text)
    if size < SMALLEST_MEMORY:
        raise argparse.ArgumentTypeError(f"{text!r} is too little, 16M is the least")
    return size


def any_octets(text: str) -> int:
    """Read any size such as 512K."""
    digits = text.rstrip("BbKkMmGgi")
    unit = text[len(digits) :].upper().removesuffix("B").removesuffix("I")
    if not digits.isdecimal() or unit not in UNITS:
        raise argparse.ArgumentTypeError(f"{text!r} is no size, write one such as 512M or 2G")
    return int(digits) * UNITS[unit]


def lanes(text: str) -> int:
    """Read a number of lanes."""
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 64")
    return int(text)


def seconds(text: str) -> float:
    """Read a length of time."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return value


def names(text: str) -> list[str]:
    """Read names between commas."""
    return [name.strip() for name in text.split(",")]
