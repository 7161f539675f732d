"""The command `sonde`: parse arguments, call the library, print.

Exit status: 0 done, 1 could not, 2 wrong usage, 3 done with damaged input; 130 and 143
interrupted. What goes wrong is one sentence on standard error.
"""

import argparse
import atexit
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import sonde
from sonde.cli.arguments import Parser, UsageError, build_parser
from sonde.cli.audit import add_audit
from sonde.cli.authorize import add_authorize, add_vault
from sonde.cli.completion import add_completion
from sonde.cli.export import add_export
from sonde.cli.failures import contain, fail, sentence
from sonde.cli.live import add_live, add_watch
from sonde.cli.mail_feed import add_mail_feed
from sonde.cli.policy import add_policy, add_retention, add_selftest
from sonde.cli.top import add_top

if TYPE_CHECKING:
    from sonde.audit import AuditLog
    from sonde.pipeline.keeping import Keeper
    from sonde.pipeline.plan import Plan
    from sonde.pipeline.read import Reading

#: Objects that are made before Python looks for those that hold one another and that nobody holds: what is imported
#: stays, and to look at all of it again and again took 30 ms of each start.
GARBAGE_AFTER = 100_000
DONE, COULD_NOT, WRONG_USAGE, DAMAGED, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 130, 143


