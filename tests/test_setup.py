"""scripts/setup on a machine that lacks something: one clear line, and nothing half made."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SETUP = Path(__file__).parent.parent / "scripts" / "setup"
TOOLS = ("bash", "env", "dirname", "cat", "sha256sum", "cut", "rm", "mkdir", "chmod")
NO_ENSUREPIP = '#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; *) exit 0;; esac\n'
SUCCEEDS = "#!/bin/sh\nexit 0\n"


class Machine:
    """A fresh clone, and a PATH that holds only what a test puts there."""

    def __init__(self, root: Path) -> None:
        self.clone = root / "clone"
        self.bin = root / "bin"
        self.bin.mkdir()
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found
            (self.bin / tool).symlink_to(found)
        (self.clone / "scripts").mkdir(parents=True)
        shutil.copy(SETUP, self.clone / "scripts" / "setup")
        for name in ("requirements.lock", "pyproject.toml"):
            (self.clone / name).touch()

    def put(self, name: str, text: str) -> None:
        """Put a command on the PATH."""
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def setup(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run scripts/setup."""
        return subprocess.run(
            [str(self.clone / "scripts" / "setup"), *options],
            env={"PATH": str(self.bin)},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.put("python3", NO_ENSUREPIP)
    return made


def test_without_venv_it_says_so_and_leaves_nothing(machine: Machine) -> None:
    (machine.clone / ".venv" / "bin").mkdir(parents=True)  # half made, by an earlier try
    result = machine.setup()
    assert result.returncode == 1
    assert result.stderr.startswith("sightline: venv of python3 is missing: ")
    assert "apt-get install python3-venv" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (machine.clone / ".venv").exists()


def test_without_venv_uv_makes_the_environment(machine: Machine) -> None:
    venv = 'mkdir -p .venv/bin; printf "#!/bin/sh\\n" > .venv/bin/python; chmod +x .venv/bin/python'
    machine.put("uv", f'#!/bin/sh\n[ "$1" = venv ] && {{ {venv}; }}\n')
    result = machine.setup()
    assert (result.returncode, result.stderr) == (0, "")
    assert (machine.clone / ".venv" / ".stamp").exists()


def test_a_uv_that_fails_leaves_nothing(machine: Machine) -> None:
    machine.put("uv", "#!/bin/sh\nmkdir -p .venv/bin; echo no space >&2; exit 2\n")
    result = machine.setup()
    assert (result.returncode, result.stderr) == (1, "no space\n")
    assert not (machine.clone / ".venv").exists()


def test_without_npm_it_says_so_before_it_uses_it(machine: Machine) -> None:
    machine.put("uv", "#!/bin/sh\nexit 0\n")
    machine.put("node", SUCCEEDS)
    venv = machine.clone / ".venv" / "bin"
    venv.mkdir(parents=True)
    (venv / "python").write_text(SUCCEEDS)
    (venv / "python").chmod(0o755)
    result = machine.setup("--ui")
    assert result.returncode == 1
    assert result.stderr.startswith("sightline: npm is missing: ")
    assert result.stderr.count("\n") == 1
