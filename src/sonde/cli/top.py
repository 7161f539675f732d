"""The command `sonde top`, and the options that let a probe be watched."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sonde.cli.arguments import Parser, Subparsers, UsageError, seconds

if TYPE_CHECKING:
    from sonde.view.page import Page

DONE = 0
DEFAULT_PAGE, DEFAULT_PORT = "http://127.0.0.1:9480", "9480"


def add_top(commands: Subparsers) -> None:
    """Describe `sonde top`."""
    top = commands.add_parser(
        "top",
        help="watch a probe at work",
        description="Show a probe at work: rates, protocols, drops, sinks, memory. q ends.",
        epilog="Example: sonde top --metrics http://127.0.0.1:9480 --output office",
    )
    top.add_argument(
        "--metrics", default=DEFAULT_PAGE, metavar="URL", help=f"the probe's page (default: {DEFAULT_PAGE})"
    )
    top.add_argument(
        "--output", metavar="DIR", help="the probe's output: also show who talks most, of its newest parts"
    )
    top.add_argument("--every", type=seconds, default=2.0, metavar="S", help="look again after so long (default: 2)")
    top.add_argument("--once", action="store_true", help="print one screen and end; rates are averages then")
    top.set_defaults(run=run_top)


def run_top(args: argparse.Namespace) -> int:
    """Carry out `sonde top`."""
    from sonde.view.top import show_top

    try:
        show_top(args.metrics, Path(args.output) if args.output else None, max(args.every, 0.1), once=args.once)
    except KeyboardInterrupt:
        return DONE
    return DONE


def add_page(command: Parser) -> None:
    """Describe where a probe tells how it is."""
    command.add_argument(
        "--metrics",
        nargs="?",
        const=DEFAULT_PORT,
        metavar="[HOST:]PORT",
        help=f"serve /metrics, /healthz and /state, on loopback if no host is named (default port: {DEFAULT_PORT})",
    )


def open_page(text: str | None) -> "Page | None":
    """Take the port of a probe's page, if one is wanted; UsageError for what is none."""
    if text is None:
        return None
    from sonde.sink.connection import OutletError, host_and_port
    from sonde.view.page import Page

    try:
        place = host_and_port(text if ":" in text else f"127.0.0.1:{text}", "tcp")
    except OutletError:
        raise UsageError(f"{text!r} is no port for --metrics; write PORT, or HOST:PORT.") from None
    return Page(place.host, place.port)


__all__ = ["add_page", "add_top", "open_page"]
