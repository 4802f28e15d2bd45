"""Imports point down only, and each third-party package has its allowed importers."""

import ast

import pytest
from support import PACKAGE

pytestmark = pytest.mark.host


# The parts that each part may import. A change here is a change of the design.
MAY_IMPORT = {
    "__init__": {
        "schedules",
        "plotting",
        "layerwise",
        "optimizers",
        "training",
        "resuming",
        "finder",
    },
    "__main__": {"cli"},
    "cli": {"commands", "errors"},
    "commands": {"demo", "schedules", "plotting", "kernels", "errors", "__init__"},
    "demo": {"schedules", "plotting", "errors", "__init__"},
    "plotting": {"schedules", "errors"},
    "layerwise": {"optimizers", "schedules", "errors"},
    "callbacks": {"finder", "resuming", "training", "schedules", "kernels", "errors"},
    "finder": {"resuming", "training", "schedules", "plotting", "errors"},
    "resuming": {"training", "errors"},
    "training": {"schedules", "kernels", "errors"},
    "compat": {"schedules", "errors"},
    "schedules": {"errors"},
    "optimizers": {"training", "schedules", "kernels", "errors"},
    "kernels": {"errors"},
    "errors": set(),
}

# Where each third-party package may be imported. Others may not be imported at all.
MAY_BE_IMPORTED_IN = {
    "keras": set(MAY_IMPORT) - {"__main__", "cli", "plotting", "errors"},
    "h5py": {"resuming"},
    "ml_dtypes": {"resuming"},
    "numpy": set(MAY_IMPORT),
    "rich": {"commands", "demo"},
    "matplotlib": {"plotting"},
    "sklearn": {"demo"},
    "jax": {"kernels"},
    "tensorflow": {"kernels"},
    "torch": {"kernels"},
}

# The command imports these before Keras, so that it reports user errors quickly.
BEFORE_KERAS = ("cli.py", "errors.py", "demo/__init__.py")
BEFORE_KERAS += ("demo/table.py", "demo/trace.py")
BEFORE_KERAS += tuple(
    f"commands/{name}.py"
    for name in (
        "__init__",
        "backend",
        "demo",
        "expression",
        "info",
        "options",
        "output",
        "parsers",
        "schedules",
    )
)

FILES = sorted(PACKAGE.rglob("*.py"))


def part(path):
    """Return the part of the package that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path, top_level_only=False):
    """Return the dotted names that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = []
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def modules(path):
    """Return the files of the package that a file imports, also inside functions.

    Imports under `if TYPE_CHECKING:` are left out: no program ever runs them.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in when_run(tree):
        if isinstance(node, ast.Import):
            found |= {file_of(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inside = [file_of(f"{node.module}.{alias.name}") for alias in node.names]
            found |= {file or file_of(node.module) for file in inside}
    return found - {None, path}


def when_run(node):
    """Yield a node and its descendants, without blocks under `if TYPE_CHECKING:`."""
    yield node
    guard = isinstance(node, ast.If) and ast.unparse(node.test)
    only_checked = guard in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
    for child in node.orelse if only_checked else ast.iter_child_nodes(node):
        yield from when_run(child)


def file_of(name):
    """Return the file of a module of the package, None if there is none."""
    path = PACKAGE.parent.joinpath(*name.split("."))
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file in FILES), None)


def cycle(graph):
    """Return the nodes of a cycle in a directed graph, if it has one."""
    done, path = set(), []

    def search(node):
        if node in path:
            return path[path.index(node) :]
        if node in done:
            return None
        path.append(node)
        for other in sorted(graph[node]):
            if found := search(other):
                return found
        done.add(path.pop())
        return None

    return next(filter(None, map(search, sorted(graph))), [])


each_file = pytest.mark.parametrize(
    "path", FILES, ids=lambda path: str(path.relative_to(PACKAGE))
)


def test_a_cycle_is_found():
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_files_import_one_another_in_a_cycle():
    graph = {path: modules(path) for path in FILES}
    found = [str(path.relative_to(PACKAGE)) for path in cycle(graph)]
    assert not found


def test_every_part_has_a_row_in_the_table():
    assert {part(path) for path in FILES} == set(MAY_IMPORT)


@each_file
def test_imports_point_down(path):
    for name in imports(path):
        if name.split(".")[0] == "kerasched" and name != "kerasched._native":
            other = name.split(".")[1] if "." in name else "__init__"
            assert other == part(path) or other in MAY_IMPORT[part(path)], name


@each_file
def test_third_party_packages_are_imported_only_where_allowed(path):
    import sys

    known = sys.stdlib_module_names | {"kerasched"}
    for name in imports(path):
        top = name.split(".")[0]
        if top not in known:
            assert part(path) in MAY_BE_IMPORTED_IN.get(top, set()), name


@each_file
def test_only_public_keras_is_used(path):
    assert "keras.src" not in path.read_text(encoding="utf-8")


@each_file
def test_a_framework_is_imported_in_files_named_after_it_only(path):
    own = path.stem.split("_")[0] if path.parent == PACKAGE / "kernels" else None
    tops = {name.split(".")[0] for name in imports(path)}
    assert tops & {"jax", "tensorflow", "torch"} <= {own}


@each_file
def test_the_extension_has_one_importer(path):
    named = any("_native" in name for name in imports(path))
    assert not named or path == PACKAGE / "kernels" / "native.py"


@pytest.mark.parametrize("name", BEFORE_KERAS)
def test_the_command_starts_without_keras(name):
    tops = {n.split(".")[0] for n in imports(PACKAGE / name, top_level_only=True)}
    assert not tops & {"keras", "rich", "sklearn", "matplotlib"}


def test_matplotlib_is_imported_inside_functions_only():
    names = imports(PACKAGE / "plotting.py", top_level_only=True)
    assert not any(name.startswith("matplotlib") for name in names)
