"""The controller is killed in each phase of a conversation with a third party: the call goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from survival import restart, revive
from switches import eventually
from transfer_kit import AGENT, TalkUnderTest, hears_more
from waiting_kit import WaitingRoomUnderTest


@pytest.fixture
def survivors(transfers: WaitingRoomUnderTest) -> WaitingRoomUnderTest:
    revive(transfers.system)
    return transfers


class Killer:
    """Kills the controller, sees that everybody goes on hearing, and waits for the next one."""

    def __init__(self, talk: TalkUnderTest) -> None:
        self.talk = talk

    def starts(self) -> int:
        return len(self.talk.room.events("controller.started"))

    def kills(self, phase: str, *hear: Callable[[], None]) -> None:
        before = self.starts()
        restart(self.talk.room.system, "controller")
        for each in hear:
            each()
        eventually(lambda: self.starts() > before, f"a controller starts while {phase}", 30)
        for each in hear:
            each()


@pytest.mark.timeout(240)  # five starts of a controller, on a machine that may be busy
def test_given_a_three_party_call_when_the_controller_dies_in_each_phase_then_it_goes_on(
    survivors: WaitingRoomUnderTest,
) -> None:
    talk = TalkUnderTest(survivors, "13900005101")
    citizen, agent, killer = talk.citizen, talk.agent, Killer(talk)
    survivors.carrier.ways["12330"] = "ring"

    talk.does("hold")
    killer.kills("held", lambda: hears_more(citizen, "music"))
    talk.is_in("held")

    talk.does("consult", to="12330")
    third = survivors.carrier.call_to("12330")
    killer.kills("dialing", lambda: hears_more(citizen, "music"))
    talk.is_in("dialing")
    survivors.carrier.answer(third)
    talk.is_in("consulting")
    killer.kills(
        "consulting",
        lambda: hears_more(citizen, "music"),
        lambda: hears_more(agent, "third"),
        lambda: hears_more(third, "agent"),
    )
    talk.is_in("consulting")

    talk.does("join")
    killer.kills(
        "joined",
        lambda: hears_more(citizen, "agent+third"),
        lambda: hears_more(agent, "citizen+third"),
        lambda: hears_more(third, "agent+citizen"),
    )
    talk.is_in("joined")

    talk.does("leave")
    agent.is_over()
    killer.kills(
        "handed over",
        lambda: hears_more(citizen, "third"),
        lambda: hears_more(third, "citizen"),
    )
    third.hang_up()
    citizen.hears("survey")
    citizen.press("2")
    citizen.is_over()
    record = survivors.ended(talk.caller)
    assert (record["outcome"], record["rating"]) == ("answered", 2)
    survivors.agent_is(AGENT, "wrap_up", "ready")


def test_given_110_that_rings_when_the_controller_dies_then_the_next_one_joins_the_two(
    survivors: WaitingRoomUnderTest,
) -> None:
    talk = TalkUnderTest(survivors, "13900005102")
    citizen, agent, killer = talk.citizen, talk.agent, Killer(talk)
    survivors.carrier.ways["12366"] = "ring"
    talk.does("transfer", to="tax")
    desk = survivors.carrier.call_to("12366")
    before = killer.starts()
    restart(survivors.system, "controller")
    hears_more(citizen, "agent")
    agent.hang_up()  # nobody is there to see it: the switch has music for the citizen
    hears_more(citizen, "music")
    survivors.carrier.answer(desk)
    eventually(lambda: killer.starts() > before, "a controller starts", 30)
    hears_more(citizen, "third")
    hears_more(desk, "citizen")
    killer.kills("handed over", lambda: hears_more(citizen, "third"))
    citizen.hang_up()
    desk.is_over()
    assert survivors.ended(talk.caller)["outcome"] == "transferred"
    survivors.agent_is(AGENT, "wrap_up", "ready")


def test_given_an_agent_off_hook_in_a_consultation_when_the_controller_dies_then_it_goes_on(
    survivors: WaitingRoomUnderTest,
) -> None:
    line = survivors.off_hook(AGENT)
    talk = TalkUnderTest(survivors, "13900005103", line=line)
    killer = Killer(talk)
    third = talk.consults()
    killer.kills("consulting", lambda: hears_more(third, "agent"))
    talk.is_in("consulting")
    talk.does("join")
    talk.citizen.hears("agent+third", length=0.3)
    talk.does("leave")
    survivors.agent_is(AGENT, "wrap_up", "ready")
    hears_more(talk.citizen, "third")
    talk.citizen.hang_up()
    third.is_over()
    assert (talk.agent.state, talk.phone.calls) == ("up", [talk.agent])
