"""The database, Redis and the projector go away under calls, and come back: nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from hotline_kit import HotlineUnderTest, write_rules, write_voices
from postgres import Cluster, cluster
from survival import survivor
from switches import Kind
from system import System, started

from callcenter import parts
from callcenter.database import create_engine, reading
from callcenter.events import Kind as Event
from callcenter.models import Call, JournalEvent
from workorder.models import Order

__all__ = ["cluster", "survivor"]

TALKER, SPEAKER, WAITER = (f"1370000080{n}" for n in range(3))


def leave_message(hotline: HotlineUnderTest, caller: str) -> None:
    call = hotline.dial("12345", caller)
    call.hears("menu_main")
    call.press("3")
    call.hears("beep")
    call.speaks(1.5)
    call.press("#")
    call.hears("message_saved")
    call.is_over()


def records(system: System) -> tuple[Counter[str], Counter[str]]:
    """Call records and orders of each caller."""
    engine = create_engine(system.settings.database_url)
    with reading(engine) as session:
        calls = Counter(session.scalars(sa.select(Call.caller)))
        orders = Counter(session.scalars(sa.select(Order.citizen_number)))
    engine.dispose()
    return calls, orders


@pytest.fixture
def on_postgres(switch_kind: Kind, cluster: Cluster, tmp_path: Path) -> Iterator[HotlineUnderTest]:
    url = cluster.new_database().replace("postgresql://", "postgresql+psycopg://", 1)
    system = started(
        switch_kind,
        tmp_path / "data",
        write_voices(tmp_path / "voices"),
        database_url=url,
        **write_rules(tmp_path / "rules"),
    )
    kit = HotlineUnderTest(system)
    yield kit
    kit.close()
    system.stop()


def test_given_calls_while_postgresql_is_away_when_it_is_back_then_every_record_is_complete(
    on_postgres: HotlineUnderTest, cluster: Cluster
) -> None:
    system = on_postgres.system
    on_postgres.agent("1001")
    waiter = on_postgres.dial("2613710", WAITER)
    waiter.hears("agent")
    cluster.stop()
    try:
        waiter.hang_up()
        system_away = requests.get(system.url("/healthz"), timeout=10)
        assert system_away.status_code == 503
        leave_message(on_postgres, SPEAKER)
        waiting = on_postgres.dial("2613710", TALKER)
        waiting.hears("music")
        waiting.hang_up()
    finally:
        cluster.start()
    assert on_postgres.ended(WAITER, 40)["outcome"] == "answered"
    assert on_postgres.ended(SPEAKER, 40)["outcome"] == "message_left"
    assert on_postgres.ended(TALKER, 40)["outcome"] == "abandoned_in_queue"
    calls, orders = records(system)
    assert calls == {WAITER: 1, SPEAKER: 1, TALKER: 1}
    assert orders == {WAITER: 1, SPEAKER: 1}
    system.wait_ready()


@pytest.mark.parametrize("lost", [False, True], ids=["kept", "lost"])
def test_given_redis_dies_under_calls_when_it_is_back_then_agents_and_commands_are_too(
    survivor: HotlineUnderTest, lost: bool
) -> None:
    """`lost`: with everything it held."""
    system = survivor.system
    agent = survivor.agent("1001")
    survivor.agent("1002")
    assert system.set_state("1002", "not_ready", reason="meal").status_code == 200
    survivor.agent_is("1002", "not_ready")
    call = survivor.dial("2613710", TALKER)
    agent.rings().hears("citizen")
    survivor.agent_is("1001", "talking")
    system.kill("redis")
    second = survivor.dial("2613710", WAITER)
    second.hears("music")
    agent.calls[0].hears("citizen", length=agent.calls[0].heard.seconds("citizen") + 1)
    if lost:
        for path in sorted(system.settings.redis_socket.parent.rglob("*aof*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
    child = parts.started(parts.redis_server(system.settings))
    system.children["redis"] = child
    system.wait_redis()
    system.wait_ready()
    survivor.agent_is("1001", "talking")
    assert survivor.agent_is("1002", "not_ready")["reason"] == "meal"
    agent.calls[0].hang_up()
    call.hears("survey")
    survivor.agent_is("1001", "wrap_up")
    assert system.set_state("1001", "ready").status_code == 200
    second.hears("agent")
    second.hang_up()
    assert survivor.ended(WAITER)["outcome"] == "answered"


def test_given_the_projector_is_killed_again_and_again_then_nothing_is_lost_or_doubled(
    survivor: HotlineUnderTest,
) -> None:
    system = survivor.system
    callers = [f"1360000{n:04}" for n in range(20)]
    legs = []
    for n, caller in enumerate(callers):
        legs.append(survivor.dial("12345", caller))
        if n % 5 == 4:
            system.kill("projector")
            system.start_process("projector")
    for leg in legs:
        leg.hears("menu_main", 30)
        leg.hang_up()
    system.kill("projector")
    with system.settings.journal_dir.joinpath("torn-0000000000000001.jsonl").open("wb") as torn:
        torn.write(b'{"id":"half a li')  # a writer that died within a line
    system.start_process("projector")
    for caller in callers:
        assert survivor.ended(caller, 30)["outcome"] == "abandoned_in_menu"
    calls, _ = records(system)
    assert {caller: calls[caller] for caller in callers} == dict.fromkeys(callers, 1)
    assert _told(system, Event.CALL_ARRIVED, callers) == len(callers)
    system.wait_ready()


def _told(system: System, kind: Event, callers: list[str]) -> int:
    engine = create_engine(system.settings.database_url)
    with reading(engine) as session:
        found: Any = session.scalar(
            sa.select(sa.func.count())
            .select_from(JournalEvent)
            .join(Call, Call.id == JournalEvent.call_id)
            .where(JournalEvent.kind == kind.value, Call.caller.in_(callers))
        )
    engine.dispose()
    return int(found)
