"""`configure(...)`: the one call that sets everything up."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Final, Literal

from sightline.redaction import Redaction
from sightline.runtime import current

Console = Literal["auto", "json", "pretty", "none"]
Level = Literal["trace", "debug", "info", "warn", "error", "fatal"]

STANDARD: Final = Redaction()
"""Hides what looks like a secret, or is named like one."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What can be said to `configure`. Whatever is not said, `OTEL_…` variables may say."""

    service: str | None = None
    """Name of the service (`service.name`); else OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES."""
    version: str | None = None
    """Version of the service (`service.version`)."""
    environment: str | None = None
    """Where it runs, such as `production` (`deployment.environment.name`)."""
    endpoint: str | None = None
    """Base URL of an OTLP receiver; else OTEL_EXPORTER_OTLP_…; else http://127.0.0.1:4318.

    With OTEL_EXPORTER_OTLP_PROTOCOL=grpc and the extra `grpc`, the default is port 4317.
    """
    console: Console = "auto"
    """Log lines on stdout: `json`, `pretty`, `none`; `auto` is pretty in a terminal, else json."""
    level: Level = "info"
    """Log lines below this level are not made."""
    capture_logging: bool = True
    """Send the standard library's `logging` and `warnings` the same way."""
    shutdown_timeout: float = 2.0
    """Seconds that the exit of the process may wait for telemetry to be sent."""
    flush_on_sigterm: bool = True
    """Send what is waiting when SIGTERM ends the process; only if nothing else handles it."""
    redaction: Redaction | None = STANDARD
    """What is hidden in everything that is sent or written; None hides nothing."""


def configure(  # noqa: PLR0913 - one front door; every option has a default
    *,
    service: str | None = None,
    version: str | None = None,
    environment: str | None = None,
    endpoint: str | None = None,
    console: Console = "auto",
    level: Level = "info",
    capture_logging: bool = True,
    shutdown_timeout: float = 2.0,
    flush_on_sigterm: bool = True,
    redaction: Redaction | None = STANDARD,
) -> None:
    """Set up traces, metrics and logs over OTLP, and log lines on stdout.

    Never raises and never blocks: what cannot be set up is logged, and the application goes on.
    The first call counts; another one changes nothing. Options are those of `Options`; standard
    `OTEL_*` variables are honoured, `OTEL_SDK_DISABLED=true` leaves only the lines on stdout.
    """
    options = Options(
        service=service,
        version=version,
        environment=environment,
        endpoint=endpoint,
        console=console,
        level=level,
        capture_logging=capture_logging,
        shutdown_timeout=shutdown_timeout,
        flush_on_sigterm=flush_on_sigterm,
        redaction=redaction,
    )
    with current.lock:
        if current.configured:
            _log.debug("configure was called before; this call changes nothing")
            return
        if current.closed:
            _log.warning("cannot set up telemetry: it was shut down, which is final in a process")
            return
        try:
            from sightline.setup import build  # noqa: PLC0415 - loads the OpenTelemetry SDK

            current.install(build(options))
        except Exception:  # noqa: BLE001 - whatever is wrong with telemetry, the application runs
            _log.exception("cannot set up telemetry: the application runs without it")


def flush(timeout: float = 5.0) -> bool:
    """Send what is waiting; return whether that was done within `timeout` seconds."""
    send = current.runtime.flush
    if send is None:
        return True
    worker = threading.Thread(target=send, name="sightline-flush", daemon=True)
    worker.start()
    worker.join(timeout)
    return not worker.is_alive()


def shutdown() -> bool:
    """Send what is waiting and stop; return whether that was done within `shutdown_timeout`.

    Runs by itself when the process exits. Telemetry made afterwards is discarded.
    """
    return current.close()
