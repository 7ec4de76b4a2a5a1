"""How to reach a Kafka cluster and what to ask of it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from sightline_core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from sightline_core.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSecurity:
    """TLS when there is an authority or `tls`, SASL when there is a mechanism."""

    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    mechanism: str | None = None
    username: str | None = None
    password: str | None = None

    def client(self) -> dict[str, Any]:
        """Return aiokafka's arguments.

        Raises:
            ConfigError: a file cannot be used, or a user is missing.
        """
        encrypted = self.tls or self.ca_file is not None
        protocol = ("SASL_" if self.mechanism else "") + ("SSL" if encrypted else "PLAINTEXT")
        arguments: dict[str, Any] = {"security_protocol": protocol}
        if encrypted:
            arguments["ssl_context"] = self._context()
        if self.mechanism:
            if not self.username or self.password is None:
                raise ConfigError(
                    f"cannot use kafka_sasl_mechanism={self.mechanism}: "
                    "kafka_sasl_username and kafka_sasl_password must be set, too"
                )
            arguments |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return arguments

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
        except (OSError, ValueError) as error:
            files = [str(file) for file in (self.ca_file, self.cert_file, self.key_file) if file]
            raise ConfigError(
                f"cannot use TLS for Kafka: {error}; look at {', '.join(files)}"
            ) from error
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaOptions:
    """Everything that a `KafkaBus` must know. Times in seconds, sizes in bytes.

    Attributes:
        bootstrap_servers: `host:port`, several separated by commas.
        replication_factor: of topics made here; -1 leaves it to the cluster.
        create_topics: False where the cluster's owner makes topics: they are only looked at.
        retention_seconds: of topics made here; `dead_letter_retention_seconds` of `*.dlq`.
        group_instance_id: static membership: a restart within the session is no rebalance.
        max_poll_seconds: a consumer that does not poll for that long loses its partitions.
        stall_seconds: a consumer that gets nothing for that long while there is something is
            built anew.
        request_timeout_seconds: a broker that does not answer for that long is left.
        metadata_seconds: new topics and partitions are noticed this quickly; costs one small
            request.
    """

    bootstrap_servers: str
    client_id: str = "sightline"
    security: KafkaSecurity = KafkaSecurity()
    max_message_bytes: int = 1_000_000
    replication_factor: int = -1
    create_topics: bool = True
    retention_seconds: float = 7 * 86400
    dead_letter_retention_seconds: float = 30 * 86400
    group_instance_id: str | None = None
    session_timeout_seconds: float = 30
    max_poll_seconds: float = 300
    stall_seconds: float = 60
    send_timeout_seconds: float = 30
    request_timeout_seconds: float = 15
    metadata_seconds: float = 5

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Take the settings whose names begin with `kafka_`."""
        password = settings.kafka_sasl_password
        return cls(
            bootstrap_servers=settings.kafka_bootstrap_servers,
            security=KafkaSecurity(
                tls=settings.kafka_tls,
                ca_file=settings.kafka_ssl_ca_file,
                cert_file=settings.kafka_ssl_cert_file,
                key_file=settings.kafka_ssl_key_file,
                mechanism=settings.kafka_sasl_mechanism,
                username=settings.kafka_sasl_username,
                password=password.get_secret_value() if password else None,
            ),
            max_message_bytes=settings.kafka_max_message_bytes,
            replication_factor=settings.kafka_replication_factor,
            create_topics=settings.kafka_create_topics,
            retention_seconds=settings.kafka_retention_seconds,
            dead_letter_retention_seconds=settings.dead_letter_retention_seconds,
            group_instance_id=settings.kafka_group_instance_id,
            session_timeout_seconds=settings.kafka_session_timeout_seconds,
            max_poll_seconds=settings.kafka_max_poll_seconds,
            stall_seconds=settings.kafka_stall_seconds,
            send_timeout_seconds=settings.kafka_send_timeout_seconds,
        )

    def client(self) -> dict[str, Any]:
        """Return the arguments that all of aiokafka's clients share."""
        return {
            "bootstrap_servers": self.bootstrap_servers,
            "client_id": self.client_id,
            "request_timeout_ms": round(self.request_timeout_seconds * 1000),
            "metadata_max_age_ms": round(self.metadata_seconds * 1000),
            **self.security.client(),
        }

    def changed(self, **values: Any) -> Self:
        """Return a copy with other values."""
        return replace(self, **values)
