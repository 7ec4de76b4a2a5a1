"""`sightline instrument`: run an application with telemetry, without a change to its code."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Final

_AUTOLOAD: Final = Path(__file__).with_name("autoload")


def register(app: Any) -> None:
    """Add the command to `app`, a typer application."""
    app.command(epilog="Example: sightline instrument --service checkout -- python app.py")(
        instrument
    )


def instrument(command: list[str], service: str = "") -> None:
    """Run a Python program with traces, metrics and logs, without a change to its code.

    Settings come from the standard OTEL_ variables. Programs that it starts get telemetry, too.
    """
    paths = [str(_AUTOLOAD), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    if service:
        environment["OTEL_SERVICE_NAME"] = service
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606 - what the caller asks for
    except OSError as error:
        sys.exit(f"sightline: cannot run {command[0]}: {error.strerror}; is it installed here?")
