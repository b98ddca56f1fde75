"""What a storage error says, in a form that may be logged."""

import re

# Addresses in errors may carry a shared access signature.
_QUERY = re.compile(r"\?[^\s)\"'>]*")


def one_line(error: Exception) -> str:
    """The first line of an error, without the query strings of addresses."""
    return _QUERY.sub("", str(error).partition("\n")[0])
