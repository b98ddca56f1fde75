"""URLs in STAC documents: which are absolute, how relative ones are resolved, and how forbidden characters are encoded.

Rules: RFC 3986 (section 2 for characters, section 5 for references).
"""

import re
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

# Section 2.2 and 2.3: what may stand in a URL as it is; % begins an encoded byte.
_ALLOWED = "-._~:/?#[]@!$&'()*+,;=%"
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
# GDAL's own file names, such as /vsicurl/https://… and /vsis3/bucket/key: they begin as a path and are none.
_GDAL_PATH = "/vsi"
# A URI template (RFC 6570), such as {z}/{x}/{y}.
_TEMPLATE = re.compile(r"\{[^{}]+\}")

# Queries that sign a URL: by whom, the parameter that holds the signature, and all that belong to it.
# A SAS: learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas, and create-service-sas beside it.
_SAS = frozenset(
    {
        "sv",
        "st",
        "se",
        "sr",
        "sp",
        "sip",
        "spr",
        "sig",
        "ss",
        "srt",
        "si",
        "ses",
        "sdd",
        "tn",
        "spk",
        "srk",
        "epk",
        "erk",
    }
    | {"skoid", "sktid", "skt", "ske", "sks", "skv", "saoid", "suoid", "scid", "sduoid", "skdutid"}
    | {"rscc", "rscd", "rsce", "rscl", "rsct"}
)
# Google Cloud Storage and CloudFront: cloud.google.com/storage/docs/access-control/signed-urls-v2 and
# docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-signed-urls.html; S3's version 2 is alike.
_SIGNED = frozenset({"signature", "expires", "policy", "key-pair-id", "googleaccessid", "awsaccesskeyid"})


def scheme_of(href: str) -> str:
    """Return the scheme of a URL in lower case; empty for a relative reference."""
    found = _SCHEME.match(href)
    return found.group(1).lower() if found else ""


def is_relative(href: str) -> bool:
    """Tell whether a reference can be resolved against a base: it has no scheme and is no file name of GDAL."""
    return not scheme_of(href) and not href.startswith(_GDAL_PATH)


def resolve(href: str, base: str) -> str:
    """Resolve a relative reference (RFC 3986, section 5).

    Args:
        href: the reference; an absolute one is returned as it is.
        base: an absolute URL of any scheme, such as `https://example.com/a/item.json`.

    Returns:
        The absolute URL; what begins with `/` is resolved against the host of the base.

    Raises:
        ValueError: one of the two is not a URL, such as `https://[a`.
    """
    if not is_relative(href):
        return href
    scheme = scheme_of(base)
    # urljoin resolves the schemes that it knows only, and the rules are the same for all.
    return scheme + urljoin("https" + base[len(scheme) :], href).removeprefix("https")


def is_absolute(url: str) -> bool:
    """Tell whether a text is an absolute URL of any scheme."""
    try:
        return bool(urlsplit(url).scheme)
    except ValueError:
        return False


def has_template(href: str) -> bool:
    """Tell whether a URL is a template, which has something like `{z}` to be filled in."""
    return _TEMPLATE.search(href) is not None


def has_stray_percent(href: str) -> bool:
    """Tell whether a URL has a `%` that begins no encoded byte, outside of a query that signs it."""
    return _STRAY_PERCENT.search(_parts_to_encode(href)[0]) is not None


def encoded(href: str) -> str:
    """Percent-encode what RFC 3986 allows nowhere in a URL, as UTF-8.

    Reserved characters, what is encoded already and a query that signs the URL stay as they are.
    """
    changeable, kept = _parts_to_encode(href)
    return quote(changeable, safe=_ALLOWED) + kept


def unsigned(href: str) -> str:
    """Return a URL without the parameters that sign it; others, such as `snapshot` and `versionid`, stay."""
    head, mark, rest = href.partition("?")
    query, hash_, fragment = rest.partition("#")
    parameters = [parameter for parameter in query.split("&") if parameter] if mark else []
    signing = _signing_parameters({_name(parameter) for parameter in parameters})
    if not signing:
        return href
    kept = "&".join(parameter for parameter in parameters if _name(parameter) not in signing)
    return head + (f"?{kept}" if kept else "") + hash_ + fragment


def is_signed(href: str) -> bool:
    """Tell whether a URL carries a signature in its query."""
    return unsigned(href) != href


def without_query(url: str) -> str:
    """Return a URL without query and fragment."""
    return urlunsplit(urlsplit(url)._replace(query="", fragment=""))


def _parts_to_encode(href: str) -> tuple[str, str]:
    """Part a URL into what may be encoded and the query that signs it."""
    if not is_signed(href):
        return href, ""
    head, _, query = href.partition("?")
    return head, f"?{query}"


def _name(parameter: str) -> str:
    return parameter.partition("=")[0].lower()


def _signing_parameters(names: set[str]) -> set[str]:
    """Return which of the names of a query's parameters belong to a signature."""
    if "sig" in names:
        return names & _SAS
    for prefix in ("x-amz-", "x-goog-"):
        if f"{prefix}signature" in names:
            return {name for name in names if name.startswith(prefix)}
    return names & _SIGNED if "signature" in names else set()
