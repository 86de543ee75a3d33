"""The controller dies with `kill -9`: no call does."""

from __future__ import annotations

from typing import Any

from hotline_kit import HotlineUnderTest
from listening import AGENT, CITIZEN
from survival import legs, longest_run, restart, resumed_after, stage, survivor, variable
from switches import eventually

__all__ = ["survivor"]

TALKER, RATER, SPEAKER, CHOOSER = (f"1390000000{n}" for n in range(1, 5))
WAITING = ("13900000011", "13900000012", "13900000013")


def begin_message(hotline: HotlineUnderTest, caller: str) -> Any:
    call = hotline.dial("12345", caller)
    call.hears("menu_main")
    call.press("3")
    call.hears("beep")
    call.speaks(2.0)
    return call


def supervisor(hotline: HotlineUnderTest, command: str, agent: str, **args: Any) -> dict[str, Any]:
    told = hotline.command(
        f"supervisor.{command}", agent=agent, by="supervisor", why="noon", **args
    )
    assert told["ok"], told
    return dict(told["result"])


def test_given_calls_at_every_stage_when_the_controller_is_killed_then_each_goes_on(
    survivor: HotlineUnderTest, record_property: Any
) -> None:
    system = survivor.system
    wang, li = survivor.agent("1001"), survivor.agent("1002")
    talker = survivor.dial("2613710", TALKER)
    talk = eventually(lambda: [*wang.calls, *li.calls], "an agent rings")[0]
    speaking, other = (wang, li) if talk in wang.calls else (li, wang)
    talk.hears("citizen")
    rater = survivor.dial("2613710", RATER)
    other.rings().hears("citizen")
    other.calls[0].hang_up()
    waiting = {}
    for caller in WAITING:
        waiting[caller] = survivor.dial("2613710", caller)
        stage(survivor, caller, "queue")
    queued = [stage(survivor, caller, "queue")["queued_at"] for caller in WAITING]
    assert queued == sorted(queued)
    speaker = begin_message(survivor, SPEAKER)
    chooser = survivor.dial("12345", CHOOSER)
    chooser.hears("menu_main")
    rater.hears("survey")
    lent = {"queues": {"general": 7}, "skills": {"language.english": 3}}
    supervisor(survivor, "agent_skills", other.number, **lent, seconds=3600)

    killed = restart(system, "controller")
    for caller in (*WAITING, RATER, CHOOSER, SPEAKER):
        gone_on = resumed_after(survivor, caller, killed)
        record_property(f"{caller} without control for seconds", round(gone_on, 2))
    state = survivor.agent_is(speaking.number, "talking")
    assert state["contact"] == (survivor.record(TALKER) or {})["id"]
    assert survivor.agent_is(other.number, "wrap_up").items() >= lent.items()
    given_back = supervisor(survivor, "agent_skills_reset", other.number)
    assert (given_back["queues"], given_back["lent"]) == ({"general": 5}, None)
    assert [stage(survivor, caller, "queue")["queued_at"] for caller in WAITING] == queued

    rater.hears("survey", times=2)
    rater.press("3")
    rater.is_over()
    assert survivor.ended(RATER)["rating"] == 3

    chooser.hears("menu_main", times=2)
    chooser.press("3")
    for call in (chooser, speaker):
        call.hears("beep", times=1 if call is chooser else 2)
        call.speaks(2.0)
        call.press("#")
        call.hears("message_saved")
        call.is_over()
    for caller in (CHOOSER, SPEAKER):
        record = survivor.ended(caller)
        assert (record["outcome"], record["recording"]["kind"]) == ("message_left", "message")
        assert survivor.order(record["order_number"])["citizen_number"] == caller
    path = system.settings.recordings_dir / survivor.ended(SPEAKER)["recording"]["path"]
    assert longest_run(path, 0, CITIZEN) > 3.5, "both parts of the message"

    talk.hears("citizen", length=1.0)
    said = talk.times["ended"] if "ended" in talk.times else talk.heard.seconds("citizen")
    talk.hang_up()
    talker.hears("survey")
    talker.press("1")
    talker.is_over()
    record = survivor.ended(TALKER)
    assert (record["outcome"], record["rating"]) == ("answered", 1)
    assert survivor.order(record["order_number"])
    path = system.settings.recordings_dir / record["recording"]["path"]
    for side, hertz in ((0, CITIZEN), (1, AGENT)):
        assert longest_run(path, side, hertz) > said - 1.0, "both were heard without a break"
    survivor.agent_is(speaking.number, "wrap_up")

    for caller in WAITING:
        system.set_state(speaking.number, "ready")
        waiting[caller].hears("agent")
        waiting[caller].hang_up()
        survivor.agent_is(speaking.number, "wrap_up")
        assert survivor.ended(caller)["agent"] == speaking.number


