"""What all signal formats share: reading JSON bodies, texts, times and severities; hiding secrets.

Formats are met tolerantly (unknown members are ignored, members of an odd type count as missing);
only what leaves nothing to say raises `InputError`, and of several things in one body that one
alone is not read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import orjson

from ingest.errors import InputError
from ingest.events import Severity, Signal
from ingest.exact import FIRST_EPOCH_MS, LAST_MS, MAX_DEPTH, nested_deeper
from ingest.times import from_ms, lacks_zone, rfc3339_ms, to_ms

Object: TypeAlias = dict[str, Any]

_SEVERITIES: Mapping[Severity, str] = {
    "critical": "critical crit page emergency emerg fatal disaster p1 sev1 high",
    "major": "major error err p2 sev2 average",
    "minor": "minor warning warn medium p3 sev3",
    "info": "info information informational notice none low debug ok p4 p5 sev4 sev5",
}
_SEVERITY_OF: Mapping[str, Severity] = {
    word: severity for severity, words in _SEVERITIES.items() for word in words.split()
}
_NAMED = 5  # faults that a message tells
_REMOVED = "[removed]"
_DOUBLE_ZONE = re.compile(r"([+-][0-9]{2}:?[0-9]{2})Z$")  # as a client of PagerDuty's writes it
_SECRET_NAME = re.compile(
    r"token|secret|passw|authori[sz]ation|cookie|credential"
    r"|(?:api|routing|integration|service|private|access)[_-]?key$",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"(?<=://)[^/?#\s@]*@")
_SECRET_QUERY = re.compile(
    r"([?&][^=&#\s]*(?:token|secret|passw|key|signature|sig|auth)[^=&#\s]*=)[^&#\s]+", re.IGNORECASE
)


def parse(body: bytes) -> Object | list[Any]:
    """The JSON object or array of a body."""
    if nested_deeper(body, MAX_DEPTH):
        raise InputError(f"the body nests deeper than {MAX_DEPTH} levels")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(f"the body is not JSON: {error}") from error
    if not isinstance(found, (dict, list)):
        raise InputError("the body must be a JSON object or array")
    return found


class PartlyReadError(InputError):
    """Some of the things in a body could not be read; what the others say is in `signals`."""

    def __init__(self, signals: Sequence[Signal], faults: Sequence[str]) -> None:
        super().__init__(_listed(faults))
        self.signals, self.faults = signals, faults


def _listed(faults: Sequence[str]) -> str:
    more = len(faults) - _NAMED
    return "; ".join((*faults[:_NAMED], *((f"and {more} more",) if more > 0 else ())))


class Gathered:
    """The signals of several things in one body: what is wrong with one is no fault of another.

    A sender whose body is refused mostly does not send it again.
    """

    def __init__(self) -> None:
        self._signals: list[Signal] = []
        self._faults: list[str] = []
        self._things = 0

    def each(
        self, found: object, thing: str, read: Callable[[Object, str], Iterable[Signal]]
    ) -> None:
        """Read every object of a list; `read` is given one, and how messages call it."""
        if not isinstance(found, list):
            raise InputError(f"expected an array of {thing}s")
        self._things += len(found)
        for number, one in enumerate(found):
            name = f"{thing} {number + 1}" if len(found) > 1 else f"the {thing}"
            try:
                if not isinstance(one, dict):
                    raise InputError(f"{name} is no object")
                self._signals += read(one, name)
            except InputError as error:
                self._faults.append(str(error))

    def all(self) -> list[Signal]:
        """All that was said; `PartlyReadError`, or `InputError` where nothing could be read."""
        if not self._faults:
            return self._signals
        if len(self._faults) == self._things:
            raise InputError(_listed(self._faults))
        raise PartlyReadError(self._signals, self._faults)


def member(found: Mapping[str, Any], name: str) -> Object:
    """A member that is an object; empty where there is none."""
    inner = found.get(name)
    return inner if isinstance(inner, dict) else {}


def text(found: Mapping[str, Any], *names: str) -> str:
    """The first of these members that says something, as text; "" where none does."""
    for name in names:
        if said := _as_text(found.get(name)):
            return said
    return ""


def _as_text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else None


def labels(found: object) -> dict[str, str]:
    """Labels as texts; values that are neither text nor number nor boolean are left to `raw`."""
    if not isinstance(found, dict):
        return {}
    return {
        name: said
        for name, value in redacted(found).items()
        if (said := _as_text(value)) is not None
    }


def moment(value: object, what: str) -> datetime | None:
    """A time in RFC 3339 or epoch milliseconds; None where there is none (Go writes year 1)."""
    if value is None or value == "" or (isinstance(value, str) and value.startswith("0001-01-01")):
        return None
    if isinstance(value, str):
        if lacks_zone(value):
            raise InputError(f"{what} {value!r} has no zone: end it with Z or an offset")
        try:
            milliseconds = rfc3339_ms(value)
        except ValueError as error:
            raise InputError(f"{what} {value[:60]!r}: {error}") from error
    elif isinstance(value, int) and value >= FIRST_EPOCH_MS:
        milliseconds = value
    else:
        raise InputError(f"{what} must be RFC 3339 or epoch milliseconds")
    if not 0 <= milliseconds < LAST_MS:
        raise InputError(f"{what} {value!r} is not between 1970 and 2100")
    return from_ms(milliseconds)


def any_moment(value: object) -> datetime | None:
    """A time as loose senders write it: any ISO 8601 (UTC without a zone), epoch s or ms, quoted.

    None where it cannot be read: for formats whose senders must not be refused over a time.
    """
    try:
        number = float(value) if isinstance(value, (str, int, float)) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    try:
        if math.isfinite(number):
            scale = 1000 if abs(number) < FIRST_EPOCH_MS else 1
            return moment(round(number * scale), "") if number > 0 else None
        if not isinstance(value, str):
            return None
        said = datetime.fromisoformat(_DOUBLE_ZONE.sub(r"\1", value.strip()))
        said = said if said.tzinfo else said.replace(tzinfo=UTC)
        return said if 0 <= to_ms(said) < LAST_MS else None
    except (ValueError, OverflowError, InputError):
        return None


def to_the_ms(when: datetime) -> datetime:
    """The same moment in UTC, cut to milliseconds, as everything is stored."""
    when = when.astimezone(UTC)
    return when.replace(microsecond=when.microsecond // 1000 * 1000)


def severity_of(word: str, otherwise: Severity) -> Severity:
    """What the many words for severity mean."""
    return _SEVERITY_OF.get(word.strip().lower(), otherwise)


def share(value: object) -> float | None:
    """A number from 0 to 1, also in quotes; None for anything else."""
    try:
        number = float(value) if isinstance(value, (str, int, float)) else -1.0
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number <= 1 else None


def first_time(*times: datetime | None) -> datetime | None:
    """The first of these that is known."""
    return next((when for when in times if when is not None), None)


def raw_of(native: Object) -> str:
    """The native body of one signal as JSON, secrets removed."""
    return orjson.dumps(redacted(native)).decode()


def redacted(found: Object) -> Object:
    """A copy without what looks like a secret: by the name of the member, and in URLs."""
    return {
        name: _REMOVED if _SECRET_NAME.search(name) and value else _clean(value)
        for name, value in found.items()
    }


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return redacted(value)
    if isinstance(value, list):
        return [_clean(one) for one in value]
    return without_secrets(value) if isinstance(value, str) else value


def without_secrets(url: str) -> str:
    """A text whose URLs carry no passwords and no tokens."""
    if "://" not in url and "=" not in url:
        return url
    return _SECRET_QUERY.sub(rf"\1{_REMOVED}", _USERINFO.sub("", url))
