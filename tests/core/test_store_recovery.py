"""After a crash, deduplication log and parts agree again: a replay is stored, once."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from sightline_core.store.recovery import Part, Repair, parse_part, repair_deduplication

if TYPE_CHECKING:
    from pathlib import Path


class Table:
    """A table's directory as the engine lays it out."""

    def __init__(self, root: Path, name: str = "0a1") -> None:
        self.path = root / "store" / name / f"{name}-uuid"
        self.logs = self.path / "deduplication_logs"
        self.logs.mkdir(parents=True)

    def parts(self, *names: str) -> None:
        for name in names:
            (self.path / name).mkdir()
            (self.path / name / "count.txt").write_text("1")

    def log(self, *lines: str, number: int = 1, torn: str = "") -> None:
        text = "".join(line.replace(" ", "\t") + "\n" for line in lines)
        self.file(number).write_text(text + torn)

    def file(self, number: int = 1) -> Path:
        return self.logs / f"deduplication_log_{number}.txt"

    def lines(self, number: int = 1) -> list[str]:
        return self.file(number).read_text().replace("\t", " ").splitlines()

    def held(self) -> set[str]:
        return {path.name for path in self.path.iterdir() if parse_part(path.name)}

    def set_aside(self) -> set[str]:
        detached = self.path / "detached"
        return {path.name for path in detached.iterdir()} if detached.exists() else set()


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


