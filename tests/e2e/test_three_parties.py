"""12330 and its like: consult, join, leave, in any order; everybody hears who should be heard."""

from __future__ import annotations

from listening import RATE, channels, listened
from switches import eventually
from transfer_kit import AGENT, TalkUnderTest, hears_more, hears_nothing_while
from waiting_kit import WaitingRoomUnderTest


def test_given_a_consultation_when_12330_joins_and_the_agent_leaves_then_each_hears_who_is_there(
    transfers: WaitingRoomUnderTest,
) -> None:
    talk = TalkUnderTest(transfers, "13900005001")
    citizen, agent = talk.citizen, talk.agent
    hears_more(citizen, "agent", 0.5)
    third = talk.consults()
    citizen.hears("music", length=0.3)
    agent.hears("third", length=0.3)
    hears_more(third, "agent", 1.0)
    assert "12345" in third.invite.get("from")  # type: ignore[union-attr]
    talk.does("mark", label="12330", note="商标")
    talk.does("join")
    citizen.hears("agent+third", length=0.5)
    agent.hears("citizen+third", length=0.5)
    third.hears("agent+citizen", length=0.5)
    talk.does("leave")
    agent.is_over()
    transfers.agent_is(AGENT, "wrap_up", "ready")
    citizen.hears("third", length=0.5)
    third.hears("citizen", length=0.5)
    third.hang_up()
    citizen.hears("survey")
    citizen.press("1")
    citizen.is_over()

    record = transfers.ended(talk.caller)
    assert (record["outcome"], record["rating"], record["agent"]) == ("answered", 1, AGENT)
    assert talk.phases() == ["dialing", "consulting", "joined", "handed_over", "over"]
    kinds = ("third.dialed", "third.answered", "call.joined", "call.transferred", "third.ended")
    told = [event["kind"] for event in transfers.story(talk.call, *kinds)]
    assert told == ["third.dialed", "third.answered", "call.joined", "third.ended"]
    marks = [event["data"] for event in transfers.events("recording.mark", talk.call)]
    assert [mark["label"] for mark in marks] == [
        *("consult", "consulting", "12330", "join", "leave", "third_left")
    ]
    assert sorted(mark["offset"] for mark in marks) == [mark["offset"] for mark in marks]
    told = transfers.system.api(f"orders/{record['order_number']}/events").json()["events"]
    assert "noted" in [event["kind"] for event in told]

    record = transfers.until(
        talk.caller,
        lambda call: call["recording"] and call["recording"]["state"] == "indexed",
        "the recording is indexed",
    )
    path = transfers.system.settings.recordings_dir / record["recording"]["path"]
    sides = channels(path)
    said, heard = (listened(side) for side in sides)
    assert said.seconds("citizen") > 2.0
    for tone in ("music", "agent", "agent+third", "third", "survey"):
        assert heard.seconds(tone) > 0.05, (tone, heard.story())
    # Of what agent and third party say alone nothing is on it.
    at = {mark["label"]: mark["offset"] for mark in marks}
    begin, end = (round(RATE * second) for second in (at["consulting"], at["join"] - 0.3))
    alone = listened(sides[1][begin:end])
    assert alone.words() == ["music"], alone.story()
    assert alone.sounding - alone.seconds("music") < 0.2
    assert alone.length > 1.0
    voice = listened(sides[0][begin:end])
    assert set(voice.words()) <= {"citizen"}, voice.story()


def test_given_a_hold_a_mute_and_a_busy_desk_when_the_third_leaves_first_then_the_agent_is_back(
    transfers: WaitingRoomUnderTest,
) -> None:
    talk = TalkUnderTest(transfers, "13900005002")
    citizen, agent = talk.citizen, talk.agent
    assert talk.may_not("resume") == "not_held"
    assert talk.may_not("consult", to="closed") == "out_of_hours"
    assert talk.may_not("transfer", to="nowhere") == "unknown_destination"
    talk.does("hold")
    transfers.agent_is(AGENT, "holding")
    citizen.hears("music", length=0.3)
    talk.does("resume")
    hears_more(citizen, "agent")
    talk.does("mute")
    before = citizen.heard.seconds("agent")
    agent.speaks(1.0)
    assert citizen.heard.seconds("agent") - before < 0.4
    talk.does("unmute")
    hears_more(citizen, "agent")

    transfers.carrier.ways["12366"] = "busy"
    talk.does("consult", to="tax")
    eventually(lambda: talk.controls()["failed"], "the desk is busy")
    assert talk.is_in("talking")["failed"]["cause"] == "USER_BUSY"
    hears_more(citizen, "agent")

    third = talk.consults()
    talk.does("join")
    citizen.hears("agent+third", length=0.3)
    third.hang_up()
    talk.is_in("talking")
    hears_more(citizen, "agent")
    hears_more(agent, "citizen")
    third = talk.consults(times=2)
    talk.does("join")
    third.hears("agent+citizen", length=0.3)
    citizen.hang_up()
    talk.is_in("aftertalk")
    hears_more(third, "agent")
    hears_more(agent, "third")
    talk.does("drop")
    agent.is_over()
    third.is_over()
    assert transfers.ended(talk.caller)["outcome"] == "answered"
    transfers.agent_is(AGENT, "wrap_up", "ready")


