"""Words for people: on one line, as they can be typed, counted."""

import shlex


def printable(text: str) -> str:
    """Text on one line of a terminal, whatever it is made of: a key may hold newlines, or what
    would move a terminal's cursor."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def source_title(source: str, name: str | None) -> str:
    """What was submitted, with the name that it was given: /photos (july)"""
    return printable(source) + (f" ({printable(name)})" if name else "")


def shell_command(*words: str) -> str:
    """A command as it can be typed.

    `typed("hkplates", "submit", "/my photos") == "hkplates submit '/my photos'"`
    """
    return printable(shlex.join(words))


def pluralise(count: int, one: str, many: str | None = None) -> str:
    """1 image, 1,000 images"""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
