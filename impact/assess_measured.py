"""The record of a flow or load that was measured, or modelled because its feed says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import numpy as np

from impact.assess_flow import Group, Member, Part, part_draws, part_ranges
from impact.assess_record import LEVEL, Draft, Facts, hours_of
from impact.cusum import Watched
from impact.effect import EffectWindow
from impact.model import DRAWS, FloatArray, TimeArray
from impact.totals import generator, quantile_range, shared_part

FAR = 0.35  # measured and predicted severity further apart than this: the map wants a look
SHORT_HISTORY_DAYS = 28.0
MODEL_WEIGHT = 4.0  # observations that a predicted severity is worth, as a Beta distribution
MODEL_SPREAD = 0.1  # of the usual volume from day to day, at least


def measured(facts: Facts, group: Group) -> Draft:
    """The part of one incident in a group's measurement."""
    member = group.member(facts.incident.id)
    part = group.part(facts.incident.id)
    state = _state(member.window, facts.mark.until)
    draws, mids = _named(group, part, state)
    cost = "lost" if "lost" in draws else "excess"
    times, expected, bins = _at_stake(group.watched, member, facts.mark.until)
    return Draft(
        window=member.window,
        method="measured",
        units=part_ranges(mids, draws, LEVEL),
        draws=draws,
        cost=cost,
        hours=hours_of(times, expected, facts.map.timezone),
        shared=shared_part(draws[cost], float(expected.sum()) * part.share),
        burn=part.burn,
        share=part.share,
        state=state,
        data_until=group.data_until,
        inputs={
            "history_days": round(group.estimate.history_days, 1),
            "bins": float(bins),
            "concurrent": float(len(group.members)),
            "unexplained": group.unexplained[cost],
            "predicted_severity": group.predicted,
            "measured_severity": group.measured,
        },
        warnings=(*group.estimate.warnings, *_warnings(group, member)),
    )


def modelled(facts: Facts, window: EffectWindow, severity: float) -> Draft:
    """Predicted severity times usual volume, when the feed says nothing about the window.

    A map's severity is a guess, and its range shows it: a Beta distribution that is worth
    MODEL_WEIGHT observations. It says nothing of how many calls come in: a load gets no number.
    """
    learned = facts.learned
    assert learned is not None
    why = "no data for the window: predicted severity times usual volume"
    if facts.measure.kind == "load":
        return Draft(window, "evidence_only", warnings=("no data for the window",))
    now = facts.mark.as_of
    end = min(window.end or now, now)
    times, expected = learned.baseline.expected(window.start, max(end, window.start))
    volume = float(expected.sum())
    rng = generator(facts.own_seed + "|model")
    guess = guessed(severity, rng)
    spread = max(learned.bins.spread, MODEL_SPREAD)
    drawn = volume * guess * (1.0 + spread * rng.standard_normal(DRAWS))
    units = quantile_range(volume * severity, drawn, LEVEL)
    minutes = (end - window.start).total_seconds() / 60.0
    return Draft(
        window,
        "modelled",
        units={"gross": units, "lost": units},
        draws={"gross": drawn, "lost": drawn},
        cost="lost",
        hours=hours_of(times, expected, facts.map.timezone),
        burn=volume * severity / minutes if window.end is None and minutes > 0 else None,
        inputs={"predicted_severity": severity},
        warnings=(why,),
    )


def guessed(severity: float, rng: np.random.Generator) -> FloatArray:
    """(DRAWS,) of a severity that only the map says, 0 to 1."""
    mean = float(np.clip(severity, 0.05, 0.95))
    guess = rng.beta(mean * MODEL_WEIGHT, (1.0 - mean) * MODEL_WEIGHT, DRAWS) - mean + severity
    drawn: FloatArray = np.clip(guess, 0.0, 1.0)
    return drawn


def _state(window: EffectWindow, until: datetime) -> Literal["live", "final"]:
    over = window.settling_until is not None and until >= window.settling_until
    return "final" if over else "live"


def _named(
    group: Group, part: Part, state: Literal["live", "final"]
) -> tuple[dict[str, FloatArray], Mapping[str, float]]:
    """Draws and middles under the names of the record: `lost` is the forecast while it is live."""
    if group.estimate.kind == "load":
        return part_draws(group.estimate, part, ("excess",)), part.mids
    lost = "lost" if state == "final" else "lost_forecast"
    draws = part_draws(group.estimate, part, ("gross", "recovered", lost))
    draws["lost"] = draws.pop(lost)
    return draws, {**part.mids, "lost": part.mids[lost]}


def _at_stake(
    watched: Watched, member: Member, until: datetime
) -> tuple[TimeArray, FloatArray, int]:
    """Times, expected volume and number of the bins that were seen in a member's window."""
    inside = member.inside(watched, until) & np.isfinite(watched.actual)
    return watched.times[inside], watched.expected[inside], int(inside.sum())


def _warnings(group: Group, member: Member) -> tuple[str, ...]:
    said = []
    if group.estimate.history_days < SHORT_HISTORY_DAYS:
        said.append(f"only {group.estimate.history_days:.0f} days of history")
    if group.crowd:
        said.append(f"{len(group.members)} incidents at once: the {group.crowd} least got no part")
    if member.window.red is None:
        said.append("too few units to tell whether the measure is red")
    far = abs(group.measured - group.predicted) > FAR
    if group.estimate.kind == "flow" and member.window.ever_red and far:
        said.append(
            f"{group.measured:.0%} was missing where the map predicts {group.predicted:.0%}:"
            " look at what the process needs"
        )
    return tuple(said)
