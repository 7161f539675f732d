"""`sonde protocols`: what is identified, what is dissected."""

import json
from typing import Any

from sonde.dissect import all_dissectors
from sonde.identify import Applications, all_protocols
from sonde.pipeline.plan import all_records
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
                "ports": {"tcp": list(protocol.tcp_ports), "udp": list(protocol.udp_ports)},
                "identifies": True,
                "dissects": dissector is not None,
                "tables": sorted({table_name(record) for record in dissector.records}) if dissector else [],
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
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("name", "title", "on", "dissected into", "reference"):
        table.add_column(name, no_wrap=name == "name")
    for entry in found:
        if entry["kind"] == "protocol":
            table.add_row(
                entry["name"],
                entry["title"],
                " ".join(entry["transports"]),
                " ".join(entry["tables"]),
                entry["reference"],
            )
    console = Console()
    console.print(table)
    applications = [entry["title"] for entry in found if entry["kind"] == "application"]
    console.print(f"\n[bold]{len(applications)} applications by name:[/bold] {', '.join(applications)}")
    console.print(f"[dim]tables: {', '.join(all_records())}[/dim]")
