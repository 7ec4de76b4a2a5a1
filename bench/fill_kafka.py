"""Fills a topic on Kafka with a corpus: `python -m bench.fill_kafka SIGNAL RECORDS BOOTSTRAP`.

A process of its own, as `bench.fill_bus`. At most 512,000 distinct records are made; more are those
again, so that a long backlog costs seconds of preparation. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from itertools import cycle, islice

from bench.corpus import corpus
from sightline_core.bus.kafka.bus import KafkaBus
from sightline_core.bus.protocol import Message
from sightline_core.settings import Settings
from sightline_core.wire.envelope import headers
from sightline_core.wire.names import Signal

RECORDS_PER_MESSAGE = 512
DISTINCT_MESSAGES = 1000
AT_ONCE = 200


async def fill(signal: Signal, records: int, bootstrap: str) -> dict[str, int]:
    """Send the corpus, spread evenly over the partitions."""
    messages = records // RECORDS_PER_MESSAGE
    distinct = min(messages, DISTINCT_MESSAGES)
    made = corpus(signal, messages=distinct, per_message=RECORDS_PER_MESSAGE)
    settings = Settings(bus="kafka", kafka_bootstrap_servers=bootstrap)
    bus = KafkaBus.from_settings(settings)
    await bus.create_topic(signal.topic, partitions=settings.bus_partitions)
    size = 0
    values = enumerate(islice(cycle(made.messages), messages), start=1)
    while several := list(islice(values, AT_ONCE)):
        sends = []
        for number, value in several:
            about = headers(
                tenant="default",
                origin="bench",
                seq=number,
                records=RECORDS_PER_MESSAGE,
                received_at_unix_nano=time.time_ns(),
            )
            partition = number % settings.bus_partitions
            sends.append(bus.send(signal.topic, Message(value, headers=about), partition=partition))
            size += len(value)
        await asyncio.gather(*sends)
    await bus.close()
    return {"records": messages * RECORDS_PER_MESSAGE, "bytes": size}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(fill(Signal(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))))
