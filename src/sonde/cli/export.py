"""The command `sonde export`, and the options that say where records go besides files."""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonde.cli.arguments import Parser, Subparsers, UsageError, any_octets, names, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from sonde.sink.outlet import Outlet

DONE = 0
PATIENCE_S = 10.0  # with somebody who does not answer, where a person waits


def add_export(commands: Subparsers) -> None:
    """Describe `sonde export`."""
    export = commands.add_parser(
        "export",
        help="send a dataset's records elsewhere",
        description="Send a dataset's records to a collector of IPFIX, to Kafka or to a socket (docs/outlets.md).",
        epilog="Example: sonde export office.sonde --ipfix 127.0.0.1:4739 --transport tcp",
    )
    export.add_argument("dataset", metavar="DATASET", help="the folder that `sonde read` wrote")
    export.add_argument("--tables", type=names, metavar="A,B", help="tables to send (default: all)")
    add_outlets(export)
    export.add_argument(
        "--patience", type=seconds, default=PATIENCE_S, metavar="S", help="wait so long for who is away (default: 10)"
    )
    export.add_argument("--json", action="store_true", help="print what was sent as JSON")
    export.set_defaults(run=run_export)


def add_outlets(command: Parser) -> None:
    """Describe where records can go besides files; `sonde live` has the same options."""
    add = command.add_argument
    add("--ipfix", metavar="HOST:PORT", help="send flows to a collector of IPFIX (RFC 7011)")
    add("--transport", choices=("udp", "tcp"), default="udp", help="of IPFIX (default: udp)")
    add("--ipfix-times", choices=("ms", "ns"), default="ms", help="unit of IPFIX times; few collectors read ns")
    add("--ipfix-domain", type=domain, default=1, metavar="N", help="observation domain of IPFIX (default: 1)")
    add("--pace", type=any_octets, default="4M", metavar="SIZE", help="IPFIX over udp: so much a second (default: 4M)")
    add("--kafka", metavar="HOST:PORT,...", help="send records to Kafka, a topic for each table")
    add("--kafka-prefix", default="sonde.", metavar="PREFIX", help="names of topics begin so (default: sonde.)")
    add("--kafka-config", metavar="FILE", help="further settings of librdkafka, NAME=VALUE a line: TLS, passwords")
    add("--to", metavar="PLACE", help="send JSON lines to tcp://HOST:PORT or unix:/PATH")


def domain(text: str) -> int:
    """Read an observation domain (RFC 7011 §3.1: 32 bits)."""
    if not text.isdecimal() or int(text) >> 32:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to {(1 << 32) - 1}")
    return int(text)


def outlet_makers(args: argparse.Namespace, patience_s: float) -> "dict[str, Callable[[], Outlet]]":
    """Give what makes the outlets that options ask for, by name; UsageError for one that means nothing.

    Made only when called: some begin threads, which a probe does once it has given up its rights.
    """
    from sonde.sink.collector import IpfixOutlet
    from sonde.sink.connection import OutletError, endpoint, host_and_port
    from sonde.sink.kafka import KafkaOutlet, check_kafka, read_settings
    from sonde.sink.stream import StreamOutlet

    found: dict[str, Callable[[], Outlet]] = {}
    terms: dict[str, Any] = {"patience_s": patience_s}
    try:
        if args.ipfix:
            to = host_and_port(args.ipfix, args.transport)
            own = {"domain": args.ipfix_domain, "times": args.ipfix_times, "pace": args.pace}
            found["ipfix"] = partial(IpfixOutlet, to, **own, **terms)
        if args.kafka:
            check_kafka(args.kafka, args.kafka_prefix)
            settings = read_settings(Path(args.kafka_config)) if args.kafka_config else {}
            found["kafka"] = partial(KafkaOutlet, args.kafka, prefix=args.kafka_prefix, settings=settings, **terms)
        if args.to:
            found["stream"] = partial(StreamOutlet, endpoint(args.to), **terms)
    except OutletError as error:
        raise UsageError(str(error)) from None
    return found


def run_export(args: argparse.Namespace) -> int:
    """Carry out `sonde export`."""
    from sonde.pipeline.stored import QueryError, stored, tables_of
    from sonde.view.export import print_sent

    makers = outlet_makers(args, args.patience)
    if not makers:
        raise UsageError("Say where to: --ipfix HOST:PORT, --kafka HOST:PORT or --to tcp://HOST:PORT.")
    dataset = Path(args.dataset)
    try:
        tables = tables_of(dataset, args.tables)
    except QueryError as error:
        raise UsageError(str(error)) from None
    if args.ipfix and "flows" not in tables:
        raise UsageError("IPFIX tells flows, and `flows` is not among the tables to be sent.")
    outlets = {name: make() for name, make in makers.items()}
    try:
        for permitted in stored(dataset, tables if set(outlets) != {"ipfix"} else ["flows"]):
            for outlet in outlets.values():
                outlet.write(permitted)
    finally:
        for outlet in outlets.values():
            outlet.close()
    sent = {name: dict(outlet.tally()) for name, outlet in outlets.items()}
    if args.json:
        print(json.dumps(sent))
    else:
        print_sent(sent)
    return DONE


__all__ = ["add_export", "add_outlets", "outlet_makers"]