def test_parts_that_went_with_their_age_are_no_reason_to_warn(
    tmp_path: Path, table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    newest = [f"20260102_{number}_{number}_0" for number in range(3, 203)]
    table.parts(*newest)
    lines = [f"1 {part} {part}" for part in newest]
    table.log("1 20260101_1_1_0 a", "1 20260101_2_2_0 b", *lines, "1 20260102_203_203_0 c")
    assert repair_deduplication(tmp_path).cancelled_lines == 3
    assert [record.args for record in caplog.records] == [("20260102_203_203_0", table.path.name)]


def test_a_consistent_table_is_left_alone(tmp_path: Path, table: Table) -> None:
    table.parts("all_1_1_0", "all_2_2_0", "tmp_insert_all_3_3_0", "detached")
    table.log("1 all_1_1_0 a", "1 all_2_2_0 b")
    before = table.file().read_bytes()
    assert repair_deduplication(tmp_path) == Repair(0, 0)
    assert table.file().read_bytes() == before
    assert table.held() == {"all_1_1_0", "all_2_2_0"}


def test_a_line_without_its_part_is_cancelled(tmp_path: Path, table: Table) -> None:
    table.parts("all_1_1_0")
    table.log("1 all_1_1_0 a", "1 all_2_2_0 b", "1 all_2_2_0 b2")
    assert repair_deduplication(tmp_path) == Repair(2, 0)
    assert table.lines()[3:] == ["2 all_2_2_0 b", "2 all_2_2_0 b2"]
    assert repair_deduplication(tmp_path) == Repair(0, 0)


def test_a_part_without_its_line_is_set_aside(tmp_path: Path, table: Table) -> None:
    table.parts("all_1_1_0", "all_2_2_0")
    table.log("1 all_1_1_0 a")
    assert repair_deduplication(tmp_path) == Repair(0, 1)
    assert table.held() == {"all_1_1_0"}
    assert table.set_aside() == {"sightline-interrupted_all_2_2_0"}
    assert repair_deduplication(tmp_path) == Repair(0, 0)


def test_the_first_part_ever_without_its_line_is_set_aside(tmp_path: Path, table: Table) -> None:
    table.parts("all_1_1_0")
    table.log()
    assert repair_deduplication(tmp_path) == Repair(0, 1)


def test_a_part_set_aside_twice_replaces_the_first(tmp_path: Path, table: Table) -> None:
    table.log("1 all_1_1_0 a")
    for _ in range(2):
        table.parts("all_2_2_0")
        table.path.joinpath("all_1_1_0").mkdir(exist_ok=True)
        assert repair_deduplication(tmp_path) == Repair(0, 1)
    assert table.set_aside() == {"sightline-interrupted_all_2_2_0"}


@pytest.mark.parametrize("torn", ["1", "1\tall_2_2", "1\tall_2_2_0\tb"])
def test_a_torn_last_line_is_cut_and_its_part_set_aside(
    tmp_path: Path, table: Table, torn: str
) -> None:
    table.parts("all_1_1_0", "all_2_2_0")
    table.log("1 all_1_1_0 a", torn=torn)
    assert repair_deduplication(tmp_path) == Repair(0, 1)
    assert table.lines() == ["1 all_1_1_0 a"]
    assert table.held() == {"all_1_1_0"}


def test_a_log_that_is_one_torn_line_is_emptied(tmp_path: Path, table: Table) -> None:
    table.log(torn="1\tall_1")
    assert repair_deduplication(tmp_path) == Repair(0, 0)
    assert table.file().read_bytes() == b""


def test_a_merged_part_vouches_for_what_went_into_it(tmp_path: Path, table: Table) -> None:
    table.parts("all_1_3_1", "all_4_4_0_9", "all_5_5_1")
    table.log("1 all_1_1_0 a", "1 all_2_2_0 b", "1 all_3_3_0 c", "1 all_4_4_0 d", "1 all_5_5_1 e")
    assert repair_deduplication(tmp_path) == Repair(0, 0)
    assert table.held() == {"all_1_3_1", "all_4_4_0_9", "all_5_5_1"}


def test_a_level_one_insert_without_its_line_is_set_aside(tmp_path: Path, table: Table) -> None:
    """Aggregating tables merge while they insert: their parts start at level 1."""
    table.parts("20261118_1_1_1", "20261118_2_2_1")
    table.log("1 20261118_1_1_1 a")
    assert repair_deduplication(tmp_path) == Repair(0, 1)
    assert table.held() == {"20261118_1_1_1"}


def test_a_part_of_another_partition_does_not_vouch(tmp_path: Path, table: Table) -> None:
    table.parts("20261121_1_9_2", "20261122_1_1_0", "fe80_12_12_0")
    table.log("1 20261121_1_1_0 a", "1 20261122_1_1_0 b", "1 20261122_5_5_0 c", "1 fe80_12_12_0 d")
    assert repair_deduplication(tmp_path) == Repair(1, 0)
    assert table.lines()[-1] == "2 20261122_5_5_0 c"


def test_a_cancelled_line_is_not_cancelled_again_and_its_part_may_come_back(
    tmp_path: Path, table: Table
) -> None:
    table.parts("all_3_3_0")
    table.log("1 all_2_2_0 b", "2 all_2_2_0 b", "1 all_3_3_0 b")
    assert repair_deduplication(tmp_path) == Repair(0, 0)


def test_parts_older_than_the_oldest_line_are_not_strays(tmp_path: Path, table: Table) -> None:
    """Logs are rotated; the lines of old parts went with theirs."""
    table.parts("all_5_5_0", "all_10_10_0", "all_11_11_0", "all_12_12_0")
    table.log("1 all_10_10_0 a", number=7)
    table.log("1 all_11_11_0 b", number=10)
    assert repair_deduplication(tmp_path) == Repair(0, 1)
    assert table.held() == {"all_5_5_0", "all_10_10_0", "all_11_11_0"}


def test_lines_go_to_the_newest_log_by_number_not_by_name(tmp_path: Path, table: Table) -> None:
    table.log("1 all_1_1_0 a", number=9)
    table.log("1 all_2_2_0 b", number=10)
    assert repair_deduplication(tmp_path) == Repair(2, 0)
    assert table.lines(9) == ["1 all_1_1_0 a"]
    assert table.lines(10)[1:] == ["2 all_1_1_0 a", "2 all_2_2_0 b"]


def test_every_table_is_checked_and_one_without_a_log_is_not(tmp_path: Path, table: Table) -> None:
    other, plain = Table(tmp_path, "0b2"), Table(tmp_path, "0c3")
    for one in (table, other, plain):
        one.parts("all_1_1_0")
    table.log()
    other.log()
    assert repair_deduplication(tmp_path) == Repair(0, 2)
    assert plain.held() == {"all_1_1_0"}


def test_there_may_be_nothing_at_all(tmp_path: Path) -> None:
    assert repair_deduplication(tmp_path / "not-there") == Repair(0, 0)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("all_1_2_3", Part("all_1_2_3", "all", 1, 2, 3)),
        ("20261122_7_7_0_9", Part("20261122_7_7_0_9", "20261122", 7, 7, 0)),
        ("0123456789abcdef_1_1_0", Part("0123456789abcdef_1_1_0", "0123456789abcdef", 1, 1, 0)),
        ("tmp_merge_all_1_2_1", None),
        ("delete_tmp_all_1_1_0", None),
        ("patch-0a1b-all_1_1_0", None),
        ("all_1_1", None),
        ("detached", None),
        ("mutation_5.txt", None),
    ],
)
def test_only_names_of_live_parts_are_parts(name: str, part: Part | None) -> None:
    assert parse_part(name) == part


