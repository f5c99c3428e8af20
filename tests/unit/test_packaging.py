"""The wheel and the container image hold every package that the program is made of."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[2]
WHEEL = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["hatch"]["build"][
    "targets"
]["wheel"]
PACKAGES = WHEEL["packages"]
DOCKERFILE = (PROJECT / "Dockerfile").read_text().splitlines()
DOCKERIGNORE = (PROJECT / ".dockerignore").read_text().splitlines()


def test_every_package_of_the_wheel_travels_to_the_image_and_into_it() -> None:
    copied = {
        line.split()[1] for line in DOCKERFILE if line.startswith("COPY ") and "--from" not in line
    }
    let_in = {line[1:] for line in DOCKERIGNORE if line.startswith("!")}
    assert set(PACKAGES) <= copied
    assert set(PACKAGES) <= let_in


def test_every_package_that_the_command_and_the_workers_import_is_in_the_wheel() -> None:
    entry = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {target.partition(".")[0] for target in entry.values()} <= set(PACKAGES)
    rooms = {path.parent.name for path in PROJECT.glob("*/__init__.py")} - {"demo"}
    assert rooms <= set(PACKAGES)


def test_every_bundle_is_in_the_wheel_and_travels_to_the_image() -> None:
    bundles = {path.relative_to(PROJECT).as_posix() for path in PROJECT.glob("models/*/bundle")}
    assert bundles == set(WHEEL["force-include"])
    assert {f"COPY {folder} {folder}" for folder in bundles} <= set(DOCKERFILE)
    assert {f"!{folder}" for folder in bundles} <= set(DOCKERIGNORE)


def test_the_pinned_libraries_lie_in_the_ranges_that_were_measured() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    pins = dict(
        line.partition(";")[0].strip().split("==")
        for line in (PROJECT / "constraints.txt").read_text().splitlines()
    )
    measured = [*project["dependencies"], *project["optional-dependencies"]["ppocr"]]
    for text in measured:
        requirement = Requirement(text)
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, text


def test_importing_labels_needs_the_extra_local_alone() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    told = [*project["dependencies"], *project["optional-dependencies"]["local"]]
    installed = {canonicalize_name(Requirement(one).name) for one in told}
    imported = {
        name.partition(".")[0]
        for path in (PROJECT / "models" / "labels").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    } - {"models", *PACKAGES, *sys.stdlib_module_names}
    owners = packages_distributions()
    for name in sorted(imported):
        assert {canonicalize_name(owner) for owner in owners[name]} & installed, name
