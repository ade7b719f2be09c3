"""The report's charts, drawn once for all its forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from api.ask.outlook import Outlook
from api.ask.shortfall_pictures import story
from api.charts.draw import to_svg
from api.charts.shortfall import shortfall
from api.charts.story import headline, told
from api.charts.theme import LIGHT
from api.charts.weeks import WeekBar, weeks
from api.http.present import present_impact
from api.report.blocks import Picture
from api.report.model import TrendWeek
from api.words import WHOLE
from enrich.model import HEADLINE, BusinessMap
from impact.model import MeasureImpact

PAPER = replace(LIGHT, paper="#ffffff")
_WIDTH = 680  # pixels: about as wide as a mail or a page of print is read
_HEIGHT = 230
_MOST = 8  # pictures in a report: those of the dearest incidents
_ENOUGH = 0.2  # of what a picture shows: with less, it would show something else
_BARS = "▁▂▃▄▅▆▇█"

Draw = Callable[[MeasureImpact], Picture | None]


def trend(found: Sequence[TrendWeek], currency: str) -> Picture | None:
    """What outages cost in thirteen weeks and in this one; None without anything to see."""
    costs = [week.cost for week in found]
    known_costs = [cost for cost in costs if cost is not None]
    if len(known_costs) < 2 or not any(c.low or c.mid or c.high for c in known_costs):
        return None
    known = next(n for n, cost in enumerate(costs) if cost is not None)
    bars = [
        WeekBar(
            f"W{week.week.partition('-W')[2]}",
            *(
                (float(week.cost.low), float(week.cost.mid), float(week.cost.high))
                if week.cost
                else (None, None, None)
            ),
        )
        for week in found[known:]
    ]
    told = [f"{bar.name} {bar.mid:,.0f}" for bar in bars if bar.mid is not None]
    alt = f"What outages cost by week, in {currency}, with ranges. {', '.join(told)}."
    spec = weeks(bars, currency, PAPER, _WIDTH, description=alt)
    return Picture(
        alt, to_svg(spec), f"{currency} by week: {_letters(bars)} (the last is this week)"
    )


def _letters(bars: Sequence[WeekBar]) -> str:
    most = max((bar.mid for bar in bars if bar.mid is not None), default=0.0) or 1.0
    return "".join(
        "·" if bar.mid is None else _BARS[round((len(_BARS) - 1) * max(bar.mid, 0.0) / most)]
        for bar in bars
    )


class Shortfalls:
    """Pictures of incidents on measures, as many as a report bears, in the order asked for."""

    def __init__(self, business_map: BusinessMap, outlook: Outlook) -> None:
        self._map, self._outlook, self._left = business_map, outlook, _MOST

    def __call__(self, impact: MeasureImpact) -> Picture | None:
        """The picture of one impact; None where it has no series, no clear effect, a small part."""
        counted = impact.units.get(HEADLINE[impact.kind])
        if not self._left or counted is None or counted.low <= 0.0 or impact.share < _ENOUGH:
            return None
        what = story(present_impact(impact, self._map), self._map, self._outlook)
        if what is None:
            return None
        self._left -= 1
        spec = shortfall(what, PAPER, _WIDTH, title=False) | {"height": _HEIGHT}
        said = [headline(what), *told(what)]
        caption = f"{said[0]}: {said[-1]}"
        if impact.share < WHOLE:
            caption += f". It has a share of {impact.share:.0%} in what the picture shows."
        return Picture(". ".join(said), to_svg(spec), caption.replace("%", " %"))
