"""What the OpenAPI document promises; `get` holds every answer of the other tests against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

PATHS = {
    "/services", "/services/{service}", "/services/{service}/operations",
    "/services/{service}/signals", "/traces", "/traces/{trace_id}",
    "/traces/{trace_id}/spans/{span_id}", "/logs", "/logs/histogram",
    "/correlations/{correlation_id}", "/dependencies", "/attributes", "/attributes/values",
    "/quarantine", "/ledger",
    "/ledger/gaps", "/ledger/origins", "/alerts",
    "/status", "/partitions/orders",
    "/dead-letters", "/dead-letters/groups", "/dead-letters/{letter_id}", "/dead-letters/discard",
    "/redrives", "/redrives/{redrive_id}", "/redrives/{redrive_id}/cancel",
}  # fmt: skip


async def test_every_endpoint_is_described_with_its_errors(client: httpx.AsyncClient) -> None:
    document = (await client.get("/api/v1/openapi.json")).json()
    paths = {path for path in document["paths"] if path.startswith("/api/")}
    assert {path.removeprefix("/api/v1") for path in paths} == PATHS
    for path, methods in document["paths"].items():
        for method in methods.values():
            responses = method["responses"]
            done = responses.get("200") or responses["202"]
            kind = "text/plain" if path == "/metrics" else "application/json"
            assert done["content"][kind]["schema"], path
            assert set(responses) <= {"200", "202", "4XX", "5XX", "503"}, path
            assert method["description"], path
    assert "HTTPValidationError" not in document["components"]["schemas"]


async def test_the_document_names_only_schemas_that_it_has(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/openapi.json")
    schemas = response.json()["components"]["schemas"]
    for part in response.text.split('"#/components/schemas/')[1:]:
        assert part.split('"', 1)[0] in schemas
