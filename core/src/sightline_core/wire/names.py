"""Topics, headers and signals: the names that components and other people's tools agree on.

Topics and encoding are those of the OpenTelemetry Collector's Kafka exporter, so that a stock
collector can feed the pipeline and read what Sightline writes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Signal(StrEnum):
    """The kinds of telemetry; the value is the last part of the OTLP/HTTP path."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"

    @property
    def topic(self) -> str:
        """The bus topic that carries it."""
        return TOPICS[self]

    @property
    def dlq_topic(self) -> str:
        """Where its poison messages go."""
        return f"{self.topic}{DLQ_SUFFIX}"

    @property
    def record(self) -> str:
        """What one record of it is called."""
        return {Signal.TRACES: "span", Signal.LOGS: "log record", Signal.METRICS: "data point"}[
            self
        ]


TOPICS: Final = {
    Signal.TRACES: "otlp_spans",
    Signal.LOGS: "otlp_logs",
    Signal.METRICS: "otlp_metrics",
}
DLQ_SUFFIX: Final = ".dlq"

PIPELINE_GROUP: Final = "sightline-pipeline"
"""Consumer group of the pipeline: its lag is the lag of every answer."""

HEADER_TENANT: Final = "sightline-tenant"
"""UTF-8 tenant name; absent means `default`."""
HEADER_ORIGIN: Final = "sightline-origin"
"""Who counted this message first: a stable id per SDK, agent or collector process start."""
HEADER_SEQ: Final = "sightline-seq"
"""Decimal sequence number of the message at its origin, from 1, without gaps, per signal."""
HEADER_RECORDS: Final = "sightline-records"
"""Decimal number of spans, log records or data points in the message."""
HEADER_RECEIVED_AT: Final = "sightline-received-at"
"""Decimal unix nanoseconds at which Sightline first accepted the data."""

COLLECTOR_SERVICE: Final = "sightline-collector"
"""`service.name` of what collectors say about themselves; `service.instance.id` is the origin."""
COLLECTOR_RECORDS: Final = "sightline.collector.records"
"""Cumulative, by `signal`, `outcome` (accepted, forwarded, rejected, returned) and `reason`."""
COLLECTOR_REFUSED: Final = "sightline.collector.refused_requests"
"""Cumulative, by `signal` and `reason`: requests that were not taken; their senders keep them."""
COLLECTOR_SEQUENCE: Final = "sightline.collector.sequence"
"""The number up to which the fate of every message of a `signal` was settled at that time."""
COLLECTOR_VOID: Final = "sightline.collector.void_messages"
"""Numbers `first` to `last` of a `signal` under which nothing was acknowledged to a sender."""

DLQ_REASON: Final = "sightline-dlq-reason"
"""Machine-readable reason, e.g. `engine_32`."""
DLQ_MESSAGE: Final = "sightline-dlq-message"
"""The error in words."""
DLQ_EXCEPTION: Final = "sightline-dlq-exception"
"""Class of the error."""
DLQ_STAGE: Final = "sightline-dlq-stage"
"""Which step gave up: `insert`."""
DLQ_TOPIC: Final = "sightline-dlq-topic"
DLQ_PARTITION: Final = "sightline-dlq-partition"
DLQ_OFFSET: Final = "sightline-dlq-offset"
"""Where the message stood, decimal."""
DLQ_TIMESTAMP: Final = "sightline-dlq-timestamp"
"""Decimal unix milliseconds at which the bus took the message there."""
DLQ_FIRST_SEEN: Final = "sightline-dlq-first-seen"
"""Decimal unix nanoseconds at which it was first given up."""
DLQ_ATTEMPTS: Final = "sightline-dlq-attempts"
"""Decimal number of inserts that it failed alone."""
DLQ_VERSION: Final = "sightline-dlq-version"
"""Version of the component that gave up."""

REDRIVE_ID: Final = "sightline-redrive-id"
"""Which redrive sent the message again."""
REDRIVE_LETTER: Final = "sightline-redrive-letter"
"""Id of the dead letter that it was; kept when it fails again."""
REDRIVE_COUNT: Final = "sightline-redrive-count"
"""Decimal: how often it has been sent again, this time included."""
REDRIVE_FIRST_SEEN: Final = "sightline-redrive-first-seen"
"""`sightline-dlq-first-seen` of the first time."""

DEAD_LETTER_COMMANDS: Final = "sightline_dead_letter_commands"
"""Topic of what people ask to be done with dead letters; one partition, so one worker at a time."""
DEAD_LETTER_GROUP: Final = "sightline-dead-letters"
"""Consumer group that indexes dead letters."""
DEAD_LETTER_DESK_GROUP: Final = "sightline-dead-letter-desk"
"""Consumer group that carries out the commands."""
