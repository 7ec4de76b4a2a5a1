"""The store belongs to one process; its clients are lent out; its errors are ours."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from sightline_core.errors import StoreError, StoreUnavailable
from sightline_core.settings import load_settings
from sightline_core.store import client as client_module
from sightline_core.store.client import Role, open_store

if TYPE_CHECKING:
    from pathlib import Path

    from sightline_core.settings import Settings
    from sightline_core.store.client import Store

HOLD = """
import sys
from pathlib import Path
from sightline_core.settings import load_settings
from sightline_core.store.client import open_store
with open_store(load_settings(data_dir=Path(sys.argv[1])), ingest_clients=1, query_clients=1):
    print("open", flush=True)
    sys.stdin.read()
"""


def migrate(directory: Path) -> subprocess.CompletedProcess[str]:
    program = "import sys; sys.argv = ['sightline', 'migrate']; "
    return subprocess.run(
        [sys.executable, "-c", program + "from sightline_core.cli import main; main()"],
        env={**os.environ, "SIGHTLINE_DATA_DIR": str(directory)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def test_a_second_process_is_told_who_has_the_directory(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        line = refusal(migrate(tmp_path))
        assert f"process {holder.pid} is using it" in line
        assert str(tmp_path) in line
        holder.kill()
    assert migrate(tmp_path).returncode == 0


def test_the_same_process_cannot_open_it_twice_either(
    store: Store, store_settings: Settings
) -> None:
    with pytest.raises(StoreError, match=f"process {os.getpid()} is using it"):
        open_store(store_settings)


def test_a_directory_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = refusal(migrate(tmp_path / "file" / "data"))
    assert line.startswith("sightline: cannot use data directory")
    assert line.endswith(("Not a directory", "File exists"))


@pytest.mark.parametrize("name", ["a:b", "a?b"])
def test_a_path_that_the_engine_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match="no path with a colon or a question mark"):
        open_store(load_settings(data_dir=tmp_path / name))
    assert not (tmp_path / name).exists()


def test_an_engine_error_names_its_code_and_the_client_is_given_back(store: Store) -> None:
    for _ in range(10):
        with pytest.raises(StoreError, match="nonsense") as caught:
            store.rows("SELECT nonsense")
    assert caught.value.code == 47
    assert store.rows("SELECT 1 AS one") == [{"one": 1}]


def test_what_a_failed_statement_had_answered_is_not_in_the_next_answer(store: Store) -> None:
    failing = "SELECT throwIf(number = 500000) FROM numbers(1000000)"
    for role in Role:
        for _ in range(8):  # more than there are clients
            with pytest.raises(StoreError, match="throwIf"), store.client(role) as client:
                client.raw_query(failing, fmt="Native")
        for _ in range(8):
            with store.client(role) as client:
                assert client.raw_query("SELECT 7 AS n", fmt="JSONEachRow") == b'{"n":7}\n'


def test_a_missing_table_is_a_fault_of_the_store(store: Store) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        store.command("INSERT INTO not_there VALUES (1)")
    assert caught.value.code == 60


def test_a_full_disk_for_temporary_files_is_a_fault_of_the_store(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", full)
    with pytest.raises(StoreUnavailable, match="No space left on device"):
        store.insert_protobuf("sightline_landing_logs", [], schema="", token="t")


def test_queries_cannot_write(store: Store) -> None:
    with pytest.raises(StoreError):
        store.rows("CREATE TABLE mine (a Int8) ENGINE = Memory")


def test_a_query_waits_only_so_long_for_a_client(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "WAIT_SECONDS", 0.05)
    held, release = threading.Barrier(5), threading.Event()

    def hold() -> None:
        with store.client(Role.QUERY):
            held.wait(10)
            release.wait(10)

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    held.wait(10)
    with pytest.raises(StoreUnavailable, match="all its clients were busy"):
        store.rows("SELECT 1")
    release.set()
    for thread in threads:
        thread.join()
    assert store.rows("SELECT 1 AS one") == [{"one": 1}]


def test_values_are_bound_not_spliced(store: Store) -> None:
    hostile = "x'; DROP TABLE otel_traces; --\\"
    assert store.rows("SELECT {v:String} AS v", {"v": hostile}) == [{"v": hostile}]


def test_nothing_is_written_to_the_working_directory(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from sightline_core.settings import load_settings
from sightline_core.store.client import open_store
from sightline_core.wire.names import Signal
from sightline_pipeline.landing import landing
from sightline_pipeline.schema import migrate_store
settings = load_settings(data_dir=Path("..") / "data")
with open_store(settings, ingest_clients=1, query_clients=1) as store:
    migrate_store(store, settings)
    for signal in Signal:
        landing(signal).insert(store, [], "t")
"""
    here = tmp_path / "here"
    here.mkdir()
    subprocess.run([sys.executable, "-c", program], cwd=here, check=True, timeout=60)
    assert list(here.iterdir()) == []
    assert {path.name for path in (tmp_path / "data").iterdir()} == {
        "schemas", "sightline.lock", "store",
    }  # fmt: skip
