"""Feed silent or business stopped: what HTTP says of a measure without data, and its words."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from api import words
from api.http.schemas import Amount, Sum, Units, Utc

TITLE = "feed silent or business stopped"
FAVOURS = {
    "feed": "Rather the feed",
    "business": "Rather the business",
    "toll": "Toll itself is behind",
    "neither": "Nothing tells which",
}


class IfStopped(BaseModel):
    """What is missing if the business has stopped."""

    until: Utc = Field(description="Up to where it is counted.")
    units: Units
    money: Sum | None = Field(description="Null where a unit has no known worth.")
    units_per_minute: Units
    money_per_minute: Sum | None


class IfFeed(BaseModel):
    """What is known to be missing if only the feed is silent: nothing."""

    units: float = Field(default=0.0, examples=[0.0])
    money: Amount | None = Field(default=None, examples=[None])


class Silent(BaseModel):
    """A measure whose newest data are missing, in both readings. It is in no sum."""

    title: str = Field(default=TITLE, examples=[TITLE])
    process: str = Field(examples=["checkout"])
    process_title: str = Field(examples=["Web checkout"])
    measure: str = Field(examples=["payments"])
    measure_title: str = Field(examples=["Payments"])
    kind: Literal["flow", "load", "lead_time"]
    stream: str = Field(examples=["payments"])
    since: Utc = Field(description="Data are complete up to here; estimates stop here.")
    as_of: Utc
    last_event_at: Utc | None = Field(description="When the newest event known happened.")
    last_received_at: Utc | None = Field(description="When anything of the stream last came in.")
    favours: Literal["feed", "business", "toll", "neither"] = Field(
        description="Which reading the evidence favours; toll: data wait, Toll has not read them."
    )
    why: str = Field(
        description="The evidence, in words.",
        examples=["nothing arrives of calls either, which share its source"],
    )
    if_feed_silent: IfFeed
    if_stopped: IfStopped | None = Field(
        description="Null where nothing is expected of it: a lead time, too little history."
    )

    @property
    def headline(self) -> str:
        """What is in doubt: `Web checkout, payments: feed silent or business stopped`."""
        return f"{self.process_title}, {self.measure_title.lower()}: {self.title}"

    @property
    def stakes(self) -> str:
        """Both readings in one line."""
        found = self.if_stopped
        if found is None:
            return "Nothing is expected of it, so nothing can be said of what may be missing."
        what = self.measure_title.lower()
        verb = "uncounted" if self.kind == "load" else "missing"
        ends = words.units_range(found.units)
        units = f"up to {words.units(found.units.mid)} {what} {verb} ({ends})"
        rate = f"{words.units(found.units_per_minute.mid)} a minute"
        if found.money is None or found.money_per_minute is None:
            return f"If it stopped: {units} so far, up to {rate} more. If not: nothing known lost."
        per_minute = words.money(found.money_per_minute)
        return (
            f"If it stopped: {units}, {words.money(found.money)}"
            f" ({words.money_range(found.money)}) so far, up to {rate} ({per_minute}) more."
            " If not: nothing known lost."
        )

    @property
    def evidence(self) -> str:
        """Which reading is favoured, and why."""
        return f"{FAVOURS[self.favours]}: {self.why}."
