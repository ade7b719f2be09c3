"""axe-core, fetched once with its checksum: what it says of a page's accessibility."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_PINNED = Path(__file__).parent / "axe"
_FOLDER = Path(__file__).parents[2] / "build" / "axe"
_SCRIPT = _FOLDER / "node_modules" / "axe-core" / "axe.min.js"
FETCH_S = 100

_RUN = """async () => {
  const rules = {type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa',
                                       'best-practice']};
  const found = await axe.run(document, {runOnly: rules, resultTypes: ['violations']});
  return found.violations.map(v => ({
    id: v.id, impact: v.impact, help: v.help,
    nodes: v.nodes.map(n => n.target.join(' ') + ': ' + n.failureSummary)}));
}"""


def missing() -> str | None:
    """Have the script; else what to do about it."""
    if _current():
        return None
    if shutil.which("npm") is None:
        return "install npm (Debian packages nodejs and npm), which fetches axe-core"
    _FOLDER.mkdir(parents=True, exist_ok=True)
    for file in _PINNED.iterdir():
        shutil.copy(file, _FOLDER)
    # `ci` takes exactly what the lock names and checks it against its checksum.
    command = ["npm", "ci", "--prefix", str(_FOLDER), "--loglevel=error"]
    fetched = subprocess.run(command, capture_output=True, timeout=FETCH_S)
    if fetched.returncode:
        return f"npm could not fetch axe-core ({fetched.stderr[-300:]!r})"
    return None


def script() -> str:
    """The script's text."""
    return _SCRIPT.read_text("utf-8")


def findings(page: Page, axe: str) -> list[dict[str, Any]]:
    """Everything axe finds wrong with the page as it is."""
    # Evaluated by the debugger, which the page's own policy does not bind.
    page.evaluate(axe)
    found: list[dict[str, Any]] = page.evaluate(_RUN)
    return found


def _current() -> bool:
    lock = _FOLDER / "package-lock.json"
    pinned = _PINNED / "package-lock.json"
    return _SCRIPT.is_file() and lock.is_file() and lock.read_bytes() == pinned.read_bytes()
