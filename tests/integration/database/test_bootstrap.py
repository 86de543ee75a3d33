"""A first run makes what is missing, a second one changes nothing."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from callcenter import bootstrap, database
from callcenter.bootstrap import Secrets, ensure_data_dir, ensure_first_users
from callcenter.models import Agent
from callcenter.settings import Settings, SettingsError
from workorder.models import User

DOMAIN = "callcenter.local"


@pytest.fixture
def settings(tmp_path: Path) -> SimpleNamespace:
    return SimpleNamespace(data_dir=tmp_path / "somewhere" / "data")


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        bootstrap, "PasswordHasher", lambda: PasswordHasher(time_cost=1, memory_cost=64)
    )


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_data_folder_and_its_secrets_are_the_owner_s_alone(settings: SimpleNamespace) -> None:
    umask = os.umask(0)
    try:
        ensure_data_dir(settings)
    finally:
        os.umask(umask)
    assert mode(settings.data_dir) == 0o700
    assert mode(settings.data_dir / "secrets.toml") == 0o600
    assert [path.name for path in settings.data_dir.glob(".*")] == []


def test_secrets_are_made_once(settings: SimpleNamespace) -> None:
    first = ensure_data_dir(settings)
    assert ensure_data_dir(settings) == first == Secrets.load(settings.data_dir)
    assert set(first.sip_passwords) == {"1001", "1002", "1003", "1004"}
    assert {"admin", "supervisor", "dispatcher", "1001"} <= set(first.first_logins)
    passwords = [*first.sip_passwords.values(), *first.first_logins.values()]
    passwords += [first.esl_password, first.web_secret_key, first.api_token]
    assert len(set(passwords)) == len(passwords)
    assert min(map(len, passwords)) >= 12


def test_what_a_person_put_there_stays_and_the_rest_is_added(settings: SimpleNamespace) -> None:
    settings.data_dir.mkdir(parents=True)
    path = settings.data_dir / "secrets.toml"
    path.write_text('api_token = "mine \\"quoted\\" \\\\ 中"\n[sip_password]\n"2001" = "x"\n')
    secrets = ensure_data_dir(settings)
    assert secrets.api_token == 'mine "quoted" \\ 中'
    assert secrets.sip_passwords == {"2001": "x"}
    assert secrets.esl_password
    assert mode(path) == 0o600


def test_starts_at_once_agree_on_one_set_of_secrets(settings: SimpleNamespace) -> None:
    found: list[Secrets] = []
    starters = [
        threading.Thread(target=lambda: found.append(ensure_data_dir(settings))) for _ in range(8)
    ]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join(20)
    assert len(found) == 8
    assert all(secrets == found[0] for secrets in found)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("rubbish", "not TOML"),
        ("esl_password = 7", "esl_password"),
        ('first_logins = "x"', "first_logins"),
        ("[sip_password]\n1001 = 7", "sip_password"),
    ],
)
def test_a_broken_file_is_named_and_not_written_over(
    settings: SimpleNamespace, content: str, message: str
) -> None:
    settings.data_dir.mkdir(parents=True)
    path = settings.data_dir / "secrets.toml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=message):
        ensure_data_dir(settings)
    assert path.read_text() == content


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="CALLCENTER_DATA_DIR"):
        ensure_data_dir(SimpleNamespace(data_dir=tmp_path / "file" / "data"))


def test_secrets_are_never_printed(settings: SimpleNamespace) -> None:
    secrets = ensure_data_dir(settings)
    assert secrets.esl_password not in repr(secrets)
    assert secrets.first_logins["admin"] not in repr(secrets)


def test_given_settings_win_over_the_file(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", api_token="from the environment")
    with pytest.raises(SettingsError, match="missing"):
        bootstrap.with_secrets(settings)
    secrets = ensure_data_dir(settings)
    filled = bootstrap.with_secrets(settings)
    assert (filled.api_token, filled.esl_password) == ("from the environment", secrets.esl_password)
    everything = Settings(esl_password="a", web_secret_key="b", api_token="c")
    assert bootstrap.with_secrets(everything) is everything


def test_an_empty_database_gets_people_who_can_log_in(
    engine: sa.Engine, settings: SimpleNamespace
) -> None:
    secrets = ensure_data_dir(settings)
    with database.writing(engine) as session:
        logins = ensure_first_users(session, secrets, DOMAIN)
    with database.reading(engine) as session:
        users = {user.username: user for user in session.scalars(sa.select(User))}
        agents = {agent.number: agent for agent in session.scalars(sa.select(Agent))}
    assert {login.username for login in logins} == set(users)
    for login in logins:
        user = users[login.username]
        assert PasswordHasher().verify(user.password_hash, login.password)
        assert (user.role, user.agent_number) == (login.role, login.agent_number)
        assert secrets.first_logins[login.username] == login.password
    assert set(agents) == set(secrets.sip_passwords)
    for number, agent in agents.items():
        a1 = f"{number}:{DOMAIN}:{secrets.sip_passwords[number]}"
        assert agent.sip_a1_hash == hashlib.md5(a1.encode()).hexdigest()
        assert agent.queues == {"general": 5}


def test_who_was_deleted_does_not_come_back(engine: sa.Engine, settings: SimpleNamespace) -> None:
    secrets = ensure_data_dir(settings)
    with database.writing(engine) as session:
        ensure_first_users(session, secrets, DOMAIN)
    with database.writing(engine) as session:
        session.execute(sa.delete(Agent))
        session.execute(sa.delete(User).where(User.agent_number.is_not(None)))
    with database.writing(engine) as session:
        assert ensure_first_users(session, secrets, DOMAIN) == []
    with database.reading(engine) as session:
        assert session.scalars(sa.select(Agent)).all() == []


def test_first_runs_at_once_make_everybody_once(
    engine: sa.Engine, settings: SimpleNamespace
) -> None:
    secrets = ensure_data_dir(settings)
    made: list[int] = []

    def start() -> None:
        with database.writing(engine) as session:
            made.append(len(ensure_first_users(session, secrets, DOMAIN)))

    starters = [threading.Thread(target=start) for _ in range(3)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join(30)
    assert sorted(made) == [0, 0, len(bootstrap.PEOPLE)]
