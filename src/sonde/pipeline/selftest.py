"""`sonde selftest`: on site, with this installation, no output holds what the policy does not keep.

    result = run_selftest(["default", "office.toml"])
    result.failures           # canaries that were found where they must not be

For each policy and each format of output a capture of canaries is read; then every file, the
manifest and the summary are searched. That the test can see at all is tested first: under
`clear` every canary of a class that `clear` keeps must be found.
"""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sonde.pipeline.canaries import Canary, write_canaries
from sonde.pipeline.plan import registry
from sonde.pipeline.read import Reading, make_plan, read_captures
from sonde.policy import BUILT_IN, Policy, PolicyError
from sonde.policy.terms import KEEP
from sonde.sink import FORMATS

WHERE_ALL_IS_SEEN = ("clear", "jsonl")


@dataclass
class SelfTest:
    """What a self-test did and found."""

    policies: list[str]
    canaries: int = 0
    outputs: int = 0
    seconds: float = 0.0
    #: "policy, format: the canary of http.username (PERSON) was found".
    failures: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Give it for JSON and for the audit log."""
        return {
            "policies": self.policies,
            "canaries": self.canaries,
            "outputs": self.outputs,
            "milliseconds": round(self.seconds * 1000),
            "failures": self.failures,
        }


def run_selftest(
    policies: list[str], *, signers: Path | None = None, summarise: Callable[[Reading], None] = lambda reading: None
) -> SelfTest:
    """Test built-in policies and files by name; `summarise` prints what a run would print."""
    began = time.monotonic()
    result = SelfTest(policies)
    with TemporaryDirectory(prefix="sonde-selftest-") as place:
        folder = Path(place)
        for number, name in enumerate(dict.fromkeys(["clear", *policies])):
            for form in FORMATS:
                plan = make_plan(None, name, keys=folder / "keys", signers=None if name in BUILT_IN else signers)
                capture = folder / f"{number}-{form}.pcap"
                canaries = write_canaries(capture, *client_of(plan.gate.policy))
                result.canaries = len(canaries)
                out = folder / f"{number}-{form}"
                shown = io.StringIO()
                with redirect_stdout(shown), redirect_stderr(shown):
                    summarise(read_captures([str(capture)], plan, out, form=form))
                text = everything(out) + shown.getvalue()
                result.outputs += 1
                result.failures += [
                    f"{name}, {form}: the canary of {canary.places[0]} ({canary.privacy.name}) was found"
                    for canary in leaked(plan.gate.policy, canaries, text)
                ]
                if (name, form) == WHERE_ALL_IS_SEEN:
                    _see_all(plan.gate.policy, canaries, text)
    result.seconds = time.monotonic() - began
    return result


def _see_all(policy: Policy, canaries: list[Canary], text: str) -> None:
    """Fail where the test itself is blind."""
    unseen = [
        each.places[0] for each in canaries if policy.of_class(each.privacy) == KEEP and not stands(each, text.lower())
    ]
    if unseen:
        raise PolicyError(f"The self-test sees nothing of {', '.join(unseen)} where it should; this is our defect.")


def leaked(policy: Policy, canaries: list[Canary], text: str) -> Iterator[Canary]:
    """Go through the canaries that stand in a text though the policy does not keep them."""
    folded = text.lower()
    for canary in canaries:
        if stands(canary, folded) and not _may_stand(policy, canary):
            yield canary


def stands(canary: Canary, folded: str) -> bool:
    """Say whether a canary stands in a text of small letters, plain or in hexadecimal digits, as octets are spelled."""
    return canary.word.lower() in folded or canary.word.encode().hex() in folded


def _may_stand(policy: Policy, canary: Canary) -> bool:
    """Say whether the policy keeps the field of a canary as it is; several fields may hold one."""
    if policy.of_class(canary.privacy) != KEEP:
        return False
    for place in canary.places:
        table, _, column = place.partition(".")
        if policy.technique(table, column, registry()[table][column]) == KEEP:
            return True
    return False


def client_of(policy: Policy) -> list[IPv4Address | IPv6Address]:
    """Give an address within the first network of a policy, as the capture must have one to be looked at."""
    return [network.cidr.network_address + 1 for network in policy.networks[:1]]


def everything(folder: Path) -> str:
    """Give all that a dataset holds as one text, Parquet spelled out; octets also as hexadecimal digits say them."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - with the reader of Parquet, which nobody else here needs

    found = []
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        found.append(path.name)
        if path.suffix == ".parquet":
            rows = pq.read_table(path).to_pylist()
            found += [text for row in rows for value in row.values() for text in _texts(value)]
        else:
            found.append(path.read_text(encoding="utf-8", errors="replace"))
    return "\n".join(found)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, bytes):
        yield value.decode("latin-1")
        yield value.hex()
    elif value is not None:
        yield str(value)


__all__ = ["SelfTest", "run_selftest"]
