"""Generated references say what the sources declare; links in the documents lead somewhere."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATE = runpy.run_path(str(ROOT / "docs/generate.py"))


@pytest.mark.parametrize("name", ["records", "cli", "protocols", "man"])
def test_the_reference_is_what_make_docs_writes(name: str) -> None:
    path, compose = GENERATE["MADE_FILES"][name]
    assert path.read_text(encoding="utf-8") == compose().rstrip("\n") + "\n", "run `make docs`"


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md")), ids=lambda path: path.name
)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
        assert target.startswith("http") or (path.parent / target).exists(), target
