"""The ensemble asks the second reader that is installed, the better one first."""

import pytest

from hkplates.errors import SecondReaderMissing
from hkplates.recognition.reading import factory
from hkplates.recognition.reading.factory import SECOND_READERS, installed_second


def install(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(
        factory,
        "SECOND_READERS",
        {
            name: entry._replace(is_installed=lambda name=name: name in names)
            for name, entry in SECOND_READERS.items()
        },
    )


@pytest.mark.parametrize(
    ("installed", "expected"),
    [(("ppocr", "tesseract"), "ppocr"), (("ppocr",), "ppocr"), (("tesseract",), "tesseract")],
)
def test_of_the_second_readers_installed_the_first_is_asked(
    monkeypatch: pytest.MonkeyPatch, installed: tuple[str, ...], expected: str
) -> None:
    install(monkeypatch, *installed)
    assert installed_second() == expected


def test_without_any_it_says_how_to_install_either(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    with pytest.raises(SecondReaderMissing, match=r"hkplates\[ppocr\].*apt-get install tesseract"):
        installed_second()
