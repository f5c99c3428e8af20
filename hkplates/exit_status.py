"""Defines the exit statuses of every command of hkplates."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """Exit statuses of `hkplates`; docs/operations.md explains each."""

    DONE = 0
    SOME_FAILED = 1
    WRONG_USAGE = 2
    SOURCE_UNREADABLE = 3
    SERVICE_AWAY = 4
    NOT_SET_UP = 5
    INTERRUPTED = 130
    """A shell reports a program that SIGINT ended as 128 + 2."""
    OUTPUT_CLOSED = 141
    """A shell reports a program that SIGPIPE ended as 128 + 13."""
