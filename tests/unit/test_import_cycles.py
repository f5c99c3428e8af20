"""No module imports itself by way of others, within functions or without."""

from graphlib import CycleError, TopologicalSorter

import grimp

PACKAGES = ("hkplates", "cli", "producer", "workers", "web")


def test_no_modules_import_each_other() -> None:
    # grimp reads the source: imports inside functions count, those under TYPE_CHECKING do not.
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        raise AssertionError("import cycle: " + " <- ".join(error.args[1])) from None
