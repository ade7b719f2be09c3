"""Small commands start quickly: they import what they need, and nothing of what runs Toll."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"altair", "chdb", "clickhouse_connect", "fastapi", "kafka", "numpy", "polars", "scipy"}

# A Toll at a URL of this machine, which answers everything with an empty list; then the command.
COMMAND = """
import http.server, os, sys, threading

class Empty(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Empty)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["TOLL_URL"] = f"http://127.0.0.1:{server.server_port}"
from api.cli import main
try:
    main()
finally:
    server.shutdown()
    print("imported", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize("line", ["--help", "now --help", "now", "incidents --json", "settings"])
def test_a_small_command_imports_nothing_large(line, tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", COMMAND, *line.split()],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    imported = set(ran.stdout.splitlines()[-1].split()[1:])
    assert "typer" in imported
    assert not imported & HEAVY
