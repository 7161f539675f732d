"""The command `sonde`: parse arguments, call the library, print."""

import argparse
import os
import sys
from pathlib import Path

import sonde

DONE, COULD_NOT, WRONG_USAGE, DAMAGED = 0, 1, 2, 3
FORMATS = ("parquet", "jsonl", "csv", "zeek")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; give the exit status."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help()
        return WRONG_USAGE
    try:
        status: int = args.run(args)
    except KeyboardInterrupt:
        print("sonde: interrupted; nothing was written.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (ValueError, OSError) as error:
        print(f"sonde: {sentence(error)}", file=sys.stderr)
        return COULD_NOT
    return status


def sentence(error: Exception) -> str:
    """Say in one sentence what went wrong."""
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}."
    return str(error)


def build_parser() -> argparse.ArgumentParser:
    """Describe commands and options."""
    parser = argparse.ArgumentParser(
        prog="sonde",
        description="An accountable network probe: captures in, typed records out.",
        epilog="Example: sonde read office.pcapng && sonde query office.sonde 'from flows'",
    )
    parser.add_argument("--version", action="version", version=f"sonde {sonde.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_read(commands)
    _add_query(commands)
    _add_protocols(commands)
    return parser


def _add_read(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    read = commands.add_parser(
        "read",
        help="read captures, write records",
        description="Read captures (pcap, pcapng; gzip, zstd, xz, bz2; - for standard input) and write records.",
        epilog="Example: sonde read office.pcapng -o office.sonde --tables flows,dns",
    )
    read.add_argument("captures", nargs="+", metavar="CAPTURE", help="files, globs, folders, or -")
    read.add_argument("-o", "--output", metavar="DIR", help="where to write (default: NAME.sonde here)")
    read.add_argument("--format", choices=FORMATS, default="parquet", help="form of the output (default: parquet)")
    read.add_argument("--tables", metavar="A,B", help="tables wanted (default: all); flows alone is fastest")
    read.add_argument("--policy", default="default", metavar="NAME", help="default or clear (default: default)")
    read.add_argument("--checksums", choices=("ignore", "verify"), default="ignore", help="drop what fails them")
    read.add_argument("--memory", default="512M", metavar="SIZE", help="budget of the flow tables (default: 512M)")
    read.add_argument("--lanes", type=int, default=0, metavar="N", help="threads (default: one for each core, up to 4)")
    read.add_argument("--interim", type=float, default=0.0, metavar="S", help="also record long flows every S seconds")
    read.add_argument("--overlap", choices=("first", "last"), default="first", help="whose octets count in overlaps")
    read.add_argument("--applications", action="append", default=[], metavar="FILE", help="your own names (TOML)")
    read.add_argument("--digest", action="store_true", help="put the inputs' SHA-256 in the manifest")
    quiet = read.add_mutually_exclusive_group()
    quiet.add_argument("--quiet", action="store_true", help="print nothing but errors")
    quiet.add_argument("--json", action="store_true", help="print the manifest as JSON instead of a summary")
    read.set_defaults(run=run_read)


def _add_query(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    query = commands.add_parser(
        "query",
        help="ask a dataset in SQL",
        description="Ask a dataset in DuckDB's SQL; each table is a view.",
        epilog="Example: sonde query office.sonde 'select query, count(*) as n from dns group by all order by n desc'",
    )
    query.add_argument("dataset", metavar="DATASET")
    query.add_argument("sql", metavar="SQL")
    query.add_argument("--format", choices=("table", "csv", "jsonl"), default="table")
    query.set_defaults(run=run_query)


def _add_protocols(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    protocols = commands.add_parser(
        "protocols",
        help="list what is identified and dissected",
        description="List the protocols and applications that Sonde identifies, and the tables it fills.",
        epilog="Example: sonde protocols --json | jq '.[] | select(.dissects) | .name'",
    )
    protocols.add_argument("--json", action="store_true", help="as JSON, with aliases of other tools")
    protocols.set_defaults(run=run_protocols)


def octets_of(text: str) -> int:
    """Read a size such as 512M; ValueError with a sentence otherwise."""
    units = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    digits = text.rstrip("BbKkMmGgi")
    unit = text[len(digits) :].upper().removesuffix("B").removesuffix("I")
    if not digits.isdigit() or unit not in units:
        raise ValueError(f"{text!r} is no size; write one such as 512M or 2G.")
    return int(digits) * units[unit]


def default_output(captures: list[str]) -> Path:
    """Name the dataset after the first capture."""
    first = captures[0]
    if first == "-":
        return Path("stdin.sonde")
    name = Path(first).resolve().name
    for packing in (".gz", ".zst", ".xz", ".bz2"):
        name = name.removesuffix(packing)
    for ending in (".pcapng", ".pcap", ".cap"):
        name = name.removesuffix(ending)
    return Path(f"{name or 'capture'}.sonde")


def run_read(args: argparse.Namespace) -> int:
    """Carry out `sonde read`."""
    from sonde.flow import Limits
    from sonde.pipeline.read import find_captures, make_plan, read_captures, seed_of
    from sonde.view.progress import Progress

    if args.lanes < 0:
        raise ValueError("--lanes takes a whole number from 1 on.")
    captures = find_captures(args.captures)
    plan = make_plan(
        args.tables.split(",") if args.tables else None,
        args.policy,
        lanes=args.lanes,
        memory=octets_of(args.memory),
        checksums=args.checksums,
        limits=Limits(interim_s=args.interim),
        overlap=args.overlap,
        applications=[Path(each) for each in args.applications],
        seed=seed_of(captures),
    )
    out = Path(args.output) if args.output else default_output(args.captures)
    with Progress(captures, quiet=args.quiet) as progress:
        reading = read_captures(captures, plan, out, form=args.format, digest=args.digest, progress=progress.update)
    for report in reading.totals.reports:
        for damage in report.damage:
            print(f"sonde: {damage.path}, octet {damage.offset}: {damage.reason}.", file=sys.stderr)
    if args.json:
        import json

        print(json.dumps(reading.manifest))
    elif not args.quiet:
        from sonde.view.summary import print_summary

        print_summary(reading)
    return DAMAGED if reading.damaged else DONE


def run_query(args: argparse.Namespace) -> int:
    """Carry out `sonde query`."""
    from sonde.view.query import print_query

    print_query(Path(args.dataset), args.sql, args.format)
    return DONE


def run_protocols(args: argparse.Namespace) -> int:
    """Carry out `sonde protocols`."""
    from sonde.view.protocols import print_protocols

    print_protocols(as_json=args.json)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
