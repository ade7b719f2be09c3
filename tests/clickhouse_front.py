"""The part of ClickHouse's HTTP protocol that clickhouse-connect speaks, over the embedded engine.

So the code for a server (URLs, forms, headers, compression, errors, time-outs) runs in tests
without one. Statements are run by the same engine that a server has.
"""

from __future__ import annotations

import gzip
import json
import re
import tempfile
import threading
from base64 import b64encode
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import chdb

USER, PASSWORD = "toll", "s3cret-of-the-tests"
_TRANSPORT = {
    "query", "database", "query_id", "session_id", "compress", "decompress", "wait_end_of_query",
    "client_protocol_version", "enable_http_compression", "send_progress_in_http_headers",
    "http_headers_progress_interval_ms", "cancel_http_readonly_queries_on_client_close",
}  # fmt: skip
_INSERT = re.compile(rb"\s*INSERT\s+INTO\s.*?\sFORMAT\s+(\w+)\s*\n?", re.IGNORECASE | re.DOTALL)
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*$", re.IGNORECASE)


class Front:
    """A server on loopback. `url(database)` is what TOLL_CLICKHOUSE would say."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(str(folder)))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.port = self._server.server_address[1]

    def url(self, database: str, password: str = PASSWORD) -> str:
        return f"http://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(folder: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        # One request, one connection: a stopped front leaves no open ones behind.
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            if self.path == "/ping":
                self._answer(200, b"Ok.\n", {})
            else:
                self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

        def _serve(self) -> None:
            expected = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            if self.headers.get("Authorization") != expected:
                text = f"Code: 516. DB::Exception: {USER}: Authentication failed. (X) (version 1)"
                self._fail(403, "516", text)
                return
            params = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                body = self._chunks()
            kind = self.headers.get("Content-Type", "")
            if kind.startswith("multipart/form-data"):
                form = _form(kind, body)
                params.update(form)
                body = b""
            try:
                result, fmt = _run(folder, params, body)
            except (chdb.ChdbError, RuntimeError) as error:
                code = re.search(r"Code: (\d+)", str(error))
                self._fail(500, code.group(1) if code else "1002", str(error))
                return
            headers = {"X-ClickHouse-Format": fmt} if fmt else {}
            self._answer(200, result, headers)

        def _chunks(self) -> bytes:
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def _fail(self, status: int, code: str, text: str) -> None:
            self._answer(status, text.encode(), {"X-ClickHouse-Exception-Code": code})

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            if body and "gzip" in self.headers.get("Accept-Encoding", ""):
                body = gzip.compress(body, 1)
                headers["Content-Encoding"] = "gzip"
            self.send_response(status)
            self.send_header("X-ClickHouse-Summary", json.dumps({"read_rows": "0"}))
            self.send_header("X-ClickHouse-Timezone", "UTC")
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _form(kind: str, body: bytes) -> dict[str, str]:
    message = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    fields = {}
    for part in message.get_payload():
        name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
        fields[str(name)] = part.get_payload(decode=True).decode()  # type: ignore[union-attr]
    return fields


def _run(folder: str, params: dict[str, str], body: bytes) -> tuple[bytes, str]:
    """Run one request on a connection of its own, as a server runs it in a session of its own."""
    connection = chdb.connect(folder)
    try:
        if database := params.get("database"):
            connection.query(f"USE `{database}`")
        for name, value in params.items():
            if name not in _TRANSPORT and not name.startswith("param_"):
                connection.query(f"SET {name} = '{value}'")
        bound = {n.removeprefix("param_"): v for n, v in params.items() if n.startswith("param_")}
        statement, data = _statement(params, body)
        if data is not None:
            _insert(connection, statement, data)
            return b"", ""
        return _query(connection, statement, bound)
    finally:
        connection.close()


def _statement(params: dict[str, str], body: bytes) -> tuple[str, bytes | None]:
    """The statement and, for an insert of a block, its data."""
    if "query" in params:
        text = params["query"]
        return (text, body) if _INSERT.match(text.encode() + b"\n") else (text, None)
    if (match := _INSERT.match(body)) and match.group(1) in (b"Native", b"Arrow"):
        return match.group(0).decode().strip(), body[match.end() :]
    return body.decode(), None


def _insert(connection: Any, statement: str, data: bytes) -> None:
    head, fmt = statement.rsplit(" FORMAT ", 1)
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        connection.query(f"{head} FROM INFILE '{file.name}' FORMAT {fmt}")


def _query(connection: Any, statement: str, bound: dict[str, str]) -> tuple[bytes, str]:
    found = _FORMAT.search(statement)
    # Names in the first line tell an empty result from no result at all.
    fmt = found.group(1) if found else "TabSeparatedWithNames"
    result: bytes = connection.query(statement, fmt, params=bound).bytes() or b""
    if found:
        return result, fmt
    return (result.split(b"\n", 1)[1], "TabSeparated") if result else (b"", "")
