"""`sightline agent`."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline_agent.agent import Agent, spool_path
from sightline_agent.tail import matches
from sightline_core.errors import ConfigError
from sightline_core.health import HealthServer
from sightline_core.settings import load_settings
from sightline_core.startup import Startup

if TYPE_CHECKING:
    from sightline_core.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the agent's command to `app`."""
    app.command(
        epilog="Example: SIGHTLINE_AGENT_FILES='[\"/var/log/shop/*.log\"]' sightline agent --check",
    )(agent)


def agent(
    check: Annotated[
        bool, typer.Option("--check", help="Say what it would do, and do nothing.")
    ] = False,
) -> None:
    """Follow log files and forward them to a collector, through a spool on the disk.

    What it does is set by SIGHTLINE_AGENT_FILES, SIGHTLINE_AGENT_ENDPOINT and the other settings
    whose names begin with SIGHTLINE_AGENT (see `sightline settings`).
    """
    settings = load_settings()
    _refuse(settings)
    if check:
        _explain(settings)
        return
    asyncio.run(_serve(settings))


def _refuse(settings: Settings) -> None:
    if not settings.agent_files:
        raise ConfigError(
            "cannot start the agent: there is nothing to follow; "
            """set SIGHTLINE_AGENT_FILES, such as ["/var/log/shop/*.log"]"""
        )
    for pattern in settings.agent_files:
        if not Path(pattern).is_absolute():
            raise ConfigError(
                f"cannot follow {pattern!r}: it depends on where the agent was started; "
                "write it from the root, /…"
            )


def _resource(settings: Settings) -> dict[str, str]:
    return {"host.name": socket.gethostname(), **settings.agent_attributes}


def _explain(settings: Settings) -> None:
    for pattern in settings.agent_files:
        found = sorted(path for path in matches(pattern) if Path(path).is_file())
        typer.echo(f"follows   {pattern}: {len(found)} files now")
        for path in found:
            typer.echo(f"          {path}{_unreadable(path)}")
    for name, value in _resource(settings).items():
        typer.echo(f"adds      {name} = {value}")
    days = settings.agent_spool_max_seconds / 86400
    size = settings.agent_spool_max_bytes / 2**20
    typer.echo(f"keeps     up to {size:,.0f} MiB for up to {days:g} days in {spool_path(settings)}")
    typer.echo(f"forwards  to {settings.agent_endpoint}/v1/logs")


def _unreadable(path: str) -> str:
    try:
        Path(path).open("rb").close()
    except OSError as error:
        return f" (cannot be read: {error.strerror})"
    return ""


async def _serve(settings: Settings) -> None:
    startup = Startup()
    running = Agent(settings, _resource(settings))
    health = HealthServer(settings, not_ready=running.not_ready, metrics=running.metrics)
    await health.start()
    typer.echo(f"follows {', '.join(settings.agent_files)}; health on {health.url}")
    try:
        await running.run(startup.told)
    finally:
        await health.stop()
