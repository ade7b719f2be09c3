"""The guards of `tests.guards` themselves."""

from __future__ import annotations

import socket

import pytest

pytest_plugins = ["pytester"]
# The tests inside these tests have the same guards; what these themselves may do must not matter.
pytestmark = pytest.mark.network

TOLD = {"failed": 1, "errors": 1}  # where it happened, and at the end once more
GUARDED = "from tests.guards import engine_as_marked, sockets_as_marked\n"


@pytest.mark.parametrize(
    ("marks", "body", "outcomes"),
    [
        ("", "s.bind(('127.0.0.1', 0))", TOLD),
        ("@pytest.mark.network", "s.bind(('127.0.0.1', 0))", {"passed": 1}),
        ("@pytest.mark.network", "s.connect(('192.0.2.1', 80))", TOLD),
        ("", "s.connect_ex(('::1', 9, 0, 0))", TOLD),
        ("", "clickhouse_connect.get_client(interface='chdb', path='x')", {"failed": 1}),
        ("", "pass", {"passed": 1}),
    ],
)
def test_a_test_does_what_its_markers_say(pytester, marks, body, outcomes):
    pytester.makeini("[pytest]\nmarkers =\n  network: n\n  kafka: k\n  engine: e\n")
    pytester.makeconftest(GUARDED)
    pytester.makepyfile(
        f"""
import contextlib, socket
import clickhouse_connect
import pytest

{marks}
def test_it():
    with socket.socket() as s:
        {body}
"""
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(**outcomes)


def test_a_swallowed_error_fails_all_the_same(pytester):
    pytester.makeini("[pytest]\nmarkers =\n  network: n\n  kafka: k\n  engine: e\n")
    pytester.makeconftest(GUARDED)
    pytester.makepyfile(
        """
import contextlib, socket

def test_it():
    with socket.socket() as s, contextlib.suppress(OSError):
        s.connect(("127.0.0.1", 9))
"""
    )
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=1, errors=1)


def test_pairs_and_unix_sockets_are_free(tmp_path):
    one, other = socket.socketpair()
    one.close()
    other.close()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path / "s"))
