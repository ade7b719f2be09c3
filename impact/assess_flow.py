"""Flow and load: concurrent incidents are measured together once, then each gets its part.

Incidents whose effect windows on a measure overlap form one group with one estimate over the
union of their windows, so that their parts and the unexplained add up to what was measured. Minute
by minute the Shapley fractions say whose it was; what the estimate finds beyond the sum of minutes
(it knows the day better) is shared by expected volume. Each part keeps the estimate's draws, moved
to its middle and scaled to its weight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, TypeVar

import numpy as np

from enrich.incident import Incident
from impact.attribute import attribute, share_recovery
from impact.calendar import IntArray
from impact.cusum import Watched
from impact.effect import EffectWindow
from impact.model import BoolArray, Estimate, FloatArray, Range
from impact.times import utc64
from impact.totals import quantile_range

# v for all subsets of the members (2**N,) at a moment; None: each incident at its worst
SeveritiesAt: TypeAlias = Callable[[datetime | None], FloatArray]
T = TypeVar("T")

MOMENTS = 64  # in a group of incidents, at which what the map predicts is looked at again
BURN_MINUTES = 15.0  # what goes missing per minute now is a mean over so long
CHOSEN = 1.2  # by `toll demo --calibrate`: 84 % inside without, 90 % with it
SO_FAR = ("gross", "lost")


@dataclass(frozen=True)
class Member:
    """One incident of a group, with its effect window on the measure."""

    incident: Incident
    window: EffectWindow

    def end(self, until: datetime) -> datetime:
        """The end of its effect, or of the data while it lasts."""
        return self.window.end or until

    def inside(self, watched: Watched, until: datetime) -> BoolArray:
        """(T,): which bins lie in its effect window, also when only in part."""
        ends = watched.times + np.timedelta64(int(watched.step.total_seconds()), "s")
        within: BoolArray = (watched.times < utc64(self.end(until))) & (
            ends > utc64(self.window.start)
        )
        return within


@dataclass(frozen=True)
class Part:
    """One incident's part of a group's measurement."""

    share: float  # of the expected volume at stake, 0 to 1
    mids: Mapping[str, float]
    burn: float | None  # units per minute now; None when the effect is over


@dataclass(frozen=True)
class Group:
    """Concurrent incidents on one measure, measured together."""

    members: tuple[Member, ...]
    estimate: Estimate
    watched: Watched
    parts: tuple[Part, ...]  # in the order of `members`
    unexplained: Mapping[str, float]
    predicted: float  # severity with all of them, 0 to 1
    measured: float  # share of the expected volume that was missing (load: on top)
    crowd: int  # members too many to be told apart: the least severe, without a part
    data_until: datetime

    def member(self, incident: str) -> Member:
        """One incident with its window."""
        return next(m for m in self.members if m.incident.id == incident)

    def part(self, incident: str) -> Part:
        """The part of one incident."""
        return self.parts[self.members.index(self.member(incident))]


def overlapping(members: Sequence[Member], of: str, until: datetime) -> tuple[Member, ...]:
    """The members whose effect windows hang together with that of incident `of`, by start."""
    ordered = sorted(members, key=lambda m: (m.window.start, m.incident.id))
    groups = chained(ordered, lambda m: (m.window.start, m.end(until)))
    return next(tuple(g) for g in groups if any(m.incident.id == of for m in g))


def chained(items: Iterable[T], span: Callable[[T], tuple[datetime, datetime]]) -> list[list[T]]:
    """Groups of items whose spans overlap, directly or through others. items: by their start."""
    groups: list[list[T]] = []
    reach: datetime | None = None
    for item in items:
        start, end = span(item)
        if reach is None or start >= reach:
            groups.append([])
            reach = end
        groups[-1].append(item)
        reach = max(reach, end)
    return groups


def divide(
    members: Sequence[Member],
    estimated: tuple[Estimate, datetime],
    watched: Watched,
    severities: SeveritiesAt,
    players: IntArray,
) -> Group:
    """Everybody's part of an estimate over the union of the members' windows.

    estimated: the estimate, and up to when the data behind it were complete.
    players: the members that `severities` speaks of; the others (of a crowd) get nothing.
    """
    estimate, until = estimated
    sign = 1.0 if estimate.kind == "flow" else -1.0
    active = np.array([m.inside(watched, until) for m in members])
    seen = np.isfinite(watched.actual)
    at_stake = np.where(seen & active.any(axis=0), watched.expected, 0.0)
    missing = np.where(
        at_stake > 0.0, sign * (watched.expected - np.nan_to_num(watched.actual)), 0.0
    )
    fractions = np.zeros(active.shape)
    chosen = [members[i] for i in players]
    fractions[players] = _fractions(chosen, active[players], watched, severities)
    weights = _weights(fractions, at_stake)
    minutes = np.vstack([fractions, 1.0 - fractions.sum(axis=0)]) * missing
    if estimate.kind == "load":
        assert estimate.excess is not None
        mids = {"excess": _spread(minutes.sum(axis=1), weights, estimate.excess.mid)}
    else:
        mids = _flow_mids(estimate, watched, minutes, weights)
    burns = _burns(members, minutes, watched, until)
    parts = tuple(
        Part(float(weights[i]), {n: float(m[i]) for n, m in mids.items()}, burns[i])
        for i in range(len(members))
    )
    total = float(at_stake.sum())
    return Group(
        tuple(members),
        estimate,
        watched,
        parts,
        {n: float(m[-1]) for n, m in mids.items()},
        float(severities(None)[-1]),
        float(missing.sum()) / total if total > 0.0 else 0.0,
        len(members) - len(players),
        until,
    )


def part_draws(estimate: Estimate, part: Part, names: Sequence[str]) -> dict[str, FloatArray]:
    """A part's draws: the estimate's, moved to the part's middle and scaled to its weight.

    An estimate takes its window as given, and its ranges hold for such. A live one was found a
    moment ago on the very noise that is priced: what is lost so far is wider by `CHOSEN`.
    """
    draws = {}
    for name in names:
        whole, middle = estimate.draws[name], _middle(estimate, name)
        chosen = CHOSEN if estimate.state == "live" and name in SO_FAR else 1.0
        draws[name] = part.mids[name] + part.share * chosen * (whole - middle)
    return draws


def _middle(estimate: Estimate, name: str) -> float:
    own: Range = getattr(estimate, name)
    return own.mid


def part_ranges(
    mids: Mapping[str, float], draws: Mapping[str, FloatArray], level: float
) -> dict[str, Range]:
    """The ranges of draws around their middles."""
    return {name: quantile_range(mids[name], d, level) for name, d in draws.items()}


def _fractions(
    members: Sequence[Member], active: BoolArray, watched: Watched, severities: SeveritiesAt
) -> FloatArray:
    """(N, T): each incident's fraction of what is missing in each bin.

    A business-first incident predicts nothing: it is what nothing explains, and gets that.
    """
    fractions = np.zeros(active.shape)
    business = np.array([m.incident.kind == "business" for m in members])
    for when, bins in _stretches(members, active, watched):
        found = attribute(np.ones(len(bins)), active[:, bins], severities(when))
        claiming = active[:, bins] & business[:, None]
        rest = claiming * found.unexplained / np.maximum(claiming.sum(axis=0), 1)
        fractions[:, bins] = found.shares + rest
    return fractions


def _stretches(
    members: Sequence[Member], active: BoolArray, watched: Watched
) -> Iterator[tuple[datetime | None, IntArray]]:
    """Stretches in which no signal starts or ends, with a moment inside, for severities.

    One incident alone gets all whatever its severity, so that one stretch will do; an incident with
    more comings and goings than MOMENTS counts with its worst.
    """
    episodes = [e for m in members for e in m.incident.episodes]
    edges = {t for e in episodes for t in (e.started_at, e.ended_at) if t is not None}
    moments = sorted(edges)
    concerned = np.flatnonzero(active.any(axis=0))
    if len(members) == 1 or not moments or len(moments) > MOMENTS:
        yield None, concerned
        return
    marks = np.array([utc64(t) for t in moments])
    which = np.searchsorted(marks, watched.times[concerned], side="right") - 1
    for number in np.unique(which):
        yield moments[max(int(number), 0)], concerned[which == number]


def _weights(fractions: FloatArray, at_stake: FloatArray) -> FloatArray:
    """(N + 1,): fractions over the whole window by expected volume, the unexplained last."""
    total = float(at_stake.sum())
    if total <= 0.0:
        at_stake, total = np.ones_like(at_stake), float(len(at_stake))
    weights = fractions @ at_stake / total
    return np.append(weights, 1.0 - weights.sum())


def _spread(parts: FloatArray, weights: FloatArray, total: float) -> FloatArray:
    """Parts that add up to `total`; what they miss is shared by weight."""
    spread: FloatArray = parts + weights * (total - parts.sum())
    return spread


def _flow_mids(
    estimate: Estimate, watched: Watched, minutes: FloatArray, weights: FloatArray
) -> dict[str, FloatArray]:
    gross, recovered, lost, forecast = (
        r.mid
        for r in (estimate.gross, estimate.recovered, estimate.lost, estimate.lost_forecast)
        if r is not None
    )
    grosses = _spread(minutes.sum(axis=1), weights, gross)
    back = _surplus(watched, minutes, recovered)
    claims = minutes + np.outer(grosses - minutes.sum(axis=1), _profile(minutes))
    recovers = share_recovery(back, claims).sum(axis=1)
    recovers = _spread(recovers, weights, recovered)
    losses = _spread(grosses - recovers, weights, lost)
    owing = np.maximum(grosses - recovers, 0.0)
    rest = owing / owing.sum() if owing.sum() > 0.0 else weights
    return {
        "gross": grosses,
        "recovered": recovers,
        "lost": losses,
        "lost_forecast": losses + rest * (forecast - lost),
    }


def _surplus(watched: Watched, minutes: FloatArray, recovered: float) -> FloatArray:
    """(T,) when the recovered units came back: the surplus outside all effects, scaled."""
    started = np.maximum.accumulate(np.any(minutes != 0.0, axis=0))
    quiet = started & ~np.any(minutes != 0.0, axis=0) & np.isfinite(watched.actual)
    over = np.where(quiet, np.maximum(watched.actual - watched.expected, 0.0), 0.0)
    total = float(over.sum())
    return over * (recovered / total) if total > 0.0 else np.zeros_like(over)


def _profile(minutes: FloatArray) -> FloatArray:
    """(T,) how losses lie over the bins, summing to one."""
    size = np.abs(minutes).sum(axis=0)
    total = float(size.sum())
    shape: FloatArray = size / total if total > 0.0 else size
    return shape


def _burns(
    members: Sequence[Member], minutes: FloatArray, watched: Watched, until: datetime
) -> list[float | None]:
    step = watched.step.total_seconds() / 60.0
    seen = np.flatnonzero(np.isfinite(watched.actual))
    burns: list[float | None] = []
    for i, member in enumerate(members):
        if member.window.end is not None or not len(seen):
            burns.append(None)
            continue
        since = max(int(np.searchsorted(watched.times, utc64(member.window.start))), 0)
        recent = seen[seen >= since][-max(int(BURN_MINUTES / step), 1) :]
        burns.append(float(minutes[i, recent].mean()) / step if len(recent) else None)
    return burns
