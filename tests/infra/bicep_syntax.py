"""Reads Bicep files as syntax trees: what they declare, what they refer to, and literal values."""

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
BICEP_FILES = sorted(INFRA.rglob("*.bicep"))

_PARSER = Parser(Language(tree_sitter_bicep.language()))
_DECLARATIONS = {
    "parameter_declaration": "param",
    "variable_declaration": "var",
    "resource_declaration": "resource",
    "module_declaration": "module",
    "output_declaration": "output",
}


@functools.cache
def parse(path: Path) -> Node:
    """Parses one file."""
    return _PARSER.parse(path.read_bytes()).root_node


def text_of(node: Node) -> str:
    return (node.text or b"").decode()


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from walk(child)


def declarations(path: Path, kind: str) -> dict[str, Node]:
    """Returns the declarations of one kind (param, var, resource, module, output) by name, nested ones included."""
    found = {}
    for node in walk(parse(path)):
        if _DECLARATIONS.get(node.type) == kind and node.is_named:
            name = next((child for child in node.children if child.type == "identifier"), None)
            if name is not None:
                found[text_of(name)] = node
    return found


def value_of(node: Node) -> Any:  # noqa: ANN401 - whatever the literal is
    """Reads a literal: strings, numbers, booleans, arrays and objects; anything else is its text."""
    match node.type:
        case "string" if not any(child.type == "interpolation" for child in node.children):
            return "".join(text_of(child) for child in node.children if child.type == "string_content")
        case "number":
            return int(text_of(node))
        case "boolean":
            return text_of(node) == "true"
        case "array":
            return [value_of(child) for child in node.named_children if child.type != "comment"]
        case "object":
            return {key: value_of(value) for key, value in members(node).items()}
        case _:
            return text_of(node)


def members(node: Node) -> dict[str, Node]:
    """Returns the properties of an object, by name."""
    found = {}
    for member in node.named_children:
        if member.type == "object_property" and len(member.named_children) >= 2:
            found[text_of(member.named_children[0]).strip("'")] = member.named_children[-1]
    return found


def body_of(declaration: Node) -> Node:
    """Returns the object of a resource or module, whether it stands alone, behind a condition or in a loop."""
    return next(node for node in walk(declaration) if node.type == "object")


def variable(path: Path, name: str) -> Any:  # noqa: ANN401 - whatever the literal is
    """Reads the literal value of a variable."""
    return value_of(declarations(path, "var")[name].named_children[-1])


def default_of(path: Path, parameter: str) -> Any:  # noqa: ANN401 - whatever the literal is
    """Reads the default of a parameter; None where it has none."""
    node = declarations(path, "param")[parameter]
    return value_of(node.named_children[-1]) if any(text_of(child) == "=" for child in node.children) else None


def resource_type(declaration: Node) -> str:
    """Returns the type of a resource, such as Microsoft.Web/sites@2024-11-01; of a nested one its last part."""
    return str(value_of(next(child for child in declaration.children if child.type == "string")))


def loaded_files(path: Path) -> list[Path]:
    """Returns the files that a Bicep file loads or uses as modules."""
    called = re.findall(r"load\w+Content\('([^']+)'\)", path.read_text(encoding="utf-8"))
    modules = [resource_type(node) for node in declarations(path, "module").values()]
    return [(path.parent / name).resolve() for name in [*called, *modules]]
