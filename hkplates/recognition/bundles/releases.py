"""Tells which releases of libraries are installed, from their packages' metadata."""

from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from hkplates.errors import RuntimeMissing


def installed_release(module: str, packages: Sequence[str]) -> str | None:
    """Returns major and minor version ("5.0") of a library; None where it is not installed.

    `packages` are those that bring the `module`.
    """
    found = {text for name in packages if (text := _installed(name))}
    if len(found) != 1:
        # None of these packages, or several that overwrite each other: the module itself knows.
        try:
            found = {str(import_module(module).__version__)}
        except ImportError:
            return None
    return ".".join(found.pop().split(".")[:2])


def required_release(module: str, packages: Sequence[str]) -> str:
    """Returns `installed_release`.

    Raises:
        RuntimeMissing: the library is not installed.
    """
    found = installed_release(module, packages)
    if found is None:
        raise RuntimeMissing(
            f"{packages[0]} is not installed. Install hkplates with what it depends on."
        )
    return found


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
