"""The Bicep files parse, their names resolve, and modules get what they ask for."""

import json
import re
from pathlib import Path

import pytest
from tree_sitter import Node

from tests.infra.bicep_syntax import (
    BICEP_FILES,
    INFRA,
    body_of,
    declarations,
    default_of,
    loaded_files,
    members,
    parse,
    resource_type,
    text_of,
    walk,
)

MAIN = INFRA / "main.bicep"
# What each file may call without declaring it: the functions of Bicep that are in use here.
FUNCTIONS = frozenset(
    {
        *("concat", "contains", "empty", "filter", "flatten", "guid", "loadJsonContent", "loadTextContent"),
        *("map", "replace", "resourceGroup", "split", "string", "subscription", "subscriptionResourceId", "toLower"),
        *("union", "uniqueString"),
    }
)
DECORATORS = frozenset({"allowed", "description", "maxLength", "maxValue", "minLength", "minValue"})

ids = [str(path.relative_to(INFRA)) for path in BICEP_FILES]
each_file = pytest.mark.parametrize("path", BICEP_FILES, ids=ids)


@each_file
def test_parses(path: Path) -> None:
    faults = [node.start_point for node in walk(parse(path)) if node.type == "ERROR" or node.is_missing]
    assert not faults


@each_file
def test_each_name_is_declared(path: Path) -> None:
    tree = parse(path)
    declared = {name for kind in ("param", "var", "resource", "module", "output") for name in declarations(path, kind)}
    declared |= {text_of(node) for node in walk(tree) if node.type == "identifier" and _binds(node)}
    used = {text_of(node) for node in walk(tree) if node.type == "identifier" and _refers(node)}
    assert used - declared - FUNCTIONS - DECORATORS == set()


def _binds(node: Node) -> bool:
    """Tells whether a name is the variable of a loop or of a lambda."""
    parent = node.parent
    if parent is None or parent.type not in {"for_statement", "lambda_expression", "loop_variable"}:
        return False
    return parent.type == "loop_variable" or parent.named_children[0] == node


def _refers(node: Node) -> bool:
    parent = node.parent
    if parent is None or parent.type.endswith("declaration"):
        return False
    return parent.type != "object_property" or parent.named_children[0] != node


@each_file
def test_each_parameter_and_variable_is_used(path: Path) -> None:
    names = [text_of(node) for node in walk(parse(path)) if node.type == "identifier" and _refers(node)]
    for name in [*declarations(path, "param"), *declarations(path, "var")]:
        assert name in names


@each_file
def test_each_file_it_names_exists(path: Path) -> None:
    for file in loaded_files(path):
        assert file.is_file(), file


@each_file
def test_modules_get_the_parameters_they_declare(path: Path) -> None:
    for name, node in declarations(path, "module").items():
        module = (path.parent / resource_type(node)).resolve()
        given = set(members(members(body_of(node))["params"]))
        wanted = set(declarations(module, "param"))
        required = {parameter for parameter in wanted if default_of(module, parameter) is None}
        assert given <= wanted, name
        assert required <= given, name


@each_file
def test_outputs_that_are_read_exist(path: Path) -> None:
    modules = {
        name: (path.parent / resource_type(node)).resolve() for name, node in declarations(path, "module").items()
    }
    for name, output in re.findall(r"(\w+)!?\.outputs\.(\w+)", path.read_text(encoding="utf-8")):
        assert output in declarations(modules[name], "output"), f"{name}.outputs.{output}"


def test_every_file_is_part_of_a_deployment() -> None:
    seen: set[Path] = set()
    waiting = [MAIN]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += [file for file in loaded_files(path) if file.suffix == ".bicep"]
    assert seen == set(BICEP_FILES)


def test_the_parameter_file_gives_what_main_declares() -> None:
    given = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    declared = declarations(MAIN, "param")
    assert set(given) <= set(declared)
    assert {name for name in declared if default_of(MAIN, name) is None} <= set(given)


def test_the_parameter_file_has_the_defaults_of_main() -> None:
    given = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    for name, entry in given.items():
        environment_default = re.fullmatch(r"\$\{\w+=(.*)\}", entry["value"])
        if environment_default:
            assert environment_default.group(1) == str(default_of(MAIN, name)), name


def test_no_output_is_taken_for_an_input() -> None:
    # azd keeps outputs in its environment; one named like an input would hold on to an old default for ever.
    inputs = set(re.findall(r"\$\{(\w+)", (INFRA / "main.parameters.json").read_text(encoding="utf-8")))
    assert inputs & set(declarations(MAIN, "output")) == set()
