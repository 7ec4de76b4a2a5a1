"""What must hold after everything that went wrong."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect
from tests.end_to_end import books
from tests.end_to_end.oracle.content import rows
from tests.end_to_end.processes import wait_for

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client
    from tests.end_to_end.oracle.content import Row
    from tests.end_to_end.processes import Topology
    from tests.end_to_end.writers import Sent

RECORDS: Final = ("traces", "logs", "metrics", "quarantine")
SETTLE_SECONDS: Final = 120
BOOKS: Final = Path(books.__file__).with_suffix(".sql")


def check(topology: Topology, sent: Sent) -> str:
    """Check everything once nobody sends any more; return what it found, in words.

    Raises:
        AssertionError: something was lost, doubled, changed, invented, or is still on its way.
    """
    wait_for(partial(_drained, topology), "all that was accepted is stored", SETTLE_SECONDS)
    client = clickhouse_connect.get_client(dsn=topology.store_url)
    try:
        found = check_records(client, sent)
        check_roll_ups(client)
        check_bus(client, topology)
    finally:
        client.close()
    check_ledger(topology)
    return found


def _drained(topology: Topology) -> bool:
    status = topology.get("/status")
    return bool(status) and not any(signal["lag_messages"] for signal in status["signals"])


def queries() -> dict[str, str]:
    """Return the statements of rows.sql by name."""
    text = Path(__file__).with_name("rows.sql").read_text()
    found = re.findall(r"^-- name: (\S+)\n(.+?)(?=^-- name|\Z)", text, re.MULTILINE | re.DOTALL)
    return dict(found)


def check_records(client: Client, sent: Sent) -> str:
    """Acknowledged: every record once, as it was sent. Not acknowledged: the same, or none of it.

    A request that was too large would be split; those here are not, so it is one message.
    """
    stored: defaultdict[str, Counter[Row]] = defaultdict(Counter)
    for table in RECORDS:
        for row in client.query(queries()[table]).result_rows:
            stored[str(row[0]).split(".")[0]][tuple(row)] += 1
    unanswered = {request.name for request in sent.lost}
    problems, arrived = [], 0
    for request in (*sent.acknowledged, *sent.lost):
        there = stored.pop(request.name, Counter())
        if not there and request.name in unanswered:
            continue
        arrived += request.name in unanswered
        if there != (expected := Counter(rows(request))):
            problems.append(_difference(request.name, expected, there))
    assert not problems, f"{len(problems)} requests are wrong, such as {problems[:5]}"
    assert not stored, f"nobody sent {list(stored.items())[:5]}"
    return (
        f"{len(sent.acknowledged)} requests acknowledged ({sent.records} records), all stored once;"
        f" {len(sent.lost)} without an answer, of which {arrived} are stored"
    )


def _difference(what: str, sent: Counter[Row], stored: Counter[Row]) -> str:
    missing, surplus = sent - stored, stored - sent
    return (
        f"{what} of {sent.total()} records: {missing.total()} missing {list(missing)[:1]},"
        f" {surplus.total()} too many {list(surplus)[:1]}"
    )


def check_roll_ups(client: Client) -> None:
    """Every roll-up is what the raw tables say."""
    for name, raw, rolled in books.pairs(BOOKS.read_text()):
        compared = client.query(books.COMPARE.format(raw=raw, rolled=rolled))
        [row] = compared.named_results()
        assert row["groups"], f"nothing in {name}"
        assert not row["wrong"], f"{name}: {row}"


def check_bus(client: Client, topology: Topology) -> None:
    """In = out + buffered between bus and store: each offset is in the ledger, nothing waits."""
    assert client.query(queries()["gaps"]).row_count == 0
    ends = {topic["topic"]: topic for topic in topology.get("/status")["bus"]["topics"]}
    messages: Counter[str] = Counter()
    for topic, partition, first, last, offsets, numbers in client.query(
        queries()["bus"]
    ).result_rows:
        assert (first, offsets) == (0, last + 1), (topic, partition, first, last, offsets)
        assert numbers == offsets, f"{topic}-{partition}: {offsets} messages, {numbers} numbers"
        messages[topic] += offsets
    for topic, count in messages.items():
        assert (ends[topic]["messages"], ends[topic]["pending"]) == (count, 0), ends[topic]
    assert topology.get("/dead-letters")["items"] == []


def check_ledger(topology: Topology) -> None:
    """The remainder that nobody can explain returns to nothing, hop by hop and in all."""
    ended = datetime.now(UTC)

    def balanced() -> bool:
        answer = topology.get("/ledger")
        return bool(
            answer
            and answer["settled"]
            and datetime.fromisoformat(answer["settled"]) > ended
            and answer["balanced"]
        )

    try:
        wait_for(balanced, "the books balance", 30)
    except AssertionError:
        raise AssertionError(_books(topology)) from None
    for row in topology.get("/ledger")["items"]:
        assert (row["unexplained"], row["duplicated_records"], row["in_flight"]) == (0, 0, 0), row
    for row in topology.get("/ledger/origins", limit=1000)["items"]:
        check_hops(row)


def check_hops(row: dict[str, Any]) -> None:
    """In = out at the collector and at the pipeline.

    A killed collector has not told its last numbers: at least what it told must have arrived. The
    report about metrics is itself a metric that comes after it.
    """
    assert row["arrived"] == row["stored"] + row["quarantined"], row
    assert row["duplicate_messages"] == row["missing_messages"] == 0, row
    if row["accepted"] is not None:
        out = row["forwarded"] + row["rejected"] + row["returned"]
        assert row["accepted"] - out >= 0, row
        assert row["forwarded"] <= row["arrived"], row


def _books(topology: Topology) -> str:
    return f"the books do not balance: {topology.get('/ledger')} {topology.get('/ledger/gaps')}"
