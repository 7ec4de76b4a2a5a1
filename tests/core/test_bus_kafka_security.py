"""A guarded Kafka: TLS, passwords, access rules that are missing, granted and taken back."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.broker.acl import ALL, DESCRIBE, GROUP, READ, TOPIC, WRITE, grant, revoke
from tests.broker.cluster import KafkaCluster
from tests.broker.security import Security, Tls

from sightline_core.bus.kafka.bus import KafkaBus
from sightline_core.bus.kafka.options import KafkaOptions, KafkaSecurity
from sightline_core.bus.protocol import Message, TopicPartition
from sightline_core.errors import BusError, BusUnavailable, ConfigError
from sightline_core.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from sightline_core.bus.protocol import Consumer

DEADLINE = 30.0
USERS = {"admin": "admin-word", "sightline": "sightline-word"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """One node that demands a certificate and a SCRAM password, and obeys access rules."""
    directory = tmp_path_factory.mktemp("guarded")
    tls = Tls(directory / "keys", client_must_show_certificate=True).create()
    security = Security(users=USERS, mechanism="SCRAM-SHA-512", tls=tls, acl=True)
    with KafkaCluster(directory / "kafka", security=security) as cluster:
        yield cluster


def options(guarded: KafkaCluster, user: str) -> KafkaOptions:
    assert guarded.security is not None
    tls = guarded.security.tls
    assert tls is not None
    return KafkaOptions(
        bootstrap_servers=guarded.bootstrap,
        request_timeout_seconds=5,
        metadata_seconds=1,
        security=KafkaSecurity(
            ca_file=tls.authority,
            cert_file=tls.client_certificate,
            key_file=tls.client_key,
            mechanism="SCRAM-SHA-512",
            username=user,
            password=USERS[user],
        ),
    )


@pytest.fixture
async def connect() -> AsyncIterator[Callable[[KafkaOptions], KafkaBus]]:
    """Open buses and close them."""
    opened: list[KafkaBus] = []

    def open_one(asked: KafkaOptions) -> KafkaBus:
        opened.append(KafkaBus(asked))
        return opened[-1]

    yield open_one
    for bus in opened:
        await bus.close()


@pytest.fixture
def name() -> str:
    return uuid.uuid4().hex[:12]


async def take(consumer: Consumer, count: int) -> list[bytes]:
    """Poll as the pipeline does: again after every refusal."""
    values: list[bytes] = []
    async with asyncio.timeout(DEADLINE):
        while len(values) < count:
            with contextlib.suppress(BusUnavailable):
                for batch in (await consumer.poll()).values():
                    values += [record.value for record in batch]
    return values


async def refused(consumer: Consumer, why: str) -> None:
    """Poll until it is refused for this reason."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                assert await consumer.poll() == {}
            except BusUnavailable as error:
                if why in str(error):
                    return


async def test_messages_pass_over_tls_with_a_certificate_and_a_password(
    guarded: KafkaCluster, connect: Callable[[KafkaOptions], KafkaBus], name: str
) -> None:
    bus = connect(options(guarded, "admin"))
    await bus.create_topic(name, partitions=1)
    await bus.send(name, Message(b"secret"))
    assert await take(bus.consumer(name, [name]), 1) == [b"secret"]
    assert (await bus.read(TopicPartition(name, 0), 0, 0))[0].value == b"secret"


