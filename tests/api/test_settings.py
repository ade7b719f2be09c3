"""Settings: where they come from, that all mistakes are told at once, and that secrets are not."""

from __future__ import annotations

import dataclasses
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from api.cli.run import port, tokens_of
from api.run.wiring import open_parts, require_servers
from api.setup.salt import company_salt
from api.setup.settings import SETTINGS, Listen, Settings, is_loopback, read_settings
from api.setup.streams_file import read_streams
from api.setup.tokens import Caller, hash_token, keep_token, new_token, read_tokens
from ingest.errors import BusyError, SettingsError
from tests.api.app import settings_for

NO_FILE = Path("/nonexistent/toll.toml")


def test_every_setting_has_a_default_a_help_and_a_field():
    settings = read_settings({}, NO_FILE)
    assert [s.name for s in SETTINGS] == [f.name for f in dataclasses.fields(Settings)]
    assert all(s.help.endswith(".") and s.variable == f"TOLL_{s.name.upper()}" for s in SETTINGS)
    assert settings.data == Path("data")
    assert settings.listen == Listen("127.0.0.1", 8080)
    assert (settings.business_topic, settings.embedded) == ("toll.business", True)


def test_a_variable_that_is_called_almost_like_a_setting_is_warned_of(caplog):
    env = {"TOLL_KAFKAS": "kafka:9092", "TOLL_KAFKA": "", "TOLL_SERVICE_PORT": "80", "KAFKAS": "x"}
    read_settings(env, NO_FILE)
    assert [r.message for r in caplog.records] == [
        "TOLL_KAFKAS is no setting; did you mean TOLL_KAFKA?"
    ]


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path):
    file = tmp_path / "toll.toml"
    file.write_text('data = "from-file"\npartitions = 7\ntick_s = 2.5\n')
    env = {"TOLL_DATA": "from-env", "TOLL_PARTITIONS": "8", "PATH": "/bin"}
    settings = read_settings(env, file, {"data": "from-the-line"})
    assert (settings.data, settings.partitions) == (Path("from-the-line"), 8)
    assert settings.tick_s == 2.5


def test_all_mistakes_at_once(tmp_path):
    file = tmp_path / "toll.toml"
    file.write_text('partitons = 4\ntick_s = "soon"\n')
    env = {"TOLL_LISTEN": "everywhere", "TOLL_PARTITIONS": "0", "TOLL_URL": "toll.example"}
    with pytest.raises(SettingsError) as error:
        read_settings(env, file, {"retention_days": "-1"})
    said = str(error.value)
    assert "unknown setting 'partitons'; did you mean 'partitions'?" in said
    for place in ("toll.toml: tick_s", "TOLL_LISTEN", "TOLL_PARTITIONS", "TOLL_URL"):
        assert place in said
    assert "--retention-days: '-1'" in said
    assert said.count(";") >= 5 and "\n" not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("retention_days", "inf"),
        ("retention_days", "1e12"),
        ("retention_days", "nan"),
        ("log_gib", "inf"),
        ("body_limit_mib", "lots"),
        ("partitions", "２"),
        ("listen", "127.0.0.1:99999"),
        ("listen", "127.0.0.1:²"),
        ("listen", "8080"),
        ("kafka_client", "librdkafka"),
        ("url", "ftp://here"),
        ("url", "http://"),
    ],
)
def test_values_that_cannot_be(name, value):
    with pytest.raises(SettingsError, match=f"TOLL_{name.upper()}"):
        read_settings({f"TOLL_{name.upper()}": value}, NO_FILE)


@pytest.mark.parametrize(
    "text", ["this is not toml", "[toll]\ndata = 'x'", "kafka = ['a:9092', 'b:9092']", "\xff"]
)
def test_a_file_that_cannot_be_used(tmp_path, text):
    file = tmp_path / "toll.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"toll\.toml"):
        read_settings({}, file)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings({}, tmp_path)  # a folder


def test_no_message_repeats_a_secret(tmp_path):
    for setting in SETTINGS:
        if setting.secret:
            broken = dataclasses.replace(setting, parse=_refuse)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("api.setup.settings.SETTINGS", (broken,))
                with pytest.raises(SettingsError) as error:
                    read_settings({setting.variable: "hunter2"}, NO_FILE)
            assert "hunter2" not in str(error.value) and setting.variable in str(error.value)
    secret = {"clickhouse": "https://toll:hunter2@/toll", "map": settings_for(tmp_path).map}
    settings = settings_for(tmp_path, **{k: str(v) for k, v in secret.items()})
    with pytest.raises(SettingsError) as error, open_parts(settings):
        pass
    assert "hunter2" not in str(error.value)


