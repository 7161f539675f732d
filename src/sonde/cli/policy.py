"""The commands `sonde policy`, `sonde retention` and `sonde selftest`."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sonde.cli.arguments import Parser, Subparsers, UsageError

DONE, COULD_NOT = 0, 1
Run = Callable[[argparse.Namespace], int]
#: Options of `init`, by the name of the question that each answers beforehand.
ANSWERS = {
    "operator": ("NAME", "your organisation"),
    "contact": ("MAIL", "where people reach you"),
    "purpose": ("WORD", "network-defence, mail-abuse, capacity, research or incident"),
    "clients": ("CIDRS", "networks of clients, with commas between"),
    "servers": ("CIDRS", "networks of servers, with commas between"),
    "persons": ("TECHNIQUE", "pseudonymise, drop or keep fields that name persons"),
}


def add_policy(commands: Subparsers) -> None:
    """Describe `sonde policy`."""
    policy = commands.add_parser(
        "policy",
        help="write, check, explain and sign policies",
        description="Write, check, explain and sign policies: what may be known (docs/policy.md).",
        epilog="Example: sonde policy explain default",
    )
    acts = policy.add_subparsers(dest="act", metavar="ACT", required=True)
    init = _act(acts, "init", run_init, "ask six questions and write a policy", "office.toml", "the file to write")
    for name, (metavar, says) in ANSWERS.items():
        init.add_argument(f"--{name}", metavar=metavar, help=f"{says}; not asked then")
    _act(acts, "check", run_check, "say what is wrong with a policy, line by line", "office.toml", "the policy (TOML)")
    name = "a built-in policy or a file"
    explain = _act(acts, "explain", run_explain, "say table by table what will be seen, and why", "office.toml", name)
    explain.add_argument("--json", action="store_true", help="as JSON")
    sign = _act(acts, "sign", run_sign, "sign a policy with your SSH key", "office.toml --key key", "the policy (TOML)")
    sign.add_argument("--key", required=True, metavar="FILE", help="your SSH key: private, or public with an agent")


def _act(acts: Subparsers, name: str, run: Run, says: str, example: str, operand: str) -> Parser:
    parser = acts.add_parser(
        name,
        help=says,
        description=f"{says[0].upper()}{says[1:]}.",
        epilog=f"Example: sonde policy {name} {example}",
    )
    parser.add_argument("policy", metavar="POLICY", help=operand)
    parser.set_defaults(run=run)
    return parser


def add_retention(commands: Subparsers) -> None:
    """Describe `sonde retention`."""
    retention = commands.add_parser(
        "retention",
        help="delete what a policy no longer lets be kept",
        description="Delete datasets and content that are older than the policy allows, and keys whose time is over.",
        epilog="Example: sonde retention datasets/ --policy office.toml --dry-run",
    )
    add = retention.add_argument
    add("datasets", nargs="+", metavar="DATASET", help="datasets, folders of them, or vaults")
    add("--policy", required=True, metavar="FILE", help="the policy that says how long ([retention])")
    add("--signers", metavar="FILE", help="allowed_signers, if the policy asks for signatures")
    add("--keys", metavar="DIR", help="where keys are kept (default: $SONDE_KEYS, or the user's state folder)")
    add("--audit", metavar="DIR", help="audit log to write to (default: what the policy's file says, or none)")
    add("--dry-run", action="store_true", help="only say what would be deleted")
    add("--json", action="store_true", help="as JSON")
    retention.set_defaults(run=run_retention)


def add_selftest(commands: Subparsers) -> None:
    """Describe `sonde selftest`."""
    selftest = commands.add_parser(
        "selftest",
        help="test on site that no output holds what the policy does not keep",
        description="Read captures full of canaries under each policy, in every format, and search all that comes out.",
        epilog="Example: sonde selftest --policy office.toml --signers allowed_signers",
    )
    add = selftest.add_argument
    add("--policy", action="append", default=[], metavar="FILE", help="also test this one; may be repeated")
    add("--signers", metavar="FILE", help="allowed_signers, if the policy asks for signatures")
    add("--audit", metavar="DIR", help="audit log that is told the result")
    add("--keys", metavar="DIR", help="where its key is kept (default: $SONDE_KEYS, or the user's state folder)")
    add("--json", action="store_true", help="as JSON")
    selftest.set_defaults(run=run_selftest)


def run_init(args: argparse.Namespace) -> int:
    """Carry out `sonde policy init`: what no option answers is asked, or read from standard input, a line each."""
    from sonde.pipeline.questions import QUESTIONS, write_policy

    path = Path(args.policy)
    if path.exists():
        raise UsageError(f"{path} is there already; name a file that is not.")
    answers = {}
    for question in QUESTIONS:
        given = getattr(args, question.name)
        if given is None:
            default = f" [{question.default}]" if question.default else ""
            print(f"{question.asks}{default} ", end="", file=sys.stderr, flush=True)
            given = sys.stdin.readline()
            if not sys.stdin.isatty():
                print(file=sys.stderr)
        answers[question.name] = given
    text, faults = write_policy(answers, datetime.now(UTC))
    if faults:
        raise UsageError(f"This makes no policy: {faults[0].text}")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already; name a file that is not.") from None
    print(f"Wrote {path}; read it, then: sonde policy explain {path} and sonde policy sign {path} --key KEY.")
    return DONE


def run_check(args: argparse.Namespace) -> int:
    """Carry out `sonde policy check`."""
    from sonde.pipeline.plan import registry
    from sonde.pipeline.policies import is_file, live_obstacles
    from sonde.policy import check_text, load_policy, read_octets

    if not is_file(args.policy):
        print(f"{args.policy} is built in, SHA-256 {load_policy(args.policy).digest}.")
        return DONE
    policy, faults = check_text(read_octets(Path(args.policy)), Path(args.policy).name, registry())
    for fault in faults:
        print(f"sonde: {args.policy}, line {fault.line}: {fault.text}", file=sys.stderr)
    if policy is None:
        return COULD_NOT
    print(f"{args.policy} is as it must be; its signatures were not looked at.")
    for obstacle in live_obstacles(policy):
        print(f"It is not fit for live capture: {obstacle}.")
    return DONE


def run_explain(args: argparse.Namespace) -> int:
    """Carry out `sonde policy explain`."""
    from sonde.pipeline.plan import registry
    from sonde.policy import load_policy
    from sonde.view.policy import print_explanation

    print_explanation(load_policy(args.policy, registry()), as_json=args.json)
    return DONE


def run_sign(args: argparse.Namespace) -> int:
    """Carry out `sonde policy sign`."""
    from sonde.pipeline.policies import sign_policy
    from sonde.pipeline.signing import is_security_key

    key = Path(args.key).expanduser()
    if is_security_key(key):
        print("Touch the security key when it blinks.", file=sys.stderr)
    print(f"{sign_policy(Path(args.policy), key)} signed {args.policy}.")
    return DONE


def run_retention(args: argparse.Namespace) -> int:
    """Carry out `sonde retention`."""
    import time

    from sonde.pipeline.account import accept_policy, accounted, folder_of_log
    from sonde.pipeline.places import keys_folder
    from sonde.pipeline.retention import enforce
    from sonde.policy import destroy_expired

    place, now_ns = keys_folder(args.keys), time.time_ns()
    log = None if args.dry_run else folder_of_log(args.audit, args.policy)
    with accounted(log, args.policy, place) as audit:
        policy = accept_policy(args.policy, Path(args.signers) if args.signers else None, audit)

        def tell(kind: str, said: dict[str, str | int]) -> None:
            if audit is not None:
                audit.append(kind, said)

        found = enforce([Path(each) for each in args.datasets], policy, now_ns, dry_run=args.dry_run, told=tell)
        keys = [] if args.dry_run else destroy_expired(place, now_ns, told=tell)
    if args.json:
        told = [{"dataset": str(e.folder), "due_ns": e.due_ns, "over": e.is_over, "octets": e.octets} for e in found]
        print(json.dumps({"datasets": told, "keys_destroyed": len(keys), "dry_run": args.dry_run}))
        return DONE
    deleted = "would be deleted" if args.dry_run else "deleted"
    for each in found:
        due = datetime.fromtimestamp(each.due_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M UTC")
        print(f"{each.folder}: {f'{deleted}, {each.octets:,} octets' if each.is_over else f'kept until {due}'}")
        if each.is_over and each.left:
            print(f"  left, for it is not in the manifest: {', '.join(each.left[:5])}")
    if keys:
        print(f"{len(keys)} keys of pseudonyms destroyed.")
    return DONE


def run_selftest(args: argparse.Namespace) -> int:
    """Carry out `sonde selftest`."""
    from sonde.pipeline.account import accounted
    from sonde.pipeline.places import keys_folder
    from sonde.pipeline.selftest import run_selftest as run
    from sonde.policy import BUILT_IN
    from sonde.view.summary import print_summary

    signers = Path(args.signers) if args.signers else None
    log = Path(args.audit) if args.audit else None
    with accounted(log, "default", keys_folder(args.keys)) as audit:
        found = run([*BUILT_IN, *args.policy], signers=signers, summarise=print_summary)
        if audit is not None:
            audit.append("selftest", found.as_dict() | {"policies": [Path(each).name for each in found.policies]})
    if args.json:
        print(json.dumps(found.as_dict()))
    else:
        for failure in found.failures:
            print(f"sonde: {failure}.", file=sys.stderr)
        verdict = "FAILED" if found.failures else "passed"
        print(
            f"Self-test {verdict}: {found.canaries} canaries, {found.outputs} outputs under "
            f"{', '.join(found.policies)}, {len(found.failures)} found, {found.seconds:.1f} s."
        )
    return COULD_NOT if found.failures else DONE