async def test_the_settings_say_all_that_a_guarded_broker_asks_for(
    guarded: KafkaCluster, name: str
) -> None:
    wanted = options(guarded, "admin")
    settings = load_settings(
        bus="kafka",
        kafka_bootstrap_servers=guarded.bootstrap,
        kafka_ssl_ca_file=wanted.security.ca_file,
        kafka_ssl_cert_file=wanted.security.cert_file,
        kafka_ssl_key_file=wanted.security.key_file,
        kafka_sasl_mechanism="SCRAM-SHA-512",
        kafka_sasl_username="admin",
        kafka_sasl_password="admin-word",
    )
    assert "admin-word" not in repr(settings)
    assert "admin-word" not in settings.model_dump_json()
    bus = KafkaBus.from_settings(settings)
    assert await bus.partitions(name) == 0
    await bus.close()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # asyncio, after a failed handshake
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"password": "wrong"}, "refuses the user or the password.*invalid credentials"),
        ({"username": "nobody"}, "refuses the user or the password.*invalid credentials"),
        ({"ca_file": None, "tls": True}, "no TLS with Kafka.*certificate verify failed"),
        ({"cert_file": None}, "cannot look up topic t: "),
    ],
    ids=["password", "user", "authority", "certificate"],
)
async def test_who_is_not_let_in_is_told_why(
    guarded: KafkaCluster,
    connect: Callable[[KafkaOptions], KafkaBus],
    wrong: dict[str, Any],
    message: str,
) -> None:
    right = options(guarded, "sightline")
    bus = connect(replace(right, security=replace(right.security, **wrong)))
    with pytest.raises(BusUnavailable, match=message) as caught:
        await bus.partitions("t")
    assert "allow" not in str(caught.value)
    gc.collect()


@pytest.mark.parametrize(
    ("security", "message"),
    [
        (KafkaSecurity(ca_file=Path("/no/such.pem")), "cannot use TLS for Kafka.*such.pem"),
        (KafkaSecurity(mechanism="PLAIN", username="u"), "kafka_sasl_password must be set"),
    ],
)
async def test_settings_that_cannot_work_are_refused_at_once(
    security: KafkaSecurity, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        KafkaBus(KafkaOptions(bootstrap_servers="127.0.0.1:1", security=security))


async def test_what_is_not_allowed_waits_until_it_is_granted(
    guarded: KafkaCluster, connect: Callable[[KafkaOptions], KafkaBus], name: str
) -> None:
    admin = options(guarded, "admin")
    await connect(admin).create_topic(name, partitions=1)
    bus = connect(options(guarded, "sightline"))
    with pytest.raises(BusUnavailable, match="does not allow this user to use the topic"):
        await bus.send(name, Message(b"x"))
    await grant(admin.client(), "sightline", (TOPIC, name, DESCRIBE))
    with pytest.raises(BusUnavailable, match="does not allow this user to use"):
        await bus.send(name, Message(b"x"))
    await grant(admin.client(), "sightline", (TOPIC, name, WRITE))
    assert (await bus.send(name, Message(b"granted"))).offset == 0

    consumer = bus.consumer(name, [name])
    await refused(consumer, "does not allow this user to use the consumer group")
    await grant(admin.client(), "sightline", (GROUP, name, READ))
    await refused(consumer, "does not allow this user to use the topic")
    await grant(admin.client(), "sightline", (TOPIC, name, READ))
    assert await take(consumer, 1) == [b"granted"]

    await revoke(admin.client(), "sightline", (TOPIC, name, READ), (TOPIC, name, WRITE))
    with pytest.raises(BusUnavailable, match="does not allow this user to use the topic"):
        await bus.send(name, Message(b"revoked"))
    await refused(consumer, "does not allow this user to use the topic")
    await grant(admin.client(), "sightline", (TOPIC, name, ALL))
    await bus.send(name, Message(b"again"))
    assert await take(consumer, 1) == [b"again"]


async def test_who_may_not_make_topics_is_told_how_to_have_them_made(
    guarded: KafkaCluster, connect: Callable[[KafkaOptions], KafkaBus], name: str
) -> None:
    admin = options(guarded, "admin")
    await grant(admin.client(), "sightline", (TOPIC, name, DESCRIBE))
    bus = connect(options(guarded, "sightline"))
    with pytest.raises(BusError, match=r"kafka-topics\.sh --create --topic .* --partitions 2"):
        await bus.create_topic(name, partitions=2)
    await connect(admin).create_topic(name, partitions=2)
    await bus.create_topic(name, partitions=2)
