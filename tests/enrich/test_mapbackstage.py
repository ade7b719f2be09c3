from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from enrich.mapfile import MapError, load
from enrich.mapwrite import as_yaml
from enrich.model import AtLeast, BusinessMap, Credit, Hard, Soft
from enrich.resolve import Resolver

EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "backstage"
HEAD = "company: Example\ncurrency: EUR\ntimezone: UTC\n"


def entity(kind: str, name: str, spec: str = "", annotations: str = "", extra: str = "") -> str:
    return (
        f"apiVersion: backstage.io/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}\n{extra}"
        f"  annotations: {{{annotations}}}\nspec: {{{spec}}}\n"
    )


def catalogue(*entities: str, own: str = HEAD + "processes: {sales: }\n") -> BusinessMap:
    return load({"toll.yaml": own, "catalog-info.yaml": "---\n".join(entities)})


def mistakes(*entities: str, own: str = HEAD + "processes: {sales: }\n") -> list[str]:
    with pytest.raises(MapError) as caught:
        catalogue(*entities, own=own)
    return [str(m) for m in caught.value.mistakes]


def needs(found: BusinessMap) -> dict[str, list[object]]:
    return {
        name: [n.node if isinstance(n, Hard) else n for n in node.needs]
        for name, node in found.nodes.items()
    }


def example() -> BusinessMap:
    files = sorted(EXAMPLE.rglob("*.yaml"))
    return load({str(f): f.read_text("utf-8") for f in files})


def test_the_example_catalogue_is_a_map_as_it_is():
    found = example()
    layers = {name: node.layer for name, node in found.nodes.items()}
    assert layers["shop"] == layers["payment-api"] == layers["commerce"] == "service"
    assert layers["storefront"] == "application"
    assert layers["ledger-db"] == "infrastructure"
    assert layers["stripe"] == layers["parcel-post"] == "provider"
    assert needs(found)["payment"] == [AtLeast(1, ("stripe", "adyen")), "ledger-db", "cluster-east"]
    assert found.processes["ordering"].needs == (Hard("payment-system"), Hard("shop"))
    assert found.nodes["stripe"].status_page == "https://status.stripe.example/api/v2"
    assert found.owners["payments"] == "payments@example.com"
    assert load({"map.yaml": as_yaml(found)}).version == found.version


def test_every_relation_becomes_a_need():
    found = catalogue(
        entity("Domain", "trade"),
        entity("System", "shop", "domain: trade"),
        entity("Component", "web", "system: shop, dependsOn: [resource:db], consumesApis: [pay]"),
        entity("Component", "cache", "subcomponentOf: web"),
        entity("Component", "payer", "providesApis: [pay]"),
        entity("API", "pay"),
        entity("Resource", "db"),
        entity("Resource", "disk", "dependencyOf: [resource:db]"),
    )
    assert needs(found) == {
        "web": ["db", "pay", "cache"],
        "cache": [],
        "payer": [],
        "db": ["disk"],
        "disk": [],
        "shop": ["web"],
        "pay": ["payer"],
        "trade": ["shop"],
    }


def test_references_leave_out_what_goes_without_saying():
    space = "  namespace: eu\n"
    found = catalogue(
        entity(
            "Component", "web", "dependsOn: [db, 'resource:default/db', 'RESOURCE:eu/disk']"
        ).replace("  annotations", space + "  annotations"),
        entity("Resource", "db", extra=space),
        entity("Resource", "disk", extra=space),
        entity("Resource", "db"),
    )
    assert needs(found)["eu.web"] == ["eu.db", "db", "eu.disk"]


def test_kinds_that_share_a_name_and_a_process_are_told_apart():
    found = catalogue(
        entity("System", "sales"),
        entity("Component", "pay"),
        entity("System", "pay"),
        entity("API", "pay", "system: pay", "toll.dev/process: sales"),
    )
    assert set(found.nodes) == {"pay", "sales-system", "pay-system", "pay-api"}
    assert found.processes["sales"].needs == (Hard("pay-api"),)
    assert Resolver(found).nodes({"service": "pay"}) == ("pay", "pay-system", "pay-api")


