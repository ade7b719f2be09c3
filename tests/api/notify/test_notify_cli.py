"""`toll notify`."""

from __future__ import annotations

import pytest

from tests.api.app import SHOP
from tests.api.notify.notes import Hooks, Mailbox, hook_server, mail_server

pytestmark = pytest.mark.network


@pytest.fixture
def told(cli, tmp_path, monkeypatch):
    """A file of subscribers, and the command in its folder."""
    box, hooks = Mailbox(), Hooks()
    with mail_server(box) as server, hook_server(hooks) as url:
        (tmp_path / "subscriptions.yaml").write_text(
            f"mail: {{host: localhost, port: {server.port}, tls: none, from: t@example.com}}\n"
            "subscribers:\n"
            "  sales: {mail: [desk@example.com, team@example.com], above: 1}\n"
            f"  ops: {{slack: '{url}/very-secret', above: 1}}\n"
        )
        monkeypatch.setenv("TOLL_MAP", str(SHOP))
        monkeypatch.setenv("TOLL_SUBSCRIPTIONS", "subscriptions.yaml")
        yield cli, box, hooks


def test_a_test_note_goes_to_every_address_of_a_subscriber(told):
    cli, box, _ = told
    code, out, _ = cli("notify test sales")
    assert code == 0 and sorted(box.recipients) == ["desk@example.com", "team@example.com"]
    assert out == "sales/desk@example.com: sent by mail\nsales/team@example.com: sent by mail\n"
    assert box.mails[0]["Subject"] == "A test note from Toll, Example Shop"


def test_one_that_is_not_taken_says_why_without_the_secret(told):
    cli, _, hooks = told
    hooks.answers = [(404, {}, b"no_service at very-secret")]
    code, out, err = cli("notify test ops")
    assert code == 3 and "answers 404 Not Found" in out and "no test note reached ops" in err
    assert hooks.url not in out + err


def test_a_name_that_nobody_has(told):
    code, _, err = told[0]("notify test opps")
    assert code == 4 and "did you mean 'ops'?" in err


def test_without_a_file_nobody_is_told(cli):
    code, _, err = cli("notify test ops")
    assert code == 1 and "TOLL_SUBSCRIPTIONS" in err
