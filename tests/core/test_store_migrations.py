"""Migrations are applied once, in order, and again after a crash."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import sightline_pipeline
from sightline_core.errors import MigrationError, StoreError
from sightline_core.store.migrations import Layout, Migration, load_migrations, migrate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sightline_core.store.client import Store

OURS = Path(sightline_pipeline.__file__).parent / "sql"
LAYOUT = Layout(retention_days=30)


class Journal:
    """A store that only knows the journal and remembers what was run; can fail at a statement."""

    def __init__(self) -> None:
        self.applied: dict[int, str] = {}
        self.ran: list[str] = []
        self.fails_at: str | None = None

    def command(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        settings: Mapping[str, Any] | None = None,  # noqa: ARG002 - the store's signature
    ) -> None:
        if "sightline_migrations" not in sql:
            if self.fails_at is not None and self.fails_at in sql:
                raise StoreError("cannot run the statement: broken", code=62)
            self.ran.append(sql)
        elif parameters:
            self.applied[parameters["number"]] = parameters["checksum"]

    def rows(self, sql: str) -> list[dict[str, Any]]:  # noqa: ARG002 - same
        return [{"Number": n, "Checksum": checksum} for n, checksum in self.applied.items()]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "migrations").mkdir()
    return tmp_path


def write(directory: Path, **files: str) -> None:
    for name, text in files.items():
        (directory / "migrations" / f"{name.lstrip('_')}.sql").write_text(text)


def run(directory: Path, journal: Journal, layout: Layout = LAYOUT) -> list[Migration]:
    return migrate(journal, load_migrations(directory, layout))  # type: ignore[arg-type]


def test_files_are_applied_once_in_order(directory: Path) -> None:
    write(directory, _0002_b="SELECT 3", _0001_a="SELECT 1;\nSELECT 2;\n")
    journal = Journal()
    assert [one.name for one in run(directory, journal)] == ["0001_a", "0002_b"]
    assert journal.ran == ["SELECT 1", "SELECT 2", "SELECT 3"]
    assert run(directory, journal) == []
    write(directory, _0003_c="SELECT 4")
    assert [one.number for one in run(directory, journal)] == [3]
    assert journal.ran[-1:] == ["SELECT 4"]


def test_a_changed_file_is_refused_and_nothing_is_applied(directory: Path) -> None:
    write(directory, _0001_a="SELECT 1")
    journal = Journal()
    run(directory, journal)
    write(directory, _0001_a="SELECT 2", _0002_b="SELECT 3")
    with pytest.raises(MigrationError, match="0001_a was applied and has been changed"):
        run(directory, journal)
    assert journal.ran == ["SELECT 1"]


def test_other_settings_are_no_change(directory: Path) -> None:
    write(directory, _0001_a="SELECT {{ retention_days }}")
    journal = Journal()
    run(directory, journal)
    assert run(directory, journal, Layout(retention_days=7)) == []


def test_a_store_of_a_newer_version_is_refused(directory: Path) -> None:
    write(directory, _0001_a="SELECT 1")
    journal = Journal()
    journal.applied = {1: load_migrations(directory, LAYOUT)[0].checksum, 7: "x"}
    with pytest.raises(MigrationError, match="has migration 7, unknown to this version"):
        run(directory, journal)
    assert journal.ran == []


def test_a_crash_between_statements_runs_the_file_again(directory: Path) -> None:
    write(directory, _0001_a="SELECT 1", _0002_b="SELECT 2;\nSELECT 3;\nSELECT 4")
    journal = Journal()
    journal.fails_at = "SELECT 3"
    with pytest.raises(MigrationError, match="cannot apply 0002_b, statement 2") as caught:
        run(directory, journal)
    assert caught.value.code == 62
    assert set(journal.applied) == {1}
    journal.fails_at = None
    assert [one.number for one in run(directory, journal)] == [2]
    assert journal.ran == ["SELECT 1", "SELECT 2", "SELECT 2", "SELECT 3", "SELECT 4"]


@pytest.mark.parametrize("name", ["1_a", "0001-a", "0001_A", "0001_", "00001_a", "x"])
def test_a_file_with_another_name_is_refused(directory: Path, name: str) -> None:
    (directory / "migrations" / f"{name}.sql").write_text("SELECT 1")
    with pytest.raises(MigrationError, match=r"must be like 0001_words\.sql"):
        load_migrations(directory, LAYOUT)


@pytest.mark.parametrize("names", [["0002_a"], ["0001_a", "0001_b"], ["0001_a", "0003_b"]])
def test_numbers_have_no_gaps_and_no_twins(directory: Path, names: list[str]) -> None:
    write(directory, **{f"_{name}": "SELECT 1" for name in names})
    with pytest.raises(MigrationError, match="cannot order the migrations"):
        load_migrations(directory, LAYOUT)


@pytest.mark.parametrize("text", ["SELECT {{ nothing }}", "{% if %}", "{% import 'gone' as g %}"])
def test_a_template_that_cannot_be_rendered_is_named(directory: Path, text: str) -> None:
    write(directory, _0001_a=text)
    with pytest.raises(MigrationError, match=r"cannot render migration 0001_a\.sql"):
        load_migrations(directory, LAYOUT)


def test_comments_and_semicolons_inside_lines_do_not_cut_statements(directory: Path) -> None:
    text = "-- one; two;\nSELECT ';' AS a;\n\n-- three\nSELECT\n    -- inside;\n    2\n;\n;\n"
    write(directory, _0001_a=text)
    (migration,) = load_migrations(directory, LAYOUT)
    assert migration.statements == ("SELECT ';' AS a", "SELECT\n    2")


def test_there_may_be_no_migrations(directory: Path) -> None:
    assert load_migrations(directory, LAYOUT) == []


# Our own files


@pytest.fixture(scope="module")
def cluster() -> list[str]:
    layout = Layout(retention_days=30, cluster="main")
    return [s for one in load_migrations(OURS, layout) for s in one.statements]


def test_our_migrations_are_applied_to_the_shared_store_and_none_is_left(store: Store) -> None:
    assert migrate(store, load_migrations(OURS, LAYOUT)) == []
    rows = store.rows("SELECT Number, count() AS n FROM sightline_migrations GROUP BY 1")
    assert {row["Number"]: row["n"] for row in rows} == dict.fromkeys(range(1, len(rows) + 1), 1)


def test_every_statement_can_be_repeated(store: Store) -> None:
    for migration in load_migrations(OURS, LAYOUT):
        for statement in migration.statements:
            store.command(statement, settings={"allow_experimental_nullable_tuple_type": 1})


def test_on_a_cluster_every_statement_goes_to_all_of_it(cluster: list[str]) -> None:
    assert not [text[:80] for text in cluster if "ON CLUSTER 'main'" not in text]


def test_on_a_cluster_every_table_that_stores_is_replicated(cluster: list[str]) -> None:
    engines = [
        match[1]
        for text in cluster
        if text.startswith("CREATE TABLE")
        for match in re.finditer(r"ENGINE = (\w+)", text)
    ]
    assert len(engines) > 10
    assert {name for name in engines if name != "Null"} == {
        "ReplicatedMergeTree", "ReplicatedAggregatingMergeTree", "ReplicatedReplacingMergeTree",
    }  # fmt: skip


def test_alone_nothing_speaks_of_clusters() -> None:
    texts = [s for one in load_migrations(OURS, LAYOUT) for s in one.statements]
    assert not [text[:80] for text in texts if "CLUSTER" in text or "Replicated" in text]


def test_every_target_of_a_view_remembers_tokens() -> None:
    texts = [s for one in load_migrations(OURS, LAYOUT) for s in one.statements]
    targets = {
        match[1]
        for text in texts
        if (match := re.match(r"CREATE MATERIALIZED VIEW .* TO (\w+)", text))
    }
    forgetful = {
        match[1]
        for text in texts
        if (match := re.match(r"CREATE TABLE IF NOT EXISTS (\w+)", text))
        and "MergeTree" in text
        and "non_replicated_deduplication_window" not in text
    }
    assert len(targets) > 10
    assert not targets & forgetful
