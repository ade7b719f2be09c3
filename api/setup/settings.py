"""All settings of Toll: one table is the source of parsing, of the help, of the docs.

A setting comes from its `TOLL_*` variable, else from `toll.toml`, else from its default. They are
read once, at the start; nothing else in Toll looks at the environment, but for the secrets that the
file TOLL_SUBSCRIPTIONS names.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from enrich.suggest import Names, did_you_mean
from ingest.errors import SettingsError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as people meet it."""

    name: str  # the field of `Settings`; the variable is TOLL_ + upper case
    default: str
    help: str
    parse: Callable[[str], Any]
    secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"TOLL_{self.name.upper()}"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the HTTP server listens."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def url(self) -> str:
        """The address as a browser on this machine writes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether a host name means this machine and nothing else."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _text(value: str) -> str:
    return value


def _path(value: str) -> Path:
    return Path(value).expanduser()


def _optional_path(value: str) -> Path | None:
    return _path(value) if value else None


def _optional(value: str) -> str | None:
    return value or None


def _listed(value: str) -> tuple[str, ...]:
    return tuple(part for one in value.split(",") if (part := one.strip()))


def _listen(value: str) -> Listen:
    host, colon, port = value.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise ValueError("write host:port, such as 127.0.0.1:8080")
    return Listen(host.strip("[]") or "127.0.0.1", int(port))


def _optional_listen(value: str) -> Listen | None:
    return _listen(value) if value else None


def _days(value: str) -> timedelta:
    days = _positive(value)
    if days > _LONGEST_DAYS:
        raise ValueError(f"write at most {_LONGEST_DAYS} days")
    return timedelta(days=days)


def _positive(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise ValueError("write a number above 0")
    return number


def _count(value: str) -> int:
    if not value.isascii() or not value.isdecimal() or int(value) < 1:
        raise ValueError("write a whole number of at least 1")
    return int(value)


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write http://host:port")
    return value.rstrip("/")


def _optional_url(value: str) -> str:
    return _url(value) if value else ""


def _flag(value: str) -> bool:
    if value not in {"yes", "no"}:
        raise ValueError("write yes or no")
    return value == "yes"


def _client(value: str) -> str:
    if value not in {"auto", "kafka-python", "confluent"}:
        raise ValueError("write auto, kafka-python or confluent")
    return value


_LONGEST_DAYS = 20_000  # the store dates expiry in seconds since 1970, which end in 2106


SETTINGS: tuple[Setting, ...] = (
    Setting("map", "", "The map: one YAML file, or a folder of them.", _optional_path),
    Setting("data", "data", "Folder of the embedded log and store, and of the salt.", _path),
    Setting(
        "kafka",
        "",
        "Kafka brokers, host:port,...; without it, an embedded log in the data folder.",
        _optional,
    ),
    Setting(
        "kafka_client",
        "auto",
        "Which Kafka client: auto takes confluent where `toll[fast]` is installed.",
        _client,
    ),
    Setting(
        "clickhouse",
        "",
        "ClickHouse, https://user:pass@host:8443/database; without it, an embedded engine.",
        _optional,
        secret=True,
    ),
    Setting("listen", "127.0.0.1:8080", "Where the HTTP server listens.", _listen),
    Setting(
        "health_listen",
        "",
        "Where `toll ingest` and `toll assess` answer /health and /metrics; without it, nowhere.",
        _optional_listen,
    ),
    Setting(
        "tokens",
        "",
        "File of hashed tokens (`toll token`). Listening beyond loopback needs it.",
        _optional_path,
    ),
    Setting(
        "salt",
        "",
        "Company salt for hashing keys and customers; else one is made in the data folder.",
        _text,
        secret=True,
    ),
    Setting(
        "pagerduty_secrets",
        "",
        "Secrets of PagerDuty's webhooks, comma-separated; once set, unsigned ones are refused.",
        _listed,
        secret=True,
    ),
    Setting(
        "github_secrets",
        "",
        "Secrets of GitHub's webhooks, comma-separated; once set, unsigned ones are refused.",
        _listed,
        secret=True,
    ),
    Setting(
        "topic_prefix",
        "toll.",
        "What the names of Toll's own topics and consumer groups begin with.",
        _text,
    ),
    Setting("partitions", "4", "Partitions of topics that Toll creates.", _count),
    Setting(
        "streams", "", "File with settings of streams, mapped topics and signals.", _optional_path
    ),
    Setting(
        "subscriptions",
        "",
        "File that says who is told of what costs money: mail, Slack, Teams, webhooks.",
        _optional_path,
    ),
    Setting(
        "public_url",
        "",
        "Toll's address as people reach it, for links in notes; without it, where it listens.",
        _optional_url,
    ),
    Setting(
        "summary_money",
        "no",
        "Whether summary.json of a process says what it costs: yes or no.",
        _flag,
    ),
    Setting("retention_days", "90", "How long raw business events are kept.", _days),
    Setting("log_days", "7", "How long the embedded log keeps records.", _days),
    Setting("log_gib", "10", "How large the embedded log may grow, in GiB.", _positive),
    Setting("tick_s", "10", "Seconds between two assessments of what burns.", _positive),
    Setting(
        "status_pages_s", "60", "Seconds between two looks at a provider's status page.", _positive
    ),
    Setting("body_limit_mib", "10", "Largest HTTP body, after decompression, in MiB.", _positive),
    Setting("url", "http://127.0.0.1:8080", "Which running Toll the commands talk to.", _url),
    Setting("token", "", "Token that the commands send.", _text, secret=True),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process, read once. Field names are those of `SETTINGS`."""

    map: Path | None
    data: Path
    kafka: str | None
    kafka_client: str
    clickhouse: str | None
    listen: Listen
    health_listen: Listen | None
    tokens: Path | None
    salt: str
    pagerduty_secrets: tuple[str, ...]
    github_secrets: tuple[str, ...]
    topic_prefix: str
    partitions: int
    streams: Path | None
    subscriptions: Path | None
    public_url: str
    summary_money: bool
    retention_days: timedelta
    log_days: timedelta
    log_gib: float
    tick_s: float
    status_pages_s: float
    body_limit_mib: float
    url: str
    token: str

    @property
    def business_topic(self) -> str:
        """The topic of business events in Toll's own format."""
        return f"{self.topic_prefix}business"

    @property
    def signals_topic(self) -> str:
        """The topic of signals in normal form."""
        return f"{self.topic_prefix}signals"

    @property
    def address(self) -> str:
        """Toll's address as people reach it, for links."""
        return self.public_url or self.listen.url

    @property
    def counters_topic(self) -> str:
        """The topic of samples of counters, as Prometheus writes them."""
        return f"{self.topic_prefix}counters"

    @property
    def assess_topic(self) -> str:
        """The topic whose one partition says which assessor is active."""
        return f"{self.topic_prefix}assess"

    @property
    def impact_topic(self) -> str:
        """The topic of impact numbers, for whoever listens."""
        return f"{self.topic_prefix}impact"

    def group(self, part: str) -> str:
        """The consumer group of a part of this Toll: another's, of another prefix, has its own."""
        return f"{self.topic_prefix}{part}"

    @property
    def embedded(self) -> bool:
        """Whether any part lives inside this process."""
        return self.kafka is None or self.clickhouse is None