def test_given_an_agent_who_picks_up_while_no_controller_is_there_then_the_phone_rings_again(
    survivor: HotlineUnderTest,
) -> None:
    agent = survivor.agent("1001", ring=None)
    call = survivor.dial("2613710", TALKER)
    first = agent.rings()
    survivor.agent_is("1001", "ringing")
    survivor.system.kill("controller")
    agent.answer(first)
    survivor.system.start_process("controller")
    first.is_over(30)
    assert first.ended_by == "bye"
    channel = (survivor.record(TALKER) or {})["id"]
    (repaired,) = eventually(lambda: survivor.events("reconciler.repaired", channel), "noted", 30)
    assert "leg of agent 1001" in repaired["data"]["found"]
    agent.answer(agent.rings(times=2))
    call.hears("agent")
    agent.calls[1].hears("citizen")
    survivor.agent_is("1001", "talking")
    call.hang_up()
    record = survivor.ended(TALKER)
    assert (record["outcome"], record["agent"]) == ("answered", "1001")


def test_given_no_controller_when_conversations_end_then_the_survey_waits_for_one(
    survivor: HotlineUnderTest,
) -> None:
    system = survivor.system
    wang, li = survivor.agent("1001"), survivor.agent("1002")
    stays = survivor.dial("2613710", TALKER)
    eventually(lambda: [*wang.calls, *li.calls], "an agent rings")
    leaves = survivor.dial("2613710", RATER)
    for agent in (wang, li):
        agent.rings().hears("citizen")
    waits = survivor.dial("2613710", WAITING[0])
    stage(survivor, WAITING[0], "queue")
    system.kill("controller")
    leaves.hang_up()
    waits.hang_up()
    with_stays, other = (wang, li) if wang.calls[0].state == "up" else (li, wang)
    other.calls[0].is_over()
    with_stays, other = (wang, li) if other is li else (li, wang)
    with_stays.calls[0].hang_up()
    stays.hears("music", length=1.0)
    # Nobody watched these calls end: the switch's own records tell.
    assert survivor.ended(WAITING[0])["outcome"] == "abandoned_in_queue"
    record = survivor.ended(RATER)
    assert (record["outcome"], record["recording"]["kind"]) == ("answered", "talk")
    assert record["order_number"]
    system.start_process("controller")
    stays.hears("survey", 40)
    stays.press("5")
    stays.is_over()
    assert survivor.ended(TALKER)["rating"] == 5
    for number in ("1001", "1002"):
        survivor.agent_is(number, "wrap_up")


def test_given_no_controller_and_no_projector_when_a_citizen_calls_then_a_message_is_taken(
    survivor: HotlineUnderTest,
) -> None:
    system = survivor.system
    system.kill("controller")
    system.kill("projector")
    call = survivor.dial("12345", SPEAKER)
    call.is_up(20)
    call.hears("other", 20)  # the apology
    call.speaks(1.0)  # while the tone is played
    call.speaks(3.0)
    call.press("#")
    call.hears("message_saved")
    call.is_over()
    for name in ("projector", "controller"):
        system.start_process(name)
    record = survivor.until(
        SPEAKER, lambda call: (call["recording"] or {}).get("seconds"), "the message is indexed"
    )
    assert record["outcome"] == "message_left"
    assert record["recording"]["seconds"] > 2
    assert survivor.order(record["order_number"])["citizen_number"] == SPEAKER


def test_given_a_controller_that_is_away_for_a_moment_when_a_citizen_calls_then_it_only_rings(
    survivor: HotlineUnderTest,
) -> None:
    survivor.system.kill("controller")
    call = survivor.dial("12345", CHOOSER)
    eventually(lambda: call.state == "ringing", "the citizen hears ringing")
    survivor.system.start_process("controller")
    call.hears("menu_main", 30)
    call.hang_up()
    assert survivor.ended(CHOOSER)["outcome"] == "abandoned_in_menu"


def test_given_a_citizen_whom_a_dying_controller_left_between_two_steps_then_the_next_takes_over(
    survivor: HotlineUnderTest,
) -> None:
    """`socket_resume` is off before the two are joined: a death just then leaves silence."""
    system = survivor.system
    call = survivor.dial("2613710", WAITING[0])
    channel = stage(survivor, WAITING[0], "queue")["id"]
    system.kill("controller")
    system.switch.api(f"uuid_setvar_multi {channel} cc_stage=talk;socket_resume=false")
    system.switch.api(f"uuid_park {channel}")
    assert variable(system.switch, channel, "cc_stage") == "talk"
    system.start_process("controller")
    eventually(lambda: survivor.events("reconciler.repaired", channel), "noted", 30)
    agent = survivor.phone("1001")
    eventually(lambda: system.set_state("1001", "ready").status_code == 200, "1001 is ready")
    call.hears("agent", 20)
    agent.rings().hears("citizen")
    assert len(legs(system.switch)) == 2
