"""A receiver that records what arrives, and an SDK that can be configured again for every test."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import propagate
from opentelemetry.util._once import Once

import sightline
from sightline.runtime import Runtime, current
from sightline.testing import Receiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ONCE_PER_PROCESS = (
    ("opentelemetry.trace", "_TRACER_PROVIDER"),
    ("opentelemetry.metrics._internal", "_METER_PROVIDER"),
    ("opentelemetry._logs._internal", "_LOGGER_PROVIDER"),
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def configure(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Call `sightline.configure` towards the receiver; everything is undone afterwards."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http,database")

    def run(**options: Any) -> None:
        defaults = {"service": "tested", "endpoint": receiver.endpoint, "console": "none"}
        sightline.configure(**{**defaults, **options})

    before = propagate.get_global_textmap()
    yield run
    sightline.shutdown()
    current.runtime = Runtime()
    current.closed = False
    propagate.set_global_textmap(before)
    for module, name in _ONCE_PER_PROCESS:
        holder: Any = importlib.import_module(module)
        setattr(holder, name, None)
        setattr(holder, f"{name}_SET_ONCE", Once())
    meters: Any = importlib.import_module("opentelemetry.metrics._internal")
    meters._PROXY_METER_PROVIDER = meters._ProxyMeterProvider()  # it remembers the last provider


@pytest.fixture
def run_python() -> Callable[..., str]:
    """Run a program in a fresh interpreter; return what it wrote to stdout."""

    def run(program: str, **environment: str) -> str:
        plain = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
        done = subprocess.run(
            [sys.executable, "-I", "-c", program],
            env=plain | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
