"""No setting, no name and no statement leads beyond the store, over any port."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.core.conftest import CODE

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from sightline_core.store.client import Store

TABLES = [
    "SELECT * FROM `{file}`", "SELECT * FROM '{file}'", "SELECT * FROM system.one, '{file}'",
    "DESCRIBE '{file}'", "SELECT * FROM `{folder}/*`", "SELECT * FROM loop('default', '{file}')",
    "SELECT * FROM default.`{file}`", "SELECT * FROM ('{file}')",
    "SELECT hasColumnInTable('default', '{file}', 'c1')",
]  # fmt: skip
MADE = [
    ("CREATE DICTIONARY d (a String) PRIMARY KEY a "
    "SOURCE(EXECUTABLE(COMMAND 'id' FORMAT TSV)) LAYOUT(FLAT())"),
    "CREATE OR REPLACE DICTIONARY d (a String) PRIMARY KEY a SOURCE(HTTP(URL 'x')) LAYOUT(FLAT())",
    "ATTACH TABLE t FROM '{folder}' (a String) ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE t (a String) ENGINE = Buffer('default', '{file}', 1, 1, 1, 1, 1, 1, 1)",
    "CREATE TABLE t (a String) ENGINE Kafka SETTINGS kafka_broker_list = 'x'",
    ("CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a "
    "SETTINGS disk = disk(type = local, path = '/')"),
    "CREATE DATABASE d ENGINE = Filesystem('/')", "BACKUP TABLE x TO Disk('a', 'b')",
    ("CREATE TABLE t (a Int8) ENGINE = Null PARALLEL WITH "
    "CREATE DICTIONARY d (a String) PRIMARY KEY a"),
    "SET additional_result_filter = '1'", "SELECT 1 SETTINGS max_threads = 1, dialect = 'kusto'",
    "SELECT 1 SETTINGS `additional_result_filter` = '1'",
    "SELECT 1. SETTINGS additional_result_filter = '1'",
    "SELECT 0x1F. SETTINGS additional_result_filter = '1'",
]  # fmt: skip


@pytest.mark.parametrize("text", TABLES + MADE)
def test_no_statement_leads_beyond_the_store(http: httpx.Client, tmp_path: Path, text: str) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("do not tell\n")
    text = text.replace("{file}", str(file)).replace("{folder}", str(tmp_path))
    for answer in (http.post("/", content=text.encode()), http.get("/", params={"query": text})):
        assert answer.headers.get(CODE) in {"497", "164"}, answer.text


def test_no_file_in_the_working_directory_is_a_table(
    http: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("plain", "1st", "a.csv"):
        (tmp_path / name).write_text("do not tell\n")
        for text in (f"SELECT * FROM {name}", f"SELECT * FROM `{name}`", f"SELECT * FROM '{name}'"):
            answer = http.post("/", content=text.encode())
            assert answer.is_error, (text, answer.text)
        named = http.post("/", params={"param_t": name}, content=b"SELECT * FROM {t:Identifier}")
        assert named.headers.get(CODE) == "497"


def test_no_setting_of_text_is_evaluated(
    reader: httpx.Client, store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("do not tell\n")
    names = [
        row["name"]
        for row in store.rows("SELECT name FROM system.settings WHERE type IN ('String', 'Map')")
    ]
    assert len(names) > 50
    values = (
        f"toUInt64(file('{file}'))",
        f"{{'system.one': 'toUInt64(file(\\'{file}\\'))'}}",
        str(file),
    )
    for name in names:
        for value in values:
            answer = reader.post("/", params={name: value}, content=b"SELECT 1 FROM system.one")
            assert "do not tell" not in answer.text, name
    for name in ("additional_result_filter", "additional_table_filters", "dialect", "promql_table"):
        assert reader.post("/", params={name: "1"}, content=b"SELECT 1").headers[CODE] == "497"
