"""The folder of keys: the option wins, then the variable, then the user's state folder."""

from pathlib import Path

import pytest

from sonde.pipeline.places import keys_folder


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.delenv("SONDE_KEYS", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_the_option_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SONDE_KEYS", "/elsewhere")
    assert keys_folder(str(tmp_path / "mine")) == tmp_path / "mine"
    assert keys_folder("~/mine") == tmp_path / "mine"


def test_the_variable_comes_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONDE_KEYS", "/elsewhere")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert keys_folder() == Path("/elsewhere")


def test_then_the_users_state_folder(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    assert keys_folder() == home / ".local/state/sonde/keys"
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert keys_folder() == Path("/state/sonde/keys")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")  # the specification: must be absolute, else ignored
    assert keys_folder() == home / ".local/state/sonde/keys"
