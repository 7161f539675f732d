"""The command `sonde mail-feed`: mail from the operator's own server, once or as it comes."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonde.cli.arguments import Subparsers, UsageError, names
from sonde.cli.live import roll, share
from sonde.cli.steering import steered

if TYPE_CHECKING:
    from sonde.pipeline.feeding import MailProbe

DONE = 0
FORMATS = ("parquet", "jsonl", "csv")


def add_mail_feed(commands: Subparsers) -> None:
    """Describe `sonde mail-feed`."""
    feed = commands.add_parser(
        "mail-feed",
        help="read mail from your own server's files, or as its filter",
        description="Read messages in a Maildir, a folder of .eml files, or a file (docs/mail.md). With --watch "
        "go on as more come, and with --milter listen to a mail server as one of its filters: nothing is changed, "
        "held up or sent back. What goes on writes parts and needs a signed policy that declares mail domains.",
        epilog="Example: sonde mail-feed reports/ -o reports.sonde; "
        "sonde mail-feed --milter inet:127.0.0.1:8899 --policy office.toml --signers allowed_signers -o mail",
    )
    add = feed.add_argument
    add("places", nargs="*", metavar="PLACE", help="Maildirs, folders of .eml files, or files")
    add("-o", "--output", required=True, metavar="DIR", help="where to write")
    add("--watch", action="store_true", help="go on as messages come")
    add("--milter", default="", metavar="ADDRESS", help="listen as a milter: inet:127.0.0.1:8899 or unix:PATH")
    add("--format", choices=FORMATS, default="parquet", help="form of the output (default: parquet)")
    add("--tables", type=names, metavar="A,B", help="mail, mail_part (default: both)")
    add("--policy", default="default", metavar="POLICY", help="default, clear, strict, or a file (default: default)")
    add("--signers", metavar="FILE", help="allowed_signers, if the policy asks for signatures")
    add("--keys", metavar="DIR", help="where keys are kept (default: $SONDE_KEYS, or the user's state folder)")
    add("--audit", metavar="DIR", help="audit log to write to (default: what the policy's file says, or none)")
    add("--probe", default="", metavar="NAME", help="name of this probe in a new audit log (default: probe)")
    add("--authorisation", metavar="FILE", help="keep content as this file allows (needs --vault)")
    add("--vault", metavar="DIR", help="the vault that takes it, encrypted")
    add("--roll", type=roll, default=60.0, metavar="S", help="a part is committed every S seconds (default: 60)")
    add("--keep-free", type=share, default=0.1, metavar="SHARE", help="of the disk; oldest parts go (default: 10%%)")
    add("--quiet", action="store_true", help="print nothing but errors")
    feed.set_defaults(run=run_mail_feed)


def run_mail_feed(args: argparse.Namespace) -> int:
    """Carry out `sonde mail-feed`."""
    if bool(args.authorisation) != bool(args.vault):
        raise UsageError("--authorisation and --vault go together: what may be kept, and where.")
    if args.watch and not args.places:
        raise UsageError("--watch needs a folder to watch.")
    if not args.places and not args.milter:
        raise UsageError("name a Maildir or a folder of .eml files, or listen with --milter ADDRESS.")
    if args.places and args.milter and not args.watch:
        raise UsageError("--milter goes on, so the folders must be watched too: add --watch, or leave them away.")
    return _go_on(args) if args.watch or args.milter else _read_once(args)


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _read_once(args: argparse.Namespace) -> int:
    """Read what there is now into a dataset."""
    from sonde.pipeline.account import accounted, folder_of_log
    from sonde.pipeline.feed import TABLES, read_messages
    from sonde.pipeline.keeping import Wanted, keeping
    from sonde.pipeline.places import keys_folder
    from sonde.pipeline.plan import PlanError
    from sonde.pipeline.read import default_seed, make_plan
    from sonde.policy import PolicyError

    keys, out = keys_folder(args.keys), Path(args.output)
    with accounted(folder_of_log(args.audit, args.policy), args.policy, keys, args.probe) as audit:
        try:
            plan = make_plan(
                args.tables or TABLES, args.policy, keys=keys, signers=_path(args.signers), audit=audit,
                seed=default_seed(),
            )  # fmt: skip
        except (PlanError, PolicyError) as error:
            raise UsageError(str(error)) from None
        if not plan.tables <= set(TABLES):
            raise UsageError(f"A mail feed has the tables {' and '.join(TABLES)}.")
        wanted = None
        if args.authorisation:
            wanted = Wanted(Path(args.authorisation), Path(args.vault), _path(args.signers))
        with keeping(wanted, plan, audit, []) as keeper, _progress(quiet=args.quiet) as progress:
            manifest = read_messages(
                [Path(each) for each in args.places], plan, out, form=args.format, audit=audit, keeper=keeper,
                progress=progress,
            )  # fmt: skip
    if not args.quiet:
        print(_told(manifest, out))
    return DONE


def _told(manifest: dict[str, Any], out: Path) -> str:
    """Say in two lines what was read."""
    messages, tables = manifest["messages"], manifest["tables"]
    dropped = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in messages["dropped"].items())
    rows = ", ".join(f"{name} {told['rows']:,}" for name, told in tables.items())
    many = f"{messages['in']:,} message{'s' * (messages['in'] != 1)}"
    first = f"{many}, {messages['recorded']:,} recorded" + (f", {dropped}" if dropped else "")
    return f"{first}\n{out}: {rows} rows"


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Any]:
    """Say on a terminal how many messages were read."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    yield lambda count: print(f"\r{count:,} messages", end="", file=sys.stderr, flush=True) if not count % 50 else None
    print("\r", end="", file=sys.stderr)


def _go_on(args: argparse.Namespace) -> int:
    """Go on until told to end."""
    from sonde.cli.live import say
    from sonde.pipeline.feeding import FeedOptions, fed

    if args.tables:
        raise UsageError("A feed that goes on writes both tables; leave --tables away.")
    options = FeedOptions(
        policy=args.policy,
        output=Path(args.output),
        places=[Path(each) for each in args.places],
        milter=args.milter,
        signers=_path(args.signers),
        form=args.format,
        keys=_path(args.keys),
        audit=_path(args.audit),
        probe=args.probe,
        roll_s=args.roll,
        keep_free=args.keep_free,
        authorisation=_path(args.authorisation),
        vault=_path(args.vault),
        warn=say,
    )
    with fed(options) as probe, steered(probe, lambda: say(_state(probe))):
        if not args.quiet:
            where = [*args.places, *([args.milter] if args.milter else [])]
            say(f"taking mail from {', '.join(where)} under {probe.state.policy}, version {probe.state.version}.")
        probe.run()
        if not args.quiet:
            say(_state(probe))
    return DONE


def _state(probe: "MailProbe") -> str:
    """Say in a line how a feed stands."""
    feed, state = probe.feed, probe.state
    dropped = json.dumps(dict(sorted(feed.dropped.items()))) if feed.dropped else "none"
    rows = json.dumps(dict(sorted(state.rows.items())))
    return (
        f"{feed.messages:,} messages, not recorded: {dropped}; rows {rows}; {state.parts_committed:,} parts, "
        f"{state.parts_failed:,} failed."
    )


__all__ = ["add_mail_feed"]
