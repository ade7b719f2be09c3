"""The file named by TOLL_SUBSCRIPTIONS: strict YAML, all mistakes at once, each with its line.

mail: {host: smtp.example.com, tls: starttls, user: toll, password: ${SMTP_PASSWORD},
       from: Toll <toll@example.com>}
subscribers:
  sales: {mail: [desk@example.com, team@example.com], processes: [checkout], above: 10000}
  on-call: {slack: "${SLACK_URL}", above: 1000}
  board: {mail: board@example.com, weekly: Mon 08:00, timezone: Europe/Paris}

A secret stands there itself, as `${NAME}` of the environment, or as `{file: /run/secrets/NAME}`.
An example with every key is deploy/examples/subscriptions.yaml.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

from yaml import MappingNode, Node, SequenceNode

from api.notify.subscribers import (
    PORTS,
    Hook,
    Mail,
    MailServer,
    Subscriber,
    Subscriptions,
    Tls,
    Weekly,
)
from api.setup.settings import is_loopback
from enrich.mapsettings import timezone
from enrich.mapyaml import Entry, Source
from enrich.mistakes import Mistake
from enrich.model import BusinessMap
from enrich.suggest import did_you_mean
from ingest.errors import SettingsError

_MAIL = ("host", "port", "tls", "user", "password", "from", "ca")
_WAYS = ("mail", "slack", "teams", "webhook")
_SUBSCRIBER = (
    *_WAYS,
    "secret",
    "processes",
    "above",
    "weekly",
    "timezone",
    "maintenance",
    "simulated",
)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_TIME = re.compile(r"([A-Za-z]{3})[a-z]*\s+([01]\d|2[0-3]):([0-5]\d)")


def read_subscriptions(
    file: Path | None, business_map: BusinessMap, environ: Mapping[str, str] | None = None
) -> Subscriptions:
    """Who is told; raises `SettingsError` with every mistake, a line each. No file: nobody."""
    if file is None:
        return Subscriptions()
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"TOLL_SUBSCRIPTIONS: {file} cannot be read: {said}") from error
    return parse_subscriptions(
        str(file), text, business_map, os.environ if environ is None else environ
    )


def parse_subscriptions(
    file: str, text: str, business_map: BusinessMap, environ: Mapping[str, str]
) -> Subscriptions:
    """The same of a text that was read."""
    mistakes: list[Mistake] = []
    found = _Reader(Source(file, mistakes), business_map, environ).read(text)
    if mistakes:
        raise SettingsError("\n".join(map(str, sorted(set(mistakes)))))
    return found


class _Reader:
    """One file, read; what is wrong is noted at its place."""

    def __init__(
        self, source: Source, business_map: BusinessMap, environ: Mapping[str, str]
    ) -> None:
        self._source, self._map, self._environ = source, business_map, environ
        self._files: list[Path] = []  # of secrets

    def read(self, text: str) -> Subscriptions:
        document = self._source.only(text)
        if document is None:
            return Subscriptions()
        top = self._source.fields(document, "subscriptions", ("mail", "subscribers"))
        server = self._server(top["mail"]) if "mail" in top else None
        subscribers: list[Subscriber] = []
        listed = top.get("subscribers")
        named = self._source.items(listed, "subscribers") if listed is not None else {}
        for name, (at, node) in named.items():
            if not _NAME.fullmatch(name):
                self._source.note(at, f"'{name}': write a name of letters, digits, '.', '_', '-'")
                continue
            subscribers += self._subscriber(name, at, node, mailing="mail" in top)
        return Subscriptions(tuple(subscribers), server, tuple(self._files))

    def _server(self, node: Node) -> MailServer | None:
        entry = Entry(self._source, node, "mail", _MAIL)
        host = entry.read("host", str.strip, "")
        tls: Tls = entry.read("tls", _tls, "starttls")
        sender = entry.read("from", _sender, "")
        user = entry.read("user", str.strip, "")
        password = self._secret(entry, "password")
        for key, value in (("host", host), ("from", sender)):
            if not value and key not in entry.fields:
                self._source.note(node, f"mail: {key} is missing")
        if bool(user) != bool(password) and not {"user", "password"} <= entry.fields.keys():
            self._source.note(node, "mail: user and password go together")
        if user and tls == "none" and not is_loopback(host):
            self._source.note(node, "mail: a password does not go unencrypted; write tls: starttls")
        ca = entry.read("ca", _existing, None)
        return MailServer(
            host, entry.read("port", _port, PORTS[tls]), tls, sender, user, password, ca
        )

    def _subscriber(self, name: str, at: Node, node: Node, *, mailing: bool) -> list[Subscriber]:
        entry = Entry(self._source, node, name, _SUBSCRIBER)
        ways = self._ways(entry, name, at, mailing)
        zone = entry.read("timezone", timezone, self._map.timezone)
        above = entry.read("above", self._amount, None)
        weekly = entry.read("weekly", lambda text: _weekly(text, zone), None)
        if not {"above", "weekly"} & entry.fields.keys():
            self._source.note(
                at, f"{name}: is never told anything; write above: 10000 or weekly: Mon 08:00"
            )
        if "secret" in entry.fields and "webhook" not in entry.fields:
            self._source.note(entry.fields["secret"], f"{name}: only a webhook has a secret")
        processes = tuple(self._processes(entry))
        flags = {k: entry.read(k, _flag, False) for k in ("maintenance", "simulated")}
        return [Subscriber(own, way, processes, above, weekly, zone, **flags) for own, way in ways]

    def _ways(
        self, entry: Entry, name: str, at: Node, mailing: bool
    ) -> list[tuple[str, Mail | Hook]]:
        """(name, way) of each recipient: every address of mail is one, told and retried alone."""
        given = [way for way in _WAYS if way in entry.fields]
        if len(given) != 1:
            said = f"has {' and '.join(given)}" if given else "has no way to reach it"
            self._source.note(at, f"{name}: {said}; write one of {', '.join(_WAYS)}")
            return []
        way = given[0]
        if way != "mail":
            url = self._secret(entry, way, _url)
            secret = self._secret(entry, "secret") if way == "webhook" else ""
            return [(name, Hook(way, url, secret))]  # type: ignore[arg-type]  # one of _WAYS
        node = entry.fields["mail"]
        if not mailing:
            self._source.note(node, f"{name}: mail needs a server; write mail: {{host: ...}} above")
        if not isinstance(node, SequenceNode):
            address = entry.read("mail", _address, "")
            return [(name, Mail(address))]
        addresses = entry.texts("mail", _address, "[desk@example.com]")
        return [(f"{name}/{address}", Mail(address)) for address in addresses]

    def _secret(self, entry: Entry, key: str, parse: object = None) -> str:
        """A text that may stand in the environment or in a file of its own.

        No mistake repeats it: what is wrong with a secret is said without showing it.
        """
        node = entry.fields.get(key)
        if node is None:
            return ""
        what = f"{entry.owner}: {key}"
        if isinstance(node, MappingNode):
            inner = Entry(self._source, node, what, ("file",))
            text = inner.read("file", _content, "")
            if "file" not in inner.fields:
                self._source.note(node, f"{what}: write {{file: /run/secrets/NAME}}")
            else:
                self._files.append(Path(inner.read("file", str.strip, "")).expanduser())
        else:
            text = self._source.read(node, what, self._expanded, "")
        if text and callable(parse):
            try:
                parse(text)
            except ValueError as error:
                self._source.note(node, f"{what}: {error}")
        return text

    def _expanded(self, text: str) -> str:
        missing = [name for name in _VARIABLE.findall(text) if not self._environ.get(name)]
        if missing:
            raise ValueError(f"{', '.join(missing)} is not set in the environment")
        return _VARIABLE.sub(lambda found: self._environ[found[1]], text.strip())

    def _processes(self, entry: Entry) -> list[str]:
        found = entry.texts("processes", str.strip, "[checkout]")
        for name, node in found.items():
            if name not in self._map.processes:
                hint = did_you_mean(name, self._map.processes)
                self._source.note(node, f"{entry.owner}: the map has no process '{name}'{hint}")
        return list(found)

    def _amount(self, text: str) -> Decimal:
        number, _, currency = text.strip().partition(" ")
        if currency.strip() not in ("", self._map.currency):
            raise ValueError(f"write it in the company's currency, {self._map.currency}")
        try:
            amount = Decimal(number.replace("_", ""))
        except InvalidOperation:
            amount = Decimal(0)
        if not (amount.is_finite() and amount > 0):
            raise ValueError(f"'{text}': write an amount above 0, such as 10000")
        return amount


def _tls(text: str) -> Tls:
    for known in get_args(Tls):
        if text == known:
            return known  # type: ignore[no-any-return]  # a member of the literal
    raise ValueError(f"'{text}': write starttls, tls or none")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
        raise ValueError(f"'{text}' is no port")
    return int(text)


def _address(text: str) -> str:
    try:
        return Address(addr_spec=text.strip()).addr_spec
    except (ValueError, IndexError) as error:
        raise ValueError(f"'{text}' is no mail address; write desk@example.com") from error


def _sender(text: str) -> str:
    name, address = parseaddr(text)
    return str(Address(name, addr_spec=_address(address)))


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname)
    except ValueError:
        named = False
    if not named or not (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    ):
        raise ValueError("is no https:// address")
    return text


def _existing(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path


def _content(text: str) -> str:
    try:
        return _existing(text).read_text("utf-8").strip()
    except OSError as error:
        raise ValueError(f"{text} cannot be read: {error.strerror}") from error


def _flag(text: str) -> bool:
    if text not in ("yes", "no", "true", "false"):
        raise ValueError(f"'{text}': write yes or no")
    return text in ("yes", "true")


def _weekly(text: str, zone: str) -> Weekly:
    found = _TIME.fullmatch(text.strip())
    if not found or found[1].lower() not in _DAYS:
        raise ValueError(f"'{text}': write a weekday and a time, such as Mon 08:00")
    return Weekly(_DAYS.index(found[1].lower()), int(found[2]), int(found[3]), zone)
