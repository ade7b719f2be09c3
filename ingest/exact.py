"""Reading one business event exactly: the rules of the format, in plain Python.

`ingest.columns` reads almost all events, many at a time, and hands whatever is not plainly right to
this module, which alone decides what is a dead letter and why. Numbers keep every digit.

Producers differ in what they quote, so what is said beyond doubt is read: an integer where a text
belongs means its digits, and digits in quotes mean the number. Nothing else is converted. A field
that is null is missing. A member named twice counts as first written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import NoReturn, TypeAlias

from ingest.currencies import CURRENCIES
from ingest.dead_letters import Fault, Reason
from ingest.mapping import PLAIN, Shape, follow
from ingest.times import lacks_zone, rfc3339_ms

MAX_DEPTH = 64
MAX_ID = MAX_KEY = 200
MAX_STATUS = 32
MAX_SEGMENTS, MAX_SEGMENT_NAME, MAX_SEGMENT_VALUE = 8, 64, 200
MAX_COUNT = 10**12  # so that the sum over a minute stays within 64 bits
AMOUNT_INTEGER_DIGITS, AMOUNT_DECIMALS = 18, 9
FUTURE_MS = 3_600_000
FIRST_EPOCH_MS = 100_000_000_000  # a smaller number is seconds (or a mistake), not milliseconds
LAST_MS = 4_102_444_800_000  # 2100-01-01: times must be earlier

Json: TypeAlias = "str | bool | Decimal | list[Json] | dict[str, Json] | None"

_AMOUNT_UNIT = Decimal(1).scaleb(-AMOUNT_DECIMALS)
_STREAM = re.compile(r"[a-z0-9_.-]{1,64}")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_DIGITS = re.compile(r"-?[0-9]+")
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|([\[{])|[\]}]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Event:
    """One business event as it was written; keys not hashed yet."""

    stream: str
    id: str
    at_ms: int
    status: str
    key: str
    customer: str
    amount: Decimal | None
    currency: str
    count: int
    value: float | None
    segment: str  # canonical JSON, "{}" where there is none


@dataclass(frozen=True, slots=True)
class Rules:
    """What reading depends on besides the bytes."""

    received_ms: int
    shape: Shape = PLAIN
    defaults: Mapping[str, str] = field(default_factory=dict)  # for fields that are missing


class _RejectedError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.fault = Fault(reason, detail)


def _reject(reason: Reason, detail: str) -> NoReturn:
    raise _RejectedError(reason, detail)


def read_line(line: bytes, rules: Rules) -> Event | Fault:
    """One line of a record's value: an event, or why it is none."""
    found = read_json(line)
    return found if isinstance(found, Fault) else read_object(found, rules)


def read_object(found: Json, rules: Rules) -> Event | Fault:
    """One parsed JSON value (numbers as `Decimal`): an event, or why it is none."""
    if not isinstance(found, dict):
        return Fault("not_json", f"expected one JSON object a line, found {_kind(found)}")
    try:
        return _event(found, rules)
    except _RejectedError as rejected:
        return rejected.fault


