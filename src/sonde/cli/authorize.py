"""The commands `sonde authorize` and `sonde vault`: arguments, and what is called with them."""

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sonde.cli.arguments import Parser, Subparsers, UsageError

if TYPE_CHECKING:
    from sonde.policy.authorisation import GoverningPolicy

DONE, COULD_NOT = 0, 1
MOST_HOURS = 14 * 24
Run = Callable[[argparse.Namespace], int]


def add_authorize(commands: Subparsers) -> None:
    """Describe `sonde authorize`."""
    authorize = commands.add_parser(
        "authorize",
        help="authorise content, by several people, for a time",
        description="Draft, sign, check and revoke authorisations of content (docs/authorisation.md).",
        epilog="Example: sonde authorize check phish.toml --policy office.toml --signers allowed_signers",
    )
    acts = authorize.add_subparsers(dest="act", metavar="ACT", required=True)
    _add_draft(acts)
    sign = _act(acts, "sign", run_sign, "sign one with your SSH key", "phish.toml --policy office.toml --key key")
    sign.add_argument("--key", required=True, metavar="FILE", help="your SSH key: private, or public with an agent")
    show = _act(acts, "show", run_show, "say in words what one allows", "phish.toml --policy office.toml")
    show.add_argument("--signers", metavar="FILE", help="allowed_signers; also say who signed")
    check = _act(acts, "check", run_check, "say whether one would be accepted now", "phish.toml --policy office.toml")
    check.add_argument("--signers", metavar="FILE", help="allowed_signers; also check the signatures")
    revoke = _act(acts, "revoke", run_revoke, "end one at once; needs no signature", "phish.toml", policy=False)
    revoke.set_defaults(run=run_revoke)


def _act(acts: Subparsers, name: str, run: Run, says: str, example: str, *, policy: bool = True) -> Parser:
    parser = acts.add_parser(
        name,
        help=says,
        description=f"{says[0].upper()}{says[1:]}.",
        epilog=f"Example: sonde authorize {name} {example}",
    )
    parser.add_argument("file", metavar="FILE", help="the authorisation (TOML)")
    if policy:
        parser.add_argument("--policy", required=True, metavar="FILE", help="the policy that it is under")
    parser.set_defaults(run=run)
    return parser


def _add_draft(acts: Subparsers) -> None:
    example = (
        "phish.toml --policy office.toml --purpose mail-abuse --case INC-2026-0412 --why 'A wave of phishing reached "
        "us; we need the attachments.' --protocol smtp --artefact attachments --mail-domain example.org --to age1..."
    )
    parser = _act(acts, "draft", run_draft, "write one, to be read and signed", example)
    add = parser.add_argument
    add("--purpose", required=True, metavar="WORD", help="mail-abuse, incident, ... as in policies")
    add("--case", required=True, metavar="REF", help="the case it belongs to, such as INC-2026-0412")
    add("--why", required=True, metavar="TEXT", help="a sentence that says why content is needed")
    add("--protocol", action="append", required=True, metavar="NAME", help="whose content; may be repeated")
    add("--artefact", action="append", required=True, metavar="NAME", help="headers, attachments or bodies; repeatable")
    add("--to", action="append", required=True, metavar="AGE1", help="who can open the vault; may be repeated")
    add("--network", action="append", default=[], metavar="CIDR", help="own servers; may be repeated")
    add("--mail-domain", action="append", default=[], metavar="NAME", help="own mail domain; may be repeated")
    add("--capture", action="append", default=[], metavar="FILE", help="a capture, by its digest; may be repeated")
    add("--hours", type=hours, default=72, metavar="N", help="from now on (default: 72, at most 336)")
    add("--max-messages", type=int, default=500, metavar="N", help="at most (default: 500)")
    add("--max-octets", type=int, default=100_000_000, metavar="N", help="at most (default: 100000000)")


def add_vault(commands: Subparsers) -> None:
    """Describe `sonde vault`."""
    vault = commands.add_parser(
        "vault",
        help="make keys for vaults, list and open them",
        description="Vaults hold authorised content, encrypted as age does; only recipients' identities open them.",
        epilog="Example: sonde vault open vault --identity identity.txt -o opened",
    )
    acts = vault.add_subparsers(dest="act", metavar="ACT", required=True)
    keygen = acts.add_parser(
        "keygen",
        help="make an identity; print its recipient",
        description="Make an identity that opens vaults, and print the recipient that authorisations name.",
        epilog="Example: sonde vault keygen -o identity.txt",
    )
    keygen.add_argument("-o", "--output", required=True, metavar="FILE", help="where to write the identity")
    keygen.set_defaults(run=run_keygen)
    listing = acts.add_parser(
        "list",
        help="list what is in a vault, without opening it",
        description="List the objects of a vault.",
        epilog="Example: sonde vault list vault",
    )
    listing.add_argument("vault", metavar="VAULT", help="the vault's folder")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(run=run_list)
    opening = acts.add_parser(
        "open",
        help="decrypt a vault into a new folder",
        description="Decrypt every object of a vault; all of them appear, or none.",
        epilog="Example: sonde vault open vault --identity identity.txt -o opened",
    )
    opening.add_argument("vault", metavar="VAULT", help="the vault's folder")
    opening.add_argument(
        "--identity", required=True, metavar="FILE", help="as `sonde vault keygen` or age-keygen made it"
    )
    opening.add_argument("-o", "--output", required=True, metavar="DIR", help="a folder that is not there yet")
    opening.set_defaults(run=run_open)


