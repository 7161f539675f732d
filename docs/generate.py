"""Write docs/records.md, docs/cli.md, docs/protocols.md and packaging/sonde.1 from what is declared: `make docs`.

A test refuses drift.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import sonde
from sonde.cli.arguments import Parser
from sonde.cli.main import full_parser
from sonde.dissect import Dissector, all_dissectors
from sonde.identify import Applications, all_protocols
from sonde.identify.describe import rules_of, structure_of
from sonde.pipeline.plan import all_records
from sonde.record import catalogue
from sonde.schema import Privacy, Protocol, Record, table_name
from sonde.table.flows import ODDITIES
from sonde.table.out import COMMON_ANOMALIES, STATUS_NAMES
from sonde.table.packets import DROPS

FOLDER = Path(__file__).parent
MADE = "<!-- Made by `make docs` from the declarations in src; do not edit. -->\n"
TYPES = {
    "timestamp[ns, tz=UTC]": "time, ns, UTC",
    "duration[ns]": "duration, ns",
    "dictionary<values=string, indices=int32, ordered=0>": "name",
    "list<item: string>": "list of text",
    "list<item: uint32>": "list of uint32",
    "string": "text",
    "binary": "octets",
    "bool": "yes or no",
}
CLASSES = {
    Privacy.PROTOCOL: "says nothing of a person",
    Privacy.ENDPOINT: "names a machine or service",
    Privacy.PERSON: "names or describes a person's act; a pseudonym under policy `default`",
    Privacy.CONTENT: "what was said or sent; dropped",
    Privacy.SECRET: "lets someone act as another; never leaves the parser, only that it was seen",
}


def records() -> str:
    """Compose the reference of all tables."""
    return "\n".join([*_records_head(), *(line for name in all_records() for line in _table(name))])


def _records_head() -> Iterator[str]:
    yield "# Records"
    yield ""
    yield MADE
    yield "Every field of every table, with its type, its privacy class and what it means. A column that"
    yield "the policy does not keep is not in the dataset; `manifest.json` says what was applied to each."
    yield ""
    yield "| class | what it is |"
    yield "|---|---|"
    for privacy, meaning in CLASSES.items():
        yield f"| {privacy.name} | {meaning} |"
    yield ""
    yield f"Values of `status`: {', '.join(f'`{name}`' for name in STATUS_NAMES.values())}."
    yield f"Values of `anomalies` that any table can have: {', '.join(f'`{name}`' for name in COMMON_ANOMALIES)}."
    yield f"Values of `oddities` of flows: {', '.join(f'`{name}`' for name in ODDITIES)}."
    yield f"Why a packet is not recorded (`manifest.json`): {', '.join(f'`{name}`' for name in DROPS[1:])}."
    yield ""


def _table(name: str) -> Iterator[str]:
    record = all_records()[name]
    yield f"## {name}"
    yield ""
    yield (record.__doc__ or "").splitlines()[0]
    sources = [each for each in all_dissectors() if record in each.records]
    if sources:
        yield ""
        yield "From " + ", ".join(f"{each.protocol.title} ({each.protocol.reference})" for each in sources) + "."
    own = sorted({anomaly for each in sources for anomaly in each.anomalies if anomaly})
    if own:
        yield f"Anomalies of its own: {', '.join(f'`{anomaly}`' for anomaly in own)}."
    yield ""
    yield "| field | type | class | what | source |"
    yield "|---|---|---|---|---|"
    yield from _fields(record, is_flows=name == "flows")
    yield ""


def _fields(record: type[Record], *, is_flows: bool) -> Iterator[str]:
    for column, (kind, field) in catalogue(record, is_flows=is_flows).items():
        unit = f", in {field.unit}" if field.unit else ""
        what = f"{field.doc}{unit}".replace("|", "\\|")
        yield f"| `{column}` | {TYPES.get(str(kind), kind)} | {field.privacy.name} | {what} | {field.ref} |"


def cli() -> str:
    """Compose the reference of the command line."""
    parser = full_parser()
    lines = ["# The command line", "", MADE, parser.description or "", ""]
    lines += [
        "Exit status: 0 done, 1 could not, 2 wrong usage, 3 done with damaged input, 130 interrupted,",
        "143 asked to end.",
        "What goes wrong is one sentence on standard error. Output appears whole or not at all.",
        "Set `NO_COLOR` for a summary without colour, `SONDE_CACHE` for where compiled kernels are kept.",
        "",
    ]
    for name, command in _commands(parser).items():
        lines += _command(name, command)
    return "\n".join(lines)


def _commands(parser: Parser, above: str = "") -> dict[str, Parser]:
    """Give commands by name; those of several acts by each act's."""
    found: dict[str, Parser] = {}
    for action in parser._actions:  # argparse has no other way to ask
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                found |= _commands(command, f"{above}{name} ") or {f"{above}{name}": command}
    return found


