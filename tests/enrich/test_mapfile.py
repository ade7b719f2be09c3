from __future__ import annotations

import gc
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.mapfile import MapError, load
from enrich.model import AtLeast, BusinessMap, Cost, Hard, Money, Open, Rate, Soft, Value
from enrich.resolve import Resolver
from ingest.errors import SettingsError

MAPS = Path(__file__).parent.parent / "mapfiles"
EXAMPLES = sorted(Path(__file__).parents[2].glob("deploy/examples/*/map.yaml"))
BAD = sorted((MAPS / "bad").glob("*.yaml"))
HEAD = "company: Example\ncurrency: EUR\ntimezone: UTC\n"


def mistakes(text: str) -> list[str]:
    with pytest.raises(MapError) as caught:
        load({"map.yaml": text})
    return [str(mistake).removeprefix("map.yaml:") for mistake in caught.value.mistakes]


def good(name: str) -> BusinessMap:
    return load({name: (MAPS / "good" / name).read_text("utf-8")})


@pytest.mark.parametrize("path", [p for p in BAD if p.stem != "ten-mistakes"], ids=lambda p: p.stem)
def test_a_bad_file_is_told_its_mistake_and_where_it_stands(path):
    text = path.read_text("utf-8")
    expected = text.splitlines()[0].removeprefix("# expect: ")
    with pytest.raises(MapError) as caught:
        load({path.name: text})
    assert str(caught.value) == f"{path.name}:{expected}"


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file():
    text = (MAPS / "bad" / "ten-mistakes.yaml").read_text("utf-8")
    found = mistakes(text)
    places = [tuple(map(int, m.split(": ")[0].split(":"))) for m in found]
    assert places == sorted(places)
    assert [line for line, _ in places] == [1, 2, 3, 4, 7, 9, 10, 12, 12, 14]
    assert found[0] == "1:1: company is missing; write company: Example Shop"
    assert found[1] == "2:1: the map: unknown key 'compny'; did you mean 'company'?"


@pytest.mark.parametrize("path", sorted((MAPS / "good").glob("*.yaml")), ids=lambda p: p.stem)
def test_good_files_load(path):
    assert load({path.name: path.read_text("utf-8")}).processes


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.parent.name)
def test_the_examples_load(path):
    assert load({str(path): path.read_text("utf-8")}).measures()


def test_the_examples_know_the_signals_they_were_written_for():
    maps = {p.parent.name: load({p.name: p.read_text("utf-8")}) for p in EXAMPLES}
    github, shop = Resolver(maps["github"]), Resolver(maps["shop"])
    page = {"provider": "GitHub", "page": "GitHub", "impact": "major", "status": "investigating"}
    assert github.nodes({**page, "component": "Pull Requests"}) == ("pull-requests",)
    assert github.nodes(page) == ()
    assert shop.nodes({"provider": "stripe"}) == ("stripe",)
    assert shop.nodes({"service": "payment", "job": "payments-app"}) == ("payment", "payments-app")


def test_every_field_means_what_it_says():
    found = good("every-field.yaml")
    assert found.rates == (
        Rate("GBP", None, Decimal("1.17")),
        Rate("USD", date(2025, 1, 1), Decimal("0.96")),
        Rate("USD", date(2026, 1, 1), Decimal("0.92")),
    )
    assert found.labour_rate == Money(Decimal(85), "EUR")
    assert found.processes["sales"].needs == (
        Hard("shop"),
        AtLeast(1, ("a", "b")),
        AtLeast(2, ("x", "y", "z")),
        Soft("search", 0.25),
    )
    assert found.nodes["shop"].match == ({"service": "shop", "env": "prod"}, {"job": "shop-.*"})
    paying = found.nodes["paying"]
    assert paying.cost == Cost(Money(Decimal(12000), "EUR"), "month")
    assert (paying.layer, paying.sla) == ("provider", 99.95)
    assert paying.status_page == "https://status.example/api/v2"
    assert found.sources["shop"] == "every-field.yaml:29"
    orders = found.measure("sales/orders")
    assert orders is not None
    assert (orders.start, orders.finish, orders.closed) == ("placed", "shipped", ("cancelled",))
    assert (orders.promise, orders.promise_in) == (timedelta(hours=36), "elapsed")
    promises = {m.name: (m.promise, m.promise_in) for m in found.measures()}
    assert promises["returns"] == (timedelta(days=2), "days")
    assert promises["repairs"] == (timedelta(hours=16), "working")
    assert found.working_hours[:2] == (Open(0, 540, 750), Open(0, 780, 1020))
    assert len(found.working_hours) == 9
    assert orders.value == Value("per_hour_late", Money(Decimal("4.00"), "EUR"))
    values = {m.name: m.value for m in found.measures()}
    assert values["payments"] == Value("amount")
    assert values["signups"] == Value("per_unit", Money(Decimal("12.50"), "EUR"))


def test_the_companys_margin_is_that_of_every_flow_measure_without_its_own():
    margins = {m.name: m.margin for m in good("every-field.yaml").measures()}
    assert margins["payments"] == 0.3
    assert margins["signups"] == 0.4
    assert margins["calls"] is None


def test_same_money_as_names_a_measure_of_the_same_process_or_by_its_id():
    carts = good("every-field.yaml").measure("sales/carts")
    assert carts is not None
    assert carts.same_money_as == "sales/payments"
    assert not carts.priced


def test_titles_are_made_from_names():
    found = load(
        {
            "m": HEAD + "processes: {web-checkout: {needs: [payments_app]}}\n"
            "applications: {payments_app: }"
        }
    )
    assert found.processes["web-checkout"].title == "Web checkout"
    assert found.nodes["payments_app"].title == "Payments app"


