"""The commands `sonde audit`: arguments, and what is called with them."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sonde.cli.arguments import Parser, Subparsers

if TYPE_CHECKING:
    from sonde.audit.note import Verifier

DONE, INCOMPLETE = 0, 2
MOST_KEY_OCTETS = 4096
Run = Callable[[argparse.Namespace], int]


def add_audit(commands: Subparsers) -> None:
    """Describe `sonde audit`."""
    audit = commands.add_parser(
        "audit",
        help="verify and report what a probe was used for",
        description="Verify audit logs, and say what they tell (docs/audit.md).",
        epilog="Example: sonde audit verify audit/ --key north.vkey --since last-month.checkpoint",
    )
    acts = audit.add_subparsers(dest="act", metavar="ACT", required=True)
    verify = _act(
        acts, "verify", run_verify, "check a log: 0 sound, 1 violated, 2 incomplete", "audit/ --key north.vkey"
    )
    verify.add_argument("--key", required=True, metavar="VKEY", help="the log's public key, or a file that has it")
    verify.add_argument(
        "--since", action="append", default=[], metavar="FILE", help="a checkpoint that you kept; may be given again"
    )
    verify.add_argument(
        "--witness", action="append", default=[], metavar="VKEY", help="who must have cosigned; may be given again"
    )
    verify.add_argument("--outputs", metavar="DIR", help="a dataset, or a folder of datasets, to hold to the log")
    verify.add_argument("--json", action="store_true", help="as JSON")
    checkpoint = _act(acts, "checkpoint", run_checkpoint, "print what an auditor or a witness keeps", "audit/ > today")
    checkpoint.add_argument("--vkey", action="store_true", help="print the log's public key instead")
    checkpoint.add_argument(
        "--since", metavar="FILE", help="an older checkpoint: print a request to a witness that has it (tlog-witness)"
    )
    report = _act(acts, "report", run_report, "say in words what a log tells", "audit/ --key north.vkey")
    report.add_argument("--key", metavar="VKEY", help="the log's public key (default: what the log itself says)")
    report.add_argument("--format", choices=("text", "markdown"), default="text", help="of the report (default: text)")


def _act(acts: Subparsers, name: str, run: Run, says: str, example: str) -> Parser:
    parser = acts.add_parser(
        name,
        help=says,
        description=f"{says[0].upper()}{says[1:]}.",
        epilog=f"Example: sonde audit {name} {example}",
    )
    parser.add_argument("log", metavar="DIR", help="the folder of the log")
    parser.set_defaults(run=run)
    return parser


def run_verify(args: argparse.Namespace) -> int:
    """Carry out `sonde audit verify`; what could not be done at all is incomplete, and never violated."""
    from sonde.audit.error import AuditError
    from sonde.audit.folder import read_octets
    from sonde.audit.verify import STATUS, verify
    from sonde.view.audit import print_verdict

    try:
        verdict = verify(
            Path(args.log),
            _key(args.key),
            since=[read_octets(Path(each)) for each in args.since],
            witnesses=[_key(each) for each in args.witness],
            outputs=Path(args.outputs) if args.outputs else None,
        )
    except (AuditError, OSError) as error:
        said = str(error) if isinstance(error, AuditError) else f"{error.filename}: {error.strerror}."
        print(f"sonde: {said}", file=sys.stderr)
        return INCOMPLETE
    print_verdict(verdict, as_json=args.json, since=len(args.since))
    return STATUS[verdict.status]


def run_checkpoint(args: argparse.Namespace) -> int:
    """Carry out `sonde audit checkpoint`."""
    from sonde.audit.folder import read_octets
    from sonde.audit.verify import own_key, witness_request

    log = Path(args.log)
    key = own_key(log)
    if args.vkey:
        print(key)
    else:
        since = read_octets(Path(args.since)) if args.since else None
        print(witness_request(log, key, since), end="")
    return DONE


def run_report(args: argparse.Namespace) -> int:
    """Carry out `sonde audit report`."""
    from sonde.audit.verify import STATUS, own_key, verify
    from sonde.view.audit import print_report

    log = Path(args.log)
    verdict = verify(log, _key(args.key) if args.key else own_key(log))
    print_report(verdict, args.format, is_given=bool(args.key))
    return STATUS[verdict.status]


def _key(text: str) -> "Verifier":
    """Read a public key, as it is or from a file."""
    from sonde.audit.note import read_verifier

    path = Path(text)
    if "+" not in text or path.is_file():
        with path.open("rb") as file:
            text = file.read(MOST_KEY_OCTETS).decode("utf-8", "replace")
    return read_verifier(text)


__all__ = ["add_audit"]