def _command(name: str, parser: Parser) -> Iterator[str]:
    shown = [action for action in parser._actions if action.dest != "help"]
    operands = [
        str(action.metavar) + ("..." if action.nargs == "+" else "") for action in shown if not action.option_strings
    ]
    yield f"## sonde {name} {' '.join(operands)}".rstrip()
    yield ""
    yield parser.description or ""
    yield ""
    yield "| argument | meaning |"
    yield "|---|---|"
    for action in shown:
        values = "\\|".join(action.choices) if action.choices else action.metavar or ""
        names = ", ".join(f"`{option}`" for option in action.option_strings)
        value = f" `{values}`" if names and values else f"`{values}`" if values else ""
        yield f"| {names}{value} | {action.help} |"
    yield ""
    example = (parser.epilog or "").removeprefix("Example: ")
    yield from ("```sh", example, "```", "")


def man() -> str:
    """Compose the manual page, in the macros of `man`."""
    parser = full_parser()
    lines = [
        '.\\" Made by `make docs` from the declarations in src; do not edit.',
        f'.TH SONDE 1 "" "sonde {sonde.__version__}" "User Commands"',
        ".SH NAME",
        "sonde \\- an accountable network probe",
        ".SH SYNOPSIS",
        ".B sonde",
        ".I COMMAND",
        "[options]",
        ".SH DESCRIPTION",
        "Reads captures of a network that its user operates, or watches its interfaces, and writes what happened as",
        "typed records. A policy decides what may be known, and is enforced before anything is written.",
        ".SH COMMANDS",
    ]
    for name, command in _commands(parser).items():
        lines += _manual(name, command)
    lines += [
        ".SH EXIT STATUS",
        "0 done, 1 could not, 2 wrong usage, 3 done with damaged input, 130 interrupted, 143 asked to end.",
        "What goes wrong is one sentence on standard error.",
        ".SH ENVIRONMENT",
        *_terms({"NO_COLOR": "No colour.", "SONDE_CACHE": "Where compiled kernels are kept.",
                 "SONDE_KEYS": "Where keys of pseudonyms are kept."}),
        ".SH SEE ALSO",
        ".BR tcpdump (8),",
        ".BR nfcapd (1),",
        ".BR systemd.service (5)",
    ]  # fmt: skip
    return "\n".join(lines)


def _manual(name: str, parser: Parser) -> Iterator[str]:
    shown = [action for action in parser._actions if action.dest != "help"]
    operands = [
        str(action.metavar) + ("..." if action.nargs == "+" else "") for action in shown if not action.option_strings
    ]
    yield f".SS sonde {_roff(' '.join([name, *operands]))}"
    yield _roff(parser.description or "")
    told = {}
    for action in shown:
        values = "|".join(action.choices) if action.choices else str(action.metavar or "")
        names = ", ".join(action.option_strings)
        told[f"{names} {values}".strip()] = (action.help or "").replace("%%", "%")
    yield from _terms(told)
    yield ".PP"
    yield "Example:"
    yield ".PP"
    yield ".EX"
    yield f"    {_roff((parser.epilog or '').removeprefix('Example: '))}"
    yield ".EE"


def _terms(told: dict[str, str]) -> Iterator[str]:
    for name, says in told.items():
        yield ".TP"
        yield f".B {_roff(name)}"
        yield _roff(says)


