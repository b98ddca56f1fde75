"""Reads a collection's thumbnail and checks that it is an image GeoCatalog can show."""

import base64
import hashlib
from dataclasses import dataclass

from shared.basics.errors import BadContent, BadMessage, ErrorCode
from shared.files.hrefs import HrefReader
from shared.messages.models import Thumbnail

# A thumbnail is a small picture in a list; anything larger is a mistake. (The service publishes no limit.)
MAX_THUMBNAIL_BYTES = 5 * 1024 * 1024

_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@dataclass(frozen=True)
class Image:
    """A thumbnail, read.

    Attributes:
        content: the file.
        media_type: its media type.
    """

    content: bytes
    media_type: str

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the file."""
        return hashlib.sha256(self.content).hexdigest()


def read_thumbnail(thumbnail: Thumbnail, hrefs: HrefReader, *, trusted: bool) -> Image:
    """Reads a thumbnail.

    Args:
        thumbnail: its URL, or the image as base64.
        hrefs: fetches the URL.
        trusted: whether the URL comes from the Planetary Computer and so may lie on any public host.

    Raises:
        BadContent: it is not a PNG, JPEG or WebP image, or too large.
        Unavailable: its host does not answer.
    """
    if thumbnail.href is None:
        return decode_image(thumbnail.data or "")
    try:
        return image_of(hrefs.read_all(thumbnail.href, limit=MAX_THUMBNAIL_BYTES, trusted=trusted))
    except BadMessage as error:
        raise BadContent(f"The thumbnail: {error.message}", code=error.code) from None


def decode_image(data: str) -> Image:
    """Reads an image that stands in a message.

    Args:
        data: the file in base64.

    Raises:
        BadContent: it is not base64, not a PNG, JPEG or WebP image, or too large.
    """
    try:
        content = base64.b64decode(data, validate=True)
    except ValueError:
        raise BadContent("The thumbnail's data is not base64.", code=ErrorCode.CONFIGURATION_REFUSED) from None
    return image_of(content)


def image_of(content: bytes) -> Image:
    """Checks that a file is an image GeoCatalog can show.

    Raises:
        BadContent: it is not a PNG, JPEG or WebP image, or too large.
    """
    if len(content) > MAX_THUMBNAIL_BYTES:
        raise BadContent(
            f"The thumbnail is larger than {MAX_THUMBNAIL_BYTES:,} bytes.", code=ErrorCode.CONFIGURATION_REFUSED
        )
    return Image(content, _media_type(content))


def _media_type(content: bytes) -> str:
    for signature, media_type in _SIGNATURES.items():
        if content.startswith(signature):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    raise BadContent("The thumbnail is not a PNG, JPEG or WebP image.", code=ErrorCode.CONFIGURATION_REFUSED)
