"""The OpenAPI document: complete, consistent in itself, and true of what the app does."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute

from tests.api.app import PROBLEM, TOKENS, Toll

pytestmark = pytest.mark.engine

SERVED = [
    ("post", "/v1/business"),
    ("options", "/v1/business"),
    ("post", "/v1/signals/cloudevents"),
    ("options", "/v1/signals/cloudevents"),
    ("post", "/v1/signals/{format}"),
    ("post", "/v1/signals/generic/{name}"),
    ("post", "/v1/logs"),
    ("post", "/api/v1/write"),
    ("post", "/api/v2/alerts"),
    ("get", "/api/v2/status"),
    ("post", "/v2/enqueue"),
    ("post", "/v2/change/enqueue"),
    ("get", "/v1/incidents"),
    ("get", "/v1/incidents/{incident_id}"),
    ("patch", "/v1/incidents/{incident_id}"),
    ("get", "/v1/incidents/{incident_id}/impact"),
    ("get", "/v1/incidents/{incident_id}/timeline"),
    ("get", "/v1/incidents/{incident_id}/postmortem.md"),
    ("get", "/v1/processes"),
    ("get", "/v1/processes/{process}"),
    ("get", "/v1/processes/{process}/measures/{measure}/minutes"),
    ("get", "/v1/processes/{process}/summary.json"),
    ("get", "/v1/processes/{process}/incidents.json"),
    ("get", "/v1/notes"),
    ("get", "/v1/cost-of-an-hour"),
    ("get", "/v1/map"),
    ("get", "/v1/map/nodes/{node}/reach"),
    ("get", "/v1/providers"),
    ("get", "/v1/portfolio"),
    ("post", "/v1/what-if"),
    ("get", "/v1/what-if/outage"),
    ("get", "/v1/coverage"),
    ("get", "/v1/dead-letters"),
    ("get", "/v1/dead-letters/{topic}/{partition}/{offset}/{line}"),
    ("post", "/v1/dead-letters/{topic}/{partition}/{offset}/{line}/replay"),
    ("get", "/health/live"),
    ("get", "/health/ready"),
    ("get", "/metrics"),
]
# Drop-ins answer bad events as the tool whose place they take.
OWN_SHAPES = {"/v2/enqueue": "InvalidEvent", "/v2/change/enqueue": "InvalidEvent"}


@pytest.fixture
def document(toll: Toll) -> Any:
    return toll.ask("/openapi.json")


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_it_lists_what_is_served(toll, document):
    assert document["openapi"].startswith("3.1")
    assert {(method, path) for method, path, _ in operations(document)} >= set(SERVED)
    routes = {
        r.path for r in toll.http.app.routes if isinstance(r, APIRoute) and r.include_in_schema
    }
    assert routes <= set(document["paths"])


def test_every_reference_leads_somewhere_and_every_schema_is_used(document):
    found = set(references(document))
    for reference in found:
        place = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert schemas == {r for r in found if r.startswith("#/components/schemas/")}
    assert len({o["operationId"] for *_, o in operations(document)}) == len(
        list(operations(document))
    )


def test_every_operation_explains_itself(document):
    for method, path, operation in operations(document):
        name = f"{method} {path}"
        assert operation["summary"] and operation["description"] and operation["tags"], name
        assert {t["name"] for t in document["tags"]} >= set(operation["tags"]), name
        for parameter in operation.get("parameters", ()):
            told = parameter.get("description") or parameter.get("example")
            told = told or parameter["schema"].get("examples") or parameter.get("examples")
            assert told, f"{name}: {parameter['name']}"
        in_path = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path)), name
        body = operation.get("requestBody")
        assert (body is None) == (method in {"get", "options"}), name
        for media in (body or {"content": {}})["content"].values():
            assert "schema" in media and ("example" in media or "examples" in media), name


def test_every_error_is_a_problem(document):
    problem = document["components"]["schemas"]["Problem"]
    assert set(problem["required"]) == {"title", "status", "detail"}
    for method, path, operation in operations(document):
        answers = operation["responses"]
        assert {"421", "500"} <= answers.keys()
        assert ({"401", "403"} <= answers.keys()) == ("security" in operation)
        if operation.get("parameters") or "requestBody" in operation:
            assert ("422" in answers) == (path not in OWN_SHAPES)
        if "requestBody" in operation:
            assert {"400", "413", "415", "503"} <= answers.keys()
        for status, answer in answers.items():
            assert answer["description"], f"{method} {path} {status}"
            if status >= "400" and (path, status) != ("/health/ready", "503"):
                [(media, content)] = answer["content"].items()
                if status == "400" and path in OWN_SHAPES:
                    assert content["schema"]["$ref"].endswith(f"/{OWN_SHAPES[path]}")
                    continue
                assert media == PROBLEM
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_answers_have_schemas_with_examples_or_descriptions(document):
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name
    for method, path, operation in operations(document):
        [(status, good)] = [(s, a) for s, a in operation["responses"].items() if s < "300"]
        if status == "204":
            assert "content" not in good
            continue
        if path == "/v1/reports/weekly/{week}.{form}":
            assert all(content["schema"] for content in good["content"].values())
            continue
        [(media, content)] = good["content"].items()
        other = {
            "/metrics": "text/plain",
            "/v1/map.svg": "image/svg+xml",
            "/v1/incidents/{incident_id}/postmortem.md": "text/markdown",
        }
        assert media == other.get(path, "application/json")
        assert content["schema"], f"{method} {path}"


def test_its_examples_are_taken(toll, document):
    taking = ["/v1/business", "/v1/signals/{format}", "/api/v2/alerts", *OWN_SHAPES]
    for path in taking:
        content = document["paths"][path]["post"]["requestBody"]["content"]
        for media, told in content.items():
            for name, example in {
                "": {"value": told.get("example")},
                **told.get("examples", {}),
            }.items():
                body = example["value"]
                if body is None:
                    continue
                given = {"content": body} if isinstance(body, str) else {"json": body}
                answer = toll.http.post(
                    path.replace("{format}", name), headers={"Content-Type": media}, **given
                )
                assert answer.status_code in {200, 202}, f"{media} {name}: {answer.text}"
                assert answer.json() != {"accepted": 0}, f"{media} {name}"


def test_no_page_asks_another_host(toll):
    for path in ("/docs", "/"):
        answer = toll.http.get(path)
        assert answer.status_code == 200
        assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", answer.text), path
        assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_the_docs_need_no_token_and_show_every_path(guarded):
    page = guarded.http.get("/docs").text
    for _, path in SERVED:
        assert path in page
    assert all(token not in page for token in TOKENS.values())
    assert "Example Shop" not in page
