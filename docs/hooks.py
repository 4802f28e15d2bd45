"""What mkdocs does besides rendering docs/: it adds files and pages to the site.

The README is the home page. Links between files of the repository become links between
pages. The pages of the API reference name the public objects, whose docstrings
mkdocstrings inserts.
"""

import ast
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# Files outside of docs/ that are pages, or that pages link to.
FILES = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"),
    *("benchmarks/README.md", "benchmarks/results/*.json"),
    *("examples/README.md", "examples/*.py"),
)
COMPAT = ("torch", "transformers", "optax", "timm", "paddle")


def on_files(files: Any, config: Any) -> Any:
    """Add the files outside of docs/ and the pages of the API reference."""
    from mkdocs.structure.files import File

    for pattern in FILES:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    for name, text in api_pages().items():
        files.append(File.generated(config, f"api/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Change links between files of the repository to links within the site.

    On the site the content of docs/ is at the top, beside the README, whose page has no
    menu of its own.
    """
    if page.is_homepage:
        page.meta["hide"] = ["navigation"]
    if page.file.generated_by:
        return re.sub(r"\]\(docs/", "](", markdown)
    return re.sub(r"\]\(\.\./", "](", markdown)


def api_pages() -> dict[str, str]:
    """Return the text of each page of the API reference."""
    optimizers = exports("kerasched.optimizers")
    functions = [path for path in exports("kerasched") if path not in optimizers]
    pages = {
        "schedules": page("Schedules", "kerasched", exports("kerasched.schedules")),
        "optimizers": page("Optimizers", "kerasched", optimizers),
        "callbacks": page(
            "Callbacks", "kerasched.callbacks", exports("kerasched.callbacks")
        ),
        "functions": page("Functions", "kerasched", functions),
    }
    for name in COMPAT:
        module = f"kerasched.compat.{name}"
        paths = functions_of(module)
        if name == "timm":
            paths += functions_of("kerasched.compat.timm_schedulers")
        pages[name] = page(module, module, paths)
    return pages


def exports(package: str) -> list[str]:
    """Return the paths of what a package makes public, `X as X`, where it is defined.

    The top level has a module and a function of one name, so that only the path of its
    definition says which is meant.
    """
    tree = parsed(f"{package}.__init__")
    paths = [
        path_of(node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    ]
    return sorted(paths, key=lambda path: path.rpartition(".")[2].lower())


def path_of(module: str, name: str) -> str:
    """Return the path of a name in the module that defines it."""
    if file_of(module).is_file():
        return f"{module}.{name}"
    found = exports(module)
    return next(path for path in found if path.rpartition(".")[2] == name)


def functions_of(module: str) -> list[str]:
    """Return the paths of the public functions that a module defines."""
    functions = [x for x in parsed(module).body if isinstance(x, ast.FunctionDef)]
    return [f"{module}.{x.name}" for x in functions if not x.name.startswith("_")]


def parsed(module: str) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(file_of(module).read_text(encoding="utf-8"))


def file_of(module: str) -> Path:
    """Return the file of a module, which need not be there."""
    return ROOT / f"{module.replace('.', '/')}.py"


def page(title: str, module: str, paths: list[str]) -> str:
    """Return a page that shows the docstrings of public objects of a module."""
    entries = [f"::: {path}\n" for path in paths]
    return "\n".join([f"# {title}\n", f"`from {module} import NAME`\n", *entries])
