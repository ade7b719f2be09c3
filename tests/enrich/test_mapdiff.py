from __future__ import annotations

from enrich.graph import Graph
from enrich.mapdiff import Change, Dependence, Effect, diff
from enrich.mapfile import load

HEAD = "company: Example\ncurrency: EUR\ntimezone: UTC\n"
BEFORE = (
    HEAD
    + """
processes:
  checkout:
    owner: anna@example.com
    needs: [payment]
    measures:
      payments: {kind: flow, stream: payments, value: 3 EUR}
  support: {needs: [crm]}
services:
  payment: {needs: [stripe]}
  crm: {needs: [disk]}
infrastructure: {disk: }
providers: {stripe: {sla: 99.9}}
"""
)
AFTER = (
    HEAD.replace("UTC", "Europe/Berlin")
    + """
processes:
  checkout:
    owner: sales@example.com
    needs: [payment]
    measures:
      payments: {kind: flow, stream: payments, value: 4 EUR}
      carts: {kind: flow, stream: carts}
services:
  payment: {needs: [{any: [stripe, adyen]}, disk]}
  crm: {needs: [disk]}
infrastructure: {disk: }
providers: {stripe: {sla: 99.9}, adyen: }
"""
)


def graph(text: str) -> Graph:
    return Graph(load({"map.yaml": text}))


def test_what_changed_reads_like_the_file():
    assert diff(graph(BEFORE), graph(AFTER)).changes == (
        Change("changed", "setting", "timezone", ("timezone: UTC -> Europe/Berlin",)),
        Change("changed", "process", "checkout", ("owner: anna@example.com -> sales@example.com",)),
        Change("changed", "measure", "checkout/payments", ("value: 3 EUR -> 4 EUR",)),
        Change("added", "measure", "checkout/carts", ("kind: flow", "stream: carts")),
        Change("removed", "process", "support", ("needs: no longer crm",)),
        Change(
            "changed",
            "service",
            "payment",
            ("needs: no longer stripe", "needs: now {any: [stripe, adyen]}", "needs: now disk"),
        ),
        Change("added", "provider", "adyen", ()),
    )


def test_reach_says_who_depends_on_what_now():
    found = diff(graph(BEFORE), graph(AFTER))
    assert found.dependences == (
        Dependence("checkout", ("disk", "adyen"), ()),
        Dependence("support", (), ("crm", "disk")),
    )
    assert set(found.effects) == {
        Effect("stripe", "checkout", 1.0, 0.0),
        Effect("disk", "checkout", 0.0, 1.0),
        Effect("disk", "support", 1.0, 0.0),
        Effect("crm", "support", 1.0, 0.0),
    }


def test_the_same_map_has_no_difference():
    found = diff(graph(BEFORE), graph(BEFORE + "# a remark\n"))
    assert (found.changes, found.dependences, found.effects) == ((), (), ())
