"""The schema's version, apart from the tables: what only compares it need not load them."""

REVISION = "0005"
"""The newest migration: what this version of the program needs (a test holds them together)."""