def _roff(text: str) -> str:
    """Write text so that no macro or escape begins in it, and a minus stays one that can be copied."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped


def protocols() -> str:
    """Compose the catalogue: what is known of each protocol, and by what."""
    dissectors = {each.protocol.name: each for each in all_dissectors()}
    every = sorted(all_protocols([each.protocol for each in dissectors.values()]), key=lambda each: each.name)
    applications = Applications.load().items
    lines = ["# Protocols", "", MADE]
    lines += [
        f"{len(every)} protocols are named, {len(dissectors)} of them dissected. {len(applications)} applications and",
        "services are named by hosts, certificates, User-Agents or payloads: src/sonde/identify/applications.toml",
        "lists them with their sources. [identify.md](identify.md) says how it is done, and what is refused.",
        "",
        "A port never decides alone. What is *sure* decides on any port; what *must be confirmed* decides on a port",
        "registered for the protocol, or when the other side, or several datagrams in a row, fit too. Numbers are",
        "those of `flows.rule`. Offsets count octets from the beginning of the payload, negative ones from its end.",
        "",
    ]
    samples, tests = _samples(), _dissector_tests()
    for protocol in every:
        lines += _protocol(
            protocol, dissectors.get(protocol.name), samples[protocol.name], tests.get(protocol.name, "")
        )
    return "\n".join(lines)


def _samples() -> Counter[str]:
    """Count payloads written from specifications, by protocol."""
    found: Counter[str] = Counter()
    for path in sorted((FOLDER.parent / "tests/identify/samples").glob("*.py")):
        found.update(re.findall(r'Sample\(\s*"([^"]+)"', path.read_text(encoding="utf-8")))
    return found


def _dissector_tests() -> dict[str, str]:
    """Give the tests of each dissector: files that import it."""
    found: dict[str, list[str]] = {}
    modules = {each.protocol.name: each.protocol.name.replace("-", "_") for each in all_dissectors()}
    for path in sorted((FOLDER.parent / "tests/dissect").glob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        for name, module in modules.items():
            if re.search(rf"sonde\.dissect\.{module} import|sonde\.dissect import .*\b{module}\b", text):
                found.setdefault(name, []).append(f"tests/dissect/{path.name}")
    return {name: ", ".join(paths) for name, paths in found.items()}


def _protocol(protocol: Protocol, dissector: Dissector | None, samples: int, tests: str) -> Iterator[str]:
    ports = [
        f"{kind} {_ranges(each)}"
        for kind, each in (("TCP", protocol.tcp_ports), ("UDP", protocol.udp_ports), ("SCTP", protocol.sctp_ports))
        if each
    ]
    ports += [f"IP protocol {number}" for number in protocol.ip_protocols]
    tables = (
        ", ".join(f"`{table_name(record)}`" for record in dissector.records if not record.feeds) if dissector else ""
    )
    yield f"## {protocol.name}"
    yield ""
    yield f"{protocol.title} ({protocol.reference})" + (f"; {', '.join(ports)}." if ports else ".")
    yield ""
    if tables:
        yield f"- dissected: {tables}"
    for number, words in enumerate(rules_of(protocol), 1):
        yield f"- {number}: {_plain(words)}"
    if structure_of(protocol):
        yield f"- structure: {_plain(structure_of(protocol))}"
    if protocol.announces[0]:
        yield f"- announces flows of {protocol.announces[1]}"
    if protocol.starts_tls:
        yield "- TLS may begin in it"
    for name in dict.fromkeys(name for name, _ in protocol.applications):
        yield f"- payloads tell the application {name}"
    covered = [f"{samples} payload{'s' * (samples != 1)} in tests/identify/samples"] if samples else []
    covered += [tests] if tests else []
    if covered:
        yield f"- tests: {', '.join(covered)}"
    yield ""


def _plain(text: str) -> str:
    """Keep Markdown from reading a line as its own."""
    return re.sub(r"([*_<>`|\[\]\\])", r"\\\1", text)


def _ranges(ports: tuple[int, ...]) -> str:
    """Spell ports, those in a row as a range."""
    runs: list[list[int]] = []
    for port in sorted(set(ports)):
        if runs and port == runs[-1][-1] + 1:
            runs[-1].append(port)
        else:
            runs.append([port])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


MADE_FILES = {
    "records": (FOLDER / "records.md", records),
    "cli": (FOLDER / "cli.md", cli),
    "protocols": (FOLDER / "protocols.md", protocols),
    "man": (FOLDER.parent / "packaging/sonde.1", man),
}


def main() -> None:
    """Write all."""
    for path, compose in MADE_FILES.values():
        path.write_text(compose().rstrip("\n") + "\n", encoding="utf-8")
        print(f"wrote {path.relative_to(FOLDER.parent)}")


if __name__ == "__main__":
    main()