def test_texts_are_taken_as_written():
    found = good("as-written.yaml")
    assert (found.company, found.holidays) == ("1984", "NO")
    assert found.processes["on"].title == "yes"
    assert found.nodes["8080"].match[0]["since"] == "2026-01-01"


def test_anchors_and_merges_are_fine():
    found = good("anchors.yaml")
    assert found.processes["support"].needs == found.processes["checkout"].needs
    assert found.nodes["b"].owner == "people@example.com"
    assert found.nodes["b"].title == "The other host"


def test_a_folder_is_one_map():
    one = HEAD + "processes: {checkout: {needs: [payment]}}\nservices: {payment: }"
    parts = {
        "a.yaml": HEAD + "processes: {checkout: {needs: [payment]}}",
        "b.yaml": "services: {payment: }",
    }
    assert load(parts).version == load({"map.yaml": one}).version


def test_a_folder_says_in_which_file_a_mistake_stands():
    with pytest.raises(SettingsError) as caught:
        load(
            {
                "a.yaml": HEAD + "processes: {checkout: }",
                "b.yaml": "currency: USD\nservices: {checkout: }",
            }
        )
    assert str(caught.value).splitlines() == [
        "b.yaml:1:11: 'currency' is there twice, first in a.yaml:2",
        "b.yaml:2:12: 'checkout' is there twice, first in a.yaml:4; every name means one thing",
    ]


def test_an_unreadable_file_is_not_blamed_for_what_it_might_have_said():
    with pytest.raises(MapError) as caught:
        load(
            {"a.yaml": HEAD + "processes: {checkout: {needs: [payment]}}", "b.yaml": "services: ["}
        )
    assert [m.file for m in caught.value.mistakes] == ["b.yaml"]


def test_no_file_at_all():
    with pytest.raises(MapError, match=r"there is no map file"):
        load({})


NODES = "services: {a: {needs: [b, c]}, b: , c: {title: C}}\n"
PROCESSES = "processes: {p: {needs: [a], title: P}}\n"


def test_the_version_is_of_what_the_map_says_not_of_how_it_is_written():
    version = load({"m": HEAD + PROCESSES + NODES}).version
    rewritten = "# a comment\nservices: {c: {title: C}, b: , a: {needs: [b, c]}}\n"
    assert load({"n": rewritten + PROCESSES + HEAD}).version == version
    assert load({"m": HEAD + PROCESSES + NODES.replace("title: C", "title: D")}).version != version
    assert load({"m": HEAD + PROCESSES + NODES.replace("[b, c]", "[b]")}).version != version


def test_two_lead_times_of_one_stream_may_follow_each_other_but_not_overlap():
    def orders(start: str, finish: str) -> str:
        return (
            f"{{kind: lead_time, stream: orders, from: {start}, to: {finish}, promise: 1d, "
            "value: 1 EUR}"
        )

    text = HEAD + "processes: {p: {measures: {a: %s, b: %s}}}"
    following = text % (orders("placed", "shipped"), orders("shipped", "delivered"))
    assert len(load({"m": following}).measures()) == 2
    assert mistakes(text % (orders("placed", "shipped"), orders("placed", "delivered")))


def test_each_of_several_cycles_is_named_once():
    text = HEAD + (
        "processes: {p: }\n"
        "services: {a: {needs: [b]}, b: {needs: [a]}, c: {needs: [{soft: d, weight: 1}]}, "
        "d: {needs: [c, a]}}"
    )
    assert [m.split(": ", 1)[1] for m in mistakes(text)] == [
        "a: needs itself: a -> b -> a; remove one of these needs",
        "c: needs itself: c -> d -> c; remove one of these needs",
    ]


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "a: " + "[" * 100_000 + "]" * 100_000, "- " * 100_000, "{a: " * 50_000]
)
def test_files_that_nest_without_measure_are_refused(text):
    assert "nested" in mistakes(text)[0]


def test_characters_that_yaml_does_not_allow_are_a_mistake_with_a_line():
    assert mistakes(HEAD + "processes: {p\x01: }") == [
        "4:1: a character that YAML does not allow; remove it"
    ]
    assert "not readable" in mistakes("company: \ud800")[0]


def test_yaml_tags_construct_nothing():
    assert mistakes("company: !!python/object/apply:os.system [ls]\n")


@given(st.text(max_size=200))
def test_whatever_the_file_it_is_a_map_or_mistakes(text):
    try:
        load({"map.yaml": text})
    except MapError as error:
        assert error.mistakes


WORDS = st.sampled_from(
    [
        "processes",
        "services",
        "checkout",
        "needs",
        "measures",
        "kind",
        "flow",
        "payments",
        "any",
        "at_least",
        "of",
        "match",
        "value",
        "amount",
        "rates",
        "USD",
        "1",
        "24h",
        "6.50 EUR",
        "",
        "<<",
    ]
)
TREES = st.recursive(
    WORDS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=20,
)


def as_yaml(tree: object) -> str:
    match tree:
        case dict():
            return "{" + ", ".join(f'"{k}": {as_yaml(v)}' for k, v in tree.items()) + "}"
        case list():
            return "[" + ", ".join(map(as_yaml, tree)) + "]"
    return f'"{tree}"'


@given(
    st.dictionaries(
        st.sampled_from(["processes", "services", "rates", "providers", "margin"]), TREES
    )
)
def test_whatever_the_shape_it_is_a_map_or_mistakes(tree):
    try:
        load({"map.yaml": HEAD + as_yaml(tree)[1:-1].replace(', "s', '\n"s')})
    except MapError as error:
        assert error.mistakes


def test_the_collector_runs_again_afterwards():
    mistakes("x: [")
    assert gc.isenabled()
