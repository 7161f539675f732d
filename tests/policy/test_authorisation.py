"""Bad authorisations, each named by its damage, are refused with a sentence of their own."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.policy.activation import NAMESPACE, Seen, Signed, activate, count_people, verify_authorisation
from sonde.policy.allowed_signers import parse_allowed_signers
from sonde.policy.authorisation import AuthorisationError, Reason, check_authorisation
from sonde.policy.error import PolicyError
from sonde.policy.persons import what_names_a_person
from sonde.policy.sshsig import Signer
from tests.policy.keys import public, sign
from tests.policy.office import CAPTURE, GOOD, NOW, RECIPIENT, OfficePolicy, OfficeSignatures, changed

OFFICE = OfficePolicy()


def scope(networks: str = "192.0.2.0/28") -> bytes:
    return changed(f'networks = ["{networks}"]')


def domain(name: str) -> bytes:
    return changed(f"mail_domains = ['{name}']")


FULL_WIDTH = {ord("0") + digit: 0xFF10 + digit for digit in range(10)}


def why(text: str) -> bytes:
    return changed(f"justification = {json.dumps(text, ensure_ascii=False)}")


MAILBOX, NUMBER, MACHINE = "has a mailbox", "has a telephone or subscriber's number", "has a hardware address"
PLEA = "We need what was sent by "
#: damage: (document, the line that is wrong, what is said of it)
BAD = {
    # mailboxes
    "mailbox as domain": (domain("alice@example.org"), 19, MAILBOX),
    "mailbox in angles": (domain("<alice@example.org>"), 19, MAILBOX),
    "mailbox with mailto": (domain("mailto:alice@example.org"), 19, MAILBOX),
    "mailbox in capitals": (domain("ALICE@EXAMPLE.ORG"), 19, MAILBOX),
    "mailbox percent-escaped": (domain("alice%40example.org"), 19, MAILBOX),
    "mailbox percent-escaped twice": (domain("alice%2540example.org"), 19, MAILBOX),
    "mailbox with HTML entity": (domain("alice&#64;example.org"), 19, MAILBOX),
    "mailbox with full-width at": (domain("alice\uff20example.org"), 19, MAILBOX),
    "mailbox with small at": (domain("alice﹫example.org"), 19, MAILBOX),
    "mailbox with zero-width space": (domain("alice\u200b@example.org"), 19, MAILBOX),
    "mailbox internationalised": (domain("ålice@exämple.org"), 19, MAILBOX),
    "mailbox in Han letters": (domain("用户@例子.example"), 19, MAILBOX),
    "mailbox quoted": (domain('"alice smith"@example.org'), 19, MAILBOX),
    "mailbox routed by percent": (domain("alice%example.org@relay.example.org"), 19, MAILBOX),
    "mailbox in UUCP spelling": (domain("example!alice"), 19, MAILBOX),
    "mailbox in quoted-printable": (domain("alice=40example.org"), 19, MAILBOX),
    "mailbox in words": (why(PLEA + "alice at example dot org"), 6, MAILBOX),
    "mailbox in words and signs": (why(PLEA + "alice at example.org"), 6, MAILBOX),
    "mailbox in spaced signs": (why(PLEA + "alice at example . org"), 6, MAILBOX),
    "mailbox in brackets": (why(PLEA + "alice [at] example [dot] org"), 6, MAILBOX),
    "mailbox in justification": (why(PLEA + "alice@example.org"), 6, MAILBOX),
    "mailbox in case": (changed('case_ref = "INC-1-alice@example.org"'), 5, MAILBOX),
    "mailbox in comment": (GOOD.replace("# Mail", "# alice@example.org").encode(), 1, "comment has a mailbox"),
    "mailbox as recipient": (changed('recipients = ["alice@example.org"]'), 15, MAILBOX),
    "mailbox as network": (scope("alice@example.org"), 18, MAILBOX),
    "mailbox as capture": (
        changed('networks = ["192.0.2.0/28"]', 'mail_domains = ["example.org"]')
        + b'captures = ["alice@example.org"]\n',
        20,
        MAILBOX,
    ),
    "mailbox in comment behind": (changed("case_ref = 'INC-1' # 'alice@example.org'"), 5, "comment has a mailbox"),
    "text of several lines": (changed('case_ref = """INC-1"""'), 5, "on one line"),
    # user names, SIP and directory names
    "user name": (why(PLEA + "user: asmith on the file server"), 6, "has a user name"),
    "user name of Windows": (why(PLEA + "EXAMPLE\\asmith, who is on leave"), 6, "has a user name"),
    "home folder": (why(PLEA + "whoever works in /home/asmith"), 6, "has a user name"),
    "SIP identity": (why(PLEA + "sip:asmith, an extension of ours"), 6, "has a URI of a person"),
    "XMPP identity": (domain("xmpp:asmith"), 19, "has a URI of a person"),
    "directory name": (why(PLEA + "cn=Alice Smith,ou=Staff"), 6, "has a directory name"),
    "user name told": (why(PLEA + "the user known as asmith, of ours"), 6, "has a person's name"),
    "user name after its word": (why(PLEA + "username asmith, of ours"), 6, "has a user name"),
    "user name in quotes": (why(PLEA + "the account 'asmith', of ours"), 6, "has a user name"),
    "user name with a digit": (why(PLEA + "asmith7, whom we know"), 6, "has a word with digits"),
    "user name of a domain": (why(PLEA + "EXAMPLE/asmith, who is on leave"), 6, "joined by signs"),
    "name with a title": (why(PLEA + "Mr. Smith, who is on leave"), 6, "has a person's name"),
    "name behind a person": (why(PLEA + "our employee Alice Smith"), 6, "has a name behind a person"),
    "case that is a name": (changed('case_ref = "ALICE-SMITH-1"'), 5, "case_ref is not as it must be"),
    "case that is an IMSI": (changed('case_ref = "I#00101#01234#5678"'), 5, "case_ref"),
    "case that is an IMSI in letters": (changed('case_ref = "I00101A01234A5678"'), 5, "case_ref is not as it must be"),
    # mailboxes in other words
    "mailbox in Spanish words": (why(PLEA + "alice arroba example punto org"), 6, MAILBOX),
    "mailbox in German words": (why(PLEA + "alice klammeraffe example punkt org"), 6, MAILBOX),
    "mailbox in look-alike letters": (why(PLEA + "alice (\u0430t) example.org"), 6, MAILBOX),
    "mailbox in look-alike words": (why(PLEA + "alice \u0430\u0442 example d\u043et org"), 6, MAILBOX),
    "mailbox in UTF-7": (why(PLEA + "alice+AEA-example.org"), 6, MAILBOX),
    "mailbox in a number of Unicode": (why(PLEA + "alice U+0040 example.org"), 6, MAILBOX),
    "mailbox in invisible tags": (why(PLEA + "alice\U000e0040example.org"), 6, MAILBOX),
    "mailbox in base64": (why(PLEA + "YWxpY2VAZXhhbXBsZS5vcmc="), 6, "has a word with digits"),
    "mailbox as a digest": (why(PLEA + "2bd806c97f0e00af1a1fc3328fa763a9"), 6, "has a word with digits"),
    "mailbox without its sign": (why(PLEA + "alice, of the domain example.org"), 6, "joined by signs"),
    "mailbox behind another line end": (
        GOOD.replace("# Mail", "# Mail\u2028alice@example.org").encode(), 1, "comment has a mailbox"
    ),
    "comment with a number": (GOOD.replace("# Mail", "# Mail 12").encode(), 1, "comments are of words alone"),
    "comment with a name of a host": (GOOD.replace("# Mail", "# pc.example.org").encode(), 1, "comments are of words"),
    # numbers
    "telephone number with commas": (why(PLEA + "+44,20,7946,0018"), 6, NUMBER),
    "telephone number with bars": (why(PLEA + "44|20|7946|0018"), 6, NUMBER),
    "telephone number with letters for digits": (why(PLEA + "O2O 7946 OO18"), 6, NUMBER),
    "telephone number in words": (why(PLEA + "zero two zero seven nine four six double zero one eight"), 6, "has a"),
    "telephone number in German words": (why(PLEA + "null zwei null sieben neun vier sechs null"), 6, "has a"),
    "telephone number in ringed digits": (why(PLEA + "\u2460\u2461\u2462\u2463\u2464\u2465\u2466"), 6, NUMBER),
    "telephone number with words between": (why(PLEA + "020 then 794 then 018"), 6, "has more than 6 digits"),
    "telephone number behind a date": (why(PLEA + "2015-05-12, 555 0123"), 6, NUMBER),
    "extension": (why(PLEA + "extension 4711, whoever it is"), 6, "has a number of a person"),
    "telephone number": (why(PLEA + "+44 20 7946 0018"), 6, NUMBER),
    "telephone number without plus": (why(PLEA + "(020) 7946-0018"), 6, NUMBER),
    "telephone number in full-width digits": (why(PLEA + "02079460018".translate(FULL_WIDTH)), 6, NUMBER),
    "telephone number in Arabic digits": (why(PLEA + "٠٢٠٧٩٤٦٠٠١٨"), 6, NUMBER),
    "telephone URI": (why(PLEA + "tel:020"), 6, "has a URI of a person"),
    "telephone number as domain": (domain("+442079460018"), 19, NUMBER),
    "IMSI": (why(PLEA + "IMSI 001010123456789"), 6, "subscriber's number"),
    "IMSI alone": (why(PLEA + "001010123456789"), 6, NUMBER),
    "IMEI": (why(PLEA + "IMEI: 49-015420-323751-8"), 6, "subscriber's number"),
    "MSISDN as network": (scope("442079460018"), 18, NUMBER),
    # hardware addresses
    "MAC with colons": (why(PLEA + "00:00:5e:00:53:01"), 6, MACHINE),
    "MAC with hyphens": (why(PLEA + "00-00-5E-00-53-01"), 6, MACHINE),
    "MAC with dots": (why(PLEA + "0000.5e00.5301"), 6, MACHINE),
    "MAC bare": (why(PLEA + "00005e005301"), 6, MACHINE),
    "MAC in halves": (why(PLEA + "00005e-005301"), 6, MACHINE),
    "MAC with low lines": (why(PLEA + "00_00_5e_00_53_01"), 6, MACHINE),
    "MAC with spaced colons": (why(PLEA + "00 : 00 : 5e : 00 : 53 : 01"), 6, MACHINE),
    "MAC with letters for digits": (why(PLEA + "O0:0O:5e:00:53:01"), 6, MACHINE),
    "MAC in Arabic digits": (why(PLEA + "\u0660\u0660:00:5e:00:53:01"), 6, MACHINE),
    "MAC as network": (scope("00:00:5e:00:53:01"), 18, MACHINE),
    "EUI-64": (why(PLEA + "02-00-5e-ff-fe-00-53-01"), 6, MACHINE),
    # addresses and networks
    "client address": (scope("10.20.3.4"), 18, "has an address"),
    "client address with length": (scope("10.20.3.4/32"), 18, "addresses of clients"),
    "client address IPv6": (scope("2001:db8:1::5"), 18, "has an address"),
    "client address IPv6 with length": (scope("2001:db8:1::5/128"), 18, "addresses of clients"),
    "client address mapped": (scope("::ffff:10.20.3.4"), 18, "has an address"),
    "client address mapped with length": (scope("::ffff:a14:304/128"), 18, "IPv4 addresses spelled as IPv6"),
    "client address by 6to4": (scope("2002:a14:304::/48"), 18, "IPv4 addresses spelled as IPv6"),
    "client address by NAT64": (scope("64:ff9b::a14:304/128"), 18, "IPv4 addresses spelled as IPv6"),
    "client address as a number": (scope("169083652"), 18, NUMBER),
    "client address in hexadecimal": (scope("0x0a140304"), 18, "has an address"),
    "client address octal": (scope("012.024.03.04"), 18, "has an address"),
    "client range": (scope("10.20.3.4-10.20.3.5"), 18, "has an address"),
    "client range of one octet": (scope("10.20.3.4-5"), 18, "has an address"),
    "client network narrow": (scope("10.20.3.0/28"), 18, "addresses of clients"),
    "client network wide": (scope("10.20.0.0/16"), 18, "addresses of clients"),
    "client network IPv6": (scope("2001:db8:1::/64"), 18, "addresses of clients"),
    "network that holds clients": (scope("10.0.0.0/8"), 18, "addresses of clients"),
    "network of everybody": (scope("0.0.0.0/0"), 18, "addresses of clients"),
    "network of somebody else": (scope("203.0.113.0/24"), 18, "does not declare as servers'"),
    "network wider than declared": (scope("192.0.2.0/24"), 18, "does not declare as servers'"),
    "server narrowed to one": (scope("192.0.2.9/32"), 18, "narrower than /29"),
    "server narrowed to two": (scope("192.0.2.8/31"), 18, "narrower than /29"),
    "server IPv6 narrowed to one": (scope("2001:db8:2::9/128"), 18, "narrower than /125"),
    "network with host bits": (scope("192.0.2.1/28"), 18, "has an address"),
    "network with a mask": (scope("192.0.2.0/255.255.255.240"), 18, "has an address"),
    "network with a zone": (scope("fe80::1%eth0"), 18, "scope.networks has"),
    "address in justification": (why(PLEA + "the machine 10.20.3.4 of ours"), 6, "has an address"),
    "address IPv6 in justification": (why(PLEA + "the machine 2001:db8:1::5"), 6, "has an address"),
    "address with commas": (why(PLEA + "the machine 10,20,3,4"), 6, "has an address"),
    "address with spaces": (why(PLEA + "the machine 10 20 3 4"), 6, "has an address"),
    "address in a host name": (why(PLEA + "host-10-20-3-4, of ours"), 6, "has an address"),
    "address in hexadecimal alone": (why(PLEA + "the machine 0a140304"), 6, "has an address"),
    "address in words": (why(PLEA + "10 dot 20 dot 3 dot 4"), 6, "has an address"),
    "numbers one by one": (why(PLEA + "the machine 20; 3, 4"), 6, "numbers one behind the other"),
    # domains
    "vanity domain": (domain("alice-smith.example"), 19, "does not declare as own; it declares example.org"),
    "subdomain that may be a person": (domain("alice.example.org"), 19, "does not declare as own"),
    "domain with wildcard": (domain("*.example.org"), 19, "has a pattern"),
    "domain with question mark": (domain("example.?rg"), 19, "has a pattern"),
    "domain with leading dot": (domain(".example.org"), 19, "has a pattern"),
    "domain not in its spelling": (domain("münchen.example"), 19, "does not declare as own"),
    "domain in look-alike letters": (domain("\u0435\u0445ample.org"), 19, "does not declare as own"),
    # keys
    "key for a user": (changed('purpose = "mail-abuse"\nuser = "x"'), 5, "nothing in an authorisation can select"),
    "key for a mailbox": (GOOD.encode() + b'mailboxes = ["x"]\n', 20, "nothing in an authorisation can select"),
    "key that is a mailbox": (GOOD.encode() + b'"alice@example.org" = 1\n', 20, "can select a person"),
    "key for an emergency": (changed('purpose = "mail-abuse"\nemergency = true'), 5, "or go round it"),
    "key for renewal": (changed('purpose = "mail-abuse"\nrenew = true'), 5, "renew it"),
    "key misspelt": (changed('purpose = "mail-abuse"\nartifacts = []'), 5, "did you mean 'artefacts'"),
    "key unknown": (changed('purpose = "mail-abuse"\nzzz = 1'), 5, "key that is not known; there are"),
    "key given twice": (changed('purpose = "mail-abuse"\npurpose = "incident"'), 5, "is not TOML"),
    "key missing": (changed("nonce"), 1, "'nonce' is missing"),
    # forms
    "no TOML": (b"purpose = mail-abuse", 1, "is not TOML"),
    "no UTF-8": (b"# fine\n\xff = 1", 2, "is not UTF-8"),
    "too large": (b"#" * 70_000, 1, "more than 65536 octets"),
    "other schema": (changed("schema = 2"), 2, "reads schema = 1"),
    "schema true": (changed("schema = true"), 2, "reads schema = 1"),
    "id that is a word": (changed('id = "alice"'), 3, "id is not as it must be"),
    "purpose unknown": (changed('purpose = "curiosity"'), 4, "purpose is not as it must be"),
    "case that is a word": (changed('case_ref = "alice"'), 5, "case_ref is not as it must be"),
    "justification too short": (changed('justification = "because"'), 6, "justification is not as it must be"),
    "other policy": (changed(f'policy = "{"cd" * 32}"'), 7, "not the digest of this policy"),
    "protocol unknown": (changed('protocols = ["telepathy"]'), 8, "protocols must be some of"),
    "protocols all": (changed('protocols = ["*"]'), 8, "protocols must be some of"),
    "artefact unknown": (changed('artefacts = ["passwords"]'), 9, "artefacts must be some of"),
    "artefact twice": (changed('artefacts = ["headers", "headers"]'), 9, "each once"),
    "artefacts no list": (changed('artefacts = "headers"'), 9, "must be a list"),
    "time without zone": (changed("not_before = 2026-07-01T08:00:00"), 10, "date, time and zone"),
    "time in quotes": (changed('not_before = "2026-07-01T08:00:00Z"'), 10, "date, time and zone"),
    "ends before it begins": (changed("not_after = 2026-07-01T08:00:00Z"), 11, "not after not_before"),
    "longer than 14 days": (changed("not_after = 2026-07-15T08:00:01Z"), 11, "longer than 14 days"),
    "expired": (changed("not_before = 2026-06-01T08:00:00Z", "not_after = 2026-06-03T08:00:00Z"), 11, "it expired"),
    "expired by default": (changed("not_before = 2026-06-28T08:00:00Z", "not_after"), 10, "it expired"),
    "far in the future": (
        changed("not_before = 2026-07-15T12:00:01Z", "not_after = 2026-07-16T08:00:00Z"),
        10,
        "more than 14 days ahead",
    ),
    "end of time": (changed("not_after = 9999-12-31T23:59:59Z"), 11, "longer than 14 days"),
    "no messages": (changed("max_messages = 0"), 12, "from 1 to 1_000_000"),
    "all messages": (changed("max_messages = -1"), 12, "from 1 to 1_000_000"),
    "messages without end": (changed("max_messages = inf"), 12, "from 1 to 1_000_000"),
    "octets true": (changed("max_octets = true"), 13, "max_octets must be a whole number"),
    "nonce too short": (changed('nonce = "00"'), 14, "nonce is not as it must be"),
    "nonce of one digit": (changed(f'nonce = "{"0" * 32}"'), 14, "nonce is not as it must be"),
    "recipient with a slip": (changed(f'recipients = ["{RECIPIENT[:-1]}q"]'), 15, "what is no recipient"),
    "recipient none": (changed("recipients = []"), 15, "at least one"),
    "recipient an identity": (
        changed('recipients = ["AGE-SECRET-KEY-1XMWWC06LY3EE5RYTXM9MFLAZ2U56JJJ36S0MYPDRWSVLUL66MV4QX3S7F6"]'),
        15,
        "which is secret",
    ),
    "scope missing": (changed("networks", "mail_domains").replace(b"[scope]\n", b""), 1, "the scope is empty"),
    "scope empty": (changed("networks", "mail_domains"), 17, "the scope is empty"),
    "scope of no networks": (changed("networks = []"), 18, "is empty"),
    "scope that is text": (changed("networks", "mail_domains").replace(b"[scope]", b'scope = "all"'), 17, "a table"),
    "capture by name": (GOOD.encode() + b'captures = ["office.pcap"]\n', 20, "must be SHA-256"),
    "capture digest cut": (GOOD.encode() + f'captures = ["{CAPTURE[:-1]}"]\n'.encode(), 20, "must be SHA-256"),
}  # fmt: skip


@pytest.mark.parametrize("damage", BAD)
def test_a_bad_authorisation_is_refused(damage: str) -> None:
    document, line, said = BAD[damage]
    authorisation, faults = check_authorisation(document, OFFICE, NOW)
    assert authorisation is None
    assert faults[0].line == line, faults
    assert said in faults[0].text
    assert faults[0].text[-1] in ".?"


@pytest.mark.parametrize("damage", BAD)
def test_a_refusal_repeats_nothing_of_a_person(damage: str) -> None:
    _, faults = check_authorisation(BAD[damage][0], OFFICE, NOW)
    said = " ".join(each.text for each in faults).lower()
    assert [each for each in ("alice", "asmith", "0018", "5301", "10.20.3", "6789", "用户") if each in said] == []


def test_a_corpus_of_damages_is_large_enough() -> None:
    assert len(BAD) >= 60
    assert len({document for document, _, _ in BAD.values()}) == len(BAD)


@pytest.mark.parametrize(
    "document",
    [
        GOOD.encode(),
        changed("not_after"),
        changed("not_after = 2026-07-15T08:00:00Z"),
        scope("198.51.100.7/32"),
        scope("2001:db8:2::/64"),
        domain("xn--mnchen-3ya.example"),
        changed("networks", "mail_domains") + f'captures = ["{CAPTURE}"]\n'.encode(),
        changed('case_ref = "HD#2026/17"'),
        changed('case_ref = "INC0012"'),
        why("Users look at a page with dots at noon. See the ticket of 2026-06-28 14:30 UTC, on port 25 (IPv6 too)."),
        why(
            "CVE-2026-1234 is used by what's attached to well-known forms; half of 40 users saw it, and at 10:00 more."
        ),
        why("Die Welle von Phishing erreicht unseren Mailserver; wir brauchen die Anhänge, um sie zu sperren."),
        why("Фишинг достиг нашего почтового сервера; нужны вложения."),
        why("At the end of June 2026 users told us of 350 mails; see 2026-06-28 in the journal, part 2 of 3."),
    ],
)
def test_a_good_authorisation_is_read(document: bytes) -> None:
    authorisation, faults = check_authorisation(document, OFFICE, NOW)
    assert faults == []
    assert authorisation is not None


def test_time_is_72_hours_unless_said() -> None:
    authorisation, _ = check_authorisation(changed("not_after"), OFFICE, NOW)
    assert authorisation is not None
    assert authorisation.terms.not_after == datetime(2026, 7, 4, 8, tzinfo=UTC)


def test_it_ends_with_the_policy_at_the_latest() -> None:
    office = dataclasses.replace(OFFICE, valid_until=datetime(2026, 7, 2, tzinfo=UTC))
    _, faults = check_authorisation(GOOD.encode(), office, NOW)
    assert [(each.line, each.text[:33]) for each in faults] == [(11, "it ends after the policy does (20")]


class Log:
    """An audit log of a test, which may fail."""

    def __init__(self, *, fails: bool = False) -> None:
        self.entries: list[tuple[str, dict]] = []
        self.fails = fails

    def __call__(self, kind: str, data: dict) -> None:
        if self.fails:
            raise OSError("the log's disk is full")
        self.entries.append((kind, dict(data)))


@pytest.fixture
def office(ssh_keys: dict[str, Path]):
    """Give who may sign, and a way to sign."""
    lines = [f"{name}@example.org {public(ssh_keys[name])}" for name in ("alice", "bob")]
    lines.append(f"alice@example.org {public(ssh_keys['ed25519'])}")  # a second key of one person
    lines.append(f'carol@example.org valid-before="20260101Z" {public(ssh_keys["ecdsa-256"])}')
    signers = parse_allowed_signers("\n".join(lines).encode())

    def signed(*names: str, document: bytes = GOOD.encode(), namespace: str = NAMESPACE) -> Signed:
        return Signed(document, [sign(ssh_keys[name], document, namespace) for name in names])

    return signers, signed


def test_two_signers_make_a_grant_and_the_log_has_it_first(office) -> None:
    signers, signed = office
    log = Log()
    grant = activate(signed("alice", "bob"), OFFICE, signers, seen=Seen(), audit=log, now=NOW)
    assert grant.terms.max_messages == 500
    (kind, data) = log.entries[0]
    assert kind == "authorisation.activate"
    assert (data["authorisation"], len(data["signers"])) == ("a-0123456789abcdef", 2)
    assert all(isinstance(each, str | int | list) for each in data.values())
    with pytest.raises(OSError, match="disk is full"):
        activate(signed("alice", "bob"), OFFICE, signers, seen=Seen(), audit=Log(fails=True), now=NOW)


CAPTURE_ONLY = changed("networks", "mail_domains") + f'captures = ["{CAPTURE}"]\n'.encode()


@pytest.mark.parametrize(
    ("damage", "names", "options", "said"),
    [
        ("no signature", (), {}, "2 signers are needed and 0 signed"),
        ("one signer", ("alice",), {}, "2 signers are needed and 1 signed"),
        ("one key twice", ("alice", "alice"), {}, "2 signers are needed and 1 signed"),
        ("two keys of one person", ("alice", "ed25519"), {}, "2 signers are needed and 1 signed"),
        ("key that nobody knows", ("alice", "mallory"), {}, "is not in allowed_signers"),
        ("signer out of date", ("alice", "ecdsa-256"), {}, "expired at 2026-01-01"),
        ("namespace of policies", ("alice", "bob"), {"namespace": "sonde-policy@v1"}, "is for the namespace"),
    ],
)
def test_signatures_that_do_not_suffice_are_refused(office, damage, names, options, said) -> None:
    signers, signed = office
    log = Log()
    with pytest.raises(AuthorisationError, match=said):
        activate(signed(*names, **options), OFFICE, signers, seen=Seen(), audit=log, now=NOW)
    assert [(kind, data["reason"]) for kind, data in log.entries] == [("authorisation.refuse", "signature")]


@pytest.mark.parametrize(
    ("principals", "people"),
    [
        (("alice@example.org", "bob@example.org"), 2),
        (("alice@example.org", "alice@example.org"), 1),
        (("alice@example.org", "Alice@Example.org"), 1),
        (("alice@example.org", "alice@example.org,alice"), 1),
        (("alice@example.org", "*@example.org"), 1),
        (("*", "bob"), 1),
        (("alice,root", "bob,root"), 1),
        (("alice", "bob", "alice,bob"), 1),
        (("alice", "bob", "carol,dora"), 3),
    ],
)
def test_one_person_is_one_however_their_lines_are_written(principals: tuple[str, ...], people: int) -> None:
    assert count_people([Signer(each, f"SHA256:{number}") for number, each in enumerate(principals)]) == people


def test_a_document_changed_after_it_was_signed_is_refused(office) -> None:
    signers, signed = office
    good = signed("alice", "bob")
    with pytest.raises(AuthorisationError, match="does not fit what was signed"):
        activate(
            Signed(changed("max_messages = 501"), good.signatures), OFFICE, signers, seen=Seen(), audit=Log(), now=NOW
        )


def test_one_signer_suffices_for_captures_alone_where_the_policy_says_so(office) -> None:
    signers, signed = office
    one = dataclasses.replace(OFFICE, signatures=OfficeSignatures(1))
    assert verify_authorisation(signed("alice", document=CAPTURE_ONLY), one, signers, NOW)
    with pytest.raises(AuthorisationError, match="2 signers are needed"):
        verify_authorisation(signed("alice"), one, signers, NOW)


@pytest.mark.parametrize(
    ("damage", "seen", "now", "revoked", "reason"),
    [
        ("nonce replayed", Seen(nonces={"00112233445566778899aabbccddeeff"}), NOW, False, Reason.USED),
        ("id used before", Seen(ids={"a-0123456789abcdef"}), NOW, False, Reason.USED),
        ("revoked", Seen(), NOW, True, Reason.REVOKED),
        ("clock behind the log", Seen(latest=NOW + timedelta(seconds=2)), NOW, False, Reason.CLOCK),
        ("not yet valid", Seen(), NOW - timedelta(hours=5), False, Reason.NOT_YET),
        ("expired this second", Seen(), datetime(2026, 7, 3, 8, tzinfo=UTC), False, Reason.EXPIRED),
    ],
)
def test_what_cannot_begin_is_refused_and_logged(office, damage, seen, now, revoked, reason) -> None:
    signers, signed = office
    log = Log()
    with pytest.raises(AuthorisationError) as refused:
        activate(signed("alice", "bob"), OFFICE, signers, seen=seen, audit=log, now=now, revoked=lambda: revoked)
    assert refused.value.reason == reason
    assert [(kind, data["reason"]) for kind, data in log.entries] == [("authorisation.refuse", str(reason))]


def test_the_log_learns_nothing_of_a_person_from_a_refusal(office) -> None:
    signers, signed = office
    log = Log()
    with pytest.raises(AuthorisationError):
        activate(
            signed("alice", "bob", document=domain("alice@example.org")),
            OFFICE,
            signers,
            seen=Seen(),
            audit=log,
            now=NOW,
        )
    assert "example.org" not in str(log.entries)
    assert log.entries[0][1]["reason"] == "names a person"


LOCAL = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789._+-", min_size=1, max_size=20)


@given(
    LOCAL, st.sampled_from(["@", "%40", "&#64;", "\uff20", " (at) ", "[at]", "\u200b@\u200b", "%2540", "\\x40"]), LOCAL
)
def test_a_mailbox_is_seen_in_any_spelling(local: str, sign_of: str, host: str) -> None:
    assert what_names_a_person(f"{local}{sign_of}{host}.org") is not None


@given(st.integers(10**6, 10**15), st.sampled_from(["", " ", "-", ".", "/", "\u2011", "\u00a0"]))
def test_a_long_number_is_seen_however_it_is_cut(number: int, gap: str) -> None:
    text = f"call {gap.join(str(number))} today"
    assert what_names_a_person(text) is not None


@given(st.binary(min_size=6, max_size=6), st.sampled_from([":", "-", ".", " "]))
def test_a_hardware_address_is_seen_in_any_notation(octets: bytes, gap: str) -> None:
    assert what_names_a_person(f"of {octets.hex(gap)} there") is not None


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_whatever_comes_nothing_breaks(octets: bytes) -> None:
    authorisation, faults = check_authorisation(octets, OFFICE, NOW)
    assert authorisation is None
    assert faults


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from([line.partition(" ")[0] for line in GOOD.splitlines() if " = " in line]), VALUES)
def test_any_value_of_any_key_is_read_or_refused(key: str, value: object) -> None:
    spelled = json.dumps(value).replace("null", "1979-05-27T07:32:00Z").replace("NaN", "nan").replace("Infinity", "inf")
    try:
        check_authorisation(changed(f"{key} = {spelled}"), OFFICE, NOW)
    except PolicyError:
        return