def _refuse(_: str):
    raise ValueError("not like this")


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("127.evil.example", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_what_counts_as_this_machine(host, local):
    assert is_loopback(host) is Listen(host, 1).loopback is local


def test_listening_beyond_this_machine_needs_tokens(tmp_path):
    with pytest.raises(SettingsError, match="TOLL_TOKENS"):
        tokens_of(settings_for(tmp_path, listen="0.0.0.0:8080"))
    assert tokens_of(settings_for(tmp_path)) is None
    file = tmp_path / "tokens"
    secret, line = new_token("grafana", "read")
    file.write_text(f"# who may ask\n\n{line}\n")
    known = tokens_of(settings_for(tmp_path, listen="0.0.0.0:8080", tokens=str(file)))
    assert known is not None
    assert known.caller(secret) == Caller("grafana", "read")
    assert known.caller("toll_guess") is None
    assert secret not in line and hash_token(secret) in line


def test_every_wrong_line_of_the_tokens_file_is_named(tmp_path):
    file = tmp_path / "tokens"
    file.write_text(
        f"grafana read\ngrafana owner {'0' * 64}\nok write {'0' * 64}\nx read {'g' * 64}"
    )
    with pytest.raises(SettingsError) as error:
        read_tokens(file)
    assert [f"tokens:{n}:" in str(error.value) for n in (1, 2, 3, 4)] == [True, True, False, True]
    assert "tokens:1: write `name role hash`, the role read or write or admin" in str(error.value)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_tokens(tmp_path / "none")


@pytest.mark.parametrize("more", [{}, {"kafka": "a:9092"}, {"clickhouse": "http://a/toll"}])
def test_parts_apart_need_servers(tmp_path, more):
    sentence = r"Parts apart \(`ingest`, `assess`, `serve`\) require Kafka and a ClickHouse server"
    with pytest.raises(SettingsError, match=sentence):
        require_servers(settings_for(tmp_path, **more))
    require_servers(settings_for(tmp_path, kafka="a:9092", clickhouse="http://a/toll"))


# the salt


def test_a_salt_is_made_once_and_is_its_owners_alone(tmp_path):
    salt = company_salt("", tmp_path)
    assert salt == company_salt("", tmp_path)
    assert len(salt) == 64
    assert (tmp_path / "salt").stat().st_mode & 0o777 == 0o600
    assert company_salt("a salt from the settings", tmp_path) == b"a salt from the settings"


def test_a_start_that_was_cut_off_leaves_nothing_in_the_way_of_a_salt(tmp_path):
    for left in ("salt.new", f"salt.{os.getpid()}"):
        (tmp_path / left).write_text("half of a sal")
    assert len(company_salt("", tmp_path)) == 64
    assert company_salt("", tmp_path) == (tmp_path / "salt").read_bytes()


def test_of_many_that_start_at_once_one_makes_the_salt(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: company_salt("", tmp_path), range(8)))
    assert made == {(tmp_path / "salt").read_bytes()}
    assert not (tmp_path / "salt.new").exists()


def test_a_folder_that_can_keep_no_salt(tmp_path):
    (tmp_path / "data").write_text("no folder")
    with pytest.raises(SettingsError, match=r"TOLL_DATA: .*data cannot be written .*TOLL_SALT"):
        company_salt("", tmp_path / "data")


def test_a_salt_that_is_too_short(tmp_path):
    with pytest.raises(SettingsError, match="TOLL_SALT") as error:
        company_salt("hunter2", tmp_path)
    assert "hunter2" not in str(error.value)
    (tmp_path / "salt").write_text("")
    with pytest.raises(SettingsError, match="cut short"):
        company_salt("", tmp_path)


@pytest.mark.engine
def test_a_changed_salt_does_not_start(tmp_path, own_engine):
    settings = settings_for(tmp_path)
    for _ in range(2):
        with open_parts(settings):
            pass
    with (
        pytest.raises(SettingsError, match="the salt is not the one"),
        open_parts(settings_for(tmp_path, salt="another salt of sixteen")),
    ):
        pass
    with open_parts(settings):  # nothing was left locked
        pass


# streams


