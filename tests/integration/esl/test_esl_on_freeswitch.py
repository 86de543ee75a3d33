"""The ESL layer against a real FreeSWITCH; skipped where there is none."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import orjson
import pytest
from esl_freeswitch import PASSWORD, Freeswitch, find_freeswitch
from gevent.event import AsyncResult
from gevent.event import Event as Flag

from callcenter.esl import (
    CallGone,
    CommandFailed,
    Event,
    LoginRefused,
    OutboundCall,
    OutboundServer,
    ReplyTimeout,
    SwitchLink,
)
from callcenter.esl.inbound import SwitchConnection

BINARY = find_freeswitch()
pytestmark = pytest.mark.skipif(
    BINARY is None, reason="no FreeSWITCH: CALLCENTER_FREESWITCH, PATH, /usr/local/freeswitch"
)

EVENTS = ["CHANNEL_CREATE", "CHANNEL_ANSWER", "CHANNEL_HANGUP_COMPLETE"]


@pytest.fixture(scope="module")
def freeswitch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Freeswitch]:
    assert BINARY is not None
    switch = Freeswitch(BINARY, tmp_path_factory.mktemp("freeswitch"))
    switch.start()
    yield switch
    switch.kill()


@pytest.fixture
def link(freeswitch: Freeswitch) -> Iterator[SwitchLink]:
    seen: list[Event] = []
    link = SwitchLink("127.0.0.1", freeswitch.port, PASSWORD, events=EVENTS, on_event=seen.append)
    link.start()
    assert link.up.wait(30), link.last_error
    yield link
    link.stop()


Handle = Callable[[OutboundCall], object]


class Controlled:
    """One call into the outbound server: `story` runs on it, its result or error is `outcome`."""

    def __init__(self, link: SwitchLink, story: Handle) -> None:
        self.outcome = AsyncResult()
        self.story = story
        self.server = OutboundServer("127.0.0.1", 0, self.serve)
        self.server.start()
        self.link = link
        self.far_end = link.api("create_uuid")
        where = f"loopback/controlled-{self.server.port}/default"
        line = f"originate {{origination_uuid={self.far_end}}}{where} &park()"
        self.originating = gevent.spawn(self.originate, line)

    def serve(self, call: OutboundCall) -> None:
        try:
            self.outcome.set(self.story(call))
        except BaseException as error:
            self.outcome.set_exception(error)
            raise

    def originate(self, line: str) -> None:
        with contextlib.suppress(CommandFailed):  # it is hung up before it was answered
            self.link.api(line, 30)

    def __enter__(self) -> Controlled:
        return self

    def __exit__(self, *_: object) -> None:
        self.link.api("hupall")
        self.originating.join(10)
        self.server.stop()


def eventually(condition: Callable[[], object], seconds: float = 10.0) -> None:
    with gevent.Timeout(seconds, AssertionError("it did not happen")):
        while not condition():
            gevent.sleep(0.01)


def test_the_link_comes_up_and_a_command_is_answered(link: SwitchLink) -> None:
    assert link.core_uuid
    assert link.api("status").startswith("UP ")
    assert link.api("global_getvar core_uuid") == link.core_uuid


def test_a_command_that_fails_raises_what_the_switch_said(link: SwitchLink) -> None:
    with pytest.raises(CommandFailed, match="No such channel"):
        link.api("uuid_kill 00000000-0000-0000-0000-000000000000")
    with pytest.raises(CommandFailed):
        link.api("no_such_command")


def test_a_slow_command_delays_neither_the_others_nor_the_events(link: SwitchLink) -> None:
    slow = gevent.spawn(link.api, "msleep 1500", 10)
    gevent.sleep(0)
    assert link.api("status", timeout=1.0).startswith("UP ")
    with pytest.raises(ReplyTimeout):
        link.api("msleep 1000", timeout=0.2)
    assert link.up.is_set()
    slow.get(timeout=5)


def test_heartbeats_arrive(link: SwitchLink) -> None:
    eventually(lambda: link.heartbeat)
    assert link.heartbeat is not None
    assert link.heartbeat.get("Session-Count").isdigit()


def test_a_wrong_password_is_refused(freeswitch: Freeswitch) -> None:
    connection = SwitchConnection(
        "127.0.0.1", freeswitch.port, "wrong", timeout=5, on_event=lambda event: None
    )
    with pytest.raises(LoginRefused):
        connection.connect()
    assert connection.closed.wait(5)


def test_a_call_is_answered_hears_tones_and_sends_digits(link: SwitchLink) -> None:
    heard = Flag()

    def story(call: OutboundCall) -> tuple[str, str]:
        call.execute("answer")
        tone = call.start("playback", "tone_stream://%(10000,0,425)")
        heard.set()
        digit = next(event for event in iter(call.events.get, None) if event.name == "DTMF")
        call.interrupt()
        return digit.get("DTMF-Digit"), tone.wait(5).get("Application-Response")

    with Controlled(link, story) as call:
        assert heard.wait(10)
        link.api(f"uuid_send_dtmf {call.far_end} 5")
        assert call.outcome.get(timeout=10) == ("5", "FILE PLAYED")


def test_two_playbacks_run_one_after_the_other_and_each_gets_its_own_end(link: SwitchLink) -> None:
    def story(call: OutboundCall) -> list[float]:
        call.execute("answer")
        first = call.start("playback", "tone_stream://%(400,0,425)")
        second = call.start("playback", "tone_stream://%(200,0,850)")
        ends = [second.wait(10), first.wait(10)]
        assert ends[0].get("Application-Data").endswith("850)")
        assert ends[1].get("Application-Data").endswith("425)")
        return [event.at for event in ends]

    with Controlled(link, story) as call:
        ended_second, ended_first = call.outcome.get(timeout=15)
        assert ended_second - ended_first >= 0.15


def test_variables_survive_every_special_character(link: SwitchLink) -> None:
    values = {
        "cc_quotes": "a 'b' \"c\" d's",
        "cc_splits": "a;b=c,d|e;;f",
        "cc_backslashes": "\\ \\n \\s C:\\x\\",
        "cc_spaces": "  a  b  ",
        "cc_chinese": "市民王小明，咨询",
        "cc_percent": "100% %0A %41",
        "cc_caret": "^^:a:b",
        "cc_dollar": "5$ $x {y}",
    }

    def story(call: OutboundCall) -> dict[str, str]:
        call.execute("answer")
        call.set_variables(values)
        event = call.execute("set", "cc_asked=yes")
        return {name: event.variable(name) for name in values}

    with Controlled(link, story) as call:
        told = call.outcome.get(timeout=10)
    assert told == values


def test_the_caller_hangs_up_and_every_wait_ends(link: SwitchLink) -> None:
    running = Flag()
    calls = []

    def story(call: OutboundCall) -> None:
        calls.append(call)
        call.execute("answer")
        execution = call.start("playback", "tone_stream://%(60000,0,425)")
        running.set()
        execution.wait(30)

    with Controlled(link, story) as call:
        assert running.wait(10)
        link.api(f"uuid_kill {call.far_end}")
        with pytest.raises(CallGone):
            call.outcome.get(timeout=10)
        assert calls[0].hung_up.is_set()
        assert calls[0].closed.wait(5)
        assert calls[0].hangup_cause == "NORMAL_CLEARING"
        names = [event.name for event in iter(lambda: calls[0].events.get(timeout=5), None)]
        assert "CHANNEL_HANGUP" in names


def test_we_hang_up_with_a_cause_even_while_something_plays(link: SwitchLink) -> None:
    def story(call: OutboundCall) -> str:
        call.execute("answer")
        call.start("playback", "tone_stream://%(60000,0,425)")
        call.hangup("CALL_REJECTED")
        assert call.hung_up.wait(5)
        return call.hangup_cause

    with Controlled(link, story) as call:
        assert call.outcome.get(timeout=10) == "CALL_REJECTED"


def test_an_unknown_application_ends_the_wait(link: SwitchLink) -> None:
    def story(call: OutboundCall) -> None:
        call.execute("answer")
        call.execute("no_such_application", timeout=10)

    with Controlled(link, story) as call, pytest.raises(CallGone):
        call.outcome.get(timeout=12)


def test_a_failing_handler_gives_the_call_back_to_the_dialplan(link: SwitchLink) -> None:
    uuids = []

    def story(call: OutboundCall) -> None:
        uuids.append(call.uuid)
        call.execute("answer")
        raise RuntimeError("a bug in the story")

    with Controlled(link, story) as call:
        with pytest.raises(RuntimeError):
            call.outcome.get(timeout=10)
        eventually(lambda: link.api(f"uuid_getvar {uuids[0]} resumed") == "yes")


def test_a_refused_call_goes_on_in_the_dialplan(link: SwitchLink) -> None:
    def parked_in_the_dialplan() -> list[str]:
        rows = orjson.loads(link.api("show channels as json")).get("rows", [])
        return [row["uuid"] for row in rows if row["application"] == "park" and row["dest"] == name]

    with Controlled(link, lambda call: call.hung_up.wait(30)) as call:
        name = f"controlled-{call.server.port}"
        eventually(lambda: len(call.server.calls) == 1)
        call.server.max_connections = 1
        gevent.spawn(call.originate, f"originate loopback/{name}/default &echo")
        eventually(lambda: call.server.refused == 1)
        eventually(parked_in_the_dialplan)
        (refused,) = parked_in_the_dialplan()
        assert link.api(f"uuid_getvar {refused} resumed") == "yes"


def test_a_story_that_ends_late_does_not_cut_off_the_next_one(link: SwitchLink) -> None:
    """The call comes back through the dialplan while its first connection still stands."""
    second_plays = Flag()
    ends: list[str] = []

    def story(call: OutboundCall) -> None:
        if not call.variable("cc_stage"):
            call.execute("answer")
            call.set_variables({"cc_stage": "survey"})
            number = call.headers["Caller-Destination-Number"]
            call.api(f"uuid_transfer {call.uuid} {number} XML default")
            assert second_plays.wait(10)
            return
        playback = call.start("playback", "tone_stream://%(600,0,425)")
        second_plays.set()
        ends.append(playback.wait(10).get("Application-Response"))

    with Controlled(link, story):
        eventually(lambda: ends)
        assert ends == ["FILE PLAYED"]


def test_the_link_returns_after_a_restart_and_says_that_the_core_changed(
    tmp_path: Path,
) -> None:
    assert BINARY is not None
    switch = Freeswitch(BINARY, tmp_path)
    switch.start()
    ups: list[bool] = []
    downs = Flag()
    link = SwitchLink(
        "127.0.0.1",
        switch.port,
        PASSWORD,
        events=EVENTS,
        on_event=lambda event: None,
        on_up=ups.append,
        on_down=downs.set,
    )
    link.start()
    try:
        assert link.up.wait(30)
        first = link.core_uuid
        switch.kill()
        assert downs.wait(5)
        starter = threading.Thread(target=switch.start)
        starter.start()
        eventually(lambda: len(ups) == 2, 40)
        starter.join(30)
        assert ups == [False, True]
        assert link.core_uuid != first
    finally:
        link.stop()
        switch.kill()
