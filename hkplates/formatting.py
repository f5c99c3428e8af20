"""Formats text for people: on one line, as a command to type, with a count."""

import shlex


def printable(text: str) -> str:
    """Escapes what is not printable, so that text stays on one line of a terminal.

    A key may hold newlines, or what would move a terminal's cursor.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def source_title(source: str, name: str | None) -> str:
    """Formats a submission's source with the name it was given: `/photos (july)`."""
    return printable(source) + (f" ({printable(name)})" if name else "")


def shell_command(*words: str) -> str:
    """Quotes words as a command that can be typed.

    `typed("hkplates", "submit", "/my photos") == "hkplates submit '/my photos'"`
    """
    return printable(shlex.join(words))


def pluralise(count: int, one: str, many: str | None = None) -> str:
    """Formats a count with its noun: `1 image`, `1,000 images`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
