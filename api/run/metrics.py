"""Toll's own metrics, read at the moment of the scrape. Every name stands in `METRICS` alone.

Labels are names of the map (processes, measures, providers' pages) and words of closed lists, so
that there are no more series than the map has entries: never an incident, a key or a customer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.assess.impact_events import ImpactEvents
from api.assess.status import AssessStatus
from api.notify.dispatcher import Dispatcher
from api.run.mapwatch import MapWatch
from api.run.standing import Standing
from api.run.status_pages import StatusPages
from api.run.subscriptionswatch import SubscriptionsWatch
from impact.silence import Silence
from ingest.rhythm import Stats


class Definition(NamedTuple):
    """One metric as it is documented."""

    kind: str  # counter | gauge
    help: str
    labels: tuple[str, ...] = ()


_MEASURE = ("process", "measure")
_MONEY = (*_MEASURE, "currency")
_SILENT = (*_MEASURE, "favours")

METRICS: dict[str, Definition] = {
    "toll_build_info": Definition("gauge", "1, with the version that runs.", ("version",)),
    "toll_ingest_records_total": Definition("counter", "Records read from the log."),
    "toll_ingest_events_total": Definition("counter", "Business events stored."),
    "toll_ingest_signals_total": Definition("counter", "Signals stored."),
    "toll_ingest_dead_letters_total": Definition("counter", "Lines kept as dead letters."),
    "toll_ingest_commits_total": Definition("counter", "Commits of offsets."),
    "toll_ingest_failures_total": Definition("counter", "Failed tries to store or commit."),
    "toll_ingest_lag_records": Definition("gauge", "Records behind the end of the log."),
    "toll_assess_active": Definition("gauge", "1 where this process is the active assessor."),
    "toll_assess_ticks_total": Definition("counter", "Assessments made."),
    "toll_assess_tick_seconds": Definition("gauge", "Duration of the last assessment."),
    "toll_assess_last_tick_timestamp_seconds": Definition(
        "gauge", "When the last assessment was made."
    ),
    "toll_assess_backlog_incidents": Definition("gauge", "Past incidents still to be priced."),
    "toll_map_reloads_total": Definition("counter", "Changed maps taken into use."),
    "toll_map_refused": Definition(
        "gauge", "1 while the map's files have mistakes and an older map stays in force."
    ),
    "toll_subscriptions_reloads_total": Definition(
        "counter", "Changed files of subscriptions taken into use."
    ),
    "toll_subscriptions_refused": Definition(
        "gauge", "1 while the file of subscriptions has mistakes and an older one stays in force."
    ),
    "toll_status_page_up": Definition(
        "gauge", "1 where the last look at a provider's status page was answered.", ("page",)
    ),
    "toll_notes_total": Definition(
        "counter",
        "Tries to send a note, by how they ended: sent, failed, given_up.",
        ("channel", "outcome"),
    ),
    "toll_notes_waiting": Definition("gauge", "Notes to people that are not sent yet."),
    "toll_impact_events_total": Definition("counter", "Events of impact written to the log."),
    "toll_incidents_open": Definition("gauge", "Incidents that are open or recovering."),
    "toll_impact_units": Definition(
        "gauge", "Lost, delayed or added units of open incidents, the middle.", _MEASURE
    ),
    "toll_impact_units_so_far": Definition(
        "gauge", "The same before anything comes back: missing so far, of a flow.", _MEASURE
    ),
    "toll_impact_units_per_minute": Definition(
        "gauge", "Units that one more minute costs.", _MEASURE
    ),
    "toll_impact_money": Definition(
        "gauge",
        "What open incidents cost by their measures, the middle; no people's time, no credits.",
        _MONEY,
    ),
    "toll_impact_money_so_far": Definition(
        "gauge", "The same before anything comes back: lost so far, of a flow.", _MONEY
    ),
    "toll_impact_money_per_minute": Definition("gauge", "What one more minute costs.", _MONEY),
    "toll_silent_seconds": Definition(
        "gauge", "Age of the data of a measure: feed silent or business stopped.", _SILENT
    ),
    "toll_silent_units_per_minute": Definition(
        "gauge", "What each minute lacks if the business stopped, the middle.", _MEASURE
    ),
    "toll_silent_money_per_minute": Definition(
        "gauge", "What each minute costs if the business stopped, the middle.", _MONEY
    ),
    "toll_store_up": Definition("gauge", "1 where the store answered this scrape."),
    "toll_measure_expected_units": Definition(
        "gauge", "Units expected in the last whole hour of data, the middle.", _MEASURE
    ),
    "toll_measure_expected_low_units": Definition(
        "gauge", "The same, the low end of the range.", _MEASURE
    ),
    "toll_measure_expected_high_units": Definition(
        "gauge", "The same, the high end of the range.", _MEASURE
    ),
    "toll_measure_actual_units": Definition(
        "gauge", "Units that there were in that hour.", _MEASURE
    ),
    "toll_measure_data_age_seconds": Definition(
        "gauge", "How long ago the data of a measure end.", _MEASURE
    ),
    "toll_perception_seconds": Definition(
        "gauge", "How the last 24 hours of a process were, and were seen.", ("process", "part")
    ),
    "toll_dead_letters_waiting": Definition("gauge", "Dead letters not replayed.", ("reason",)),
    "toll_pipeline_behind_seconds": Definition(
        "gauge", "How long ago the log was what has been counted of it."
    ),
}


class Telling(NamedTuple):
    """What this process tells others by itself, while it is the active assessor."""

    notes: Dispatcher | None
    events: ImpactEvents | None
    subscriptions: SubscriptionsWatch | None = None


@dataclass(frozen=True, eq=False)
class TollCollector(Collector):
    """Collects from what runs in this process; whatever does not run is absent, not zero."""

    ingest: Stats | None = None
    assess: AssessStatus | None = None
    map_watch: MapWatch | None = None
    status_pages: StatusPages | None = None
    standing: Standing | None = None
    telling: Telling | None = None

    def collect(self) -> Iterator[Metric]:
        """All metrics this process can speak of."""
        info = _family("toll_build_info")
        info.add_metric([version("toll")], 1)
        yield info
        if self.ingest is not None:
            yield from _ingest_metrics(self.ingest)
        if self.assess is not None:
            yield from _assess_metrics(self.assess)
        if self.telling is not None:
            yield from _telling_metrics(self.telling)
        if self.map_watch is not None:
            yield _single("toll_map_reloads_total", self.map_watch.reloads)
            yield _single("toll_map_refused", float(bool(self.map_watch.refused)))
        if self.status_pages is not None:
            up = _family("toll_status_page_up")
            for page in self.status_pages.pages():
                if page.looks:
                    up.add_metric([page.shown], float(not page.trouble))
            yield up
        if self.standing is not None:
            yield from _standing_metrics(self.standing)


def registry(collector: TollCollector) -> CollectorRegistry:
    """A registry for one scrape."""
    fresh = CollectorRegistry(auto_describe=False)
    fresh.register(collector)
    return fresh


def _family(name: str) -> CounterMetricFamily | GaugeMetricFamily:
    known = METRICS[name]
    kind = CounterMetricFamily if known.kind == "counter" else GaugeMetricFamily
    return kind(name, known.help, labels=known.labels)


def _single(name: str, value: float) -> Metric:
    family = _family(name)
    family.add_metric([], value)
    return family


def _ingest_metrics(stats: Stats) -> Iterator[Metric]:
    yield _single("toll_ingest_records_total", stats.records)
    yield _single("toll_ingest_events_total", stats.events)
    yield _single("toll_ingest_signals_total", stats.signals)
    yield _single("toll_ingest_dead_letters_total", stats.dead_letters)
    yield _single("toll_ingest_commits_total", stats.commits)
    yield _single("toll_ingest_failures_total", stats.failures)
    yield _single("toll_ingest_lag_records", stats.lag)


def _assess_metrics(status: AssessStatus) -> Iterator[Metric]:
    yield _single("toll_assess_active", float(status.active))
    yield _single("toll_assess_ticks_total", status.ticks)
    if not status.active:
        return  # what it knew while it was active is told by the one that is now
    yield _single("toll_assess_tick_seconds", status.last_tick_s)
    if status.last_tick is not None:
        yield _single("toll_assess_last_tick_timestamp_seconds", status.last_tick.timestamp())
    yield _single("toll_assess_backlog_incidents", status.backlog)
    yield _single("toll_incidents_open", len(status.burning))
    units, missing, rate, money, gross, burn = (
        _family(f"toll_impact_{name}")
        for name in (
            "units",
            "units_so_far",
            "units_per_minute",
            "money",
            "money_so_far",
            "money_per_minute",
        )
    )
    for (process, measure), cost in sorted(status.costs().items()):
        units.add_metric([process, measure], cost.units)
        missing.add_metric([process, measure], cost.units_so_far)
        rate.add_metric([process, measure], cost.units_per_minute)
        for currency, own in sorted(cost.sums.items()):
            money.add_metric([process, measure, currency], float(own.money))
            gross.add_metric([process, measure, currency], float(own.money_so_far))
            burn.add_metric([process, measure, currency], float(own.per_minute))
    yield from (units, missing, rate, money, gross, burn)
    yield from _silence_metrics(status.silences)


def _telling_metrics(telling: Telling) -> Iterator[Metric]:
    if telling.events is not None:
        yield _single("toll_impact_events_total", telling.events.written)
    if telling.notes is not None:
        tries = _family("toll_notes_total")
        for (channel, outcome), count in sorted(telling.notes.counts.items()):
            tries.add_metric([channel, outcome], count)
        yield tries
        yield _single("toll_notes_waiting", telling.notes.waiting)
    if telling.subscriptions is not None:
        yield _single("toll_subscriptions_reloads_total", telling.subscriptions.reloads)
        refused = bool(telling.subscriptions.refused)
        yield _single("toll_subscriptions_refused", float(refused))


def _silence_metrics(silences: Sequence[Silence]) -> Iterator[Metric]:
    """Absent while every measure has its data, as an alert on it wants."""
    seconds, units, money = (
        _family(f"toll_silent_{name}")
        for name in ("seconds", "units_per_minute", "money_per_minute")
    )
    for silence in silences:
        place = [silence.measure.process, silence.measure.name]
        seconds.add_metric([*place, silence.favours], silence.age.total_seconds())
        if silence.stopped is not None:
            units.add_metric(place, silence.stopped.per_minute.mid)
            worth = silence.stopped.money_per_minute
            if worth is not None:
                money.add_metric([*place, worth.currency], float(worth.mid))
    yield from (seconds, units, money)


def _standing_metrics(standing: Standing) -> Iterator[Metric]:
    yield _single("toll_store_up", float(standing.up))
    expected, low, high, actual, age = (
        _family(f"toll_measure_{name}")
        for name in (
            "expected_units",
            "expected_low_units",
            "expected_high_units",
            "actual_units",
            "data_age_seconds",
        )
    )
    for view in standing.measures:
        place = [view.measure.process, view.measure.name]
        if view.data_until is not None:
            age.add_metric(place, (standing.at - view.data_until).total_seconds())
        if view.expected is not None and view.actual is not None:
            ends = view.expected
            for family, value in ((expected, ends.mid), (low, ends.low), (high, ends.high)):
                family.add_metric(place, value)
            actual.add_metric(place, view.actual)
    seen, letters = _family("toll_perception_seconds"), _family("toll_dead_letters_waiting")
    for perception in standing.perceptions:
        for part, minutes in perception.minutes.items():
            seen.add_metric([perception.name, part], 60.0 * minutes)
    for reason, count in sorted(standing.dead_letters.items()):
        letters.add_metric([reason], count)
    yield from (expected, low, high, actual, age, seen, letters)
    if standing.behind is not None:
        yield _single("toll_pipeline_behind_seconds", standing.behind.total_seconds())
