"""Numbered .sql files, applied once each, in order; safe to run again after a crash.

Every statement in a migration must be harmless when repeated (`IF NOT EXISTS` and the like): a file
is recorded as applied after its last statement, so a crash in the middle runs it again. The files
are templates: the same ones serve one embedded engine and a cluster.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jinja2

from sightline_core.errors import MigrationError, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sightline_core.store.client import Store

FILE_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
JOURNAL = """
CREATE TABLE IF NOT EXISTS sightline_migrations (
    Number UInt32, Name String, Checksum String, AppliedAt DateTime64(3) DEFAULT now64(3)
) ENGINE = MergeTree ORDER BY Number"""
RECORD = """
INSERT INTO sightline_migrations (Number, Name, Checksum)
SELECT {number:UInt32}, {name:String}, {checksum:String}"""
# Only for the landing tables, which store nothing: tells an unset OTLP value from an empty one.
DDL_SETTINGS = {"allow_experimental_nullable_tuple_type": 1}


@dataclass(frozen=True, slots=True)
class Migration:
    """One file, rendered.

    Attributes:
        checksum: SHA-256 of the template, so that settings may differ and edits may not.
    """

    number: int
    name: str
    checksum: str
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """How tables are made: by one engine alone, or replicated on the named cluster."""

    retention_days: int
    cluster: str | None = None

    def variables(self) -> dict[str, object]:
        """Return what the templates may use."""
        return {
            "retention_days": self.retention_days,
            "on_cluster": f"ON CLUSTER '{self.cluster}'" if self.cluster else "",
            "engine": self.engine,
        }

    def engine(self, name: str) -> str:
        """Return the engine clause of that MergeTree family member."""
        return f"Replicated{name}" if self.cluster else name


def load_migrations(directory: Path, layout: Layout) -> list[Migration]:
    """Read and render `directory`/migrations, in order of their numbers.

    Raises:
        MigrationError: a file name or number is wrong, or a template cannot be rendered.
    """
    environment = jinja2.Environment(  # noqa: S701 - this renders SQL, there is no HTML to escape
        loader=jinja2.FileSystemLoader(directory),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    migrations = [
        _load(environment, path, layout)
        for path in sorted((directory / "migrations").glob("*.sql"))
    ]
    numbers = [migration.number for migration in migrations]
    if numbers != list(range(1, len(numbers) + 1)):
        raise MigrationError(
            f"cannot order the migrations in {directory}: their numbers are {numbers}"
        )
    return migrations


def _load(environment: jinja2.Environment, path: Path, layout: Layout) -> Migration:
    match = FILE_NAME.match(path.name)
    if not match:
        raise MigrationError(
            f"cannot read migration {path.name}: its name must be like 0001_words.sql"
        )
    source = path.read_text(encoding="utf-8")
    try:
        text = environment.get_template(f"migrations/{path.name}").render(layout.variables())
    except jinja2.TemplateError as error:
        raise MigrationError(f"cannot render migration {path.name}: {error}") from error
    return Migration(
        number=int(match[1]),
        name=path.stem,
        checksum=hashlib.sha256(source.encode()).hexdigest(),
        statements=tuple(_statements(text)),
    )


def _statements(text: str) -> Sequence[str]:
    without_comments = "\n".join(
        line for line in text.splitlines() if not line.lstrip().startswith("--")
    )
    parts = re.split(r";\s*(?:\n|$)", without_comments)
    return [part.strip() for part in parts if part.strip()]


def applied_migrations(store: Store) -> Mapping[int, str]:
    """Return the checksum of every applied migration, by number."""
    store.command(JOURNAL)
    rows = store.rows("SELECT Number, Checksum FROM sightline_migrations")
    return {row["Number"]: row["Checksum"] for row in rows}


def migrate(store: Store, migrations: Sequence[Migration]) -> list[Migration]:
    """Apply what is not applied yet and return it.

    Raises:
        MigrationError: an applied migration was changed or is unknown here, or a statement failed.
    """
    done = applied_migrations(store)
    known = {migration.number for migration in migrations}
    if unknown := sorted(set(done) - known):
        raise MigrationError(
            f"cannot migrate: the store has migration {unknown[-1]}, unknown to this version; "
            "use the version that wrote it or a newer one"
        )
    for migration in migrations:
        if done.get(migration.number, migration.checksum) != migration.checksum:
            raise MigrationError(
                f"cannot migrate: {migration.name} was applied and has been changed since; "
                "restore the file and put the change into a new migration"
            )
    pending = [migration for migration in migrations if migration.number not in done]
    for migration in pending:
        _apply(store, migration)
    return pending


def _apply(store: Store, migration: Migration) -> None:
    for number, statement in enumerate(migration.statements, start=1):
        try:
            store.command(statement, settings=DDL_SETTINGS)
        except StoreError as error:
            raise MigrationError(
                f"cannot apply {migration.name}, statement {number}: {error}", code=error.code
            ) from error
    store.command(
        RECORD,
        {"number": migration.number, "name": migration.name, "checksum": migration.checksum},
    )
