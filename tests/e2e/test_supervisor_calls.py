"""A supervisor on the line: listens, whispers, barges in, takes over; and moves who waits."""

from __future__ import annotations

from typing import Any

from listening import SUPERVISOR
from switches import eventually
from transfer_kit import AGENT, TalkUnderTest, hears_more
from waiting_kit import WaitingRoomUnderTest

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
    does(transfers, "agent_skills_reset", agent="1004")

    def serves() -> dict[str, int]:
        told = transfers.system.api("agents").json()["agents"]
        return next(dict(each["queues"]) for each in told if each["number"] == "1004")

    eventually(lambda: serves() == {"general": 5}, "1004 serves her own queue again")
    does(transfers, "agent_state", agent="1004", state="logged_out")
    eventually(lambda: transfers.system.state("1004") == "logged_out", "1004 is logged out")
