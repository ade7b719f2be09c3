"""`python -m tests.dashboards --write` puts the boards into `deploy/grafana/dashboards`."""

from __future__ import annotations

import sys

from tests.dashboards.files import files

if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("write `python -m tests.dashboards --write`: it brings the dashboards up to date")
    for path, text in files().items():
        path.write_text(text, "utf-8")
