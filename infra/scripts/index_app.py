"""Index a packaged app as Azure does, with Microsoft's Python runtime, and write what was found as JSON.

Run by check_package.py with the Python that has the app's packages: `index_app.py PROJECT PACKAGE RESULT`.
"""

import ast
import importlib.util
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# The host refuses a function with a binding of another name ("The binding name … is invalid") and runs the others:
# BindingNameValidationRegex in FunctionDescriptorProvider.cs of github.com/Azure/azure-functions-host.
_BINDING_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,127}|\$return")


def index(package: Path, load: Callable[[Path], Any]) -> dict[str, Any]:
    """Return the names of a package's `functions`, and the `faults` that would keep any from running in Azure.

    Args:
        package: Folder of function_app.py, which is on the path; the rest of the project is not.
        load: Loads and indexes the app of a folder with Microsoft's runtime.
    """
    try:
        loaded = load(package).header
    except SystemExit as error:
        return {"functions": [], "faults": [_reason(repr(error), traceback.format_exc(), package)]}
    if loaded["type"] != "loaded":
        return {"functions": [], "faults": [_reason(loaded["message"], loaded["stack"], package)]}
    functions = [function["name"] for function in loaded["functions"]]
    faults = [
        f"{function['name']}: the host takes no parameter named {name}; use letters and digits only."
        for function in loaded["functions"]
        for name in (json.loads(binding)["name"] for binding in function["bindings"])
        if not _BINDING_NAME.fullmatch(name)
    ]
    return {"functions": functions, "faults": faults + _failing_imports(package)}


def _reason(message: str, stack: str, package: Path) -> str:
    """Return why the app could not be loaded, with the last place of its own code on the way there.

    The runtime adds advice and the whole path of modules to an import error; both are of no use here.
    """
    places = re.findall(rf'File "{re.escape(str(package))}.(.+?)", line (\d+)', stack)
    place = f"{places[-1][0]} line {places[-1][1]}: " if places else ""
    return place + message.partition(". Cannot find module.")[0]


def _failing_imports(package: Path) -> list[str]:
    """Carry out each import of the app, wherever it stands, and tell which fail, by their reason.

    Functions import their work with the first call, so indexing alone does not notice what is missing.
    """
    places: dict[str, list[str]] = {}
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        try:
            statements = list(_imports(ast.parse(path.read_bytes(), filename=str(path))))
        except SyntaxError as error:
            places.setdefault(_describe(error), []).append(f"{name} line {error.lineno}")
            continue
        for statement in statements:
            try:
                _carry_out(statement, path.relative_to(package))
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a module may fail with anything; all are reported
                places.setdefault(_describe(error), []).append(
                    f"{name} line {statement.lineno}: {ast.unparse(statement)}"
                )
    return [
        f"{found[0]}: {reason}" + (f" ({len(found) - 1} more imports fail for it)" if found[1:] else "")
        for reason, found in places.items()
    ]


def _describe(error: BaseException) -> str:
    """Return an exception in one line; of a syntax error the place too."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"SyntaxError: {error.msg} (line {error.lineno} of {Path(error.filename).name})"
    return "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]


def _imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Give the imports of a module, without those that only type checkers carry out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        else:
            yield from _imports(node)


def _carry_out(statement: ast.Import | ast.ImportFrom, path: Path) -> None:
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            importlib.import_module(alias.name)
        return
    own_package = ".".join(path.parent.parts)
    name = importlib.util.resolve_name("." * statement.level + (statement.module or ""), own_package)
    module = importlib.import_module(name)
    for alias in statement.names:
        if alias.name != "*" and not hasattr(module, alias.name):
            importlib.import_module(f"{name}.{alias.name}")


def _loader(project: str) -> Callable[[Path], Any]:
    """Return the local stack's way to load an app; to that app itself, what is not packaged stays missing."""
    sys.path.insert(0, project)
    load: Callable[[Path], Any] = importlib.import_module("local.host.worker.program").load
    sys.path[:] = [path for path in sys.path if path != project]
    # An editable installation of the project, such as `make setup` makes, would find the rest of it too.
    sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in str(finder)]
    for module in [name for name in sys.modules if name.partition(".")[0] == "local"]:
        del sys.modules[module]
    return load


def main() -> None:
    """Index the package that the command line names."""
    project, package, result = sys.argv[1:]
    load = _loader(project)
    os.chdir(package)
    sys.path.insert(0, package)
    Path(result).write_text(json.dumps(index(Path(package), load)), encoding="utf-8")


if __name__ == "__main__":
    main()
