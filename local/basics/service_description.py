"""Descriptions of an emulator's own routes: an OpenAPI document for programs, a page for people."""

import html
import re
from collections.abc import Iterable
from typing import Any

from starlette.routing import Route

OPENAPI_TYPE = "application/vnd.oai.openapi+json;version=3.0"
_SHOWN_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def openapi_document(
    routes: Iterable[Route], *, title: str, description: str, server: str, query: Iterable[dict[str, Any]] = ()
) -> dict[str, Any]:
    """Return an OpenAPI 3.0 document of routes.

    Args:
        routes: What to describe; what an operation does is said by the name of the function behind it.
        title: What the service is called.
        description: What it is, in a sentence.
        server: Its base URL, without a trailing slash.
        query: OpenAPI objects of the query parameters that every operation takes.

    Returns:
        The document.
    """
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        names = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _names(route)]
        for method in _methods(route):
            operation = {
                "operationId": _operation_id(method, route.path_format),
                "summary": _summary(route),
                "parameters": [*names, *query],
                "responses": {"default": {"description": "The answer, in JSON unless the service says otherwise."}},
            }
            paths.setdefault(route.path_format, {})[method.lower()] = operation
    return {
        "openapi": "3.0.3",
        "info": {"title": title, "description": description, "version": "1.0.0"},
        "servers": [{"url": server}],
        "paths": paths,
    }


def documentation_page(routes: Iterable[Route], *, title: str, description: str) -> str:
    """Return an HTML page that lists routes.

    Args:
        routes: What to list.
        title: What the service is called.
        description: What it is, in a sentence.

    Returns:
        The page.
    """
    rows = "\n".join(
        f"<tr><td><code>{method}</code></td><td><code>{html.escape(route.path_format)}</code></td>"
        f"<td>{_summary(route)}</td></tr>"
        for route in routes
        for method in _methods(route)
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title></head>\n'
        f"<body><h1>{html.escape(title)}</h1><p>{html.escape(description)}</p>\n<table>\n{rows}\n</table></body></html>\n"
    )


def _methods(route: Route) -> list[str]:
    return [method for method in _SHOWN_METHODS if method in (route.methods or ())]


def _summary(route: Route) -> str:
    return re.sub("[_-]+", " ", route.name).strip().capitalize()


def _operation_id(method: str, path: str) -> str:
    """Return an id that no other operation has: paths differ, and those of the landing page by their last slash."""
    words = re.findall(r"[A-Za-z0-9]+", path)
    return "_".join([method.lower(), *words, *(["slash"] if path.endswith("/") else [])])


def _names(route: Route) -> list[str]:
    return list(route.param_convertors)