# The real engine, one process a step

SCRIPT = """
import json, os, sys
from pathlib import Path
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from sightline_core.bus.protocol import Record
from sightline_core.settings import load_settings
from sightline_core.store.client import open_store
from sightline_core.wire.names import Signal
from sightline_pipeline.batch import AcceptWindow, Batch
from sightline_pipeline.landing import landing
from sightline_pipeline.schema import migrate_store

directory, step, now = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
settings = load_settings(data_dir=directory)
window = AcceptWindow.from_settings(settings)

def insert(store, offset):
    request = ExportTraceServiceRequest()
    for day in (0, 1):
        span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"t" * 16)
        span.span_id = b"%07d%d" % (offset, day)
        span.start_time_unix_nano = now - day * 86400 * 10**9
    record = Record("t", 0, offset, now // 10**6, request.SerializeToString(), None, ())
    batch = Batch([record])
    landing(Signal.TRACES).insert(store, batch.body(window), batch.token)

with open_store(settings, ingest_clients=1, query_clients=1) as store:
    migrate_store(store, settings)
    for offset in range(int(sys.argv[4]), int(sys.argv[5]) + 1):
        print(offset, flush=True)
        insert(store, offset)
    if step == "crash":
        os._exit(0)
    print(json.dumps(store.rows("SELECT (SELECT count() FROM otel_traces) AS spans,"
        " (SELECT uniqExact(SpanId) FROM otel_traces) AS different,"
        " (SELECT sum(Spans) FROM otel_traces_trace_id_ts) AS by_trace,"
        " (SELECT sum(Spans) FROM sightline_red_1m) AS red,"
        " (SELECT sum(Stored) FROM sightline_ledger) AS ledger")[0]))
"""


def command(directory: Path, *arguments: object) -> list[str]:
    return [sys.executable, "-c", SCRIPT, str(directory), *map(str, arguments)]


def replay(directory: Path, now: int, first: int, last: int) -> dict[str, int]:
    """Insert offsets `first` to `last` in a new process and return what the store holds then."""
    done = subprocess.run(
        command(directory, "replay", now, first, last),
        check=True, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    held: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return held


def twice(batches: int) -> dict[str, int]:
    """Two spans a batch, in every table."""
    return dict.fromkeys(("spans", "different", "by_trace", "red", "ledger"), 2 * batches)


def damage(directory: Path, how: str) -> int:
    """Undo the newest part, or its line, in every table that has a log; return in how many."""
    tables = [logs.parent for logs in directory.glob("store/store/*/*/deduplication_logs")]
    damaged = 0
    for table in tables:
        parts = [part for path in table.iterdir() if (part := parse_part(path.name))]
        if not parts:
            continue
        damaged += 1
        newest = max(parts, key=lambda part: part.last)
        log = table / "deduplication_logs" / "deduplication_log_1.txt"
        lines = log.read_bytes().splitlines(keepends=True)
        if how == "part":
            (table / newest.name).rename(directory / f"{table.name}-{newest.name}")
        elif how == "line":
            log.write_bytes(b"".join(lines[:-1]))
        else:
            log.write_bytes(b"".join(lines)[:-5])
    return damaged


@pytest.mark.parametrize("how", ["part", "line", "torn line"])
def test_a_replay_after_a_crash_between_part_and_line_is_stored_once(
    tmp_path: Path, how: str
) -> None:
    now = time.time_ns()
    subprocess.run(command(tmp_path, "crash", now, 1, 2), check=True, timeout=100)
    assert damage(tmp_path, how) == 4
    assert replay(tmp_path, now, 1, 2) == twice(2)


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(15))
def test_a_kill_at_any_moment_leaves_a_store_that_replays_once(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    now, first = time.time_ns(), 1
    for _ in range(3):
        writer = command(tmp_path, "crash", now, first, 10_000)
        with subprocess.Popen(writer, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            last = int(process.stdout.readline())
            threading.Timer(chance.uniform(0, 2), process.kill).start()
            last = [last, *map(int, process.stdout)][-1]
        assert replay(tmp_path, now, last, last) == twice(last)
        first = last + 1
