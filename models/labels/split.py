"""Splits photographs into those to train on and those held back, by vehicle."""

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence


def hold_back(marks: Mapping[str, Sequence[str]], share: float, seed: int) -> frozenset[str]:
    """Returns the names of the photographs that are held back: `share` of them, as near as can be.

    `marks` has for each photograph's name the marks on it. Photographs that share a mark stay on
    one side, and so do those linked by a third; one without marks is a vehicle of its own. Groups
    are taken in the order of a hash of the seed and their least mark or name, so that hardly any
    changes sides when photographs are added. None is held back where all are one group.
    """
    groups = sorted(_groups(marks).items(), key=lambda group: _rank(group[0], seed))
    wanted = min(max(1, round(share * len(marks))), len(marks) - 1)
    held: list[str] = []
    for _, names in groups:
        if len(held) + len(names) <= wanted:
            held += names
    if not held and len(groups) > 1:
        held = min((names for _, names in groups), key=len)
    return frozenset(held)


def _groups(marks: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Groups names that share marks, by the least mark of the group, else by the name."""
    parents: dict[Hashable, Hashable] = {}

    def root(node: Hashable) -> Hashable:
        parents.setdefault(node, node)
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    for name, shown in marks.items():
        for mark in shown:
            parents[root(("mark", mark))] = root(("photo", name))
    members: dict[Hashable, list[str]] = defaultdict(list)
    for name in sorted(marks):
        members[root(("photo", name))].append(name)
    return {
        min((mark for name in names for mark in marks[name]), default=names[0]): names
        for names in members.values()
    }


def _rank(key: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {key}".encode()).digest()
