"""The command `sonde live`: a probe on the wire, its signals, and how it ends."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonde.cli.arguments import Parser, Subparsers, UsageError, lanes, names, octets, seconds
from sonde.cli.export import add_outlets, outlet_makers
from sonde.cli.steering import handled, steered
from sonde.cli.top import add_page, open_page

if TYPE_CHECKING:
    from sonde.pipeline.start import Options
    from sonde.pipeline.state import State
    from sonde.sink.outlet import Bounded, Outlet

DONE, COULD_NOT = 0, 1
FORMATS = ("parquet", "jsonl", "csv")
MOST_RINGS = 64
PATIENCE_S = 60.0  # of an outlet with one batch; meanwhile the queue before it fills


def add_live(commands: Subparsers) -> None:
    """Describe `sonde live`."""
    live = commands.add_parser(
        "live",
        help="watch interfaces, write records",
        description="Watch interfaces (or a capture that comes through a pipe: -), and write records in parts until "
        "told to end (docs/live.md). SIGTERM ends clean, SIGHUP reads the policy again, SIGUSR1 prints the state.",
        epilog="Example: sonde live eth0,eth1 --policy office.toml --signers allowed_signers --user sonde -o office",
    )
    add = live.add_argument
    add("interfaces", type=names, metavar="INTERFACE", help="interfaces with commas between, or -")
    _add_terms(live)
    add("--filter", default="", metavar="TEXT", help="take only such frames (libpcap's language, but for hosts)")
    add("--ring", type=octets, default="128M", metavar="SIZE", help="memory for frames, each interface (default: 128M)")
    add("--rings", type=rings, default=1, metavar="N", help="rings of each interface, by flow (default: 1)")
    add("--timestamps", choices=("kernel", "hardware"), default="kernel", help="who stamps frames (default: kernel)")
    add("--authorisation", metavar="FILE", help="keep content of mail as this file allows (needs --vault)")
    add("--vault", metavar="DIR", help="the vault that takes it, encrypted")
    add("--roll", type=roll, default=60.0, metavar="S", help="a part is committed every S seconds (default: 60)")
    add("--roll-size", type=octets, default="256M", metavar="SIZE", help="or after so many octets (default: 256M)")
    add_outlets(live)
    add_page(live)
    live.set_defaults(run=run_live)


def add_watch(commands: Subparsers) -> None:
    """Describe `sonde watch`."""
    watch = commands.add_parser(
        "watch",
        help="read captures as they come into a folder",
        description="Read each finished capture of a folder once, across restarts, until told to end (docs/live.md). "
        "SIGTERM ends clean, SIGHUP reads the policy again.",
        epilog="Example: sonde watch /var/spool/captures --policy office.toml --signers allowed_signers -o office",
    )
    add = watch.add_argument
    add("folder", metavar="DIR", help="the folder into which captures come")
    _add_terms(watch)
    add("--quiet-for", type=seconds, default=5.0, metavar="S", help="unchanged so long, one is finished (default: 5)")
    watch.set_defaults(run=run_watch)


def _add_terms(parser: Parser) -> None:
    """Describe what both have: policy, places, budgets."""
    add = parser.add_argument
    add("-o", "--output", required=True, metavar="DIR", help="where parts are written")
    add("--format", choices=FORMATS, default="parquet", help="form of the output (default: parquet)")
    add("--tables", type=names, metavar="A,B", help="tables wanted (default: all); flows alone is fastest")
    add("--policy", required=True, metavar="FILE", help="a signed policy that declares networks")
    add("--signers", metavar="FILE", help="allowed_signers: who may sign policies")
    add("--keys", metavar="DIR", help="where keys are kept (default: $SONDE_KEYS, or the user's state folder)")
    add("--audit", metavar="DIR", help="audit log to write to (default: what the policy's file says)")
    add("--probe", default="", metavar="NAME", help="name of this probe in a new audit log (default: probe)")
    add("--user", metavar="NAME", help="whom root becomes (default: the owner of the output)")
    add("--keep-free", type=share, default=0.1, metavar="SHARE", help="of the disk; oldest parts go (default: 10%%)")
    add("--checksums", choices=("ignore", "verify"), default="ignore", help="drop what fails them")
    add("--memory", type=octets, default="512M", metavar="SIZE", help="budget of the flow tables (default: 512M)")
    add("--lanes", type=lanes, default=0, metavar="N", help="threads (default: one for each core but one, up to 4)")
    add("--interim", type=seconds, default=300.0, metavar="S", help="also record long flows every S (default: 300)")
    add("--overlap", choices=("first", "last"), default="first", help="whose octets count in overlaps")
    add(
        "--names", "--applications", dest="applications", action="append", default=[], metavar="FILE",
        help="your own names of applications (TOML; see docs/identify.md)",
    )  # fmt: skip
    add("--quiet", action="store_true", help="print nothing but what is wrong")


def run_live(args: argparse.Namespace) -> int:
    """Carry out `sonde live`."""
    if sys.platform != "linux" and args.interfaces != ["-"]:
        raise UsageError("Interfaces are watched on Linux alone; elsewhere: tcpdump -w - | sonde live - ...")
    if bool(args.authorisation) != bool(args.vault):
        raise UsageError("--authorisation and --vault go together: what may be kept, and where.")
    from sonde.pipeline.start import started
    from sonde.view.state import print_state

    options = _options(
        args,
        interfaces=args.interfaces,
        filter=args.filter,
        ring_octets=args.ring,
        rings_each=args.rings,
        hardware_stamps=args.timestamps == "hardware",
        roll_s=args.roll,
        roll_octets=args.roll_size,
        outlets=_bounded(outlet_makers(args, PATIENCE_S)),
        authorisation=Path(args.authorisation) if args.authorisation else None,
        vault=Path(args.vault) if args.vault else None,
    )
    page = open_page(args.metrics)
    with (
        _told_of_compiling(quiet=args.quiet),
        started(options) as probe,
        steered(probe, lambda: print_state(probe.state)),
    ):
        if not args.quiet:
            told = f"watching {', '.join(args.interfaces)} under {probe.state.policy}, version {probe.state.version}."
            probe.begun = lambda: say(told)
        if page is not None:
            page.start(probe.state.snapshot)  # its threads begin here, as confined as this one
        probe.run()
    if not args.quiet:
        print_state(probe.state)
    return DONE


def _options(args: argparse.Namespace, **more: Any) -> "Options":  # noqa: ANN401 - fields of Options
    """Read what both commands have."""
    from sonde.pipeline.start import Options

    return Options(
        policy=args.policy,
        signers=Path(args.signers) if args.signers else None,
        output=Path(args.output),
        form=args.format,
        tables=args.tables,
        keys=Path(args.keys) if args.keys else None,
        audit=Path(args.audit) if args.audit else None,
        probe=args.probe,
        user=args.user,
        lanes=args.lanes,
        memory=args.memory,
        interim_s=args.interim,
        checksums=args.checksums,
        overlap=args.overlap,
        applications=[Path(each) for each in args.applications],
        keep_free=args.keep_free,
        warn=say,
        **more,
    )


def run_watch(args: argparse.Namespace) -> int:
    """Carry out `sonde watch`."""
    from sonde.pipeline.start import watching

    options = _options(args, interfaces=())
    with _told_of_compiling(quiet=args.quiet), watching(Path(args.folder), options, args.quiet_for) as watcher:

        def end(number: int, frame: object) -> None:
            if watcher.is_stopping:
                raise KeyboardInterrupt
            watcher.stop()

        def reload(number: int, frame: object) -> None:
            watcher.reload = True

        with handled({signal.SIGTERM: end, signal.SIGINT: end, signal.SIGHUP: reload}):
            if not args.quiet:
                say(f"watching {args.folder}; {len(watcher.done)} captures were read before.")
            watcher.run()
    if not args.quiet:
        say(f"{watcher.read} captures were read, {watcher.failed} files were none.")
    return DONE


def _bounded(makers: "dict[str, Callable[[], Outlet]]") -> "list[Callable[[State], Bounded]]":
    """Put a bounded queue before each outlet."""
    from sonde.sink.outlet import Bounded

    return [lambda _, name=name, make=make: Bounded(make(), name) for name, make in makers.items()]  # type: ignore[misc]


def say(text: str) -> None:
    """Say something on standard error while the probe works."""
    print(f"sonde: {text}", file=sys.stderr, flush=True)


@contextmanager
def _told_of_compiling(*, quiet: bool) -> Iterator[None]:
    """Say once what the first start waits for."""
    from sonde.wire import announce_with

    said: list[str] = []
    ours = os.getpid()

    def tell(name: str) -> None:
        if not said and not quiet and os.getpid() == ours:  # others compile for us
            say("compiling kernels for this machine; this happens once, and nothing is captured meanwhile.")
        said.append(name)

    announce_with(tell)
    try:
        yield
    finally:
        announce_with(lambda _: None)


def rings(text: str) -> int:
    """Read a number of rings."""
    if not text.isdecimal() or not 1 <= int(text) <= MOST_RINGS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MOST_RINGS}")
    return int(text)


def roll(text: str) -> float:
    """Read how often parts are committed."""
    value = seconds(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is too short, 1 second is the least")
    return value


def share(text: str) -> float:
    """Read a share such as 10%."""
    digits = text.removesuffix("%")
    try:
        value = float(digits) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 0.9:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0% to 90%")
    return value


__all__ = ["add_live", "add_watch"]
