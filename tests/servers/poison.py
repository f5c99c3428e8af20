"""Pixels: how wide the pictures are that servers/poisoned.py suffers from."""

SEGFAULT = 77
HANG = 78
MEMORY = 79