def hours(text: str) -> int:
    """Read a number of hours."""
    if not text.isdecimal() or not 1 <= int(text) <= MOST_HOURS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MOST_HOURS}")
    return int(text)


def _policy(args: argparse.Namespace) -> "GoverningPolicy":
    from sonde.policy import load_policy

    return load_policy(args.policy)


def run_draft(args: argparse.Namespace) -> int:
    """Carry out `sonde authorize draft`."""
    from sonde.pipeline.authorise import Wish, draft

    wish = Wish(
        purpose=args.purpose,
        case_ref=args.case,
        justification=args.why,
        protocols=args.protocol,
        artefacts=args.artefact,
        recipients=args.to,
        max_messages=args.max_messages,
        max_octets=args.max_octets,
        networks=args.network,
        mail_domains=args.mail_domain,
        captures=[Path(each) for each in args.capture],
        lasts=timedelta(hours=args.hours),
    )
    text = draft(wish, _policy(args), datetime.now(UTC))
    try:
        with Path(args.file).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{args.file} is there already; name a file that is not.") from None
    print(f"Wrote {args.file}; read it, and have it signed: sonde authorize sign {args.file} ...")
    return DONE


def run_sign(args: argparse.Namespace) -> int:
    """Carry out `sonde authorize sign`."""
    from sonde.pipeline.authorise import sign_file
    from sonde.pipeline.signing import is_security_key

    key = Path(args.key).expanduser()
    if is_security_key(key):
        print("Touch the security key when it blinks.", file=sys.stderr)
    by = sign_file(Path(args.file), _policy(args), key, datetime.now(UTC))
    print(f"{by} signed {args.file}.")
    return DONE


def run_show(args: argparse.Namespace) -> int:
    """Carry out `sonde authorize show`: also of one that expired, but of none that is malformed."""
    from sonde.pipeline.authorise import is_revoked, read_file
    from sonde.policy.activation import needed_signers, verify_authorisation
    from sonde.policy.allowed_signers import load_allowed_signers
    from sonde.policy.authorisation import beginning, check_authorisation
    from sonde.view.authorisation import print_authorisation

    path, policy, now = Path(args.file), _policy(args), datetime.now(UTC)
    signed = read_file(path)
    when = min(now, beginning(signed.octets) or now)
    found, faults = check_authorisation(signed.octets, policy, when)
    if found is None:
        return _tell(path, [(each.line, each.text) for each in faults])
    signers = load_allowed_signers(Path(args.signers)) if args.signers else None
    who = verify_authorisation(signed, policy, signers, when)[1] if signers else None
    print_authorisation(found, now, revoked=is_revoked(path), needed=needed_signers(found, policy), signers=who)
    return DONE


def run_check(args: argparse.Namespace) -> int:
    """Carry out `sonde authorize check`."""
    from sonde.pipeline.authorise import check_file, verify_file
    from sonde.policy.allowed_signers import load_allowed_signers

    path, policy, now = Path(args.file), _policy(args), datetime.now(UTC)
    faults = check_file(path, policy, now)[1]
    if faults:
        return _tell(path, [(each.line, each.text) for each in faults])
    if args.signers:
        who = verify_file(path, policy, load_allowed_signers(Path(args.signers)), now)[1]
        print(f"{path} would be accepted, signed by {', '.join(each.principal for each in who)}.")
    else:
        print(f"{path} is as it must be; its signatures were not looked at (--signers).")
    return DONE


def _tell(path: Path, faults: list[tuple[int, str]]) -> int:
    for line, text in faults:
        print(f"sonde: {path}, line {line}: {text}", file=sys.stderr)
    return COULD_NOT


def run_revoke(args: argparse.Namespace) -> int:
    """Carry out `sonde authorize revoke`."""
    from sonde.pipeline.authorise import revoke_file

    mark = revoke_file(Path(args.file), datetime.now(UTC))
    print(f"{args.file} is revoked by {mark}; keep that file beside it.")
    return DONE


def run_keygen(args: argparse.Namespace) -> int:
    """Carry out `sonde vault keygen`."""
    from sonde.sink.age import new_identity

    identity, recipient = new_identity()
    try:
        number = os.open(args.output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{args.output} is there already; name a file that is not.") from None
    with os.fdopen(number, "w", encoding="ascii") as file:
        file.write(f"# recipient: {recipient}\n{identity}\n")
    print(recipient)
    return DONE


def run_list(args: argparse.Namespace) -> int:
    """Carry out `sonde vault list`."""
    from sonde.sink.vault import list_vault
    from sonde.view.authorisation import print_vault

    print_vault(list_vault(Path(args.vault)), as_json=args.json)
    return DONE


def run_open(args: argparse.Namespace) -> int:
    """Carry out `sonde vault open`."""
    from sonde.sink.age import AgeError, read_identities
    from sonde.sink.vault import open_vault

    try:
        identities = read_identities(Path(args.identity).read_text(encoding="utf-8"))
    except (AgeError, UnicodeDecodeError) as error:
        said = error if isinstance(error, AgeError) else "this is no text."
        raise AgeError(f"{args.identity}: {said}") from None
    paths = open_vault(Path(args.vault), identities, Path(args.output))
    print(f"Opened {len(paths)} objects into {args.output}.")
    return DONE
