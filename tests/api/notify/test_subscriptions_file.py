"""The file that says who is told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from api.notify.subscribers import Hook, Mail, Weekly
from api.notify.subscriptions_file import parse_subscriptions, read_subscriptions
from api.setup.mapfiles import read_map
from api.setup.settings import SETTINGS
from ingest.errors import SettingsError
from tests.api.app import SHOP

EXAMPLE = SHOP.parents[1] / "subscriptions.yaml"
ENVIRONMENT = {
    "SMTP_PASSWORD": "opens the mail",
    "SLACK_URL": "https://hooks.slack.example/services/T0/B0/xyz",
    "TEAMS_URL": "https://example.webhook.office.example/workflows/abc?sig=def",
    "WEBHOOK_SECRET": "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cw==",
}
MAIL = "mail: {host: localhost, from: toll@example.com}\n"


@pytest.fixture(scope="module")
def company():
    return read_map(SHOP).map


@pytest.fixture
def read(company):
    return lambda text, **env: parse_subscriptions("s.yaml", text, company, env)


def mistakes(read, text: str) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        read(text)
    return str(raised.value).splitlines()


def test_the_example_says_what_its_comments_say(company):
    found = read_subscriptions(EXAMPLE, company, ENVIRONMENT)
    assert found.mail is not None and found.mail.password == "opens the mail"
    by_name = {s.name: s for s in found.subscribers}
    sales = by_name["sales/desk@example.com"]
    assert sales.way == Mail("desk@example.com") and sales.above == Decimal(10_000)
    assert sales.processes == ("checkout",)
    assert by_name["board"].weekly == Weekly(0, 8, 0, "Europe/Paris")
    assert {s.channel for s in found.subscribers} == {"mail", "slack", "teams", "webhook"}
    hook = by_name["erp"].way
    assert isinstance(hook, Hook) and hook.secret == ENVIRONMENT["WEBHOOK_SECRET"]


def test_no_file_means_nobody(company):
    assert read_subscriptions(None, company).subscribers == ()


def test_a_file_that_is_not_there_is_said_so(company, tmp_path):
    with pytest.raises(SettingsError, match=r"TOLL_SUBSCRIPTIONS: .*cannot be read"):
        read_subscriptions(tmp_path / "none.yaml", company)


def test_an_empty_file_means_nobody(read):
    assert read("# nobody yet\n").subscribers == ()


def test_all_mistakes_are_told_at_once_each_with_its_line(read):
    text = """\
mail: {host: smtp.example.com, tls: always}
subscribers:
  sales: {mail: ops, above: -1, processes: [chekout]}
  ops: {slack: "http://hooks.example/x", teams: y, above: 5 USD}
  board: {mail: board@example.com, weekly: Monday, timezone: Europe/Pariss}
  nobody: {mail: nobody@example.com}
  "a b": {mail: a@example.com, above: 1}
  who: {above: 3, colour: red}
"""
    found = mistakes(read, text)
    assert found == [
        "s.yaml:1:7: mail: from is missing",
        "s.yaml:1:37: mail: tls: 'always': write starttls, tls or none",
        "s.yaml:3:17: sales: mail: 'ops' is no mail address; write desk@example.com",
        "s.yaml:3:29: sales: above: '-1': write an amount above 0, such as 10000",
        "s.yaml:3:45: sales: the map has no process 'chekout'; did you mean 'checkout'?",
        "s.yaml:4:3: ops: has slack and teams; write one of mail, slack, teams, webhook",
        "s.yaml:4:59: ops: above: write it in the company's currency, EUR",
        "s.yaml:5:44: board: weekly: 'Monday': write a weekday and a time, such as Mon 08:00",
        "s.yaml:5:62: board: timezone: 'Europe/Pariss' is not a time zone"
        "; did you mean 'Europe/Paris'?",
        "s.yaml:6:3: nobody: is never told anything; write above: 10000 or weekly: Mon 08:00",
        "s.yaml:7:3: 'a b': write a name of letters, digits, '.', '_', '-'",
        "s.yaml:8:3: who: has no way to reach it; write one of mail, slack, teams, webhook",
        "s.yaml:8:19: who: unknown key 'colour'; known are mail, slack, teams, webhook, secret,"
        " processes, above, weekly, timezone, maintenance, simulated",
    ]


def test_mail_needs_a_server(read):
    [found] = mistakes(read, "subscribers:\n  a: {mail: a@example.com, above: 1}\n")
    assert "mail needs a server" in found


def test_a_password_goes_over_an_encrypted_line_only(read):
    mail = "mail: {{host: {}, tls: none, user: u, password: p, from: t@example.com}}\n"
    [found] = mistakes(read, mail.format("smtp.example.com"))
    assert "does not go unencrypted" in found
    assert read(mail.format("localhost")).mail.user == "u"


def test_a_variable_that_is_not_set_is_named(read):
    [found] = mistakes(read, 'subscribers: {a: {slack: "${NOWHERE}", above: 1}}')
    assert found == "s.yaml:1:26: a: slack: NOWHERE is not set in the environment"


def test_a_secret_may_lie_in_a_file_of_its_own(read, tmp_path):
    (tmp_path / "url").write_text("https://hooks.example/secret\n")
    found = read(f"subscribers: {{a: {{slack: {{file: {tmp_path}/url}}, above: 1}}}}")
    assert found.subscribers[0].way.url == "https://hooks.example/secret"


def test_no_message_and_no_representation_shows_a_secret(read, company):
    wrong = 'subscribers: {a: {slack: "hooks.example/very-secret", above: 1}}'
    [found] = mistakes(read, wrong)
    assert found.endswith("a: slack: is no https:// address") and "very-secret" not in found
    shown = repr(read_subscriptions(EXAMPLE, company, ENVIRONMENT))
    assert not [secret for secret in ENVIRONMENT.values() if secret in shown]


def test_a_subscriber_of_mail_has_a_recipient_for_each_address(read):
    text = MAIL + "subscribers: {a: {mail: [x@example.com, y@example.com], above: 1_000}}"
    found = read(text).subscribers
    assert [s.name for s in found] == ["a/x@example.com", "a/y@example.com"]
    assert {s.above for s in found} == {Decimal(1000)}


def test_hours_are_those_of_the_company_unless_told(read, company):
    [found] = read(MAIL + "subscribers: {a: {mail: x@example.com, weekly: fri 17:30}}").subscribers
    assert found.weekly == Weekly(4, 17, 30, company.timezone)


def test_the_setting_has_no_default():
    assert next(s for s in SETTINGS if s.name == "subscriptions").default == ""
    assert EXAMPLE.is_file() and isinstance(EXAMPLE, Path)
