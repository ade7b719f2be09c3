"""Grafana's dashboards, made from few words: `python -m tests.dashboards --write`."""
