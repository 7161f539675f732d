"""One set of keys for all tests of a run; making RSA keys takes a while."""

from pathlib import Path

import pytest

from tests.policy.keys import SSH_KEYGEN, make_key

KINDS = {
    "ed25519": ("ed25519", None),
    "ecdsa-256": ("ecdsa", 256),
    "ecdsa-384": ("ecdsa", 384),
    "ecdsa-521": ("ecdsa", 521),
    "rsa-2048": ("rsa", 2048),
    "rsa-1024": ("rsa", 1024),
    "alice": ("ed25519", None),
    "bob": ("ed25519", None),
    "mallory": ("ed25519", None),
}


@pytest.fixture(scope="session")
def ssh_keys(tmp_path_factory) -> dict[str, Path]:
    if SSH_KEYGEN is None:
        pytest.skip("ssh-keygen is not installed (openssh-client)")
    folder = tmp_path_factory.mktemp("keys")
    return {name: make_key(folder, name, *kind) for name, kind in KINDS.items()}
