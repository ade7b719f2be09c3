"""Grafana's alerting: its webhook contact point, which has the shape of Alertmanager's webhook.

Source: grafana/grafana, `webhook-notifier.md`. Beside Alertmanager's members it has `orgId`,
`values`, and addresses of panel and dashboard, which say more than that of the rule.
"""

from __future__ import annotations

from datetime import datetime

from ingest.events import Signal
from ingest.sources.alertmanager import alerts_of


def grafana(body: bytes, /, *, received_at: datetime | None = None) -> list[Signal]:
    """The alerts of a webhook body. A template of one's own may leave out all but `alerts`."""
    return alerts_of(body, "grafana", received_at)
