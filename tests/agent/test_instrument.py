"""`instrument()` and `sightline instrument`: what is installed is switched on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sightline.testing import Receiver

COMMAND = Path(sys.executable).with_name("sightline")
INSTRUMENTATION = """
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
class {name}(BaseInstrumentor):
    def instrumentation_dependencies(self): return ()
    def _instrument(self, **kwargs):
        print("{name} is on", flush=True)
        {also}
    def _uninstrument(self, **kwargs): pass
"""
PROGRAM = """
import sightline, sys
with sightline.span("work"):
    pass
sys.exit(7)
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with three instrumentations: one works, one fails, one has nothing to instrument."""
    for name, also, needs in (
        ("broken", 'raise RuntimeError("out of order")', ""),
        ("useless", "pass", "Requires-Dist: no-such-library>=1; extra == 'instruments'\n"),
        ("working", "pass", ""),
    ):
        (tmp_path / f"{name}.py").write_text(INSTRUMENTATION.format(name=name, also=also))
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            f"Provides-Extra: instruments\n{needs}"
        )
        (info / "entry_points.txt").write_text(
            f"[opentelemetry_instrumentor]\n{name} = {name}:{name}\n"
        )
    return tmp_path


def run(
    folder: Path, receiver: Receiver, *command: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    own = {"PYTHONPATH": str(folder), "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
    environment = plain | own | variables
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_every_instrumentation_that_has_its_library_is_switched_on_and_none_stops_the_others(
    installed: Path, receiver: Receiver
) -> None:
    program = "import sightline; sightline.instrument(); sightline.instrument()"

    done = run(installed, receiver, sys.executable, "-c", program)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines().count("working is on") == 1
    assert "useless is on" not in done.stdout
    assert "cannot instrument broken: out of order" in done.stderr


def test_the_standard_variable_switches_instrumentations_off(
    installed: Path, receiver: Receiver
) -> None:
    program = "import sightline; sightline.instrument()"
    variable = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "broken, httpx,fastapi"}

    done = run(installed, receiver, sys.executable, "-c", program, **variable)

    assert done.stdout.split("\n") == ["working is on", ""]
    assert done.stderr == ""


@pytest.mark.parametrize("theirs", [False, True])
def test_the_command_runs_a_program_with_telemetry_and_ends_as_it_does(
    installed: Path, receiver: Receiver, *, theirs: bool
) -> None:
    if theirs:
        (installed / "sitecustomize.py").write_text("print('theirs ran')")
    command = (str(COMMAND), "instrument", "--service", "wrapped", "--", sys.executable)

    done = run(installed, receiver, *command, "-c", PROGRAM)

    assert done.returncode == 7, done.stderr
    assert [(span.name, span.service) for span in receiver.spans()] == [("work", "wrapped")]
    assert "working is on" in done.stdout
    assert ("theirs ran" in done.stdout) is theirs
    assert "Error in sitecustomize" not in done.stderr


def test_the_command_says_what_it_cannot_run(tmp_path: Path, receiver: Receiver) -> None:
    done = run(tmp_path, receiver, str(COMMAND), "instrument", "--", "no-such-program")

    assert done.returncode == 1
    assert done.stderr.startswith("sightline: cannot run no-such-program: No such file")
