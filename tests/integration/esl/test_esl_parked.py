"""A call without a connection of its own: what is asked of it goes over the link."""

from __future__ import annotations

from typing import Any

import gevent
import pytest
from fakeswitch import FakeCall
from test_esl_feed import told

from callcenter.esl import BadArgument, CallGone, Event, EventFeed, SwitchGone

EXTENSION = "waiting XML hotline"


class Link:
    """The link to the switch, as far as a parked call uses it; `said` is what it was told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, str]]] = []
        self.up = True

    def ask(self, command: str) -> str:
        self._say(f"api {command}", {})
        return "+OK"

    def request(self, command: str, headers: Any = None) -> Event:
        self._say(command, dict(headers or {}))
        return Event({"Reply-Text": "+OK"})

    def post(self, command: str, headers: Any = None, *, refused: Any = None) -> None:
        self._say(command, dict(headers or {}))

    def _say(self, command: str, headers: dict[str, str]) -> None:
        if not self.up:
            raise SwitchGone("not connected to the switch")
        self.said.append((command, headers))


@pytest.fixture
def feed() -> EventFeed:
    feed = EventFeed()
    feed.live = True
    return feed


@pytest.fixture
def link() -> Link:
    return Link()


def goodbyes(fake: FakeCall) -> FakeCall:
    """The switch's answer to `exit`: it closes the connection."""

    def answer(peer: Any, command: Any) -> bool:
        if command.line != "exit":
            return False
        peer.reply("+OK bye")
        fake.close()
        return True

    fake.on_command = answer
    return fake


def test_given_a_parked_call_then_nothing_is_connected_and_the_link_carries_what_is_asked(
    stage, feed, link
):
    def story(call):
        call.park(link, EXTENSION)
        playback = call.start("playback", "announcement.wav", wait=False)
        call.set_variables({"cc_queue": "tax"}, wait=False)
        call.set_variables({"cc_stage": "talk"})
        call.api(f"uuid_break {call.uuid}")
        return call.parked, call.closed.is_set(), call.variable("cc_stage"), playback.uuid

    act = stage(story, feed=feed)
    fake = goodbyes(act.call())
    *found, run = act.result(fake)
    assert found == [True, True, "talk"]
    assert fake.peer.commands[-2].line == f"api uuid_setvar_multi {fake.uuid} socket_resume=false"
    assert fake.peer.commands[-1].line == "exit"
    transferred, played, queue, talk, broken = link.said
    assert transferred[0] == f"api uuid_transfer {fake.uuid} {EXTENSION}"
    assert played[0] == f"sendmsg {fake.uuid}"
    assert played[1] == {  # no event-lock: it runs inside the dialplan's music
        "call-command": "execute",
        "execute-app-name": "playback",
        "Event-UUID": run,
        "execute-app-arg": "announcement.wav",
    }
    assert queue[0] == f"api uuid_setvar_multi {fake.uuid} cc_queue=tax"
    assert talk[0] == f"api uuid_setvar_multi {fake.uuid} cc_stage=talk"
    assert broken[0] == f"api uuid_break {fake.uuid}"


def test_given_a_parked_call_then_its_events_are_heard_until_it_hangs_up(stage, feed, link):
    def story(call):
        call.park(link, EXTENSION)
        playback = call.start("playback", "announcement.wav", wait=False)
        link.run = playback.uuid
        ended = playback.wait(5).get("Application-Response")
        key = call.events.get(timeout=5).get("DTMF-Digit")
        assert call.hung_up.wait(5)
        with pytest.raises(CallGone):
            call.start("playback", "too-late.wav", wait=False)
        return ended, key, call.hangup_cause, call.down

    act = stage(story, feed=feed)
    fake = goodbyes(act.call())
    with gevent.Timeout(5):
        while len(link.said) < 2:
            gevent.sleep(0.005)
    run = {"Application-UUID": link.run, "Application-Response": "FILE PLAYED"}
    feed.take(told(fake, "CHANNEL_EXECUTE_COMPLETE", **run))
    feed.take(told(fake, "DTMF", **{"DTMF-Digit": "1"}))
    feed.take(told(fake, "CHANNEL_HANGUP_COMPLETE", **{"Hangup-Cause": "NORMAL_CLEARING"}))
    assert act.result(fake) == ("FILE PLAYED", "1", "NORMAL_CLEARING", True)
    assert feed.calls == 0


def test_given_no_link_when_something_is_asked_of_a_parked_call_then_the_switch_is_gone(
    stage, feed, link
):
    def story(call):
        call.park(link, EXTENSION)
        link.up = False
        with pytest.raises(SwitchGone):
            call.start("playback", "announcement.wav", wait=False)
        with pytest.raises(SwitchGone):
            call.set_variables({"cc_stage": "talk"})
        return call.down

    act = stage(story, feed=feed)
    assert act.result(goodbyes(act.call())) is False


def test_given_a_call_that_hears_for_itself_then_it_is_not_parked(stage, feed, link):
    feed.live = False

    def story(call):
        with pytest.raises(BadArgument):
            call.park(link, EXTENSION)
        return call.parked

    act = stage(story, feed=feed)
    assert act.result(act.call()) is False
    assert link.said == []


def test_given_a_link_that_was_away_then_parked_calls_come_back_or_are_told_that_they_ended(
    stage, feed, link
):
    def story(call):
        call.park(link, EXTENSION)
        assert call.hung_up.wait(5)
        return call.hangup_cause

    act = stage(story, feed=feed)
    lives, gone = goodbyes(act.call()), goodbyes(act.call())
    with gevent.Timeout(5):
        while len(link.said) < 2:
            gevent.sleep(0.005)
    assert act.server.drop_deaf({lives.uuid: "playback"}) == 0
    assert act.server.drop_parked({lives.uuid}) == {lives.uuid}
    assert act.result(gone) == "UNKNOWN"
    assert not act.outcome(lives).ready()
    feed.take(told(lives, "CHANNEL_HANGUP_COMPLETE", **{"Hangup-Cause": "NORMAL_CLEARING"}))
    assert act.result(lives) == "NORMAL_CLEARING"


def test_given_a_server_that_stops_then_the_stories_of_parked_calls_end_and_the_calls_go_on(
    stage, feed, link
):
    def story(call):
        call.park(link, EXTENSION)
        playback = call.start("playback", "announcement.wav", wait=False)
        with pytest.raises(CallGone):
            playback.wait(5)
        with pytest.raises(CallGone):
            call.start("playback", "announcement.wav", wait=False)
        return call.down

    act = stage(story, feed=feed)
    fake = goodbyes(act.call())
    with gevent.Timeout(5):
        while len(link.said) < 2:
            gevent.sleep(0.005)
    act.server.stop(timeout=2)
    assert act.result(fake) is False
    assert feed.calls == 0