def test_given_one_key_to_110_when_it_does_not_answer_then_nothing_is_lost_and_then_it_does(
    transfers: WaitingRoomUnderTest,
) -> None:
    talk = TalkUnderTest(transfers, "13900005003")
    citizen, agent = talk.citizen, talk.agent
    transfers.carrier.ways["110"] = "ring"
    talk.does("transfer", to="110")
    police = transfers.carrier.call_to("110")
    assert "sip:13900005003@" in police.invite.get("from")  # type: ignore[union-attr]
    assert "music" not in citizen.heard.words()
    agent.hang_up()  # before it answers: the citizen hears music, and comes back to this agent
    citizen.hears("music", length=0.5)
    agent = talk.phone.rings(20, times=2)
    citizen.hears("agent", times=2, length=0.3)
    agent.hears("citizen", length=0.3)

    transfers.carrier.ways["110"] = "answer"
    talk.is_in("talking")
    talk.does("transfer", to="110")
    police = transfers.carrier.call_to("110", times=2)
    citizen.hears("third", length=0.5)
    police.hears("citizen", length=0.5)
    agent.is_over()
    transfers.agent_is(AGENT, "wrap_up", "ready")
    police.hang_up()
    citizen.is_over()
    assert "survey" not in citizen.heard.words()
    record = transfers.ended(talk.caller)
    assert (record["outcome"], record["agent"]) == ("transferred", AGENT)
    assert transfers.order(record["order_number"])["category"] == "guidance"


def test_given_an_earlier_call_when_the_agent_dials_its_citizen_then_the_two_talk(
    transfers: WaitingRoomUnderTest,
) -> None:
    talk = TalkUnderTest(transfers, "13900005006")
    assert talk.may_not("dial", call=talk.call) == "in_call"
    talk.does("survey")
    talk.citizen.hears("survey")
    talk.citizen.hang_up()
    transfers.ended(talk.caller)
    transfers.agent_is(AGENT, "wrap_up", "ready")
    assert talk.may_not("dial", number=talk.caller) == "bad_argument"
    assert talk.may_not("dial", call="another") == "unknown_call"
    told = transfers.command("call.dial", agent="1004", call=talk.call)
    assert told["error"].partition(":")[0] in ("logged_out", "unknown_call")
    transfers.carrier.ways[talk.caller] = "busy"
    talk.does("dial", call=talk.call)
    leg = talk.phone.rings(times=2)
    leg.is_over()
    failed = talk.controls()["failed"]
    assert (failed["title"], failed["cause"]) == ("139****5006", "USER_BUSY")
    transfers.agent_is(AGENT, "wrap_up", "ready")

    transfers.carrier.ways[talk.caller] = "answer"
    order = transfers.ended(talk.caller)["order_number"]
    talk.does("dial", order=order)
    called = transfers.carrier.call_to(talk.caller, times=2)
    called.hears("callback_hello")
    hears_more(called, "agent")
    hears_more(talk.phone.rings(times=3), "citizen")
    talk.is_in("talking")
    called.hang_up()
    second = transfers.until(
        talk.caller, lambda call: call["id"] != talk.call and call["ended_at"], "the second call"
    )
    assert (second["outcome"], second["callback_of"]) == ("answered", talk.call)
    assert second["order_number"] == order
    transfers.agent_is(AGENT, "wrap_up", "ready")


def test_given_an_agent_without_a_call_when_she_dials_a_destination_then_they_talk_and_that_is_all(
    transfers: WaitingRoomUnderTest,
) -> None:
    transfers.begins("12330")
    phone = transfers.agent(AGENT)
    for name, why in (("closed", "out_of_hours"), ("10086", "unknown_destination")):
        told = transfers.command("call.dial", agent=AGENT, to=name)
        assert (told["ok"], told["error"].partition(":")[0]) == (False, why)
    told = transfers.command("call.dial", agent=AGENT, to="12330")
    assert told["ok"], told
    transfers.agent_is(AGENT, "talking")
    agent = phone.rings()
    office = transfers.carrier.call_to("12330")
    assert "12345" in office.invite.get("from")  # type: ignore[union-attr]
    hears_more(office, "agent")
    hears_more(agent, "third")
    transfers.system.kill("controller")
    agent.hang_up()
    office.is_over()  # nobody is there who would ask for a rating, or a message
    assert set(office.heard.words()) <= {"agent", "silence"}, office.heard.story()
    transfers.system.start_process("controller")
    transfers.agent_is(AGENT, "wrap_up", "ready")
    record = transfers.ended("12330")
    assert (record["purpose"], record["outcome"]) == ("office", "answered")
    assert (record["agent"], record["order_number"]) == (AGENT, None)
    transfers.until("12330", lambda call: call["recording"], "it was recorded")
    (dialed,) = [
        event["data"]
        for event in transfers.events("outbound.dialed")
        if event["data"]["wish"] == told["result"]["call"]
    ]
    assert (dialed["agent"], dialed["destination"]) == (AGENT, "12330")


