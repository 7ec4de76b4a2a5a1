"""Over HTTP: two FastAPI services on real sockets, one trace, one correlation id."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

import sightline
from sightline import instrumentation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sightline.testing import Receiver

    Configure = Callable[..., None]


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    config = uvicorn.Config(app, port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    listening = config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture
def two_services(configure: Configure) -> Iterator[str]:
    """Return the URL of a service that calls another one."""
    configure()
    inner, outer = FastAPI(), FastAPI()
    for app in (inner, outer):
        sightline.instrument_fastapi(app)
        sightline.instrument_fastapi(app)
    sightline.instrument_httpx()
    sightline.instrument_httpx()

    @inner.get("/stock/{sku}")
    async def stock(sku: str) -> dict[str, str | None]:
        sightline.get_logger("inner").info("stock looked up", sku=sku)
        return {"correlation_id": sightline.correlation_id()}

    @inner.get("/broken")
    async def broken() -> None:
        raise RuntimeError("out of order")

    with served(inner) as inner_url:

        @outer.get("/products/{sku}")
        async def product(sku: str) -> Any:
            async with httpx.AsyncClient(trust_env=False) as client:
                sightline.get_logger("outer").info("asking for stock", sku=sku)
                return (await client.get(f"{inner_url}/stock/{sku}")).json()

        @outer.get("/broken")
        async def pass_on() -> int:
            async with httpx.AsyncClient(trust_env=False) as client:
                return (await client.get(f"{inner_url}/broken")).status_code

        with served(outer) as outer_url:
            yield outer_url
    HTTPXClientInstrumentor().uninstrument()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fastapi_without_telemetry_of_its_own_gets_opentelemetrys(
    configure: Configure,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    configure()
    monkeypatch.setattr(instrumentation, "_fastapi_is_native", lambda: False)
    app = FastAPI()
    for _ in range(2):
        sightline.instrument_fastapi(app)

    @app.get("/stock/{sku}")
    async def stock(sku: str) -> dict[str, str | None]:
        return {"correlation_id": sightline.correlation_id()}

    with served(app) as url:
        answer = ask(f"{url}/stock/tea", x_correlation_id="visit-3")
    sightline.flush()

    assert answer.json() == {"correlation_id": "visit-3"}
    assert answer.headers["x-correlation-id"] == "visit-3"
    assert "already instrumented" not in caplog.text
    [server] = [span for span in receiver.spans() if span.kind == 2]
    assert server.name == "GET /stock/{sku}"
    assert server.scope == "opentelemetry.instrumentation.fastapi"
    assert server.attributes["http.response.status_code"] == 200
    assert {span.attributes["correlation.id"] for span in receiver.spans()} == {"visit-3"}


def test_an_instrumented_application_serves_without_a_configured_sdk() -> None:
    app = FastAPI()
    sightline.instrument_fastapi(app)

    @app.get("/")
    async def root() -> str:
        return "fine"

    with served(app) as url:
        answer = ask(url)

    assert (answer.status_code, answer.json()) == (200, "fine")
    assert "x-correlation-id" not in answer.headers


def test_an_application_that_runs_already_is_told_so(
    configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    configure()
    app = FastAPI()
    app.middleware_stack = app.build_middleware_stack()
    sightline.instrument_fastapi(app)

    assert "already running" in caplog.text


def ask(url: str, **headers: str) -> httpx.Response:
    """Ask as an outsider: without the instrumentation's headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx.Client(trust_env=False) as client:
        HTTPXClientInstrumentor.uninstrument_client(client)
        return client.get(url, headers=named)


def test_a_given_correlation_id_is_on_every_span_and_line_of_both_services(
    two_services: str, receiver: Receiver
) -> None:
    answer = ask(f"{two_services}/products/tea", x_correlation_id="visit-1")

    assert answer.headers["x-correlation-id"] == "visit-1"
    assert answer.json() == {"correlation_id": "visit-1"}
    sightline.flush()
    spans, logs = receiver.spans(), receiver.logs()
    servers = {span.name: span for span in spans if span.kind == 2}
    [client] = [span for span in spans if span.kind == 3]
    assert set(servers) == {"GET /products/{sku}", "GET /stock/{sku}"}
    assert len([span for span in spans if span.kind == 2]) == 2, "instrumented twice"
    assert client.parent_span_id in {span.span_id for span in spans}
    assert servers["GET /stock/{sku}"].parent_span_id == client.span_id
    assert {span.trace_id for span in spans} == {client.trace_id}
    assert {span.attributes["correlation.id"] for span in spans} == {"visit-1"}
    ours = {log.body: log for log in logs if log.scope in {"inner", "outer"}}
    assert set(ours) == {"asking for stock", "stock looked up"}
    assert {log.attributes["correlation.id"] for log in ours.values()} == {"visit-1"}
    assert {log.trace_id for log in ours.values()} == {client.trace_id}


def test_without_one_both_services_use_the_trace_id(two_services: str, receiver: Receiver) -> None:
    answer = ask(f"{two_services}/products/tea")

    sightline.flush()
    [trace_id] = {span.trace_id for span in receiver.spans()}
    assert answer.json() == {"correlation_id": trace_id}
    assert answer.headers["x-correlation-id"] == trace_id
    assert {span.attributes["correlation.id"] for span in receiver.spans()} == {trace_id}


def test_attributes_and_metrics_have_their_stable_names(
    two_services: str, receiver: Receiver
) -> None:
    ask(f"{two_services}/products/tea")

    sightline.flush()
    [client] = [span for span in receiver.spans() if span.kind == 3]
    assert client.attributes["http.request.method"] == "GET"
    assert client.attributes["http.response.status_code"] == 200
    assert {name for _, name in receiver.metrics()} >= {
        "http.server.request.duration",
        "http.client.request.duration",
    }


def test_a_failing_service_fails_its_span_and_explains_in_a_log(
    two_services: str, receiver: Receiver
) -> None:
    answer = ask(f"{two_services}/broken", x_correlation_id="visit-2")

    assert answer.json() == 500
    sightline.flush()
    [failed] = [span for span in receiver.spans() if span.kind == 2 and span.status == 2]
    assert failed.attributes["error.type"] == "RuntimeError"
    explained = [
        log
        for log in receiver.logs()
        if log.trace_id == failed.trace_id and "exception.stacktrace" in log.attributes
    ]
    assert [log.attributes["correlation.id"] for log in explained] == ["visit-2"]
