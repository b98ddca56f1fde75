"""What a person is told when a command cannot go on: one sentence with the next step, and the exit code."""

import os
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class ExitCode(IntEnum):
    """How a command ends."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130


class CommandError(Exception):
    """A command cannot do what it was asked.

    Args:
        message: one sentence without secrets: what was wrong, where, what to do.
        exit_code: FAILED for something that failed, USAGE for a wrong call.
    """

    def __init__(self, message: str, *, exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code


def usage_error(message: str) -> CommandError:
    """Makes the error of a command that was called in a wrong way."""
    return CommandError(message, exit_code=ExitCode.USAGE)


def sentence_of(error: BaseException) -> str | None:
    """Explains a foreseeable error in one sentence.

    Args:
        error: what a command raised.

    Returns:
        The sentence; None for a fault of the program itself.
    """
    if isinstance(error, CommandError):
        return error.message
    explain = next((explain for name, explain in _BY_MODULE.items() if _comes_from(error, name)), None)
    if explain:
        return explain(error)
    return _of_file(error) if isinstance(error, OSError) else None


def _comes_from(error: BaseException, package: str) -> bool:
    # By name, so that none of these packages is imported for a command that does not use it.
    return any(kind.__module__ == package or kind.__module__.startswith(f"{package}.") for kind in type(error).__mro__)


def _of_the_app(error: BaseException) -> str | None:
    message = getattr(error, "message", None)
    if isinstance(message, str):
        # On one line: the words of an identity library come on many.
        return " ".join([*message.split(), _NEXT_STEPS.get(str(getattr(error, "code", "")), "")]).strip()
    return "The rows changed while they were read; run the command again." if str(error) == "" else None


# By the error's code: what a person at this command can do, where the app's own words are for the app.
_NEXT_STEPS = {
    "Unauthenticated": "Here: sign in again, for example with `az login`.",
    "Forbidden": "Here: your login may lack the role; `geocatalog doctor` tells.",
}


def _of_azure(error: BaseException) -> str:
    from shared.basics.redact import redact  # noqa: PLC0415 - only a failing command needs it

    name = type(error).__name__
    status = getattr(error, "status_code", None)
    code = str(getattr(error, "error_code", None) or "")
    if name in {"ServiceRequestError", "ServiceRequestTimeoutError", "ServiceResponseError", "IncompleteReadError"}:
        return (
            f"The ingestion storage{_storage_host()} did not answer; check INGEST_STORAGE and the network, or start "
            "the local stack with `geocatalog local up`."
        )
    if name in {"ClientAuthenticationError", "CredentialUnavailableError"} or status == _UNAUTHORIZED:
        return (
            f"Signing in failed: {redact(str(error)).splitlines()[0][:300]} Sign in again, for example with `az login`."
        )
    if status == _FORBIDDEN:
        return (
            f"The ingestion storage{_storage_host()} refused ({code or 'Forbidden'}): check the key in INGEST_STORAGE, "
            "or give your login the Storage Queue, Table and Blob Data roles (`geocatalog doctor` says which)."
        )
    detail = redact(str(getattr(error, "message", "") or error)).splitlines()
    return f"The ingestion storage{_storage_host()} answered {status or name} {code}: {(detail or [''])[0][:300]}"


_QUEUE_URI = "INGEST_STORAGE__queueServiceUri"
_UNAUTHORIZED = 401
_FORBIDDEN = 403


def _storage_host() -> str:
    text = os.environ.get("INGEST_STORAGE", "")
    fields = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    uri = fields.get("QueueEndpoint") or os.environ.get(_QUEUE_URI, "")
    host = urlsplit(uri).netloc if uri else fields.get("AccountName", "")
    return f" at {host}" if host else ""


def _of_requests(error: BaseException) -> str:
    request = getattr(error, "request", None)
    parts = urlsplit(str(getattr(request, "url", "") or ""))
    where = f"{parts.scheme}://{parts.netloc}" if parts.netloc else "The server"
    return (
        f"{where} did not answer ({type(error).__name__}); check the URL and the network, then run the command again."
    )


def _of_file(error: OSError) -> str:
    where = f" {Path(error.filename)}" if isinstance(error.filename, str) else ""
    return f"{error.strerror or type(error).__name__}:{where}." if where else f"{error}."


_BY_MODULE: dict[str, Callable[[Any], str | None]] = {
    "shared": _of_the_app,
    "azure": _of_azure,
    "requests": _of_requests,
}
