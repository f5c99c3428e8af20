"""Documents name files that are there."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("README.md", "docs/**/*.md", "models/**/*.md")
    for path in PROJECT.glob(pattern)
)
PATH = re.compile(
    r"`((?:cli|producer|workers|web|hkplates|models|tests|migrations|benchmarks)/[\w./-]+)`"
)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")
MADE = {"web/pictures"}  # in the data folder, by the page


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_path_and_link_of_a_document_leads_to_a_file(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    paths = [PROJECT / name for name in PATH.findall(text) if name not in MADE]
    links = [document.parent / target for target in LINK.findall(text)]
    missing = [str(path) for path in (*paths, *links) if not path.exists()]
    assert missing == []
