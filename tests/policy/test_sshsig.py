"""SSHSIG: what ssh-keygen signs is accepted, what it refuses is refused, and why is said."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from sonde.policy.allowed_signers import AllowedSigners, matches, parse_allowed_signers
from sonde.policy.error import PolicyError, SignatureError
from sonde.policy.ssh_keys import read_public_key
from sonde.policy.sshsig import (
    MAGIC,
    Signature,
    count_signers,
    parse_signature,
    read_signatures,
    split_signatures,
    verify_signature,
)
from tests.policy.keys import SSH_KEYGEN, accepts, needs_ssh_keygen, public, run, sign

NAMESPACE = "sonde-policy@v1"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MESSAGE = b"schema = 1\nversion = 3\n\xff\x00"
ALICE = "alice@example.org"


def allowed(*lines: str) -> AllowedSigners:
    return parse_allowed_signers("\n".join(lines).encode())


def string(octets: bytes) -> bytes:
    return len(octets).to_bytes(4) + octets


def armoured(blob: bytes) -> bytes:
    text = base64.b64encode(blob).decode()
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""]).encode()


def blob_of(base: Signature, /, **changed: bytes) -> bytes:
    parts = {name: changed.get(name, getattr(base, name)) for name in Signature.__dataclass_fields__}
    return MAGIC + (1).to_bytes(4) + b"".join(string(part) for part in parts.values())


@needs_ssh_keygen
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa-256", "ecdsa-384", "ecdsa-521", "rsa-2048"])
@pytest.mark.parametrize("hashed", ["sha256", "sha512"])
def test_what_ssh_keygen_signs_is_accepted(ssh_keys: dict[str, Path], kind: str, hashed: str) -> None:
    key = ssh_keys[kind]
    signature = sign(key, MESSAGE, NAMESPACE, "-O", f"hashalg={hashed}")
    signers = allowed("# who may sign", "", f'{ALICE} namespaces="sonde-*" {public(key)} a comment')
    signer = verify_signature(MESSAGE, signature, signers, NAMESPACE, NOW)
    assert signer.principal == ALICE
    assert signer.fingerprint in run(["-l", "-f", key.with_suffix(".pub")]).stdout.decode().split()
    with pytest.raises(SignatureError, match="does not fit what was signed"):
        verify_signature(MESSAGE + b"\n", signature, signers, NAMESPACE, NOW)


@needs_ssh_keygen
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa-256", "ecdsa-521", "rsa-2048"])
def test_no_octet_of_a_signature_may_change(ssh_keys: dict[str, Path], tmp_path: Path, kind: str) -> None:
    """ssh-keygen agrees, for each of some octets spread over the whole."""
    key = ssh_keys[kind]
    signature = parse_signature(sign(key, MESSAGE, NAMESPACE))
    line = f"{ALICE} {public(key)}"
    whole = blob_of(signature)
    assert verify_signature(MESSAGE, armoured(whole), allowed(line), NAMESPACE, NOW)
    assert accepts(tmp_path, MESSAGE, armoured(whole), line, NAMESPACE, ALICE)
    for at in range(len(whole)):
        damaged = whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :]
        with pytest.raises(SignatureError):
            verify_signature(MESSAGE, armoured(damaged), allowed(line), NAMESPACE, NOW)
        if at % 40 == 0:
            assert not accepts(tmp_path, MESSAGE, armoured(damaged), line, NAMESPACE, ALICE)


@pytest.mark.parametrize("kind", ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"])
@pytest.mark.parametrize("touched", [True, False])
def test_a_security_key_must_have_been_touched(tmp_path: Path, kind: str, touched: bool) -> None:
    """The authenticator is played here; ssh-keygen says whether it was played right (PROTOCOL.u2f)."""
    application, flags_and_counter = b"ssh:", bytes([touched, 0, 0, 0, 7])
    elliptic = "ecdsa" in kind
    if elliptic:
        private = generate_private_key(SECP256R1())
        point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        key = string(kind.encode()) + string(b"nistp256") + string(point) + string(application)
    else:
        ed25519 = Ed25519PrivateKey.generate()
        key = string(kind.encode()) + string(ed25519.public_key().public_bytes_raw()) + string(application)
    unsigned = Signature(key, NAMESPACE.encode(), b"", b"sha512", b"")
    covered = unsigned.covers(MESSAGE)
    challenge = hashlib.sha256(application).digest() + flags_and_counter + hashlib.sha256(covered).digest()
    if elliptic:
        numbers = decode_dss_signature(private.sign(challenge, ECDSA(SHA256())))
        raw = b"".join(string(each.to_bytes(each.bit_length() // 8 + 1)) for each in numbers)
    else:
        raw = ed25519.sign(challenge)
    signature = armoured(blob_of(unsigned, signature=string(kind.encode()) + string(raw) + flags_and_counter))
    line = f"{ALICE} {kind} {base64.b64encode(key).decode()}"
    if touched:
        assert verify_signature(MESSAGE, signature, allowed(line), NAMESPACE, NOW).principal == ALICE
        if SSH_KEYGEN:
            assert accepts(tmp_path, MESSAGE, signature, line, NAMESPACE, ALICE)
    else:
        with pytest.raises(SignatureError, match="was not touched"):
            verify_signature(MESSAGE, signature, allowed(line), NAMESPACE, NOW)


@needs_ssh_keygen
def test_each_refusal_has_its_own_sentence(ssh_keys: dict[str, Path], tmp_path: Path) -> None:
    key = ssh_keys["alice"]
    signature = sign(key, MESSAGE, NAMESPACE)
    other = sign(key, MESSAGE, "file")
    said = {}
    cases = {
        "wrong namespace": (MESSAGE, other, f"{ALICE} {public(key)}"),
        "namespace not allowed": (MESSAGE, signature, f'{ALICE} namespaces="file,git" {public(key)}'),
        "excluded namespace": (MESSAGE, signature, f'{ALICE} namespaces="!sonde-policy@v1,*" {public(key)}'),
        "expired": (MESSAGE, signature, f'{ALICE} valid-before="20260601Z" {public(key)}'),
        "not yet": (MESSAGE, signature, f'{ALICE} valid-after="202606011201Z" {public(key)}'),
        "changed message": (MESSAGE[1:], signature, f"{ALICE} {public(key)}"),
        "unknown key": (MESSAGE, signature, f"{ALICE} {public(ssh_keys['bob'])}"),
    }
    for name, (message, signed, line) in cases.items():
        with pytest.raises(SignatureError) as refused:
            verify_signature(message, signed, allowed(line), NAMESPACE, NOW)
        said[name] = str(refused.value)
        assert not accepts(tmp_path, message, signed, line, NAMESPACE, ALICE, "-O", "verify-time=20260601120000Z"), name
    assert len(set(said.values())) == len(cases)
    assert "'file' and not sonde-policy@v1" in said["wrong namespace"]
    assert "expired at 2026-06-01" in said["expired"]
    assert "counts only from 2026-06-01T12:01" in said["not yet"]
    assert "is not in" in said["unknown key"]
    assert "does not fit" in said["changed message"]


@needs_ssh_keygen
@pytest.mark.parametrize("second", [-1, 0, 1])
@pytest.mark.parametrize("option", ["valid-after", "valid-before"])
def test_a_signer_counts_to_the_second_as_with_ssh_keygen(
    ssh_keys: dict[str, Path], tmp_path: Path, option: str, second: int
) -> None:
    key = ssh_keys["alice"]
    signature = sign(key, MESSAGE, NAMESPACE)
    line = f'{ALICE} {option}="20260601120000Z" {public(key)}'
    when = NOW + timedelta(seconds=second)
    asked = accepts(tmp_path, MESSAGE, signature, line, NAMESPACE, ALICE, "-O", f"verify-time={when:%Y%m%d%H%M%S}Z")
    try:
        verify_signature(MESSAGE, signature, allowed(line), NAMESPACE, when)
    except SignatureError:
        assert not asked
    else:
        assert asked


@needs_ssh_keygen
@pytest.mark.parametrize(
    ("principals", "name"),
    [
        ("alice@example.org", "alice@example.org"),
        ("alice@example.org,bob@example.org", "bob@example.org"),
        ("*@example.org", "alice@example.org"),
        ("*@example.org", "alice@example.com"),
        ("!mallory@*,*@example.org", "mallory@example.org"),
        ("!mallory@*,*@example.org", "alice@example.org"),
        ("a?ice@example.org", "alice@example.org"),
        ('"alice@example.org"', "alice@example.org"),
        ("alice", "alice@example.org"),
        ("Alice@example.org", "alice@example.org"),
    ],
)
def test_principals_match_as_with_ssh_keygen(
    ssh_keys: dict[str, Path], tmp_path: Path, principals: str, name: str
) -> None:
    key = ssh_keys["alice"]
    signature = sign(key, MESSAGE, NAMESPACE)
    line = f"{principals} {public(key)}"
    try:
        verify_signature(MESSAGE, signature, allowed(line), NAMESPACE, NOW, principal=name)
        ours = True
    except SignatureError:
        ours = False
    assert ours == accepts(tmp_path, MESSAGE, signature, line, NAMESPACE, name)


@needs_ssh_keygen
def test_distinct_keys_count_once(ssh_keys: dict[str, Path]) -> None:
    alice, bob = ssh_keys["alice"], ssh_keys["bob"]
    lines = allowed(f"{ALICE} {public(alice)}", f"second-name {public(alice)}", f"bob {public(bob)}")
    by_alice = [sign(alice, MESSAGE, NAMESPACE), sign(alice, MESSAGE, NAMESPACE, "-O", "hashalg=sha256")]
    assert by_alice[0] != by_alice[1]
    assert [each.principal for each in count_signers(MESSAGE, by_alice, lines, NAMESPACE, NOW)] == [ALICE]
    both = [*by_alice, sign(bob, MESSAGE, NAMESPACE)]
    assert [each.principal for each in count_signers(MESSAGE, both, lines, NAMESPACE, NOW)] == [ALICE, "bob"]
    with pytest.raises(SignatureError, match="not in"):
        count_signers(MESSAGE, [*both, sign(ssh_keys["mallory"], MESSAGE, NAMESPACE)], lines, NAMESPACE, NOW)
    with pytest.raises(SignatureError, match="More than 16"):
        count_signers(MESSAGE, by_alice * 9, lines, NAMESPACE, NOW)


@needs_ssh_keygen
def test_another_line_of_the_key_may_let_it_count(ssh_keys: dict[str, Path]) -> None:
    key = public(ssh_keys["alice"])
    signature = sign(ssh_keys["alice"], MESSAGE, NAMESPACE)
    lines = allowed(f'alice valid-before="20200101Z" {key}', f'alice-again valid-after="20260101Z" {key}')
    assert verify_signature(MESSAGE, signature, lines, NAMESPACE, NOW).principal == "alice-again"


@needs_ssh_keygen
def test_signatures_follow_one_another_in_a_file(ssh_keys: dict[str, Path], tmp_path: Path) -> None:
    signatures = [sign(ssh_keys[name], MESSAGE, NAMESPACE) for name in ("alice", "bob")]
    path = tmp_path / "policy.toml.sig"
    assert read_signatures(path) == []
    path.write_bytes(b"".join(signatures))
    lines = allowed(f"alice {public(ssh_keys['alice'])}", f"bob {public(ssh_keys['bob'])}")
    found = count_signers(MESSAGE, read_signatures(path), lines, NAMESPACE, NOW)
    assert [each.principal for each in found] == ["alice", "bob"]
    for damaged in (signatures[0] + b"x" + signatures[1], signatures[0][:-10], b"\x00", signatures[0] * 17):
        with pytest.raises(SignatureError):
            count_signers(MESSAGE, split_signatures(damaged), lines, NAMESPACE, NOW)


@needs_ssh_keygen
def test_a_weak_key_is_refused_in_the_list(ssh_keys: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match=r"line 1: An RSA key of 1024 bits is too weak"):
        allowed(f"alice {public(ssh_keys['rsa-1024'])}")


@needs_ssh_keygen
def test_fields_of_a_signature_are_held_to(ssh_keys: dict[str, Path], tmp_path: Path) -> None:
    key = ssh_keys["rsa-2048"]
    line = f"{ALICE} {public(key)}"
    good = parse_signature(sign(key, MESSAGE, NAMESPACE))
    raw = good.signature[4 + len("rsa-sha2-512") + 4 :]
    cases = {
        "goes on behind its end": blob_of(good) + b"\x00",
        "cut short": blob_of(good)[:-1],
        "reserved": blob_of(good, reserved=b"x"),
        "only sha256": blob_of(good, hashed=b"sha1"),
        "no namespace": blob_of(good, namespace=b""),
        "of version 2": MAGIC + (2).to_bytes(4) + blob_of(good)[10:],
        "of kind 'ssh-rsa'": blob_of(good, signature=string(b"ssh-rsa") + string(raw)),
        "of kind 'ssh-ed25519'": blob_of(good, signature=string(b"ssh-ed25519") + string(raw)),
        "does not begin with SSHSIG": b"SSHSIC" + blob_of(good)[6:],
    }
    for said, blob in cases.items():
        with pytest.raises(SignatureError, match=said):
            verify_signature(MESSAGE, armoured(blob), allowed(line), NAMESPACE, NOW)
        # OpenSSH does not look at what is reserved, which therefore nobody signed.
        assert accepts(tmp_path, MESSAGE, armoured(blob), line, NAMESPACE, ALICE) == (said == "reserved"), said


BAD_LINES = {
    "no key": "alice",
    "nobody": " ,bob ssh-ed25519 AAAA",
    "certificate": "alice ssh-ed25519-cert-v01@openssh.com AAAA",
    "authority": "alice cert-authority ssh-ed25519 {key}",
    "DSA": "alice ssh-dss AAAA",
    "unknown option": "alice touch-required ssh-ed25519 {key}",
    "option without value": "alice namespaces ssh-ed25519 {key}",
    "option twice": 'alice namespaces="a",namespaces="b" ssh-ed25519 {key}',
    "open quotes": 'alice namespaces="a ssh-ed25519 {key}',
    "comma at the end": 'alice namespaces="a", ssh-ed25519 {key}',
    "no such day": 'alice valid-before="20260230Z" ssh-ed25519 {key}',
    "no time": 'alice valid-before="tomorrow" ssh-ed25519 {key}',
    "times crossed": 'alice valid-after="20270101Z",valid-before="20260101Z" ssh-ed25519 {key}',
    "key of another type": "alice ssh-rsa {key}",
    "key cut": "alice ssh-ed25519 {key:.60}",
    "base64 unclean": "alice ssh-ed25519 {key}=",
    "open quotes of principals": '"alice ssh-ed25519 {key}',
    "only exclusions": "!alice ssh-ed25519 {key}",
}
ED25519_KEY = base64.b64encode(string(b"ssh-ed25519") + string(bytes(range(32)))).decode()


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_line_that_cannot_be_read_is_an_error_with_its_number(name: str, tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match="allowed_signers, line 2: "):
        allowed("# signers", BAD_LINES[name].format(key=ED25519_KEY))


def test_a_list_of_nobody_is_refused(tmp_path: Path) -> None:
    from sonde.policy.sshsig import load_allowed_signers

    with pytest.raises(SignatureError, match="nobody may sign"):
        allowed("# none yet")
    with pytest.raises(SignatureError, match="cannot be read"):
        load_allowed_signers(tmp_path / "missing")


@given(st.text(alphabet="ab*?", max_size=12), st.text(alphabet="ab", max_size=12))
def test_patterns_match_as_their_twin(pattern: str, text: str) -> None:
    import fnmatch

    assert matches(text, (pattern,)) == fnmatch.fnmatchcase(text, pattern)


@given(st.binary(max_size=400), st.booleans(), st.booleans())
def test_whatever_comes_is_refused_and_nothing_breaks(octets: bytes, dressed: bool, begun: bool) -> None:
    lines = allowed(f"alice ssh-ed25519 {ED25519_KEY}")
    blob = MAGIC + (1).to_bytes(4) + octets if begun else octets
    with pytest.raises(PolicyError):
        verify_signature(MESSAGE, armoured(blob) if dressed else blob, lines, NAMESPACE, NOW)


FIELDS = st.lists(
    st.sampled_from([b"ssh-ed25519", b"ssh-rsa", b"nistp256", b"ecdsa-sha2-nistp256", b"\x01\x00\x01", b"\x04" * 65])
    | st.binary(max_size=40),
    max_size=5,
)


@given(FIELDS, FIELDS)
def test_keys_and_signatures_of_any_shape_are_refused(key: list[bytes], signature: list[bytes]) -> None:
    try:
        read_public_key(b"".join(map(string, key))).verify(MESSAGE, b"".join(map(string, signature)))
    except PolicyError:
        return
    raise AssertionError


@given(st.text(max_size=200) | st.sampled_from(list(BAD_LINES.values())).flatmap(st.permutations))
def test_lists_of_any_text_raise_nothing_else(text: str | list[str]) -> None:
    try:
        parse_allowed_signers("".join(text).encode("utf-8", "surrogatepass"))
    except PolicyError:
        return


def ecdsa_signed(curve: bytes = b"nistp256") -> tuple[bytes, list[bytes]]:
    """Give a key's octets, and the two numbers of its signature of MESSAGE in their one form."""
    private = generate_private_key(SECP256R1())
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    numbers = decode_dss_signature(private.sign(MESSAGE, ECDSA(SHA256())))
    key = string(b"ecdsa-sha2-nistp256") + string(curve) + string(point)
    return key, [each.to_bytes(each.bit_length() // 8 + 1) for each in numbers]


def test_a_signature_has_one_form() -> None:
    """Numbers in their shortest form (RFC 4251 §5), and nothing behind the signature, inside or out."""
    key, (first, second) = ecdsa_signed()
    kind = string(b"ecdsa-sha2-nistp256")
    read_public_key(key).verify(MESSAGE, kind + string(string(first) + string(second)))
    cases = {
        "not written as RFC 4251": kind + string(string(b"\0" + first) + string(second)),
        "goes on behind its end": kind + string(string(first) + string(second) + b"\0"),
        "goes on behind": kind + string(string(first) + string(second)) + b"\0",
        "cut short": kind + string(string(first) + string(second)[:-1]),
    }
    for said, signature in cases.items():
        with pytest.raises(SignatureError, match=said):
            read_public_key(key).verify(MESSAGE, signature)


def test_a_key_has_one_form() -> None:
    key, _ = ecdsa_signed()
    other_curve, _ = ecdsa_signed(b"nistp384")
    compressed = key[:35] + string(b"\x02" + key[40:72])
    cases = {
        "goes on behind its end": key + b"\0",
        "not of its type's": other_curve,
        "point is compressed": compressed,
        "no valid point": key[:-1] + bytes([key[-1] ^ 1]),
        "cut short": key[:-1],
    }
    for said, octets in cases.items():
        with pytest.raises(SignatureError, match=said):
            read_public_key(octets)
