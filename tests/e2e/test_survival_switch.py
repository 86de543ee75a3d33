"""The switch dies with `kill -9`: its calls are lost, and everybody comes to know it."""

from __future__ import annotations

from hotline_kit import HotlineUnderTest
from survival import stage, survivor
from switches import eventually

__all__ = ["survivor"]

TALKER, WAITER, CHOOSER, NEXT = (f"1380000090{n}" for n in range(4))


def test_given_calls_when_the_switch_is_killed_then_each_gets_its_end_and_agents_are_free(
    survivor: HotlineUnderTest,
) -> None:
    system = survivor.system
    agent = survivor.agent("1001")
    talker = survivor.dial("2613710", TALKER)
    agent.rings().hears("citizen")
    survivor.dial("2613710", WAITER)
    stage(survivor, WAITER, "queue")
    chooser = survivor.dial("12345", CHOOSER)
    chooser.hears("menu_main")
    stage(survivor, CHOOSER, "menu")

    system.switch.kill()
    eventually(lambda: not system.well(), "the health check tells")
    system.switch.start()
    talked = survivor.ended(TALKER, 60)
    assert (talked["outcome"], talked["agent"]) == ("answered", "1001")
    assert talked["order_number"]
    for caller in (WAITER, CHOOSER):
        record = survivor.ended(caller, 60)
        assert (record["outcome"], record["hangup_cause"]) == ("failed", "CRASH"), record
    survivor.agent_is("1001", "wrap_up", "not_ready")

    agent.register()
    survivor.ready("1001")
    call = survivor.dial("2613710", NEXT)
    agent.rings(times=2).hears("citizen")
    call.hears("agent")
    call.hang_up()
    assert survivor.ended(NEXT)["outcome"] == "answered"
    for phone in (talker, chooser):
        phone.end("us")