class Terminated(KeyboardInterrupt):
    """Somebody asked this program to end (SIGTERM)."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; give the exit status."""
    contain()
    words = sys.argv[1:] if argv is None else argv
    parser = own_parser() if words and words[0] in RUNS else full_parser()
    try:
        args = parser.parse_args(words)
        if args.command is None:
            parser.print_help()
            return WRONG_USAGE
        status: int = args.run(args)
        sys.stdout.flush()
    except UsageError as error:
        return fail(str(error), WRONG_USAGE)
    except Terminated:
        return leave("ended on request; nothing was written.", TERMINATED)
    except KeyboardInterrupt:
        return leave("interrupted; nothing was written.", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # who read our output has enough
        return DONE
    except MemoryError:
        return fail("there is not enough memory; try a smaller --memory.", COULD_NOT)
    except Exception as error:  # noqa: BLE001 - its text may repeat what was read, and must not come out
        return fail(sentence(error), COULD_NOT)
    return status


def program() -> NoReturn:
    """Be the program `sonde`: when all is written, end at once, for to take the interpreter apart takes 50 ms."""
    # NumPy's algebra, which nothing here needs, would start a thread for each core and let them spin for a while; and
    # Arrow's own allocator gives nothing back (see `Recorder`, which cannot tell what is compiled into Arrow).
    # Huge pages, which NumPy asks for, have 2 MiB cleared for whatever is first touched of them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    gc.set_threshold(GARBAGE_AFTER)
    open_streams()
    status = main()
    atexit._run_exitfuncs()  # noqa: SLF001 - what was asked for at the end is done; the rest is memory
    with suppress(OSError, ValueError):  # nobody listens any more
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def open_streams() -> None:
    """Have a standard stream that is closed be empty, or lead nowhere; else a file of ours would get its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115 - open as long as the program


def own_parser() -> Parser:
    """Describe the commands that are carried out here: `read` would wait 10 ms for all the others."""
    return build_parser(sonde.__version__, RUNS)


def full_parser() -> Parser:
    """Describe every command; docs/cli.md is made from this."""
    records = (add_live, add_watch, add_mail_feed, add_export, add_top)
    rules = (add_policy, add_retention, add_selftest, add_authorize, add_vault, add_audit)
    more = (*records, *rules, partial(add_completion, full=full_parser))
    return build_parser(sonde.__version__, RUNS, *more)


def leave(text: str, status: int) -> int:
    """Say why this program ends early; wait for no thread that compiles or waits for input."""
    fail(text, status)
    if threading.active_count() > 1:
        sys.stderr.flush()
        os._exit(status)
    return status


def run_read(args: argparse.Namespace) -> int:
    """Carry out `sonde read`."""
    from sonde.flow import Limits
    from sonde.pipeline.account import accounted, folder_of_log
    from sonde.pipeline.places import keys_folder
    from sonde.pipeline.plan import PlanError
    from sonde.pipeline.read import find_captures, make_plan, read_captures, seed_of
    from sonde.policy import PolicyError
    from sonde.view.progress import Progress

    if bool(args.authorisation) != bool(args.vault):
        raise UsageError("--authorisation and --vault go together: what may be kept, and where.")
    captures = find_captures(args.captures)
    out = Path(args.output) if args.output else default_output(args.captures)
    keys = keys_folder(args.keys)
    with (
        _ending_on_request(),
        accounted(folder_of_log(args.audit, args.policy), args.policy, keys, args.probe) as audit,
    ):
        try:
            plan = make_plan(
                args.tables,
                args.policy,
                keys=keys,
                signers=Path(args.signers) if args.signers else None,
                audit=audit,
                lanes=args.lanes,
                memory=args.memory,
                checksums=args.checksums,
                limits=Limits(interim_s=args.interim),
                overlap=args.overlap,
                applications=[Path(each) for each in args.applications],
                seed=seed_of(captures),
            )
        except (PlanError, PolicyError) as error:
            raise UsageError(str(error)) from None
        with _keeper(args, plan, audit, captures) as keeper, Progress(captures, quiet=args.quiet) as progress:
            reading = read_captures(
                captures, plan, out, form=args.format, digest=args.digest, progress=progress.update, audit=audit,
                keeper=keeper,
            )  # fmt: skip
    return _tell_reading(args, reading, compiled=progress.compiling)


def _keeper(
    args: argparse.Namespace, plan: "Plan", audit: "AuditLog | None", captures: list[str]
) -> "AbstractContextManager[Keeper | None]":
    """Open the vault, if content is authorised; ciphers take time to import, and most runs keep none."""
    if not args.authorisation:
        return nullcontext()
    from sonde.pipeline.keeping import Wanted, keeping

    signers = Path(args.signers) if args.signers else None
    return keeping(Wanted(Path(args.authorisation), Path(args.vault), signers), plan, audit, captures)


def _tell_reading(args: argparse.Namespace, reading: "Reading", *, compiled: bool) -> int:
    """Say what became of a run; give the exit status."""
    for report in reading.totals.reports:
        for damage in report.damage:
            print(f"sonde: {damage.path}, octet {damage.offset}: {damage.reason}.", file=sys.stderr)
    unknown = reading.manifest["packets"]["dropped"].get("unknown_link", 0)
    if unknown:
        print(f"sonde: {unknown} frames are of a link type that is not decoded.", file=sys.stderr)
    if args.json:
        import json

        print(json.dumps(reading.manifest))
    elif not args.quiet:
        from sonde.view.summary import print_summary

        print_summary(reading, compiled=compiled)
    return DAMAGED if reading.damaged else DONE


@contextmanager
def _ending_on_request() -> Iterator[None]:
    """Let SIGTERM end a run as an interrupt does, its output removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated


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


def run_query(args: argparse.Namespace) -> int:
    """Carry out `sonde query`."""
    from sonde.view.query import print_query

    print_query(Path(args.dataset), args.sql, args.format)
    return DONE


def run_explain(args: argparse.Namespace) -> int:
    """Carry out `sonde explain`."""
    from sonde.view.explain import explain_flow, print_story

    print_story(explain_flow(Path(args.dataset), args.uid))
    return DONE


def run_protocols(args: argparse.Namespace) -> int:
    """Carry out `sonde protocols`."""
    from sonde.view.protocols import print_protocols

    print_protocols(as_json=args.json)
    return DONE


RUNS = {"read": run_read, "query": run_query, "explain": run_explain, "protocols": run_protocols}

if __name__ == "__main__":
    program()
