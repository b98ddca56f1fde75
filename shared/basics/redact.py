"""Masks secrets in text and URLs before they reach a log, an error, a result or a column."""

import re

# A query string can hold a SAS wherever it stands, and nothing in it helps an operator: all of it goes.
_QUERY = re.compile(r"(?P<base>\b[a-z][a-z0-9+.-]*://[^\s?\"'<>]+)\?[^\s\"'<>]*", re.IGNORECASE)
# Up to the last @ of the authority: a password may hold one.
_USER_INFO = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^\s/\"'<>]+@", re.IGNORECASE)
# Percent-encoded too, as a SAS inside another query is.
_BARE_SAS = re.compile(
    r"(?:\b|(?<=%26)|(?<=%3F))(?P<name>sig|sv|se|st|skoid|sktid|sr|sp)(?:=|%3D)[^\s&\"'<>]+(&[^\s\"'<>]*)?",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\bBearer\s+[A-Za-z0-9._~+/=-]+", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_ACCOUNT_KEY = re.compile(r"(?P<name>AccountKey|SharedAccessSignature)=[^;\s]+", re.IGNORECASE)

# Enough for the faults of an item, or for what the service says with a source URL; a table column and a queue message
# stay small.
MAX_TEXT = 2000


def redact(text: str) -> str:
    """Masks query strings, user names in URLs, SAS, bearer tokens and account keys in `text`, and shortens it."""
    text = _QUERY.sub(r"\g<base>?…", text)
    text = _USER_INFO.sub(r"\g<scheme>…@", text)
    text = _BEARER.sub("Bearer …", text)
    text = _JWT.sub("…", text)
    text = _ACCOUNT_KEY.sub(r"\g<name>=…", text)
    text = _BARE_SAS.sub(r"\g<name>=…", text)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
