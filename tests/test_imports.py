"""What may import what: arrows go down only, and no two modules import each other."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter

import pytest
from surroundings import TESTS

PACKAGE = "airflow_provider_planet_reports"
ROOT = TESTS.parent / PACKAGE
#: By room: the rooms that it may import. What stands in no room (such as errors) is for all.
FACE = {"airflow_side", "hooks", "client", "landing", "warehouse", "usage_page"}
MAY_IMPORT = {
    "client": set(),
    "connections": set(),
    "landing": {"client", "connections"},
    "warehouse": {"landing", "connections"},
    "usage_page": {"landing", "warehouse"},
    "airflow_side": {"client", "connections", "hooks", "landing"},
    "hooks": {"airflow_side", "client", "connections"},
    "links": {"connections"},
    "assets": {"client"},
    "operators": FACE,
    "transfers": {*FACE, "links"},
    "triggers": FACE,
    "sensors": {*FACE, "connections", "triggers"},
    "retry_policy": {"airflow_side"},
    "provider_info": {"airflow_side"},
    "cli": FACE,
    "sandbox": set(),
    "__main__": {"cli"},
}
FOR_ALL = {"__init__", "errors", "quantities"}
#: By room or module: what it must not know, of other distributions or of a room that it may import.
MUST_NOT_KNOW = {
    "client": {"airflow", "obstore"},
    "landing": {"requests", "urllib3"},
    "landing.content": {"airflow", f"{PACKAGE}.client"},
    "landing.stores": {f"{PACKAGE}.client"},
    "warehouse": {"requests", "urllib3"},
    "usage_page": {"requests", "urllib3"},
    "sandbox": {"airflow", "requests", "urllib3", "numpy", "obstore"},
}


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def imported(tree):
    """Yield what a module imports anywhere, except for type checkers."""
    for_type_checkers = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for body in node.body
        for inner in ast.walk(body)
    }
    for node in ast.walk(tree):
        if node in for_type_checkers:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


IMPORTS = {name_of(path): set(imported(ast.parse(path.read_text()))) for path in ROOT.rglob("*.py")}


def within(name, package):
    return f"{name}.".startswith(f"{package}.")


def own(names):
    """The package's own names, relative to it."""
    return {each.removeprefix(f"{PACKAGE}.") for each in names if within(each, PACKAGE)}


def test_each_room_has_its_line():
    rooms = {name.partition(".")[0] for name in IMPORTS} - FOR_ALL
    assert rooms == MAY_IMPORT.keys()


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_what_it_may(room):
    wrong = {
        f"{name} imports {each}"
        for name, names in IMPORTS.items()
        if within(name, room)
        for each in own(names)
        if each.partition(".")[0] not in {room, *MAY_IMPORT[room], *FOR_ALL, "__version__"}
    }
    assert wrong == set()


@pytest.mark.parametrize("room", MUST_NOT_KNOW)
def test_a_room_does_not_know_what_is_not_its_business(room):
    wrong = {
        f"{name} imports {each}"
        for name, names in IMPORTS.items()
        if within(name, room) and name != "landing.run"  # the one that lands what the API has
        for each in names
        for unknown in MUST_NOT_KNOW[room]
        if within(each, unknown)
    }
    assert wrong == set()


def test_no_two_modules_import_each_other():
    graph = {
        name: {each if each in IMPORTS else each.rpartition(".")[0] for each in own(names)}
        - {"", name, *packages()}
        for name, names in IMPORTS.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def packages():
    """Packages gather what is in them, so their modules may name them."""
    return {name_of(path) for path in ROOT.rglob("__init__.py")}
