"""The rules that keep the code readable and its parts apart."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    path
    for pattern in ("*/src/**/*.py", "deploy/demo/src/**/*.py")
    for path in ROOT.glob(pattern)
    if ".venv" not in path.parts
)
LONGEST_FILE = 400
LONGEST_SQL = 80
SQL = re.compile(
    r"\b(SELECT\s.+\sFROM\s|INSERT\s+INTO\s|CREATE\s+(TABLE|VIEW|MATERIALIZED)|ALTER\s+TABLE)",
    re.DOTALL,
)
SQL_IN_PYTHON = {
    # The journal must exist before any file of SQL can be applied.
    "core/src/sightline_core/store/migrations.py",
    # The demo's shop is an application with a database of its own.
    "deploy/demo/src/sightline_demo/inventory.py",
}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_there_is_source_to_check() -> None:
    assert len(SOURCES) > 50


def test_dependencies_point_one_way() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "base", "tools"}
    assert not [
        name(path) for path in SOURCES if path.stem in drawers or path.parent.name in drawers
    ]


def test_packages_hold_no_code_in_their_init() -> None:
    full = [
        name(path)
        for path in SOURCES
        if path.name == "__init__.py"
        and path.parent.name != "sightline"  # the SDK's front door only imports and names
        and len(path.read_text(encoding="utf-8").splitlines()) > 10
    ]
    assert full == []


@pytest.mark.parametrize("kind", ["sources", "tests", "ui"])
def test_no_file_is_too_long_to_read(kind: str) -> None:
    files = {
        "sources": SOURCES,
        "tests": [*(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").rglob("*.py")],
        "ui": [*ROOT.glob("query-api/ui/src/**/*.ts*")],
    }[kind]
    limit = LONGEST_FILE if kind == "sources" else 600
    long = {
        name(path): length
        for path in files
        if (length := len(path.read_text(encoding="utf-8").splitlines())) > limit
    }
    assert long == {}


def strings(tree: ast.AST) -> Iterator[str]:
    """Every string in the program but docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in docstrings:
                yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(
                part.value if isinstance(part, ast.Constant) else "{}"  # type: ignore[misc]
                for part in node.values
            )


def test_sql_lives_in_sql_files() -> None:
    found = {
        f"{name(path)}: {text[:60]!r}"
        for path in SOURCES
        if name(path) not in SQL_IN_PYTHON
        for text in strings(ast.parse(path.read_text(encoding="utf-8")))
        if len(text) > LONGEST_SQL and SQL.search(text)
    }
    assert found == set()


def test_every_decision_is_in_the_index() -> None:
    decisions = ROOT / "docs" / "decisions"
    index = (decisions / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(([a-z0-9-]+\.md)\)", index))
    assert linked == {path.name for path in decisions.glob("*.md")} - {"README.md"}
