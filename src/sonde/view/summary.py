"""The summary after `sonde read`: what, who, how much, oddities, drops, time."""

import ipaddress
from typing import Any

from sonde.pipeline.read import Reading
from sonde.schema import ENDPOINT
from sonde.table.flows import ODDITIES

V4 = 0xFFFF << 32


def size(octets: float) -> str:
    """Give octets in a unit that reads well."""
    for unit in ("B", "kB", "MB", "GB"):
        if octets < 1000 or unit == "GB":
            return f"{octets:.0f} {unit}" if unit == "B" else f"{octets:.1f} {unit}"
        octets /= 1000
    return ""


def print_summary(reading: Reading) -> None:
    """Print the summary to standard output."""
    from rich.console import Console

    console = Console(highlight=False)
    manifest, tally = reading.manifest, reading.tally
    packets = manifest["packets"]
    rate = packets["in"] / max(reading.seconds, 1e-9)
    lasted = (reading.totals.last_ns - reading.totals.first_ns) / 1e9 if reading.totals.first_ns else 0.0
    names = ", ".join(entry["name"] for entry in manifest["inputs"][:3])
    more = f" and {len(manifest['inputs']) - 3} more" if len(manifest["inputs"]) > 3 else ""
    console.print(
        f"[bold]{names}{more}[/bold]  {packets['in']:,} packets, {size(reading.totals.octets)}, "
        f"{lasted:,.1f} s of traffic, {tally.flows:,} flows"
    )
    total = max(sum(entry[1] for entry in tally.protocols.values()), 1)
    _print_table(console, "protocols", _top(tally.protocols, reading.plan.protocol_names, total))
    _print_table(
        console,
        "applications",
        _top(tally.applications, [item.title for item in reading.plan.applications.items], total, skip_unknown=True),
    )
    if reading.plan.gate.policy.technique(ENDPOINT) == "keep":
        hosts = sorted(tally.hosts.items(), key=lambda item: -item[1][0])[:5]
        _print_table(
            console, "talkers", [(_address(key), "", size(value[0]), value[0] / total) for key, value in hosts]
        )
    odd = ", ".join(f"{ODDITIES[bit]} {count:,}" for bit, count in tally.oddities.most_common() if bit < len(ODDITIES))
    if odd:
        console.print(f"[yellow]oddities[/yellow]      {odd}")
    dropped = ", ".join(f"{name} {count:,}" for name, count in packets["dropped"].items())
    console.print(f"not recorded  {dropped or 'nothing'}")
    if manifest["bounds"]:
        console.print(
            "[yellow]bounds hit[/yellow]    "
            + ", ".join(f"{name} {count:,}" for name, count in manifest["bounds"].items())
        )
    if manifest["internal_errors"]:
        console.print(
            f"[red]internal errors[/red] {len(manifest['internal_errors'])}: {manifest['internal_errors'][0]}"
        )
    if reading.plan.gate.policy.notice:
        console.print(f"[yellow]{reading.plan.gate.policy.notice}[/yellow]")
    tables = ", ".join(f"{name} {entry['rows']:,}" for name, entry in manifest["tables"].items() if entry["rows"])
    console.print(f"records       {tables or 'none'}")
    console.print(f"[green]{reading.folder}[/green]  in {reading.seconds:.2f} s, {rate / 1e6:.2f} M packets/s")


def _top(
    sums: dict[int, list[int]], names: list[Any], total: int, *, skip_unknown: bool = False
) -> list[tuple[str, str, str, float]]:
    rows = []
    for number, (flows, octets) in sorted(sums.items(), key=lambda item: (-item[1][1], -item[1][0])):
        if number < 0 and skip_unknown:
            continue
        name = names[number] if number >= 0 else "unknown"
        rows.append((str(name), f"{flows:,}", size(octets), octets / total))
    return rows[:8]


def _print_table(console: Any, title: str, rows: list[tuple[str, str, str, float]]) -> None:  # noqa: ANN401
    if not rows:
        return
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(width=13)
    table.add_column(min_width=18)
    table.add_column(justify="right")
    table.add_column(justify="right")
    table.add_column()
    for place, (name, flows, octets, share) in enumerate(rows):
        table.add_row(
            title if place == 0 else "", name, flows, octets, "[cyan]" + "▇" * max(round(share * 30), 0) + "[/cyan]"
        )
    console.print(table)


def _address(key: tuple[int, int]) -> str:
    high, low = key
    if high == 0 and low >> 32 == 0xFFFF:
        return str(ipaddress.IPv4Address(low & 0xFFFFFFFF))
    return str(ipaddress.IPv6Address(high << 64 | low))
