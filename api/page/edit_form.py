"""The form by which people correct an incident: read into what PATCH takes, mistakes by field.

A field that is left empty changes nothing. Times are written as clocks of the company show them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from api.ask.editing import IncidentEdit
from api.http.problems import ListedError

FIELDS = 200  # at most: a form has a few, and a box for each signal
_TEXTS = ("why", "by", "title", "cause", "merge_into", "people", "hours")
_LISTS = ("reach_add", "reach_remove", "split", "undo")


@dataclass(frozen=True)
class EditForm:
    """What was filled in, and what is wrong with it: by field, "" for the whole."""

    filled: Mapping[str, Sequence[str]] = field(default_factory=dict)
    mistakes: Mapping[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """What stands in a field."""
        return self.filled.get(name, [""])[0]

    def has(self, name: str, value: str) -> bool:
        """Whether a box is ticked, or an option chosen."""
        return value in self.filled.get(name, ())

    def asked(self, zone: ZoneInfo) -> IncidentEdit:
        """What it asks for; `ListedError` with every mistake."""
        given: dict[str, Any] = {n: t for n in _TEXTS if (t := self.text(n).strip())}
        given |= {n: list(self.filled[n]) for n in _LISTS if n in self.filled}
        wrong: list[dict[str, Any]] = []
        for name in ("start", "end"):
            if written := self.text(name).strip():
                try:
                    given[name] = moment(written, zone)
                except ValueError as error:
                    wrong.append({"where": name, "what": str(error)})
        if self.has("going_on", "yes"):
            if "end" in given:
                wrong.append({"where": "end", "what": "either it ended, or it is still going on"})
            given["end"] = None
        if self.has("not_an_incident", "yes"):
            given["not_an_incident"] = True
        if version := self.text("version"):
            given["version"] = version
        try:
            found = IncidentEdit.model_validate(given)
        except ValidationError as error:
            wrong += [
                {"where": str(e["loc"][0]) if e["loc"] else "", "what": _said(e["type"], e["msg"])}
                for e in error.errors()
            ]
            raise ListedError("the form has mistakes", wrong) from error
        if wrong:
            raise ListedError("the form has mistakes", wrong)
        return found

    def refused(self, errors: Sequence[Mapping[str, Any]]) -> EditForm:
        """The same form with what is wrong with it."""
        said: dict[str, list[str]] = {}
        for error in errors:
            said.setdefault(str(error["where"]), []).append(str(error["what"]))
        return EditForm(self.filled, {where: "; ".join(what) for where, what in said.items()})


def read_form(body: bytes) -> EditForm:
    """The form as a browser sends it."""
    try:
        filled = parse_qs(body.decode("utf-8"), max_num_fields=FIELDS)
    except ValueError as error:
        raise ListedError("no form", [{"where": "", "what": f"no form: {error}"}]) from error
    return EditForm({name: [_lines(v) for v in values] for name, values in filled.items()})


def moment(written: str, zone: ZoneInfo) -> datetime:
    """A time of the company's clocks, or one with a zone of its own."""
    try:
        found = datetime.fromisoformat(written)
    except ValueError as error:
        raise ValueError("write a time as 2026-11-22 10:15") from error
    return found.replace(tzinfo=zone) if found.tzinfo is None else found


def _lines(value: str) -> str:
    return value.replace("\r\n", "\n")


def _said(kind: str, message: str) -> str:
    return "say why: it is kept with the edit" if kind == "missing" else message
