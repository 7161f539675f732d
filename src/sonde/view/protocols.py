"""`sonde protocols`: what is identified, what is dissected."""

import json
import shutil
import textwrap
from typing import Any

from sonde.dissect import Dissector, all_dissectors
from sonde.identify import Applications, all_protocols
from sonde.schema import table_name


def list_protocols() -> list[dict[str, Any]]:
    """Give every protocol and application, as `sonde protocols --json` prints them."""
    dissectors = {each.protocol.name: each for each in all_dissectors()}
    found: list[dict[str, Any]] = []
    for protocol in sorted(all_protocols([each.protocol for each in dissectors.values()]), key=lambda each: each.name):
        dissector = dissectors.get(protocol.name)
        transports = set(protocol.transports) if protocol.identify is not None else set()
        for signature in protocol.signatures:
            transports |= {"tcp", "udp"} if signature.transport == "both" else {signature.transport}
        found.append(
            {
                "name": protocol.name,
                "kind": "protocol",
                "title": protocol.title,
                "reference": protocol.reference,
                "transports": sorted(transports) or [f"ip/{number}" for number in protocol.ip_protocols],
                "ports": {
                    "tcp": list(protocol.tcp_ports),
                    "udp": list(protocol.udp_ports),
                    "sctp": list(protocol.sctp_ports),
                },
                "identifies": True,
                "dissects": dissector is not None,
                "tables": sorted(_tables(dissector)) if dissector else [],
                "aliases": {tool: list(names) for tool, names in protocol.aliases.items()},
            }
        )
    for item in sorted(Applications.load().items, key=lambda each: each.name):
        found += [
            {
                "name": item.name,
                "kind": "application",
                "title": item.title,
                "reference": "",
                "transports": [],
                "ports": {"tcp": [], "udp": []},
                "identifies": True,
                "dissects": False,
                "tables": [],
                "aliases": {tool: list(names) for tool, names in item.aliases.items()},
            }
        ]
    return found


def print_protocols(*, as_json: bool) -> None:
    """Print the list."""
    found = list_protocols()
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    width = max(shutil.get_terminal_size().columns, 60)
    protocols = [entry for entry in found if entry["kind"] == "protocol"]
    names = max(len(entry["name"]) for entry in protocols) + 2
    tables = max(len(" ".join(entry["tables"])) for entry in protocols) + 2
    for entry in protocols:
        records = " ".join(entry["tables"]).ljust(tables)
        print(_line(entry["name"].ljust(names) + records, entry["title"], width))
    applications = [entry["title"] for entry in found if entry["kind"] == "application"]
    print(f"\n{len(protocols)} protocols, where a table is named: dissected into its records.")
    print(f"{len(applications)} applications, told by names:")
    print(textwrap.fill(", ".join(applications) + ".", width, break_on_hyphens=False))


def _line(left: str, title: str, width: int) -> str:
    """Put a title behind what stands left of it, cut where the line ends."""
    room = width - len(left)
    return left + (title if len(title) <= room else title[: room - 1] + "…")


def _tables(dissector: Dissector) -> set[str]:
    """Give the tables that a dissector fills, and those made of what it hands on."""
    return {name for record in dissector.records for name in (record.feeds or (table_name(record),))}
