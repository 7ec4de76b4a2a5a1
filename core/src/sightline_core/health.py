"""The health port of a process: `/healthz`, `/readyz`, and `/metrics` in Prometheus' text format.

Needs uvicorn, as `sightline_core.serving` does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sightline_core.serving import HttpServer, Port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sightline_core.settings import Settings

JSON = "application/json"
TEXT = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric and its values, each with its labels."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    values: Sequence[tuple[Mapping[str, str], float]]


def render(metrics: Iterable[Metric]) -> str:
    """Return metrics as Prometheus reads them."""
    lines: list[str] = []
    for metric in metrics:
        lines += (
            f"# HELP {metric.name} {_escape(metric.help)}",
            f"# TYPE {metric.name} {metric.kind}",
        )
        lines += (f"{metric.name}{_labels(labels)} {value!r}" for labels, value in metric.values)
    return "\n".join([*lines, ""])


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_escape(value, quotes=True)}"' for name, value in labels.items())
    return f"{{{','.join(pairs)}}}"


def _escape(text: str, *, quotes: bool = False) -> str:
    escaped = text.replace("\\", r"\\").replace("\n", r"\n")
    return escaped.replace('"', r"\"") if quotes else escaped


class HealthServer:
    """Answers on the health port from `start` to `stop`."""

    def __init__(
        self,
        settings: Settings,
        *,
        not_ready: Callable[[], Sequence[str]],
        metrics: Callable[[], Iterable[Metric]],
    ) -> None:
        """Bind the port.

        Args:
            settings: says where.
            not_ready: returns in sentences what is not ready; nothing when all is.
            metrics: returns the metrics as they are now; must not block.

        Raises:
            ConfigError: the port is in use.
        """
        self._not_ready = not_ready
        self._metrics = metrics
        port = Port(
            settings.host,
            settings.health_port,
            "health and metrics",
            "choose another port with SIGHTLINE_HEALTH_PORT",
        )
        self._listener = port.bind()
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.url = f"http://{host}:{self._listener.getsockname()[1]}"
        self._server = HttpServer(self, self._listener, stop_seconds=1)

    async def start(self) -> None:
        """Return when it answers."""
        await self._server.start()

    async def stop(self) -> None:
        """Answer no more. Safe to repeat, and without `start`."""
        await self._server.stop()
        self._listener.close()

    async def __call__(self, scope: Mapping[str, Any], _: Any, send: Any) -> None:
        """Answer one request, as an ASGI application."""
        status, kind, body = self._page(scope["path"], scope["method"])
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if _is_head(scope) else body})

    def _page(self, path: str, method: str) -> tuple[int, str, bytes]:
        if path not in {"/healthz", "/readyz", "/metrics"}:
            return 404, JSON, b'{"detail": "there are /healthz, /readyz and /metrics"}'
        if method not in {"GET", "HEAD"}:
            return 405, JSON, b'{"detail": "only GET and HEAD"}'
        if path == "/metrics":
            return 200, TEXT, render(self._metrics()).encode()
        reasons = list(self._not_ready()) if path == "/readyz" else []
        word = "waiting" if reasons else "ready" if path == "/readyz" else "ok"
        answer = json.dumps({"status": word, "reasons": reasons}).encode()
        return (503 if reasons else 200), JSON, answer


def _is_head(scope: Mapping[str, Any]) -> bool:
    return bool(scope["method"] == "HEAD")