def test_given_an_agent_off_hook_when_she_joins_12330_and_leaves_then_only_her_leg_has_no_part(
    transfers: WaitingRoomUnderTest,
) -> None:
    line = transfers.off_hook(AGENT)
    talk = TalkUnderTest(transfers, "13900005007", line=line)
    citizen, agent = talk.citizen, talk.agent
    talk.does("mute")
    talk.does("unmute")
    third = talk.consults()
    citizen.hears("music", length=0.3)
    talk.does("join")
    citizen.hears("agent+third", length=0.3)
    agent.hears("citizen+third", length=0.3)
    talk.does("leave")
    transfers.agent_is(AGENT, "wrap_up")
    hears_more(citizen, "third")
    hears_more(third, "citizen")
    assert talk.controls()["phase"] == "idle"
    hears_nothing_while(agent, citizen, "third")
    third.hang_up()
    citizen.hears("survey")
    citizen.hang_up()
    record = transfers.ended(talk.caller)
    assert (record["outcome"], record["agent"]) == ("answered", AGENT)
    by = [event["data"]["by"] for event in transfers.events("talk.ended", talk.call)]
    assert by == ["agent"]

    # Hanging up after a consultation means the transfer; off hook that is a command.
    transfers.agent_is(AGENT, "ready")
    talk = TalkUnderTest(transfers, "13900005008", line=line)
    third = talk.consults(times=2)
    talk.does("mute")
    assert transfers.command("agent.end_call", agent=AGENT)["ok"]
    transfers.agent_is(AGENT, "wrap_up")
    hears_more(talk.citizen, "third")
    hears_nothing_while(agent, talk.citizen, "third")
    talk.citizen.hang_up()
    third.is_over()
    transfers.agent_is(AGENT, "ready")

    # Whoever else leaves the three first, the leg stays too; and the next citizen hears its agent.
    talk = TalkUnderTest(transfers, "13900005009", line=line)
    third = talk.consults(times=3)
    talk.does("join")
    talk.citizen.hears("agent+third", length=0.3)
    talk.citizen.hang_up()
    talk.is_in("aftertalk")
    hears_more(third, "agent")
    third.hang_up()
    transfers.agent_is(AGENT, "wrap_up")
    assert (agent.state, talk.phone.calls) == ("up", [agent])


def test_given_an_agent_off_hook_when_she_dials_out_then_her_leg_is_joined_and_stays(
    transfers: WaitingRoomUnderTest,
) -> None:
    phone, leg = transfers.off_hook(AGENT)
    transfers.carrier.ways["12330"] = "busy"
    assert transfers.command("call.dial", agent=AGENT, to="12330")["ok"]
    transfers.agent_is(AGENT, "wrap_up")
    transfers.agent_is(AGENT, "ready")
    assert transfers.command("agent.not_ready", agent=AGENT, reason="meal")["ok"]
    transfers.carrier.ways["12330"] = "ring"
    assert transfers.command("call.dial", agent=AGENT, to="12330")["ok"]
    rings = transfers.carrier.call_to("12330", times=2)
    assert transfers.command("agent.end_call", agent=AGENT)["ok"]  # she thinks better of it
    rings.is_over()
    assert transfers.agent_is(AGENT, "not_ready")["reason"] == "meal"
    transfers.carrier.ways["12330"] = "answer"
    assert transfers.command("call.dial", agent=AGENT, to="12330")["ok"]
    office = transfers.carrier.call_to("12330", times=3)
    hears_more(office, "agent")
    hears_more(leg, "third")
    office.hang_up()
    assert transfers.agent_is(AGENT, "not_ready")["reason"] == "meal"
    assert (leg.state, phone.calls) == ("up", [leg])


def test_given_the_menu_s_key_for_110_when_it_is_busy_then_an_agent_comes_else_the_police(
    transfers: WaitingRoomUnderTest,
) -> None:
    transfers.carrier.ways["110"] = "busy"
    phone = transfers.agent(AGENT)
    call = transfers.dial("12351", "13900005004")
    call.hears("menu_main")
    call.press("9")
    agent = phone.rings()
    call.hears("agent", length=0.3)
    agent.hang_up()
    call.hears("survey")
    call.hang_up()
    record = transfers.ended("13900005004")
    assert record["outcome"] == "answered"

    transfers.carrier.ways["110"] = "answer"
    call = transfers.dial("12351", "13900005005")
    call.hears("menu_main")
    call.press("9")
    police = transfers.carrier.call_to("110", times=2)
    call.hears("third", length=0.5)
    police.hears("citizen", length=0.5)
    call.hang_up()
    police.is_over()
    record = transfers.ended("13900005005")
    assert (record["outcome"], record["agent"]) == ("transferred", None)
    assert transfers.order(record["order_number"])["category"] == "guidance"
