"""Settings: what is wrong stops the start in one line that says which and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from callcenter.settings import SettingsError, load


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_defaults_stand_alone(tmp_path: Path) -> None:
    settings = load(environ={})
    assert settings.database_url == f"sqlite:///{tmp_path}/data/callcenter.db"
    assert settings.agent_sip_port == settings.sip_port + 2
    assert settings.embedded_redis


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "callcenter.toml").write_text('sip_port = 6000\nweb_port = "7000"\n')
    settings = load(environ={"CALLCENTER_SIP_PORT": "6100"})
    assert (settings.sip_port, settings.web_port) == (6100, 7000)


def test_postgresql_is_reached_through_psycopg_3() -> None:
    settings = load(environ={"CALLCENTER_DATABASE_URL": "postgresql://u@h/n"})
    assert settings.database_url == "postgresql+psycopg://u@h/n"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SIP_PORT", "sixty", "a whole number from 1 to 65535"),
        ("SIP_PORT", "70000", "a whole number from 1 to 65535"),
        ("RTP_PORTS", "20000", "16384-17383"),
        ("RTP_PORTS", "30000-20000", "16384-17383"),
        ("SWITCH", "asterisk", "auto, freeswitch, lab"),
        ("DATABASE_URL", "mysql://x", "postgresql://"),
        ("REDIS_URL", "http://x", "redis://"),
        ("TRUNK_ACL", "10.0.0.0/99", "10.1.0.0/16"),
        ("SIP_IP", "localhost", "127.0.0.1"),
        ("CONTROLLERS", "here", "host:port"),
        ("ESL_PASSWORD", "short", "12 characters"),
        ("HOTLINES_DIR", "/nowhere/at/all", "an existing folder"),
        ("ESL_HOST", "a|b", "a host name"),
        ("DATA_DIR", "a\nb", "control characters"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(
    name: str, value: str, expected: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(environ={f"CALLCENTER_{name}": value})
    message = str(caught.value)
    assert message.startswith(f"CALLCENTER_{name}: ")
    assert expected in message
    assert "\n" not in message


def test_a_name_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CALLCENTER_SIPPORT: there is no such setting"):
        load(environ={"CALLCENTER_SIPPORT": "1"})
    (tmp_path / "callcenter.toml").write_text("sipport = 1\n")
    with pytest.raises(SettingsError, match=r"callcenter.toml: sipport: there is no such"):
        load(environ={})


def test_two_settings_cannot_share_a_port() -> None:
    with pytest.raises(SettingsError, match="WEB_PORT: port 5060 is also SIP_PORT"):
        load(environ={"CALLCENTER_WEB_PORT": "5060"})


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "callcenter.toml").write_text("sip_port = \n")
    with pytest.raises(SettingsError, match=r"callcenter.toml: not TOML: .*line 1"):
        load(environ={})


def test_a_file_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / "other.toml", environ={})
