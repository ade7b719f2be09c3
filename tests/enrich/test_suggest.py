from __future__ import annotations

from collections.abc import Iterable

import pytest

from enrich.suggest import Names, did_you_mean

NAMES = ["payment", "payments-app", "Stripe", "adyen", "node-a"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("paymnt", "payment"),
        ("paymnet", "payment"),
        ("paymentt", "payment"),
        ("stripe", "Stripe"),
        ("payment-app", "payments-app"),
        ("warehouse", ""),
        ("", ""),
    ],
)
def test_the_name_that_was_probably_meant(word, meant):
    assert Names(NAMES).closest(word) == meant


def test_the_hint_ends_a_message():
    assert did_you_mean("paymnt", NAMES) == "; did you mean 'payment'?"
    assert did_you_mean("warehouse", NAMES) == ""


def test_among_very_many_names_one_slip_is_still_found():
    many = Names([f"host-{i}" for i in range(50_000)])
    assert many.closest("hosst-49999") == "host-49999"


def test_a_word_longer_than_any_name_and_a_slip_is_not_taken_apart(monkeypatch):
    def taken_apart(word: str, alphabet: str) -> Iterable[str]:
        raise AssertionError(f"{len(word)} letters")

    assert Names(NAMES).closest("payments-appp") == "payments-app"
    monkeypatch.setattr("enrich.suggest._slips", taken_apart)
    assert Names(NAMES).closest("x" * 50_000) == ""


def test_no_names_at_all():
    assert did_you_mean("payment", []) == ""
