from dataclasses import replace
from decimal import Decimal

from impact.model import MeasureImpact, MoneyRange, Range
from impact.record_json import to_json
from tests.impact.arrays import at

LIVE = MeasureImpact(
    incident="inc-1",
    process="checkout",
    measure="payments",
    kind="flow",
    state="live",
    as_of=at(615),
    method="measured",
    units={
        "gross": Range(410, 450, 490),
        "recovered": Range(0, 0, 0),
        "lost": Range(190, 270, 380),
    },
    money={
        "gross": MoneyRange(Decimal("16400.00"), Decimal("18100.00"), Decimal("19900.00"), "EUR"),
        "lost": MoneyRange(Decimal("7600.00"), Decimal("10900.00"), Decimal("15400.00"), "EUR"),
    },
    lost_is="forecast",
    per_minute_units=12.4,
    per_minute_money=Decimal("498.00"),
    data_until=at(614),
    effect=(at(600), None),
    settling_until=None,
    red=True,
    share=1.0,
    evidence={"failed_keys": 371, "customers": None},
    inputs={"history_days": 56.0, "bins": 15.0},
)


def test_an_estimate_in_json():
    assert to_json(LIVE) == {
        "incident": "inc-1",
        "process": "checkout",
        "measure": "payments",
        "kind": "flow",
        "state": "live",
        "as_of": "2026-03-02T10:15:00Z",
        "method": "measured",
        "units": {
            "gross": {"low": 410, "mid": 450, "high": 490},
            "recovered": {"low": 0, "mid": 0, "high": 0},
            "lost": {"low": 190, "mid": 270, "high": 380},
        },
        "lost_is": "forecast",
        "money": {
            "gross": {
                "low": "16400.00",
                "mid": "18100.00",
                "high": "19900.00",
                "currency": "EUR",
            },
            "lost": {"low": "7600.00", "mid": "10900.00", "high": "15400.00", "currency": "EUR"},
        },
        "data_until": "2026-03-02T10:14:00Z",
        "per_minute": {"units": 12.4, "money": "498.00"},
        "share": 1.0,
        "evidence": {"failed_keys": 371, "customers": None},
        "inputs": {"history_days": 56, "bins": 15},
        "warnings": [],
    }


def test_what_is_over_has_no_burn_and_a_load_no_lost():
    calls = replace(LIVE, kind="load", lost_is="", per_minute_units=None, units={}, money={})
    body = to_json(calls)
    assert body["per_minute"] is None
    assert "lost_is" not in body
