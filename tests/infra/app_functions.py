"""The app's functions and their triggers, as the worker indexes them."""

import functools
from typing import Any

from function_app import app


@functools.cache
def triggers() -> dict[str, dict[str, Any]]:
    """Return the trigger of each function as the host is told of it, by the function's name."""
    found = {}
    for function in app.get_functions():
        trigger = function.get_trigger()
        assert trigger is not None
        found[str(function.get_function_name())] = trigger.get_dict_repr()
    return found
