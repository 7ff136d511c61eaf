"""All settings of adrwatch, validated at start: environment (ADRWATCH_...), then `adrwatch.toml`, then defaults.

Where `adrwatch up` runs, it leaves the addresses of its servers in `<data_dir>/up.json`; they stand in for the defaults.
"""

from __future__ import annotations

import difflib
import functools
import ipaddress
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from shared.errors import AdrwatchError
from shared.secret_settings import SecretFiles, variables
from shared.topics import DECLARED, MOST_PARTITIONS, spread_over

PACKAGE_ROOT = Path(__file__).resolve().parent.parent
UP_FILE = "up.json"
_ADDRESSES = ("kafka_bootstrap", "redis_url", "triton_url")
_LAST_PORT = 65_535
_SHORTEST_SECRET = 16
# Who listens everywhere does so here.
# What the standard variables of OpenTelemetry may say here: credentials and certificates for the collector, labels.
_OTEL_HONOURED = re.compile(
    r"OTEL_(RESOURCE_ATTRIBUTES|EXPORTER_OTLP_(TRACES_)?(HEADERS|COMPRESSION|CERTIFICATE|CLIENT_KEY|CLIENT_CERTIFICATE))"
)
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


class Settings(BaseSettings):
    """One object for every service. Lengths of time are seconds unless the name says otherwise."""

    model_config = SettingsConfigDict(env_prefix="ADRWATCH_", toml_file="adrwatch.toml", extra="forbid")

    kafka_bootstrap: str | None = Field(
        None, pattern=r"^[^\s,/]+:\d+(,[^\s,/]+:\d+)*$", description="host:port[,host:port]"
    )
    kafka_security: str = Field(
        "PLAINTEXT",
        pattern="^(PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)$",
        description="Kafka's protocol: PLAINTEXT, SSL (encrypted), SASL_PLAINTEXT (with a user's name) or SASL_SSL (both)",
    )
    kafka_sasl_mechanism: str = Field(
        "SCRAM-SHA-512",
        pattern="^(PLAIN|SCRAM-SHA-256|SCRAM-SHA-512)$",
        description="how the user is proven to Kafka: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
    )
    kafka_username: str | None = Field(
        None, min_length=1, validate_default=True, description="user at Kafka, with SASL_PLAINTEXT and SASL_SSL"
    )
    kafka_password: SecretStr | None = Field(
        None, min_length=1, validate_default=True, description="password of the user at Kafka"
    )
    kafka_ca_file: Path | None = Field(
        None, description="certificates (PEM) of those who vouch for your Kafka; unset, those that the system trusts"
    )
    kafka_cert_file: Path | None = Field(
        None, description="certificate (PEM) that adrwatch shows to Kafka, where the broker asks for one"
    )
    kafka_key_file: Path | None = Field(
        None, validate_default=True, description="key (PEM) of that certificate, which nobody else may read"
    )
    redis_url: str | None = Field(
        None,
        pattern=r"^(rediss?://[^/\s]+(/\d*)?(\?\S*)?|unix://\S+)$",
        description="redis://host:port/0; rediss:// for an encrypted line",
    )
    redis_username: str | None = Field(
        None, min_length=1, description="user at Redis, where it does not stand in the URL; unset, `default`"
    )
    redis_password: SecretStr | None = Field(
        None, min_length=1, description="password at Redis, where it does not stand in the URL"
    )
    redis_ca_file: Path | None = Field(
        None, description="certificates (PEM) of those who vouch for your Redis; unset, those that the system trusts"
    )
    redis_cert_file: Path | None = Field(
        None, description="certificate (PEM) that adrwatch shows to Redis, where it asks for one"
    )
    redis_key_file: Path | None = Field(
        None, validate_default=True, description="key (PEM) of that certificate, which nobody else may read"
    )
    triton_url: str | None = Field(None, pattern=r"^[^\s/:]+:\d+$", description="host:port of Triton's gRPC")
    triton_security: str = Field(
        "PLAINTEXT", pattern="^(PLAINTEXT|SSL)$", description="the line to Triton: PLAINTEXT, or SSL (encrypted)"
    )
    triton_ca_file: Path | None = Field(
        None, description="certificates (PEM) of those who vouch for your Triton; unset, those that gRPC trusts"
    )
    triton_cert_file: Path | None = Field(
        None, description="certificate (PEM) that adrwatch shows to Triton, where it asks for one"
    )
    triton_key_file: Path | None = Field(
        None, validate_default=True, description="key (PEM) of that certificate, which nobody else may read"
    )
    topic_prefix: str = Field(
        "adr", pattern=r"^[a-zA-Z0-9._-]{1,100}$", description="topics are named PREFIX.posts and so on"
    )
    partitions: int = Field(
        DECLARED,
        ge=DECLARED,
        le=MOST_PARTITIONS,
        multiple_of=DECLARED,
        description="partitions of the topics of posts, outcomes and mentions, as `adrwatch topics raise` made them; the same for "
        "all processes",
    )
    redis_prefix: str = Field(
        "adrwatch", pattern=r"^[a-zA-Z0-9._-]{1,100}$", description="all Redis keys begin with it"
    )

    data_dir: Path = Field(Path(".adrwatch"), description="where `adrwatch up` keeps server data and logs")
    cache_dir: Path = Field(Path("~/.cache/adrwatch"), description="downloads that every instance shares")
    model_repository: Path = Field(PACKAGE_ROOT / "triton_models", description="folder of the Triton models")
    rules_file: Path = Field(
        PACKAGE_ROOT / "shared" / "signals" / "rules.toml",
        description="TOML file with the rules of alerting that differ from the shipped ones",
    )

    meddra_folder: Path | None = Field(
        None, description="your MedAscii folder: reactions are then MedDRA preferred terms; unset, the open vocabulary"
    )
    meddra_version: str | None = Field(
        None, pattern=r"^\d+\.\d+$", description="the MedDRA version that the folder must have, such as 27.1"
    )
    normaliser: Path | None = Field(None, description="folder that `adrwatch train normalise` wrote")
    atc_file: Path | None = Field(None, description="your ATC table (CSV): its codes are attached to medicines")
    drugs_file: Path | None = Field(
        None,
        description="drug list that `adrwatch drugs export` wrote, for commands that run without Kafka; workers go by the topic",
    )
    icd10: str | None = Field(
        None, min_length=1, description="ICD-10-CM codes of indications: `package` (extra icd10), or your code list"
    )

    author_secret: SecretStr | None = Field(
        None, min_length=16, description="key of the author hash, 16 characters or more"
    )
    previous_author_secrets: SecretStr | None = Field(
        None,
        description="earlier keys of the author hash, newest first, with commas between: what they have named is still found",
    )
    sketch_secret: SecretStr | None = Field(
        None,
        min_length=16,
        description="key of the sketches that link near-duplicates, 16 characters or more, the same for all pipeline workers",
    )

    database_url: str | None = Field(
        None,
        pattern=r"^(sqlite|postgresql)(\+\w+)?://\S+$",
        description="where cases are kept: postgresql://user@host/name; unset, a file in data_dir",
    )
    audit_secret: SecretStr | None = Field(
        None, min_length=16, description="key of the audit trail, 16 characters or more"
    )
    audit_anchors: Path | None = Field(
        None, description="file outside the database that keeps the trail's head; unset, one in data_dir"
    )
    no_case_export: str = Field(
        "x",
        pattern=r"^([\w.-]+(,[\w.-]+)*)?$",
        description="sources, with commas between, whose cases may not be exported, whatever else is said (docs/cases.md)",
    )
    reference_safety: Path | None = Field(
        None,
        description="your reference safety information: CSV with the columns drug and text, or JSON of texts by drug",
    )
    background_store: Path | None = Field(
        None,
        description="store of `adrwatch background` that the dashboard shows beside the posts (docs/background.md); unset, none",
    )
    actor: str | None = Field(
        None, min_length=1, max_length=100, description="who acts on cases; unset, the system's user"
    )

    notifiers_file: Path | None = Field(
        None, description="TOML file of the notification channels (docs/notifications.md); unset, nobody is notified"
    )

    sources_file: Path | None = Field(
        None, description="TOML file of the live sources (docs/sources.md); unset, posts come from files only"
    )
    spool_mib: int = Field(
        1024, ge=0, le=1_000_000, description="most that a live source keeps on disk while Kafka is away; 0 for nothing"
    )
    spool_free_mib: int = Field(
        1024, ge=0, le=1_000_000, description="of the disk so much stays free: spools take no more before"
    )
    spool_fsync: str = Field(
        "always",
        pattern=r"^(always|never|\d+(\.\d+)?)$",
        description="when a spool waits for the disk: always (each batch), every so many seconds, or never",
    )

    push_host: str = Field(
        "127.0.0.1",
        pattern=r"^[a-zA-Z0-9.:-]+$",
        description="address at which `adrwatch worker push` takes posts (docs/sources/push.md); 0.0.0.0 for every network",
    )
    push_port: int = Field(8470, ge=1, le=65535, description="port at which `adrwatch worker push` takes posts")

    dashboard_host: str = Field(
        "127.0.0.1",
        pattern=r"^[a-zA-Z0-9.:-]+$",
        description="address at which `adrwatch worker dashboard` serves pages and API; 0.0.0.0 for every network",
    )
    dashboard_port: int = Field(8480, ge=1, le=65535, description="port of the dashboard")
    dashboard_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/]+$",
        description="https://host of the dashboard as people's browsers reach it, where that is not its own address",
    )
    dashboard_proxies: str = Field(
        "127.0.0.1,::1",
        description="addresses and networks, with commas between, of the proxies that are believed when they say for whom they "
        "ask (docs/access.md); empty, none",
    )
    dashboard_access: str = Field(
        "people",
        pattern="^(people|development)$",
        description="who may use the dashboard: people who sign in, or, on the loopback only, everybody (development)",
    )
    dashboard_oidc_issuer: str | None = Field(
        None,
        pattern=r"^https?://[^\s?#]+$",
        description="issuer of the OpenID Connect provider that signs people in (docs/access.md); unset, passwords only",
    )
    dashboard_oidc_client_id: str | None = Field(None, min_length=1, description="the dashboard's id at that provider")
    dashboard_oidc_client_secret: SecretStr | None = Field(
        None, min_length=1, description="the dashboard's secret at that provider; unset, PKCE alone"
    )
    dashboard_oidc_claim: str = Field(
        "groups", min_length=1, description="claim of the id token with a person's groups"
    )
    dashboard_oidc_roles: str = Field(
        "",
        pattern=r"^([^=,]+=(viewer|assessor|operator|admin)(,[^=,]+=(viewer|assessor|operator|admin))*)?$",
        description="roles of the provider's groups: group=role,group=role; who is in none of them is not let in",
    )

    worker_id: str = Field(
        "1", pattern=r"^[a-zA-Z0-9._-]{1,50}$", description="static group membership: unique per service"
    )
    metrics_port: int = Field(0, ge=0, le=65535, description="port of a worker's metrics and health; 0 for none")
    traces_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^\s?#]+$",
        description="http://host:4318 of a collector of OpenTelemetry traces, by OTLP over HTTP (docs/traces.md); unset, none",
    )
    traces_ratio: float = Field(
        0.01, ge=0, le=1, description="part of the posts whose way is traced, chosen where they enter"
    )
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="DEBUG, INFO, WARNING or ERROR")

    batch_size: int = Field(128, ge=1, le=1024, description="posts in a micro-batch")
    batch_wait: float = Field(0.2, gt=0, le=10, description="the longest wait for a batch to fill")
    retry_first: float = Field(0.2, gt=0, le=60, description="first wait when a dependency is away")
    retry_most: float = Field(10.0, gt=0, le=60, description="longest wait when a dependency is away")
    dead_letter_limit: int = Field(
        100,
        ge=0,
        description="so many of the last records of a partition may become dead letters; with more the stage stands still until "
        "`adrwatch dead-letters resume`; 0: it never does",
    )
    dead_letter_window: int = Field(
        1000, ge=1, le=100_000, description="how many of the last records of a partition that is"
    )
    stop_grace: float = Field(20.0, gt=0, le=300, description="how long a stopped worker may finish its batch")
    # No character has more than four bytes: the longest post fits into a message with its outcome.
    max_post_chars: int = Field(20_000, ge=280, le=200_000, description="longer posts are rejected at ingest")
    drift_window: int = Field(
        2000,
        ge=500,
        le=100_000,
        description="so many last posts of a pipeline worker are held against the reference of the model (docs/drift.md)",
    )
    languages: str = Field(
        "en",
        pattern=r"^en(,(ru|zh|de|fr))*$",
        description="languages in which posts are read, with commas between; others than en need models (docs/languages.md)",
    )
    policy: str = Field(
        "balanced",
        pattern="^(recall|balanced|precision)$",
        description="what the classifier's threshold was chosen for: recall, balanced, or precision (docs/models); posts that "
        "state something grave always pass from that of recall on",
    )
    gated: bool = Field(
        True, description="false asks both models about every post, to measure what screen and classifier hold back"
    )
    evaluate_every: float = Field(1.0, gt=0, le=60, description="alerting looks for closed buckets this often")
    future_limit: float = Field(600.0, gt=0, le=1e9, description="posts further in the future go to the dead letters")

    @field_validator(*_ADDRESSES)
    @classmethod
    def _check_ports(cls, value: str | None) -> str | None:
        for port in re.findall(r":(\d+)(?=[,/?]|$)", value or ""):
            if not 0 < int(port) <= _LAST_PORT:
                raise ValueError(f"there is no port {port}, the last is {_LAST_PORT}")
        return value

    @field_validator("dashboard_proxies")
    @classmethod
    def _check_proxies(cls, value: str) -> str:
        for one in value.split(",") if value else ():
            try:
                ipaddress.ip_network(one.strip())
            except ValueError:
                raise ValueError(f"{one.strip()!r} is neither an address nor a network") from None
        return value

    @field_validator("kafka_username", "kafka_password")
    @classmethod
    def _check_user(cls, value: str | SecretStr | None, info: ValidationInfo) -> str | SecretStr | None:
        # A protocol that is wrong itself is not among the data.
        protocol = info.data.get("kafka_security")
        if protocol is not None and protocol.startswith("SASL") != (value is not None):
            raise ValueError(f"ADRWATCH_KAFKA_SECURITY={protocol} {'uses none' if value is not None else 'needs one'}")
        return value

    @field_validator("kafka_key_file", "redis_key_file", "triton_key_file")
    @classmethod
    def _check_key(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        certificate = str(info.field_name).replace("key", "cert")
        if (value is None) != (info.data.get(certificate) is None):
            raise ValueError(f"it goes together with ADRWATCH_{certificate.upper()}: give both or none")
        return value

    @field_validator("previous_author_secrets")
    @classmethod
    def _check_previous(cls, value: SecretStr | None) -> SecretStr | None:
        for number, one in enumerate(value.get_secret_value().split(",") if value else (), 1):
            if len(one.strip()) < _SHORTEST_SECRET:
                raise ValueError(f"secret {number} is shorter than {_SHORTEST_SECRET} characters")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, files of secrets that it names, then the TOML file of the working directory."""
        files = SecretFiles(settings_cls, os.environ)
        return init_settings, env_settings, files, TomlConfigSettingsSource(settings_cls)

    @property
    def push_url(self) -> str:
        """Where this machine finds `adrwatch worker push`."""
        host = _EVERYWHERE.get(self.push_host, self.push_host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.push_port}"

    @property
    def dashboard_address(self) -> str:
        """Where people find the dashboard, without a slash at the end."""
        if self.dashboard_url is not None:
            return self.dashboard_url
        host = _EVERYWHERE.get(self.dashboard_host, self.dashboard_host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.dashboard_port}"

    def require(self, name: str) -> str:
        """An address that must be known by now (`kafka_bootstrap`, `redis_url`, `triton_url`)."""
        value = getattr(self, name)
        if value is None:
            raise AdrwatchError(
                f"no address for {name.split('_')[0]} is set and no running instance was found in {self.data_dir}",
                fix=f"start one with `adrwatch up`, or set ADRWATCH_{name.upper()}",
            )
        return str(value)


def load(**overrides: Any) -> Settings:
    """Read and check the settings. Raises AdrwatchError naming the first wrong variable."""
    _refuse_misspelt(os.environ)
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]).removeprefix("ADRWATCH_").upper()
        unknown = first["type"] == "extra_forbidden"
        hidden = unknown or "_SECRET" in name or "_PASSWORD" in name or first.get("input") is None
        quoted = "" if hidden else f", got {plain_address(first.get('input'))!r}"
        raise AdrwatchError(
            f"setting ADRWATCH_{name}: {first['msg'].removeprefix('Value error, ')}{quoted}",
            fix="remove it from adrwatch.toml" if unknown else _hint(name.lower()),
        ) from None
    except (ValueError, OSError) as error:
        raise AdrwatchError(f"adrwatch.toml cannot be read: {error}", fix="mend or remove the file") from None
    if settings.traces_endpoint is not None:
        _refuse_second_way(os.environ)
    cache = settings.cache_dir.expanduser()
    return settings.model_copy(update={"cache_dir": cache, **_running_instance(settings)})


def _refuse_misspelt(environment: Mapping[str, str]) -> None:
    """Raise AdrwatchError for a variable that is nearly a setting.

    Others that begin with ADRWATCH_ are let be: Kubernetes sets such names for every service called adrwatch-something.
    """
    known = {f"ADRWATCH_{name.upper()}" for name in Settings.model_fields} | variables(Settings).keys()
    for name in environment:
        if name.startswith("ADRWATCH_") and name not in known:
            meant = difflib.get_close_matches(name, known, n=1, cutoff=0.9)
            if meant:
                raise AdrwatchError(
                    f"{name} is no setting", fix=f"did you mean {meant[0]}? `adrwatch settings` lists all"
                )


def _refuse_second_way(environment: Mapping[str, str]) -> None:
    """Raise AdrwatchError for a variable of OpenTelemetry that would say once more, or otherwise, what the settings say."""
    for name in sorted(environment):
        if name.startswith("OTEL_") and not _OTEL_HONOURED.fullmatch(name):
            raise AdrwatchError(
                f"{name} is set, and traces go by the settings of adrwatch",
                fix="unset it; use ADRWATCH_TRACES_ENDPOINT and ADRWATCH_TRACES_RATIO (docs/traces.md names what is honoured)",
            )


def plain_address(url: object) -> str:
    """An address without its password, for people to read."""
    hidden = re.sub(r"(?<=://)([^/@]*?):[^/]*@", r"\1:***@", str(url))
    return re.sub(r"([?&](?:password|sslpassword)=)[^&]*", r"\1***", hidden)


def _hint(name: str) -> str:
    field = Settings.model_fields.get(name)
    wanted = (
        field.description if field and field.description else f"default {field.default!r}" if field else "see the docs"
    )
    return f"expected: {wanted}"


def _running_instance(settings: Settings) -> dict[str, str]:
    """Addresses of the instance that `adrwatch up` started, for those that are not set otherwise."""
    try:
        found = json.loads((settings.data_dir / UP_FILE).read_text())
        # A launcher that was killed leaves its file behind.
        alive = psutil.pid_exists(found["pid"])
    except (OSError, ValueError, LookupError, TypeError):
        return {}
    if not alive:
        return {}
    return {name: found[name] for name in _ADDRESSES if getattr(settings, name) is None and found.get(name)}


@functools.cache
def current() -> Settings:
    """The process's settings, read once. From then on its topics have as many partitions as they say."""
    settings = load()
    spread_over(settings.partitions)
    return settings
