"""What a guarded broker needs: certificates, users, access rules."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "for-tests-only"


@dataclass(frozen=True)
class Security:
    """How clients get in. Nodes among themselves talk in plain text on loopback.

    Attributes:
        users: names with passwords; SASL is on when there are any.
        mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
        tls: key stores, when the client listener shall speak TLS.
        acl: whether access rules decide; user `admin` and the nodes may do everything.
    """

    users: dict[str, str] = field(default_factory=dict)
    mechanism: str = "PLAIN"
    tls: Tls | None = None
    acl: bool = False

    def broker_properties(self) -> dict[str, str]:
        """Return the lines of server.properties."""
        protocol = ("SASL_" if self.users else "") + ("SSL" if self.tls else "PLAINTEXT")
        lines = {
            "listener.security.protocol.map": f"CLIENT:{protocol},INTERNAL:PLAINTEXT,"
            "CONTROLLER:PLAINTEXT",
            **(self.tls.broker_properties() if self.tls else {}),
            **(self._sasl() if self.users else {}),
        }
        if self.acl:
            lines |= {
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": "User:admin;User:ANONYMOUS",
            }
        return lines

    def format_options(self) -> list[str]:
        """Return what `kafka-storage.sh format` must know: SCRAM users live in the metadata log."""
        if not self.mechanism.startswith("SCRAM"):
            return []
        return [
            option
            for name, password in self.users.items()
            for option in (
                "--add-scram",
                f"{self.mechanism}=[name={name},password={password},iterations=4096]",
            )
        ]

    def _sasl(self) -> dict[str, str]:
        module = "org.apache.kafka.common.security."
        if self.mechanism == "PLAIN":
            users = " ".join(f'user_{name}="{word}"' for name, word in self.users.items())
            jaas = f"{module}plain.PlainLoginModule required {users};"
        else:
            jaas = f"{module}scram.ScramLoginModule required;"
        return {
            "sasl.enabled.mechanisms": self.mechanism,
            f"listener.name.client.{self.mechanism.lower()}.sasl.jaas.config": jaas,
        }


@dataclass(frozen=True)
class Tls:
    """Keys of one test run: an authority, a broker for 127.0.0.1 and a client."""

    directory: Path
    client_must_show_certificate: bool = False

    @property
    def authority(self) -> Path:
        """Certificate of the authority, PEM."""
        return self.directory / "ca.pem"

    @property
    def client_certificate(self) -> Path:
        """Certificate of the client, PEM."""
        return self.directory / "client.pem"

    @property
    def client_key(self) -> Path:
        """Private key of the client, PEM, without a password."""
        return self.directory / "client.key"

    def create(self) -> Tls:
        """Make all keys and certificates with openssl; return itself."""
        self.directory.mkdir(parents=True)
        _openssl(
            self.directory,
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tests"),
            *("-keyout", "ca.key", "-out", "ca.pem"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )
        for name in ("broker", "client"):
            self._certify(name)
            _openssl(
                self.directory,
                *("pkcs12", "-export", "-in", f"{name}.pem", "-inkey", f"{name}.key"),
                *("-out", f"{name}.p12", "-passout", f"pass:{PASSWORD}"),
            )
        return self

    def broker_properties(self) -> dict[str, str]:
        """Return the lines of server.properties."""
        lines = {
            "ssl.keystore.type": "PKCS12",
            "ssl.keystore.location": str(self.directory / "broker.p12"),
            "ssl.keystore.password": PASSWORD,
            "ssl.key.password": PASSWORD,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority),
        }
        if self.client_must_show_certificate:
            # With SASL, too, Kafka heeds this only for a listener by name.
            lines["listener.name.client.ssl.client.auth"] = "required"
        return lines

    def _certify(self, name: str) -> None:
        extensions = self.directory / f"{name}.ext"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        _openssl(
            self.directory,
            *("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"),
            *("-keyout", f"{name}.key", "-out", f"{name}.csr"),
        )
        _openssl(
            self.directory,
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key"),
            *("-CAcreateserial", "-days", "2", "-out", f"{name}.pem", "-extfile", extensions.name),
        )


def _openssl(directory: Path, *arguments: str) -> None:
    done = subprocess.run(
        ["openssl", *arguments], check=False, cwd=directory, capture_output=True, text=True
    )
    assert done.returncode == 0, f"openssl {arguments[0]}: {done.stderr}"
