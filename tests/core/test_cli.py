"""The `sightline` command works whatever is installed, and says its errors in one line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version

import pytest

COMMAND = "import sys; from sightline_core.cli import main; sys.argv[0] = 'sightline'; main()"
# As if only some extras were installed: these imports fail as they do when the package is missing.
WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {absent!r}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)
sys.meta_path.insert(0, Missing())
"""
HEAVY = ["chdb", "clickhouse_connect", "fastapi", "grpc", "uvicorn", "starlette", "httptools"]


def sightline(
    *arguments: str, absent: list[str] | None = None, **environment: str
) -> tuple[int, str, str]:
    program = (WITHOUT.format(absent=absent) if absent else "") + COMMAND
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "COLUMNS": "100", **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_the_version_is_that_of_the_distribution() -> None:
    assert sightline("--version") == (0, f"sightline {version('sightline')}\n", "")


def test_help_lists_the_commands_that_are_installed() -> None:
    code, out, err = sightline("--help")
    assert (code, err) == (0, "")
    for command in ("up", "migrate", "collector", "send"):
        assert f" {command} " in out


def test_without_a_command_the_help_is_shown() -> None:
    code, out, err = sightline()
    assert code == 2
    assert "Usage: sightline" in out + err


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_missing_extras_only_take_their_commands_away(argument: str) -> None:
    code, out, err = sightline(argument, absent=HEAVY)
    assert (code, err) == (0, "")
    assert "migrate" not in out


def test_with_the_sdk_alone_it_says_what_to_install() -> None:
    code, out, err = sightline("--version", absent=["typer"])
    assert (code, out) == (1, "")
    assert err == ("sightline: the commands need more than the SDK: pip install 'sightline[all]'\n")


def test_an_unknown_command_is_an_error_of_usage() -> None:
    code, _, err = sightline("fly")
    assert code == 2
    assert "No such command 'fly'" in err


def test_our_errors_are_one_line_and_exit_with_one() -> None:
    code, out, err = sightline("migrate", SIGHTLINE_NO_SUCH_THING="1")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert err.startswith("sightline: cannot use settings: unknown environment variable")


def test_every_command_has_help_with_an_example() -> None:
    _, out, _ = sightline("--help")
    commands = re.findall(r"^│ (\w+) ", out[out.index("─ Commands ") :], re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        code, text, err = sightline(command, "--help")
        assert (code, err) == (0, ""), command
        assert "Example" in text or "Commands" in text, command
