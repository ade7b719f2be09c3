"""What one more hour adds, each sum worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from api.ask.one_more_hour import one_more_hour
from api.ask.outlook import Outlook
from api.http import schemas
from impact.model import MoneyRange, Range

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
PRICED = SimpleNamespace(process="checkout", priced=True)


def euros(low: float, mid: float, high: float) -> schemas.Sum:
    ends = {"low": Decimal(low), "mid": Decimal(mid), "high": Decimal(high)}
    return schemas.Sum(**ends, currency="EUR")


@dataclass
class Known:
    """An outlook: 600 payments are usual an hour, and what an hour as asked for costs."""

    hour: tuple[int, int, int] = (1000, 2000, 4000)
    asked: list[Any] = field(default_factory=list)

    def view(self) -> Any:
        usual = SimpleNamespace(measure=PRICED, expected=Range(500.0, 600.0, 700.0))
        return SimpleNamespace(measures={"checkout/payments": usual})

    def outage(self, name: str, hit: Any, window: Any) -> Any:
        self.asked.append((name, hit, window))
        low, mid, high = map(Decimal, self.hour)
        return SimpleNamespace(money=MoneyRange(low, mid, high, "EUR"))


def payments(method: str = "measured", per_minute: float = 5.0) -> schemas.Impact:
    return schemas.Impact.model_construct(
        process="checkout", measure="payments", kind="flow", method=method, cost="lost",
        money={"lost": euros(100, 200, 300)},
        per_minute=schemas.Rate.model_construct(units=per_minute, money=Decimal(10)),
    )  # fmt: skip


def calls(so_far: schemas.Sum | None = None) -> schemas.Impact:
    """Calls at EUR 2 a minute now, in 50 minutes EUR 100 with a range of 80 to 150."""
    return schemas.Impact.model_construct(
        process="service", measure="calls", kind="load", method="measured", cost="excess",
        money={"excess": so_far or euros(80, 100, 150)},
        effect_from=NOW - timedelta(minutes=50), effect_until=None, data_until=NOW,
        per_minute=schemas.Rate.model_construct(units=1.0, money=Decimal(2)),
    )  # fmt: skip


def incident(*impacts: schemas.Impact, **more: Any) -> schemas.Incident:
    reached = [schemas.ReachedProcess(process="checkout", title="", severity=0.8, path=[])]
    facts: dict[str, Any] = {
        "id": "i-1", "state": "open", "impacts": list(impacts), "parts": [], "reached": reached,
        "cost": euros(300, 500, 900), "cost_so_far": euros(300, 500, 900),
    }  # fmt: skip
    return schemas.Incident.model_construct(**facts | more)


def ends(found: schemas.Sum) -> tuple[float, float, float]:
    return float(found.low), float(found.mid), float(found.high)


def test_a_flow_is_hit_in_the_coming_hour_as_badly_as_now():
    # 5 payments a minute of 600 an hour are missing: half.
    known = Known()
    found = one_more_hour(incident(payments()), cast(Outlook, known), NOW)
    assert known.asked == [("i-1", {"checkout": 0.5}, (NOW, NOW + timedelta(hours=1)))]
    assert found is not None
    assert ends(found.more) == (1000, 2000, 4000)
    assert ends(found.total) == (1300, 2500, 4900)  # end by end
    assert found.how == "usual volume of the coming hour, hit as badly as now (50%)"


def test_what_is_forecast_to_come_back_is_taken_off():
    # Of EUR 500 that are missing 125 are forecast to stay lost: a quarter.
    found = one_more_hour(
        incident(payments(), cost=euros(75, 125, 225)), cast(Outlook, Known()), NOW
    )
    assert found is not None
    assert ends(found.more) == (250, 500, 1000)
    assert ends(found.total) == (325, 625, 1225)
    assert found.how.endswith(", of which 25% stays lost")


def test_calls_go_on_as_now_with_their_own_range():
    # 60 minutes at EUR 2 are 120; 80 to 150 of 100 are 96 to 180 of 120.
    found = one_more_hour(incident(payments(), calls()), cast(Outlook, Known()), NOW)
    assert found is not None
    assert ends(found.more) == (1096, 2120, 4180)
    assert found.how.endswith("; calls and delays at the present rate")


def test_sums_have_the_digits_of_their_currency():
    known = cast(Outlook, Known(hour=(1000, 2001, 4000)))
    # half of 2001 stays lost; yen have no half, and half goes to even
    for currency, mid in (("JPY", "1000"), ("BHD", "1000.500"), ("EUR", "1000.50")):
        so_far, cost = (
            euros(*sums).model_copy(update={"currency": currency})
            for sums in ((400, 1000, 1800), (200, 500, 900))
        )
        found = one_more_hour(incident(payments(), cost=cost, cost_so_far=so_far), known, NOW)
        assert found is not None
        assert (str(found.more.mid), found.more.currency) == (mid, currency)


def test_what_has_cost_next_to_nothing_so_far_has_no_wild_hour():
    # 120 either way: by the 110 of 50 minutes, 132 in 60.
    slight = calls(euros(-109, 1, 111))
    found = one_more_hour(incident(payments(), slight), cast(Outlook, Known(hour=(0, 0, 0))), NOW)
    assert found is not None
    assert ends(found.more) == (-12, 120, 252)


def test_where_nothing_is_measured_the_map_says_how_badly():
    known = Known()
    found = one_more_hour(incident(payments(method="modelled")), cast(Outlook, known), NOW)
    assert found is not None and "as the map says (80%)" in found.how
    assert known.asked[0][1] == {"checkout": 0.8}


def test_no_process_is_hit_worse_than_wholly_or_better_than_not_at_all():
    for per_minute, hit in ((30.0, 1.0), (-3.0, 0.0)):
        known = Known()
        one_more_hour(incident(payments(per_minute=per_minute)), cast(Outlook, known), NOW)
        assert known.asked[0][1] == {"checkout": hit}


def test_there_is_no_forecast_where_nothing_is_known():
    nothing = cast(Outlook, Known(hour=(0, 0, 0)))
    assert one_more_hour(incident(payments()), nothing, NOW) is None
    for over in ({"state": "settled"}, {"state": "recovering"}, {"cost": None}):
        assert one_more_hour(incident(payments(), **over), cast(Outlook, Known()), NOW) is None