def read_json(text: bytes) -> Json | Fault:
    """JSON as RFC 8259 has it, numbers as `Decimal`; bounded in depth before it is parsed."""
    if nested_deeper(text, MAX_DEPTH):
        return Fault("too_deep", f"nested deeper than {MAX_DEPTH} levels")
    try:
        parsed: Json = _DECODER.decode(text.decode().removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        return Fault("not_utf8", f"byte {error.start} is not UTF-8: 0x{text[error.start]:02x}")
    except ValueError as error:
        return Fault("not_json", f"not JSON: {error}")
    return parsed


def nested_deeper(text: bytes, levels: int) -> bool:
    """Whether brackets outside strings nest deeper; stops at the first that does."""
    if text.count(b"{") + text.count(b"[") <= levels:
        return False
    depth = 0
    for token in _TOKENS.finditer(text):
        if token[1]:
            depth += 1
            if depth > levels:
                return True
        elif token[0] in b"]}":
            depth -= 1
    return False


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _number(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent beyond what Decimal can hold
        return Decimal("Infinity")


def _first_wins(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else dict(reversed(pairs))


_DECODER = json.JSONDecoder(
    parse_float=_number,
    parse_int=_number,
    parse_constant=_no_constant,
    object_pairs_hook=_first_wins,
)


def _kind(found: Json) -> str:
    names = {
        str: "a string",
        bool: "a boolean",
        Decimal: "a number",
        list: "an array",
        dict: "an object",
    }
    return names.get(type(found), "null")


def _short(found: object) -> str:
    text = repr(found) if isinstance(found, str) else str(found)
    return text if len(text) <= 60 else text[:57] + "..."


def _event(found: dict[str, Json], rules: Rules) -> Event:
    shape = rules.shape
    event_id = _text(_at(found, "id", rules), "id", MAX_ID, "bad_id")
    if not event_id:
        _missing("id", rules, event_id)
    stream = shape.stream
    if stream is None:
        stream = _stream(_text(_at(found, "stream", rules), "stream", 64, "bad_stream"), rules)
    at_ms = _moment(_at(found, "at", rules), rules)
    status = _text(_at(found, "status", rules), "status", MAX_STATUS, "bad_status")
    if status == "":
        _reject("bad_status", "the status is empty; leave it out to mean ok")
    status = status or "ok"
    amount = _amount(_at(found, "amount", rules))
    return Event(
        stream=stream,
        id=event_id or "",
        at_ms=at_ms,
        status=shape.status.get(status, status),
        key=_text(_at(found, "key", rules), "key", MAX_KEY, "bad_key") or "",
        customer=_text(_at(found, "customer", rules), "customer", MAX_KEY, "bad_key") or "",
        amount=amount,
        currency="" if amount is None else _currency(_at(found, "currency", rules)),
        count=_count(_at(found, "count", rules)),
        value=_value(_at(found, "value", rules)),
        segment=canonical_segment(_at(found, "segment", rules)),
    )


def _missing(name: str, rules: Rules, found: str | None) -> NoReturn:
    if found == "":
        _reject("bad_id", "the id is empty")
    paths = [".".join(map(str, path)) for path in rules.shape.paths[name]]
    where = f" (looked for {', '.join(paths)})" if paths and paths != [name] else ""
    _reject("missing_field", f"there is no {name}{where}")


def _at(found: dict[str, Json], name: str, rules: Rules) -> Json:
    paths = rules.shape.paths[name]
    if len(paths) <= 1:
        value: Json = follow(found, paths[0]) if paths else None
        return rules.defaults.get(name) if value is None else value
    parts: list[str] = []
    for path in paths:
        part = _text(follow(found, path), name, None, "wrong_type")
        if part is None:
            return rules.defaults.get(name)
        parts.append(part)
    return "/".join(parts)


def _text(found: Json, name: str, longest: int | None, reason: Reason) -> str | None:
    """A text, or the digits of an integer; None where the field is missing."""
    if found is None:
        return None
    if isinstance(found, Decimal):
        found = _digits(found, name)
    if not isinstance(found, str):
        _reject("wrong_type", f"{name} must be a text, found {_kind(found)}")
    if longest is not None and len(found) > longest:
        _reject(reason, f"{name} has {len(found)} characters, at most {longest} are kept")
    if not _encodable(found):
        _reject(reason, f"{name} holds half of a surrogate pair, which is no character")
    return found


def _digits(number: Decimal, name: str) -> str:
    if _vanishes(number):
        return "0"
    if number.adjusted() > 4 * MAX_ID or not _integral(number):
        _reject("wrong_type", f"{name} must be a text or an integer, found {_short(number)}")
    return str(int(number))


def _vanishes(number: Decimal) -> bool:
    """Zero, or so small that every binary float, and so many a JSON reader, takes it for zero."""
    return float(number) == 0


def _integral(number: Decimal) -> bool:
    return number.is_finite() and number == number.to_integral_value()


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _stream(found: str | None, rules: Rules) -> str:
    if found is None:
        _missing("stream", rules, found)
    if not _STREAM.fullmatch(found):
        _reject("bad_stream", f"stream {_short(found)} is not [a-z0-9_.-], 1 to 64 characters")
    return found


def _moment(found: Json, rules: Rules) -> int:
    if found is None:
        _missing("at", rules, None)
    if isinstance(found, str) and not _DIGITS.fullmatch(found):
        if lacks_zone(found):
            _reject("no_zone", f"{found!r} has no zone: end it with Z or an offset like +01:00")
        try:
            at_ms = rfc3339_ms(found)
        except ValueError as error:
            _reject("bad_time", f"{_short(found)}: {error}")
    else:
        at_ms = _epoch(found)
    if not 0 <= at_ms < LAST_MS:
        _reject("bad_time", f"{_short(found)} is not between 1970 and 2100")
    if at_ms > rules.received_ms + FUTURE_MS:
        _reject("future", f"{_short(found)} is more than an hour after it was received")
    return at_ms


def _epoch(found: Json) -> int:
    if not isinstance(found, (str, Decimal)):
        _reject("wrong_type", f"at must be RFC 3339 or epoch milliseconds, found {_kind(found)}")
    number = _number(found) if isinstance(found, str) else found
    if not _integral(number):
        _reject("bad_time", f"{_short(found)} is not an integer of epoch milliseconds")
    if number < FIRST_EPOCH_MS:
        _reject("bad_time", f"{_short(found)} are seconds at best: epoch milliseconds are expected")
    if number >= LAST_MS:
        _reject("bad_time", f"{_short(found)} is after 2100: epoch milliseconds are expected")
    return int(number)


def _numeric(found: Json, name: str, reason: Reason) -> Decimal | None:
    if found is None or isinstance(found, Decimal):
        return found
    if not isinstance(found, str):
        _reject("wrong_type", f"{name} must be a number, found {_kind(found)}")
    if not _NUMBER.fullmatch(found):
        _reject(reason, f"{name} {_short(found)} is not a decimal number such as 12.50")
    return _number(found)


def _amount(found: Json) -> Decimal | None:
    """By value: zeros behind the last decimal that counts are harmless."""
    amount = _numeric(found, "amount", "bad_amount")
    if amount is None:
        return None
    if _vanishes(amount):
        return Decimal(0)
    if amount < 0:
        _reject("bad_amount", f"amount {_short(found)} is negative; a refund is a status")
    if not amount.is_finite() or amount.adjusted() >= AMOUNT_INTEGER_DIGITS:
        _reject("bad_amount", f"amount {_short(found)} has more than 18 digits before the point")
    _, digits, exponent = amount.as_tuple()
    last = max((place for place, digit in enumerate(digits) if digit), default=0)
    if isinstance(exponent, int) and len(digits) - 1 - last + exponent < -AMOUNT_DECIMALS:
        _reject("bad_amount", f"amount {_short(found)} has more than 9 decimals")
    return amount.quantize(_AMOUNT_UNIT)


def _currency(found: Json) -> str:
    if found is None:
        _reject("no_currency", "an amount needs its currency, such as EUR")
    if not isinstance(found, str):
        _reject("bad_currency", f"currency must be a code such as EUR, found {_kind(found)}")
    code = found.upper() if found.isascii() else found
    if code not in CURRENCIES:
        _reject("bad_currency", f"{_short(found)} is not a currency code of ISO 4217")
    return code


def _count(found: Json) -> int:
    if found is None:
        return 1
    number = _numeric(found, "count", "bad_count")
    quoted = isinstance(found, str) and not _DIGITS.fullmatch(found)
    if number is None or quoted or not 1 <= number <= MAX_COUNT or not _integral(number):
        _reject("bad_count", f"count {_short(found)} is not an integer from 1 to {MAX_COUNT:,}")
    return int(number)


def _value(found: Json) -> float | None:
    number = _numeric(found, "value", "bad_value")
    if number is None:
        return None
    value = float(number)
    if value in (float("inf"), float("-inf")):
        _reject("bad_value", f"value {_short(found)} is not a finite number")
    return value


def canonical_segment(found: Json) -> str:
    """Segments as JSON with sorted names, so that equal segments are equal texts."""
    if found is None:
        return "{}"
    if not isinstance(found, dict):
        _reject("wrong_type", f"segment must be an object of texts, found {_kind(found)}")
    texts: dict[str, str] = {}
    for name, value in found.items():
        text = _text(value, f"segment {_short(name)}", MAX_SEGMENT_VALUE, "bad_segment")
        if text is not None:
            texts[name] = text
        if not 1 <= len(name) <= MAX_SEGMENT_NAME or not _encodable(name):
            _reject("bad_segment", f"a segment's name has 1 to 64 characters, not {_short(name)}")
    if len(texts) > MAX_SEGMENTS:
        _reject("bad_segment", f"{len(texts)} segments, at most {MAX_SEGMENTS} are kept")
    return json.dumps(texts, sort_keys=True, ensure_ascii=False)


def read_segment(text: str) -> str | None:
    """The canonical form of a segment written as JSON; None where it must be read exactly."""
    if not text.startswith("{"):
        return None
    try:
        return canonical_segment(_DECODER.decode(text))
    except (ValueError, _RejectedError):
        return None
