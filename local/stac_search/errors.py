"""The error of a search that cannot be understood."""


class SearchError(ValueError):
    """A search cannot be understood; the message is a sentence that names the field."""
