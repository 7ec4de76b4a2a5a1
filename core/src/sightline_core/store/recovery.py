"""Making the embedded engine's deduplication true again after a crash.

For every inserted part, MergeTree keeps a line in `deduplication_logs`. Part and line are two
files, so a process that is killed between the two leaves one without the other: a line without its
part would swallow the replay of the batch, a part without its line would store it twice. Before the
engine opens, both are set right: such a line is cancelled, such a part is set aside. The pipeline
then replays the batch, whose intent is still there (design D4).
"""

from __future__ import annotations

import logging
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

log = logging.getLogger(__name__)

PART_NAME = re.compile(
    r"^(?P<partition>[0-9a-f]+|all)_(?P<min>\d+)_(?P<max>\d+)_(?P<level>\d+)(?:_\d+)?$"
)
ADD, DROP = "1", "2"
INSERTS_UNDER_WAY = 100
"""More inserts into one table than are ever under way at once."""


@dataclass(frozen=True, slots=True)
class Part:
    """A range of blocks in one partition; an inserted part has one block."""

    name: str
    partition: str
    first: int
    last: int
    level: int

    def covers(self, other: Part) -> bool:
        """Whether `other` is in here, itself or merged."""
        same = self.partition == other.partition
        return same and self.first <= other.first and other.last <= self.last


@dataclass(frozen=True, slots=True)
class Repair:
    """What was set right in one table."""

    cancelled_lines: int
    parts_set_aside: int


def repair_deduplication(directory: Path) -> Repair:
    """Check every table under the engine's `directory`, which no process may have open."""
    repairs = [
        _repair_table(logs) for logs in sorted(directory.glob("store/*/*/deduplication_logs"))
    ]
    return Repair(
        cancelled_lines=sum(repair.cancelled_lines for repair in repairs),
        parts_set_aside=sum(repair.parts_set_aside for repair in repairs),
    )


def _repair_table(logs: Path) -> Repair:
    files = sorted(logs.glob("deduplication_log_*.txt"), key=_number)
    if not files:
        return Repair(0, 0)
    _cut_torn_line(files[-1])
    logged, vouched = _read(files)
    table = logs.parent
    parts = [part for path in table.iterdir() if (part := parse_part(path.name)) is not None]
    lost = [
        (block, part)
        for block, part in vouched.items()
        if not any(own.covers(part) for own in parts)
    ]
    # A table numbers its inserts. One that a crash cut off is among its last; older ones went with
    # their age, and their lines vouch for data that nobody will send again.
    newest = max(logged, default=0)
    for _, part in lost:
        if part.first > newest - INSERTS_UNDER_WAY:
            log.warning(
                "part %s of %s was never stored: its insert was cut off", part.name, table.name
            )
    with files[-1].open("a", encoding="utf-8") as file:
        file.writelines(f"{DROP}\t{part.name}\t{block}\n" for block, part in lost)
    # Logs are rotated: parts older than the oldest line have lost theirs with time, not by a crash.
    oldest = 0 if _number(files[0]) == 1 else min(logged, default=1 << 63)
    strays = [
        part for part in parts if part.first == part.last > oldest and part.first not in logged
    ]
    for part in strays:
        _set_aside(table, part)
    return Repair(len(lost), len(strays))


def _number(file: Path) -> int:
    return int(file.stem.rsplit("_", 1)[1])


def parse_part(name: str) -> Part | None:
    """Read the name of a part's directory; None when it is something else."""
    match = PART_NAME.match(name)
    if match is None:
        return None
    return Part(name, match["partition"], int(match["min"]), int(match["max"]), int(match["level"]))


def _read(files: Iterable[Path]) -> tuple[set[int], dict[str, Part]]:
    """Return every block number ever mentioned, and the part of each block id in force."""
    logged: set[int] = set()
    vouched: dict[str, Part] = {}
    for file in files:
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            operation, name, block = [*line.split("\t", 2), "", ""][:3]
            part = parse_part(name)
            if part is None:
                continue
            logged.add(part.first)
            if operation == ADD:
                vouched[block] = part
            else:
                vouched.pop(block, None)
    return logged, vouched


def _cut_torn_line(file: Path) -> None:
    content = file.read_bytes()
    if content and not content.endswith(b"\n"):
        file.write_bytes(content[: content.rfind(b"\n") + 1])


def _set_aside(table: Path, part: Part) -> None:
    log.warning("setting aside part %s of %s: its insert was cut off", part.name, table.name)
    detached = table / "detached"
    detached.mkdir(exist_ok=True)
    target = detached / f"sightline-interrupted_{part.name}"
    if target.exists():
        shutil.rmtree(target)
    (table / part.name).rename(target)