def test_streams_and_mapped_topics(tmp_path):
    file = tmp_path / "streams.yaml"
    file.write_text(
        "streams:\n  payments: {keys: plain, segments: [region], cadence: 1h}\n"
        "topics:\n  - {topic: shop.tx, stream: payments, fields: {id: $.txId, at: '$[\"a b\"]'}}\n"
    )
    config = read_streams(file, salt=b"s" * 16, retention=timedelta(days=90))
    assert config.stream("payments").keys == "plain"
    assert config.stream("payments").cadence == timedelta(hours=1)
    assert config.mappings["shop.tx"].stream == "payments"
    assert config.mappings["shop.tx"].fields == {"id": "$.txId", "at": '$["a b"]'}
    assert config.stream("others").keys == "hashed"


def test_signals_of_another_shape(tmp_path):
    file = tmp_path / "streams.yaml"
    file.write_text(
        "signals:\n  zabbix:\n    each: $.events\n    fields: {id: [$.a, '$[\"b c\"]']}\n"
        "    labels: {host: '$.hosts[0].name'}\n    words: {status: {OK: resolved}}\n"
    )
    found = read_streams(file, salt=b"s" * 16, retention=timedelta(days=90)).signals["zabbix"]
    assert (found.name, found.each, found.fields["id"]) == (
        "zabbix", "$.events", ["$.a", '$["b c"]'],
    )  # fmt: skip
    assert (found.labels["host"], found.words["status"]) == ("$.hosts[0].name", {"OK": "resolved"})


def test_words_of_others_are_read_as_they_are_written(tmp_path):
    file = tmp_path / "streams.yaml"
    file.write_text("signals: {zabbix: {words: {status: {1: firing, 0: resolved, on: firing}}}}")
    found = read_streams(file, salt=b"s" * 16, retention=timedelta(days=90)).signals["zabbix"]
    assert found.words == {"status": {"1": "firing", "0": "resolved", "on": "firing"}}


def test_secrets_of_webhooks_are_a_list(tmp_path):
    settings = settings_for(tmp_path, github_secrets="one, two,")
    assert (settings.github_secrets, settings.pagerduty_secrets) == (("one", "two"), ())


@pytest.mark.parametrize(
    "text",
    [
        "signals: {x: {fields: {colour: $.c}}}",
        "signals: {x: {fields: {id: c}}}",
        "signals: {x: {each: events}}",
        "signals: {a b: {}}",
        "streams: {Payments: {}}",
        "streams: {a: {keys: secret}}",
        "topics: [{stream: a}]",
        "streams: {a: {keys: plain}, a: {keys: hashed}}",
        "streams: {a: {cadence: 2026-02-31}}",
        "streams: {}\n---\ntopics: []",
        "topics: [{topic: a, fields: {id: $.b c}}]",
        "topics: [{topic: a, fields: {amount: [$.b, $.c]}}]",
        "topics: [{topic: a, stream: x}, {topic: a, stream: y}]",
        "- x",
        "{",
    ],
)
def test_a_streams_file_with_mistakes(tmp_path, text):
    file = tmp_path / "streams.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"streams\.yaml") as error:
        read_streams(file, salt=b"s" * 16, retention=timedelta(days=90))
    assert "\n" not in str(error.value)


@pytest.mark.network
def test_a_port_that_is_taken():
    with port(Listen("127.0.0.1", 0)) as door:
        door.listen()
        taken = Listen("127.0.0.1", door.getsockname()[1])
        with pytest.raises(BusyError, match=f":{taken.port} "), port(taken):
            pass


def test_a_machine_that_sets_itself_up_keeps_its_tokens(tmp_path):
    folder = tmp_path / "tokens"
    assert keep_token(folder, "prometheus", "admin")
    token = (folder / "prometheus").read_text()
    assert not keep_token(folder, "prometheus", "admin")
    assert keep_token(folder, "shop", "write")
    known = read_tokens(folder / "tokens")
    assert known.caller(token) == Caller("prometheus", "admin")
    assert (folder / "prometheus").read_text() == token
    assert {p.name: oct(p.stat().st_mode & 0o777) for p in folder.iterdir()} == dict.fromkeys(
        ("prometheus", "shop", "tokens"), "0o640"
    )
    with pytest.raises(SettingsError, match="cannot be the name"):
        keep_token(folder, "tokens", "read")


def test_parts_apart_say_how_they_are_only_where_told():
    assert read_settings({}, NO_FILE).health_listen is None
    settings = read_settings({"TOLL_HEALTH_LISTEN": "0.0.0.0:9090"}, NO_FILE)
    assert settings.health_listen == Listen("0.0.0.0", 9090)
    with pytest.raises(SettingsError, match=r"listening on 0\.0\.0\.0 lets others in"):
        tokens_of(settings, settings.health_listen)
