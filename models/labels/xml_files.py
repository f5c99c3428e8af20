"""Parses XML files of labels, which come from anywhere: document types are refused."""

from pathlib import Path
from xml.etree import ElementTree

from models.labels.records import Reason, Unusable


class _NoDocumentType(ElementTree.TreeBuilder):
    """Builds a tree, and refuses what entities are declared in: expanded, they take any memory."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ElementTree.ParseError(f"it declares a document type ({name}), which labels never do")


def parse_xml(path: Path) -> ElementTree.Element:
    """Parses a file and returns its root element.

    Raises:
        Unusable: it is not well-formed, or declares a document type.
    """
    try:
        parser = ElementTree.XMLParser(target=_NoDocumentType())  # noqa: S314 - refuses entities
        parser.feed(path.read_bytes())
        return parser.close()
    except (ElementTree.ParseError, UnicodeError, LookupError, ValueError) as error:
        raise Unusable(Reason.LABEL_DAMAGED, f"{path.name} is no XML: {error}") from None


def text_of(element: ElementTree.Element, path: str, default: str = "") -> str:
    """Returns the text of a descendant without blanks around it."""
    return (element.findtext(path) or default).strip()


def number_of(value: str | None, what: str) -> float:
    """Parses a number.

    Raises:
        Unusable: it is none, or not finite; `what` names it.
    """
    try:
        number = float(value or "")
    except ValueError:
        raise Unusable(Reason.LABEL_DAMAGED, f"{what} is {value!r}, expected a number") from None
    if number != number or abs(number) == float("inf"):
        raise Unusable(Reason.LABEL_DAMAGED, f"{what} is {value!r}, expected a finite number")
    return number
