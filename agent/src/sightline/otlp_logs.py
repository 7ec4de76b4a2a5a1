"""OpenTelemetry's logs: the only module that touches its unfinished `_logs` packages."""

from __future__ import annotations

import copy
import time
from collections.abc import MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING

from opentelemetry._logs import LogRecord, SeverityNumber, get_logger_provider, set_logger_provider
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    ConsoleLogRecordExporter,
    LogRecordExporter,
)

from sightline import correlation
from sightline.attributes import attribute, clean
from sightline.counted import Count, show
from sightline.runtime import LEVELS, Signal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry._logs import Logger as OtelLogger
    from opentelemetry.sdk._logs import ReadableLogRecord, ReadWriteLogRecord
    from opentelemetry.sdk._logs.export import LogRecordExportResult
    from opentelemetry.sdk.resources import Resource

    from sightline_redaction.redactor import Redactor


class CorrelationLogs(LogRecordProcessor):
    """Puts the correlation id on every log record, whoever makes it."""

    def __init__(self) -> None:
        """Count the records."""
        self.created = Count()

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Count the record; set `correlation.id` unless it has one."""
        self.created.add()
        record = log_record.log_record
        value = correlation.find(record.context)
        if value is not None and isinstance(record.attributes, MutableMapping):
            record.attributes.setdefault(correlation.ATTRIBUTE, value)

    def shutdown(self) -> None:
        """Do nothing: nothing is kept."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the interface
        """Do nothing: nothing is kept."""
        return True


class OwnRecord(LogRecord):
    """A record of our logger: what it says was redacted before it was written to stdout."""


class RedactedLogs(LogRecordExporter):
    """Hides secrets in records that somebody else's logger made; another exporter sends."""

    def __init__(self, inner: LogRecordExporter, redactor: Redactor) -> None:
        """Send through `inner`."""
        self._inner = inner
        self._redactor = redactor

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Redact and send."""
        return self._inner.export([self._shown(record) for record in batch])

    def shutdown(self) -> None:
        """Shut the exporter down that sends."""
        self._inner.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 10_000) -> bool:
        """Flush the exporter that sends."""
        return self._inner.force_flush(timeout_millis)

    def _shown(self, entry: ReadableLogRecord) -> ReadableLogRecord:
        record = entry.log_record
        if isinstance(record, OwnRecord):
            return entry
        body = self._redactor.field("body", record.body)
        attributes = self._redactor.mapping(record.attributes or {})
        if body is record.body and attributes is None:
            return entry
        shown = copy.copy(record)
        shown.body = body
        if attributes is not None:
            kept = BoundedAttributes(attributes=attributes)
            kept.dropped = entry.dropped_attributes
            shown.attributes = kept
        return replace(entry, log_record=shown)


class LogEmitter:
    """Sends log records through one logger provider."""

    def __init__(self, provider: LoggerProvider, *, ours: bool = True) -> None:
        """Emit through this provider; one that is not ours is flushed at the end, not closed."""
        self._provider = provider
        self._ours = ours
        self._loggers: dict[str, OtelLogger] = {}

    def emit(
        self, name: str, level: str, event: object, time_ns: int, fields: Mapping[str, object]
    ) -> None:
        """Send one record; the current span gives it its trace and span id."""
        logger = self._loggers.get(name)
        if logger is None:
            logger = self._loggers[name] = self._provider.get_logger(name)
        logger.emit(
            OwnRecord(
                timestamp=time_ns,
                observed_timestamp=time.time_ns(),
                severity_number=SeverityNumber(LEVELS[level]),
                severity_text=level.upper(),
                body=attribute(event),
                attributes=clean(fields),
            )
        )

    def signal(self) -> Signal:
        """Return logs as one of the signals to be closed in the end."""
        return Signal(self.flush, self.close, ours=(self._provider,) if self._ours else ())

    def flush(self) -> None:
        """Send what is waiting."""
        self._provider.force_flush()

    def close(self) -> None:
        """Send what is waiting and stop."""
        if self._ours:
            self._provider.shutdown()
        else:
            self._provider.force_flush()


def start_logs(resource: Resource, exporter: LogRecordExporter, *, count: bool) -> LogEmitter:
    """Make the process's logger provider, or use the one that somebody made before.

    With `count`, records are counted for `otel.sdk.log.created`.
    """
    existing = get_logger_provider()
    if isinstance(existing, LoggerProvider):
        existing.add_log_record_processor(CorrelationLogs())
        return LogEmitter(existing, ours=False)
    provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
    correlate = CorrelationLogs()
    provider.add_log_record_processor(correlate)
    if count:
        show("otel.sdk.log.created", "{log_record}", lambda: correlate.created.value)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    set_logger_provider(provider)
    return LogEmitter(provider)


def console_exporter() -> LogRecordExporter:
    """Return the exporter that prints records, for `OTEL_LOGS_EXPORTER=console`."""
    return ConsoleLogRecordExporter()
