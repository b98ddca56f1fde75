"""Log lines as text, filtered by the log levels of host.json."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime

#: The host's names of the levels, as host.json spells them.
LEVELS: dict[str, int] = {
    "trace": 5,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 10,
}
_DEFAULT = "default"


def level_name(level: int) -> str:
    """The host's name of a Python log level, such as `Information` for 20."""
    fitting = [name for name, number in LEVELS.items() if number <= level]
    return (fitting[-1] if fitting else "trace").capitalize()


class CategoryFilter(logging.Filter):
    """Lets a record through when the longest prefix of its category in `logging.logLevel` allows its level."""

    def __init__(self, levels: Mapping[str, str]) -> None:
        super().__init__()
        self._levels = {category.lower(): LEVELS[name.lower()] for category, name in levels.items()}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record shows."""
        return record.levelno >= self.threshold(getattr(record, "category", record.name))

    def threshold(self, category: str) -> int:
        """The lowest level that shows for a category such as `Function.ingest_item.User`."""
        name = category.lower()
        while name:
            if name in self._levels:
                return self._levels[name]
            name = name.rpartition(".")[0]
        return self._levels.get(_DEFAULT, logging.INFO)


class TextFormatter(logging.Formatter):
    """`time level [function] [invocation id] message`, then the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as text."""
        time = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        function = getattr(record, "function_name", None)
        invocation = getattr(record, "invocation_id", None)
        words = (time, level_name(record.levelno), function, invocation, super().format(record))
        return " ".join(word for word in words if word)


def text_handler(levels: Mapping[str, str]) -> logging.Handler:
    """A handler that writes lines to standard error.

    Args:
        levels: `logging.logLevel` of host.json: level names by category prefix.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(TextFormatter())
    handler.addFilter(CategoryFilter(levels))
    return handler
