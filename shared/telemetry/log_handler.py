"""Hands log lines to OpenTelemetry, with secrets masked, in the trace they were written in."""

import logging
import time
import traceback

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import get_current
from opentelemetry.sdk._logs import LoggerProvider

from shared.basics.redact import redact
from shared.telemetry import present_invocation

# What sends telemetry logs its own faults; sending those too would go round in a circle.
_SENDERS = ("opentelemetry", "azure.monitor", "azure.core", "azure.identity", "msal", "urllib3")
# OpenTelemetry's numbers of the levels, and its words for them
# (opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber).
_SEVERITIES = (
    (logging.CRITICAL, SeverityNumber.FATAL, "FATAL"),
    (logging.ERROR, SeverityNumber.ERROR, "ERROR"),
    (logging.WARNING, SeverityNumber.WARN, "WARN"),
    (logging.INFO, SeverityNumber.INFO, "INFO"),
)


class LogHandler(logging.Handler):
    """Sends records of level INFO and above.

    Args:
        provider: where they go.
    """

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__(logging.INFO)
        self._provider = provider

    def emit(self, record: logging.LogRecord) -> None:
        """Sends one record; its message is formatted, so that patterns find it."""
        if record.name.startswith(_SENDERS):
            return
        try:
            number, text = next((number, text) for level, number, text in _SEVERITIES if record.levelno >= level)
            self._provider.get_logger(record.name).emit(
                LogRecord(
                    timestamp=int(record.created * 1e9),
                    observed_timestamp=time.time_ns(),
                    context=get_current(),
                    severity_number=number,
                    severity_text=text,
                    body=redact(record.getMessage()),
                    attributes=_attributes(record),
                )
            )
        except Exception:  # noqa: BLE001 - as logging's own handlers: a line that cannot be sent fails nobody
            self.handleError(record)


def _attributes(record: logging.LogRecord) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {"code.file.path": record.filename, "code.line.number": record.lineno}
    if running := present_invocation():
        # opentelemetry.io/docs/specs/semconv/attributes-registry/faas
        attributes["faas.name"], attributes["faas.invocation_id"] = running
    if record.exc_info and record.exc_info[0] is not None:
        kind, error, stack = record.exc_info
        attributes["exception.type"] = kind.__name__
        attributes["exception.message"] = redact(str(error))
        # Line by line: a stack as one text would be cut at the length of a sentence.
        lines = "".join(traceback.format_exception(kind, error, stack)).splitlines()
        attributes["exception.stacktrace"] = "\n".join(redact(line) for line in lines)
    return attributes
