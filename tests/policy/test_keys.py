"""Keys of epochs: one file each, for their owner alone, and gone when their time is over."""

import stat
from pathlib import Path

import pytest

from sonde.policy import PolicyError
from sonde.policy.keys import MOST_EPOCHS, Keys, destroy, destroy_expired, kept_keys
from sonde.policy.terms import HOUR_NS, Pseudonym

TERMS = Pseudonym(24 * HOUR_NS, 48 * HOUR_NS)
DAY = 20_000  # an epoch of 24 h in 2024


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def files(folder: Path) -> list[Path]:
    return sorted((folder / "pseudonyms").iterdir())


def test_an_epoch_has_one_key_in_every_run(folder: Path) -> None:
    first, second = Keys(TERMS, folder), Keys(TERMS, folder)
    assert first.of(DAY).name == second.of(DAY).name == first.of(DAY).name
    assert first.of(DAY).name != first.of(DAY + 1).name
    assert len(files(folder)) == 2


def test_the_keys_are_for_their_owner_alone(folder: Path) -> None:
    Keys(TERMS, folder).of(DAY)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "pseudonyms")}
    assert modes == {0o700}
    assert [stat.S_IMODE(path.stat().st_mode) for path in files(folder)] == [0o600]


def test_a_folder_that_others_can_enter_is_refused(folder: Path) -> None:
    Keys(TERMS, folder)
    (folder / "pseudonyms").chmod(0o750)
    with pytest.raises(PolicyError, match="chmod 700"):
        Keys(TERMS, folder)


def test_a_key_that_others_can_read_is_refused(folder: Path) -> None:
    Keys(TERMS, folder).of(DAY)
    files(folder)[0].chmod(0o644)
    with pytest.raises(PolicyError, match="remove it"):
        Keys(TERMS, folder).of(DAY)


@pytest.mark.parametrize("damage", ["", "{}", "[]", "\xff", '{"key": "00"}'])
def test_a_damaged_key_is_refused(folder: Path, damage: str) -> None:
    Keys(TERMS, folder).of(DAY)
    files(folder)[0].write_text(damage, encoding="latin-1")
    with pytest.raises(PolicyError, match="damaged"):
        Keys(TERMS, folder).of(DAY)


def test_a_key_that_is_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    Keys(TERMS, folder).of(DAY)
    path = files(folder)[0]
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PolicyError, match="cannot be read"):
        Keys(TERMS, folder).of(DAY)


def test_a_run_without_epochs_keeps_its_key_nowhere(folder: Path) -> None:
    keys = Keys(Pseudonym(), folder)
    assert keys.of(0).name != Keys(Pseudonym(), folder).of(0).name
    assert not folder.exists()


def test_a_key_is_destroyed_after_its_epoch_and_its_making(folder: Path) -> None:
    told: list[tuple[str, dict[str, str | int]]] = []
    keys = Keys(TERMS, folder, told=lambda kind, said: told.append((kind, said)))
    keys.of(DAY)  # long over: counts from when it was made
    keys.of(1_000_000)  # far ahead: counts from its end
    assert [kind for kind, _ in told] == ["key.rotate", "key.rotate"]
    old, new = kept_keys(folder)
    assert old.due_ns == old.made_ns + 48 * HOUR_NS
    assert new.due_ns == 1_000_001 * 24 * HOUR_NS + 48 * HOUR_NS
    assert destroy_expired(folder, old.due_ns - 1) == []
    name = keys.of(DAY).name
    gone = destroy_expired(folder, old.due_ns, told=lambda kind, said: told.append((kind, said)))
    assert gone == [name]
    assert told[-1] == ("key.destroy", {"key": name, "epoch_start_ns": DAY * 24 * HOUR_NS})
    assert [kept.path for kept in kept_keys(folder)] == [new.path]
    assert Keys(TERMS, folder).of(DAY).name != name  # what was written under it links to nothing new


def test_what_is_destroyed_is_overwritten_first(folder: Path, tmp_path: Path) -> None:
    Keys(TERMS, folder).of(DAY)
    path = files(folder)[0]
    other = tmp_path / "same-octets"
    other.hardlink_to(path)
    destroy(path)
    assert set(other.read_bytes()) == {0xFF}
    assert not path.exists()
    destroy(path)  # once more is no error


def test_a_sender_cannot_have_us_keep_keys_without_end(folder: Path) -> None:
    keys = Keys(Pseudonym(24 * HOUR_NS, 0))
    names = {keys.of(epoch).name for epoch in range(MOST_EPOCHS)}
    assert len(names) == MOST_EPOCHS
    assert keys.of(MOST_EPOCHS).name == keys.of(MOST_EPOCHS + 1).name not in names


def test_neither_keys_nor_a_key_tell_themselves(folder: Path) -> None:
    keys = Keys(TERMS, folder)
    secret = keys.of(DAY)._secret.hex()
    assert secret in files(folder)[0].read_text()
    assert secret not in repr(keys) + repr(keys.of(DAY)) + keys.of(DAY).name
