"""`callcenter doctor` against a running switch: silent when all is well, plain when it isn't."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from switches import RunningSwitch, eventually, write_wav_tone

from callcenter import database, doctor, parts
from callcenter.bootstrap import new_agent
from callcenter.presence import connect
from callcenter.settings import Settings


@pytest.fixture
def healthy(shared_switch: RunningSwitch, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a place where nothing is wrong."""
    switch = shared_switch
    settings = replace(switch.settings, hotlines_dir=hotlines(tmp_path, ["12345", "2613710"]))
    shutil.rmtree(settings.cdr_dir)
    for folder in (settings.cdr_dir, settings.journal_dir):
        folder.mkdir(parents=True, exist_ok=True)
    database.upgrade(settings.database_url)
    engine = database.create_engine(settings.database_url)
    with database.writing(engine) as session:
        if not doctor.config_export.directory(session):
            for number, password in switch.agents.items():
                session.add(new_agent(number, "Agent", settings.domain, password))
    engine.dispose()
    redis = parts.started(parts.redis_server(settings))
    eventually(lambda: _answers(settings), "Redis")
    yield settings
    redis.stop()


def hotlines(folder: Path, numbers: list[str]) -> Path:
    path = folder / "hotlines"
    path.mkdir(exist_ok=True)
    (path / "city.yaml").write_text(
        f"name: city\ntitle: Test\nnumbers: {numbers}\nqueue: general\n"
    )
    return path


def _answers(settings: Settings) -> bool:
    client = connect(settings.redis_url)
    try:
        return bool(client.ping())
    except Exception:  # noqa: BLE001 - whatever it is, it isn't ready
        return False
    finally:
        client.close()


def wrong(settings: Settings) -> list[str]:
    return [finding.what for finding in doctor.check(settings) if not finding.ok]


def test_nothing_is_wrong_where_all_is_well(healthy: Settings) -> None:
    findings = doctor.check(healthy)
    assert [finding for finding in findings if not finding.ok] == []
    assert len(findings) > 12


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: replace(s, esl_password="not-the-password"), "password is refused"),
        (lambda s: replace(s, esl_port=1), "event socket 127.0.0.1:1"),
        (lambda s: replace(s, max_calls=7), "max_calls is 7 here and 200 there"),
        (lambda s: replace(s, redis_url="redis://127.0.0.1:1/0"), "Redis doesn't answer"),
        (lambda s: replace(s, database_url="sqlite:////proc/no/x.db"), "database doesn't answer"),
        (lambda s: replace(s, database_url="sqlite://"), "revision none"),
        (lambda s: replace(s, esl_password="two words"), "esl_password"),
    ],
)
def test_what_is_wrong_is_said(
    healthy: Settings, change: Callable[[Settings], Settings], words: str
) -> None:
    assert any(words in line for line in wrong(change(healthy))), wrong(change(healthy))


def test_number_that_the_dialplan_does_not_answer_is_named(
    healthy: Settings, tmp_path: Path
) -> None:
    hotlines(tmp_path, ["12345", "12346"])
    assert wrong(healthy) == ["the dialplan answers 12346"]


def test_prompts_that_are_missing_or_stereo_are_named(healthy: Settings, tmp_path: Path) -> None:
    sounds = tmp_path / "zh"
    shutil.copytree(healthy.sounds_dir, sounds)
    (sounds / "welcome.wav").unlink()
    write_wav_tone(sounds / "survey.wav", 500, 0)
    lines = wrong(replace(healthy, sounds_dir=sounds))
    assert any(line.endswith("except survey, welcome") for line in lines), lines


def test_every_wrong_thing_comes_with_a_way_to_mend_it(healthy: Settings) -> None:
    broken = replace(healthy, esl_port=1, redis_url="redis://127.0.0.1:1/0", max_calls=1)
    for finding in doctor.check(broken):
        assert finding.ok or finding.how_to_mend


def test_phone_whose_password_the_switch_does_not_know_is_named(
    healthy: Settings, switch_kind: str
) -> None:
    if switch_kind == "lab":
        pytest.skip("the lab switch has no directory to ask")
    engine = database.create_engine(healthy.database_url)
    with database.writing(engine) as session:
        session.add(new_agent("1077", "New", healthy.domain, "never-rendered"))
    engine.dispose()
    assert wrong(healthy) == ["every agent's phone can register, except 1077"]