def test_a_process_may_stand_in_the_catalogue_alone():
    found = catalogue(
        entity(
            "System", "shop", "owner: 'group:default/team'", "toll.dev/process: 'sales, returns'"
        ),
        entity("Component", "hints", annotations="toll.dev/process: sales, toll.dev/weight: '0.2'"),
        entity("Group", "team"),
        own=HEAD,
    )
    assert found.processes["sales"].needs == (Soft("hints", 0.2), Hard("shop"))
    assert found.processes["returns"].owner == "team"
    assert found.owners == {"team": ""}


def test_documents_of_others_are_passed_over():
    other = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
    template = "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata: {name: t}\n"
    assert set(catalogue(entity("Component", "web"), other, template).nodes) == {"web"}


def test_credits_of_a_provider_are_an_annotation():
    told = "toll.dev/cost: 100 EUR/month, toll.dev/credits: '[{below: 99.9, share: 10%}]'"
    found = catalogue(entity("Resource", "stripe", "type: external", told))
    assert found.nodes["stripe"].credits == (Credit(Decimal("99.9"), Decimal("0.1")),)
    priceless = "toll.dev/credits: '[{below: 99.9, share: 10%}]'"
    [said] = mistakes(entity("Resource", "stripe", "type: external", priceless))
    assert "write cost: 12000 EUR/month, too" in said


def test_all_mistakes_are_told_at_once_with_what_was_meant():
    found = mistakes(
        entity("Componnet", "web"),
        entity("Component", "web", "dependsOn: [resource:bd], system: shpo"),
        entity("Resource", "db", annotations="toll.dev/sla: '99.9'"),
        entity("System", "shop", annotations="toll.dev/proces: sales"),
        entity(
            "Component", "pay", annotations="toll.dev/needs: '[{any: []}]', toll.dev/layer: app"
        ),
        entity("Component", "web"),
    )
    assert [m.removeprefix("catalog-info.yaml:") for m in found] == [
        "2:7: kind: 'Componnet' is not a kind of entity; did you mean 'Component'?",
        "13:20: component:web: dependsOn 'resource:bd' is not in the catalogue; "
        "did you mean 'resource:db'?",
        "13:42: component:web: system 'shpo' is not in the catalogue; did you mean 'shop'?",
        "19:31: resource:db: only a provider has toll.dev/sla",
        "26:34: system:shop: unknown annotation 'toll.dev/proces'; "
        "did you mean 'toll.dev/process'?",
        "33:33: component:pay: needs: any: the list is empty; write one such as "
        "[stripe, adyen] or leave it out",
        "33:64: component:pay: layer: 'app' is not a layer; it is one of service, "
        "application, infrastructure, provider",
        "39:9: 'component:web' is there twice, first in catalog-info.yaml:11",
    ]


def test_a_slip_in_an_annotation_is_told_what_was_meant():
    [found] = mistakes(
        entity("Component", "pay", annotations="toll.dev/needs: '[resource:strpe]'"),
        entity("Resource", "stripe"),
    )
    assert found == (
        "catalog-info.yaml:5:33: component:pay: needs 'resource:strpe' is not in the catalogue; "
        "did you mean 'resource:stripe'?"
    )


def test_who_needs_itself_is_told_where():
    [found] = mistakes(
        entity("Component", "a", "consumesApis: [b-api], providesApis: [a-api]"),
        entity("Component", "b", "consumesApis: [a-api], providesApis: [b-api]"),
        entity("API", "a-api"),
        entity("API", "b-api"),
    )
    assert "needs itself: " in found


def test_a_file_that_is_not_yaml_is_told_so():
    assert mistakes("apiVersion: backstage.io/v1alpha1\nkind: [\n")[0].startswith(
        "catalog-info.yaml:"
    )
