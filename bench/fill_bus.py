"""Fills an embedded bus with a corpus: `python -m bench.fill_bus SIGNAL RECORDS DIRECTORY`.

A process of its own, so that the corpus does not count as memory of what is measured. Prints one
JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from bench.corpus import corpus
from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.bus.protocol import Message
from sightline_core.settings import Settings
from sightline_core.wire.envelope import headers
from sightline_core.wire.names import Signal

RECORDS_PER_MESSAGE = 512


async def fill(signal: Signal, records: int, directory: Path) -> dict[str, int]:
    """Send the corpus, spread evenly over the partitions."""
    made = corpus(signal, messages=records // RECORDS_PER_MESSAGE, per_message=RECORDS_PER_MESSAGE)
    settings = Settings(data_dir=directory)
    bus = EmbeddedBus.from_settings(settings)
    await bus.create_topic(signal.topic, partitions=settings.bus_partitions)
    sends = []
    for number, message in enumerate(made.messages, start=1):
        about = headers(
            tenant="default",
            origin="bench",
            seq=number,
            records=RECORDS_PER_MESSAGE,
            received_at_unix_nano=time.time_ns(),
        )
        partition = number % settings.bus_partitions
        sends.append(bus.send(signal.topic, Message(message, headers=about), partition=partition))
    await asyncio.gather(*sends)
    await bus.close()
    return {"records": made.records, "bytes": made.size}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(fill(Signal(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))))
