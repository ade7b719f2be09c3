"""Bodies of senders, as the interface's description shows them: by format."""

from __future__ import annotations

from typing import Any

_LABELS = {"alertname": "PaymentErrors", "service": "payment", "severity": "critical"}
_ALERT = {
    "status": "firing",
    "labels": _LABELS,
    "annotations": {"summary": "payments fail"},
    "startsAt": "2026-11-22T10:02:00Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "fingerprint": "5b1c2d3e4f",
}

WEBHOOKS: dict[str, Any] = {
    "alertmanager": {"version": "4", "status": "firing", "receiver": "toll", "alerts": [_ALERT]},
    "grafana": {
        "version": "1",
        "orgId": 1,
        "status": "firing",
        "receiver": "toll",
        "alerts": [
            {
                **_ALERT,
                "values": {"B": 0.31},
                "panelURL": "https://grafana.example.com/d/pay?orgId=1&viewPanel=4",
            }
        ],
    },
    "pagerduty": {
        "event": {
            "id": "01ABCD",
            "event_type": "incident.triggered",
            "resource_type": "incident",
            "occurred_at": "2026-11-22T10:03:00Z",
            "data": {
                "id": "PGR0VU2",
                "type": "incident",
                "status": "triggered",
                "created_at": "2026-11-22T10:03:00Z",
                "title": "payments fail",
                "urgency": "high",
                "priority": {"id": "PSO75BM", "summary": "P1"},
                "service": {"id": "PF9KMXH", "summary": "payment"},
                "html_url": "https://example.pagerduty.com/incidents/PGR0VU2",
            },
        }
    },
    "statuspage": {
        "page": {"id": "p1", "status_indicator": "major", "status_description": "Partial outage"},
        "incident": {
            "id": "i1",
            "name": "Card payments fail",
            "status": "investigating",
            "impact": "major",
            "created_at": "2026-11-22T10:01:00Z",
            "updated_at": "2026-11-22T10:01:00Z",
            "resolved_at": None,
            "incident_updates": [],
        },
    },
    "github": {
        "action": "created",
        "deployment_status": {
            "id": 5,
            "state": "success",
            "environment": "production",
            "created_at": "2026-11-22T09:58:00Z",
        },
        "deployment": {"id": 4, "ref": "v4.11", "environment": "production"},
        "repository": {"full_name": "example/payment"},
    },
    "generic": {
        "id": "deploy-771",
        "source": "release-train",
        "kind": "change",
        "status": "firing",
        "severity": "info",
        "labels": {"service": "payment"},
        "summary": "payment 4.11",
        "started_at": "2026-11-22T09:58:00Z",
    },
}

POSTED_ALERTS: list[Any] = [
    {
        "labels": _LABELS,
        "annotations": {"summary": "payments fail"},
        "startsAt": "2026-11-22T10:02:00Z",
        "endsAt": "2026-11-22T10:06:00Z",
        "generatorURL": "http://prometheus.example.com:9090/graph",
    }
]

EVENT: dict[str, Any] = {
    "routing_key": "the write token of this sender",
    "event_action": "trigger",
    "dedup_key": "payments/errors",
    "payload": {
        "summary": "payments fail",
        "source": "payments-1.example.com",
        "severity": "critical",
        "timestamp": "2026-11-22T10:02:00Z",
        "custom_details": {"service": "payment"},
    },
}

CHANGE: dict[str, Any] = {
    "routing_key": "the write token of this sender",
    "payload": {
        "summary": "payment 4.11",
        "source": "release-train",
        "timestamp": "2026-11-22T09:58:00Z",
        "custom_details": {"service": "payment"},
    },
}
