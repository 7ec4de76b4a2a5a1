"""What fires, on /alerts, /status and /metrics; and the command that says so."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import typer
from tests.ledger.simulated import SECOND, Shop
from typer.testing import CliRunner

from sightline_query_api import ledger_command
from sightline_query_api.dead_letters.remote import Remote

if TYPE_CHECKING:
    import httpx
    from conftest import Get

    from sightline_core.store.client import Store


@pytest.fixture
def shop(store: Store, request: pytest.FixtureRequest) -> Shop:
    """A shop of ten minutes ago: within the hour that is checked, and settled.

    What other tests left without a service would explain what this one loses.
    """
    for table in ("dead_letters", "dead_letter_events", "gaps", "ledger"):
        store.command(f"TRUNCATE TABLE sightline_{table}")
    return Shop(store, time.time_ns() - 600 * SECOND, f"{request.node.name[:40]}-{time.time_ns()}")


async def test_what_nobody_can_explain_fires_everywhere(
    get: Get, client: httpx.AsyncClient, shop: Shop
) -> None:
    service = f"lossy-{shop.start}"
    for fate in ("stored", "missing", "stored"):
        shop.message(service, 2, fate)
    shop.insert()
    shop.report()
    shop.sdk(service)
    (alert,) = [one for one in (await get("/alerts"))["items"] if one["service"] == service]
    assert (alert["name"], alert["severity"], alert["value"]) == (
        "ledger_unexplained",
        "critical",
        2,
    )
    assert alert["id"] == f"ledger_unexplained:traces:{service}"
    assert alert in (await get("/status"))["alerts"]
    text = (await client.get("/metrics")).text
    assert (
        f'sightline_ledger_unexplained_records{{signal="traces",service="{service}"}} 2.0' in text
    )


async def test_partitions_that_stand_still_and_silent_processes_fire(
    get: Get, store: Store, shop: Shop
) -> None:
    name = f"host-{shop.start}"
    store.command(
        "INSERT INTO sightline_component_status (ReportedAt, Component, Instance, Topic, "
        "Partition, State, Reason, LagMessages, LagSeconds, LastStoredReceivedAt) VALUES "
        f"(now64(3) - 120, 'pipeline', '{name}', '', 0, 'running', '', 0, 0, 0),"
        f"(now64(3), 'pipeline', '{name}', 'otlp_spans', 7, 'paused', 'a flood', 9, 12, "
        "now64(3) - 3)"
    )
    alerts = {one["id"]: one for one in (await get("/alerts"))["items"]}
    assert alerts["partition_paused:otlp_spans-7"]["detail"] == "a flood"
    assert alerts[f"component_silent:{name}"]["severity"] == "critical"
    status = await get("/status")
    (partition,) = [one for one in status["partitions"] if one["instance"] == name]
    assert (partition["state"], partition["lag_messages"]) == ("paused", 9)
    assert 3 <= partition["freshness_seconds"] < 60
    (process,) = [one for one in status["components"] if one["instance"] == name]
    assert process["silent"]


@pytest.mark.parametrize(("balanced", "code"), [(True, 0), (False, ledger_command.UNBALANCED)])
def test_the_command_says_by_its_exit_code_whether_the_books_balance(
    monkeypatch: pytest.MonkeyPatch, *, balanced: bool, code: int
) -> None:
    row: dict[str, Any] = dict.fromkeys(ledger_command.COLUMNS, 0)
    row |= {
        "service": "cart\x1b[2J", "signal": "traces", "created": 12345,
        "dropped_by": [{"hop": "sdk", "reason": "queue_full", "records": 3}],
    }  # fmt: skip
    gap = {
        "state": "missing", "signal": "traces", "first_seq": 2, "last_seq": 4, "origin": "me",
        "after": "2026-01-01T00:00:00.0Z", "before": "2026-01-01T00:00:01.0Z",
    }  # fmt: skip
    answers = {
        "/ledger": {"items": [row], "balanced": balanced, "settled": "2026-01-01T00:00:00.0Z"},
        "/ledger/gaps": {"items": [gap]},
    }
    monkeypatch.setattr(Remote, "get", lambda _, path, __: answers[path])
    app = typer.Typer()
    app.command()(ledger_command.ledger)
    shown = CliRunner().invoke(app, [], env={"COLUMNS": "200"})
    assert shown.exit_code == code, shown.output
    assert "12,345" in shown.output
    assert "messages 2 to 4 of me" in shown.output
    assert "at sdk: queue_full" in shown.output
    assert "\x1b[2J" not in shown.output
    printed = CliRunner().invoke(app, ["--output", "json"])
    assert json.loads(printed.output)["gaps"] == [gap]
    assert printed.exit_code == code
