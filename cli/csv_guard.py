"""Guards the texts of a CSV file against formula injection (CWE-1236)."""

FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for a formula."""


def escape_formula(text: str) -> str:
    """Returns the text, led by an apostrophe where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA_PREFIXES) else text
