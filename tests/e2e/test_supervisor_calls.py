"""A supervisor on the line: listens, whispers, barges in, takes over; and moves who waits."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from listening import SUPERVISOR
from sqlalchemy import select
from switches import eventually
from transfer_kit import AGENT, TalkUnderTest, hears_more
from waiting_kit import WaitingRoomUnderTest

from callcenter import database
from callcenter.presence import connect
from workorder.models import AuditEntry

BY = {"by": "supervisor", "why": "training"}
PHONE = "1002"


def does(room: WaitingRoomUnderTest, command: str, **args: Any) -> dict[str, Any]:
    told = room.command(f"supervisor.{command}", **BY, **args)
    assert told["ok"], told
    return dict(told["result"])


def test_given_a_talk_when_a_supervisor_listens_whispers_barges_in_and_takes_over_then_all_hear_it(
    transfers: WaitingRoomUnderTest,
) -> None:
    phone = transfers.phone(PHONE, speech=SUPERVISOR)
    talk = TalkUnderTest(transfers, "13900005201")
    citizen, agent = talk.citizen, talk.agent
    does(transfers, "listen", agent=AGENT, phone=PHONE)
    ear = phone.rings()
    hears_more(ear, "agent+citizen")
    assert not any("supervisor" in word for word in [*citizen.heard.words(), *agent.heard.words()])
    does(transfers, "whisper", agent=AGENT, phone=PHONE)
    hears_more(agent, "citizen+supervisor")
    assert "agent+supervisor" not in citizen.heard.words()
    does(transfers, "barge", agent=AGENT, phone=PHONE)
    hears_more(citizen, "agent+supervisor")
    does(transfers, "take_over", agent=AGENT, phone=PHONE)
    agent.is_over()
    hears_more(citizen, "supervisor")
    hears_more(ear, "citizen")
    transfers.agent_is(AGENT, "wrap_up", "ready")
    does(transfers, "release", agent=PHONE, what="agent")
    ear.is_over()
    citizen.hears("survey")
    citizen.hang_up()
    record = transfers.ended(talk.caller)
    assert (record["outcome"], record["agent"]) == ("answered", PHONE)
    told = [event["data"] for event in transfers.events("supervisor.action", talk.call)]
    assert [each["action"] for each in told] == [
        *("listen", "whisper", "barge", "take_over", "release")
    ]
    assert all((each["by"], each["why"]) == tuple(BY.values()) for each in told)


def test_given_two_who_wait_when_a_supervisor_raises_the_second_and_lends_a_queue_then_it_counts(
    transfers: WaitingRoomUnderTest,
) -> None:
    first = transfers.dial("12346", "13900005202")
    first.hears("music", length=0.3)
    second = transfers.dial("12346", "13900005203")
    second.hears("music", length=0.3)
    record = transfers.until("13900005203", lambda call: call["queued_at"], "queued")
    does(transfers, "raise", call=record["id"], priority=9)
    refused = transfers.command("supervisor.move", **BY, call="x", queue="general")
    assert refused["error"].startswith("not_waiting")
    refused = transfers.command("supervisor.move", **BY, call=record["id"], queue="none")
    assert refused["error"].startswith("unknown_queue")
    phone = transfers.agent("1004")  # serves another queue
    does(transfers, "agent_skills", agent="1004", queues={"quiet": 5})
    leg = phone.rings()
    second.hears("agent", length=0.3)
    assert "agent" not in first.heard.words()
    leg.hang_up()
    second.hang_up()
    first.hang_up()
    transfers.agent_is("1004", "wrap_up", "ready")  # the switch tells of it a moment later
    does(transfers, "agent_skills_reset", agent="1004")

    def serves() -> dict[str, int]:
        told = transfers.system.api("agents").json()["agents"]
        return next(dict(each["queues"]) for each in told if each["number"] == "1004")

    eventually(lambda: serves() == {"general": 5}, "1004 serves her own queue again")
    does(transfers, "agent_state", agent="1004", state="logged_out")
    eventually(lambda: transfers.system.state("1004") == "logged_out", "1004 is logged out")


def audited(room: WaitingRoomUnderTest, *subjects: str) -> list[AuditEntry]:
    """What the audit log holds of these calls and agents, but for who looked at them."""
    engine = database.create_engine(room.system.settings.database_url)
    with database.reading(engine) as session:
        query = select(AuditEntry).where(
            AuditEntry.subject.in_(subjects), AuditEntry.action.startswith("supervisor.")
        )
        found = list(session.scalars(query.order_by(AuditEntry.id)))
    engine.dispose()
    return found


def test_given_a_supervisor_at_the_page_when_she_moves_a_call_writes_and_blocks_then_so_it_is(
    transfers: WaitingRoomUnderTest,
) -> None:
    """Each by the form of the live page, and in the audit log with who, whom, when and why."""
    room, caller = transfers, "13900005204"
    began = dt.datetime.now(dt.UTC)
    phone = room.agent(AGENT)
    citizen = room.dial("12346", caller)  # a queue that this agent doesn't serve
    citizen.hears("music", length=0.3)
    call = room.until(caller, lambda record: record["queued_at"], "queued")

    def acts(action: str, **fields: str) -> None:
        told = room.post("/live/do", "/account", user="supervisor", action=action, **fields)
        assert "已执行" in told

    acts("supervisor.move", call=call["id"], queue="general", why="坐席空闲")
    talk = phone.rings()
    citizen.hears("agent", length=0.3)
    moved = room.until(caller, lambda record: record["answered_at"], "answered")
    assert (moved["queue"], moved["queued_at"]) == ("general", call["queued_at"])

    with connect(room.system.settings.redis_url).pubsub(ignore_subscribe_messages=True) as news:
        news.subscribe("cc:events")
        news.get_message(timeout=5)
        acts("supervisor.message", agent=AGENT, text="请尽快收尾", why="排队人多")

        def message() -> dict[str, Any] | None:
            heard = news.get_message(timeout=1)
            told = json.loads(heard["data"]) if heard else {}
            return told if told.get("kind") == "message" else None

        written = eventually(message, "the message is told")
    assert (written["to"], written["text"], written["by"]) == (AGENT, "请尽快收尾", "supervisor")

    assert room.command("call.nuisance", agent=AGENT, note="不出声")["ok"]
    mark = f"/live/nuisance/{call['id']}"
    eventually(lambda: mark in room.page("/live/nuisance"), "the mark waits for a supervisor")
    decision = {"decision": "confirm", "days": "1", "why": "反复骚扰"}
    assert "已拦截" in room.post(mark, "/account", user="supervisor", **decision)
    eventually(lambda: mark not in room.page("/live/nuisance"), "it is decided")
    talk.hang_up()
    citizen.is_over(20)

    def turned_away() -> bool:
        again = room.dial("12346", caller)
        eventually(lambda: {"blocked", "music"} & set(again.heard.words()), "hears anything")
        again.hang_up()
        return "blocked" in again.heard.words()

    eventually(turned_away, "the number is blocked", 20)
    entries = audited(room, call["id"], AGENT)
    assert [(each.action, each.subject, each.data["why"]) for each in entries] == [
        ("supervisor.move", call["id"], "坐席空闲"),
        ("supervisor.message", AGENT, "排队人多"),
        ("supervisor.nuisance", call["id"], "反复骚扰"),
    ]
    assert entries[0].data["queue"] == "general"
    assert {each.username for each in entries} == {"supervisor"}
    assert all(began <= each.at <= dt.datetime.now(dt.UTC) for each in entries)
