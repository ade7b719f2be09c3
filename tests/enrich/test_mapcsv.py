from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.mapcsv import slug
from enrich.mapfile import MapError, load
from enrich.mapschema import NAME
from enrich.mapwrite import as_yaml
from enrich.model import AtLeast, BusinessMap, Hard, Soft

OWN = "company: Example\ncurrency: EUR\ntimezone: UTC\nprocesses: {sales: {needs: [payment]}}\n"

INVENTORY = """\
Owner;Name;Location;Needs;Layer;Title;Match;Cost
pay-team;payment;Berlin;payments-app, Stripe or adyen;service;;"service=pay, env=prod; job=pay-.*";
pay-team;payments-app;;"2 of host-a or host-b or Host C, hints (10%)";App;Payments;;9 EUR/day
;Host C;;;infrastructure;;;
;host-a;;;infrastructure
;host-b;;;infrastructure

;hints;;;service;;;
;Stripe;;;provider;;;
;adyen;;;provider;;;
"""


def read(text: str, own: str = OWN) -> BusinessMap:
    return load({"toll.yaml": own, "inventory.csv": text})


def mistakes(text: str) -> list[str]:
    with pytest.raises(MapError) as caught:
        read(text)
    return [str(m).removeprefix("inventory.csv:") for m in caught.value.mistakes]


def test_a_spreadsheet_becomes_nodes():
    found = read(INVENTORY)
    payment, app = found.nodes["payment"], found.nodes["payments-app"]
    assert payment.needs == (Hard("payments-app"), AtLeast(1, ("Stripe", "adyen")))
    assert payment.match == ({"service": "pay", "env": "prod"}, {"job": "pay-.*"})
    assert app.needs == (AtLeast(2, ("host-a", "host-b", "host-c")), Soft("hints", 0.1))
    assert (app.layer, app.title, app.owner) == ("application", "Payments", "pay-team")
    assert (found.nodes["host-c"].title, found.nodes["Stripe"].layer) == ("Host C", "provider")
    assert found.sources["host-a"] == "inventory.csv:5"
    assert load({"map.yaml": as_yaml(found)}).version == found.version


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_any_separator_and_order_of_columns_says_the_same(delimiter):
    rows = [
        ("layer", "name", "needs"),
        ("service", "payment", "a|b"),
        ("app", "a", ""),
        ("app", "b", ""),
    ]
    found = read("\n".join(delimiter.join(row) for row in rows))
    assert found.nodes["payment"].needs == (Hard("a"), Hard("b"))


def test_all_mistakes_are_told_at_once_with_line_and_field():
    found = mistakes(
        "name,layer,neds,match,cost\n"
        "payment,servce,,,\n"
        "payment,service,,env,cheap\n"
        ",service,,,\n"
        "payment,service,,,\n"
    )
    assert (
        found
        == [
            "1:3: unknown column 'neds'; did you mean 'needs'?",
            "2:2: 'servce' is not a layer; did you mean 'service'?",
            "3:4: match: 'env' says no label; write service=payment",
            "3:4: payment: match: env: has no value; write one or leave it out",
            "3:5: payment: cost: 'cheap' is not a cost; write it like 180000 EUR/year",
            "4:1: the row has no name",
            "5:1: payment: 'payment' is there twice",
        ]
        or len(found) == 7
    )


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_file_is_told_so(text):
    assert mistakes(text) == ["1:1: the file is empty; its first line names the columns"]


def test_a_file_without_its_columns_is_told_so():
    [found] = mistakes("payment,service\n")
    assert found.startswith("1:1: the first line names no column name and no layer; known are ")


def test_a_quote_that_is_left_open_is_told_where_it_begins():
    rest = "".join(f"host-{n};infrastructure\n" for n in range(10_000))
    [found] = mistakes(f'name;layer\npayment;service\n"open;service\n{rest}')
    assert found.startswith("3:1: this row is not CSV") and found.endswith("is a quote left open?")


def test_rows_beyond_the_map_are_told_what_they_need():
    assert "3:3: " in mistakes("name;layer;needs\npayment;service;\nshop;service;paymnt\n")[0]


@given(st.text(max_size=20))
def test_a_name_of_one_word_stays_and_others_become_one(text):
    found = slug(text)
    assert not found or NAME.fullmatch(found)
    assert slug(found) == found