def read_settings(
    environ: Mapping[str, str] | None = None,
    file: Path = Path("toll.toml"),
    overrides: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from overrides (command line), environment, file and defaults, in that order.

    Raises `SettingsError` that names every setting that cannot be read, and unknown ones. Of a
    variable that is only called like one it warns: others may name theirs TOLL_..., too.
    """
    env = os.environ if environ is None else environ
    from_file = _read_file(file)
    known = {s.name: s for s in SETTINGS}
    wrong = [
        f"{file}: unknown setting '{name}'{did_you_mean(name, known)}"
        for name in from_file
        if name not in known
    ]
    _warn_of_misspelt(env, known)
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        text, place = _find(setting, env, from_file, overrides or {})
        try:
            values[setting.name] = setting.parse(text)
        except ValueError as error:
            shown = "its value" if setting.secret else f"'{text}'"
            wrong.append(f"{place}: {shown} cannot be read: {error}")
    if wrong:
        raise SettingsError("; ".join(wrong))
    return Settings(**values)


def _warn_of_misspelt(env: Mapping[str, str], known: Mapping[str, Setting]) -> None:
    """Without a word, a Toll with TOLL_KAFKAS would quietly be an embedded one."""
    names = Names(known)
    for variable in env:
        name = variable.removeprefix("TOLL_").lower()
        if variable.startswith("TOLL_") and name not in known and (meant := names.closest(name)):
            logger.warning("%s is no setting; did you mean %s?", variable, known[meant].variable)


def _find(
    setting: Setting, env: Mapping[str, str], file: Mapping[str, str], given: Mapping[str, str]
) -> tuple[str, str]:
    if setting.name in given:
        return given[setting.name], f"--{setting.name.replace('_', '-')}"
    if setting.variable in env:
        return env[setting.variable], setting.variable
    if setting.name in file:
        return file[setting.name], f"toll.toml: {setting.name}"
    return setting.default, setting.variable


def _read_file(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    try:
        found = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not TOML: {error}") from error
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from error
    nested = [name for name, value in found.items() if not isinstance(value, str | int | float)]
    if nested:
        raise SettingsError(f"{file}: write {', '.join(nested)} as `name = value`, without tables")
    return {name: str(value) for name, value in found.items()}
