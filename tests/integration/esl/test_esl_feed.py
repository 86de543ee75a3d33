"""Calls whose events come over the link, and commands whose answers nobody waits for."""

from __future__ import annotations

import pytest
from fakeswitch import FakeCall, eventually

from callcenter.esl import BadArgument, CommandFailed, Event, EventFeed


def told(fake: FakeCall, name: str, **headers: str) -> Event:
    return Event({"Event-Name": name, "Unique-ID": fake.uuid, **headers})


@pytest.fixture
def feed() -> EventFeed:
    feed = EventFeed()
    feed.live = True
    return feed


def test_a_fed_call_asks_for_no_events_and_hears_them_from_the_feed(stage, feed):
    def story(call):
        execution = call.start("playback", "a", wait=False)
        assert execution.wait(5).get("Application-Response") == "done"
        return call.events.get(timeout=5).get("DTMF-Digit")

    act = stage(story, feed=feed)
    fake = act.call()
    command = fake.sent.get(timeout=5)
    assert [sent.line for sent in fake.peer.commands] == ["connect", "linger 10", "sendmsg"]
    ended = {"Application-UUID": command.headers["Event-UUID"], "Application-Response": "done"}
    feed.take(told(fake, "CHANNEL_EXECUTE_COMPLETE", **ended))
    feed.take(told(fake, "DTMF", **{"DTMF-Digit": "5"}))
    assert act.result(fake) == "5"


def test_a_fed_call_refuses_an_application_whose_end_it_would_not_hear(stage, feed):
    act = stage(lambda call: call.start("sleep", "100"), feed=feed)
    with pytest.raises(BadArgument, match=r"sleep: its end would not be told"):
        act.result(act.call())


def test_without_a_link_a_call_hears_for_itself(stage, feed):
    feed.live = False
    act = stage(lambda call: call.events.get(timeout=5).get("DTMF-Digit"), feed=feed)
    fake = act.call()
    eventually(lambda: any(sent.line == "myevents json" for sent in fake.peer.commands))
    fake.event("DTMF", DTMF_Digit="7")
    assert act.result(fake) == "7"


def test_the_link_subscribes_for_the_feed_and_keeps_its_events_from_the_handler(
    make_switch, make_link
):
    switch, feed, heard, handled = make_switch(), EventFeed(), [], []
    link = make_link(switch, events=["RECORD_STOP"], feed=feed, on_event=handled.append)
    assert link.up.wait(5)
    assert feed.live
    feed.join("a", heard.append)
    for name in ("DTMF", "RECORD_STOP"):
        switch.peers[0].event(name, Unique_ID="a")
    eventually(lambda: any(event.name == "RECORD_STOP" for event in handled))
    assert [event.name for event in heard] == ["DTMF", "RECORD_STOP"]
    assert [event.name for event in handled if event.uuid == "a"] == ["RECORD_STOP"]
    subscribed = [each.line for each in switch.peers[0].commands if each.line.startswith("event")]
    assert "CHANNEL_EXECUTE_COMPLETE" in subscribed[0]
    passes = [each.line for each in switch.peers[0].commands if each.line.startswith("filter")]
    assert "filter Event-Name DTMF" in passes
    assert "filter Application playback" in passes
    assert "filter Event-Name CHANNEL_EXECUTE" not in passes
    switch.peers[0].shut()
    eventually(lambda: not feed.live)


def test_a_call_that_came_back_has_its_events_and_the_old_connection_none(feed):
    first, second = [], []
    take_first, take_second = first.append, second.append
    feed.join("a", take_first)
    feed.join("a", take_second)
    feed.leave("a", take_first)
    feed.take(Event({"Event-Name": "DTMF", "Unique-ID": "a"}))
    assert len(second) == 1
    assert not first
    feed.leave("a", take_second)
    assert feed.calls == 0


def test_given_a_link_that_was_away_when_a_playback_ended_meanwhile_then_that_call_comes_back(
    stage, feed
):
    def story(call):
        call.start("playback", "a")
        return call.closed.wait(10)

    act = stage(story, feed=feed)
    ended, plays, gone = act.call(), act.call(), act.call()
    eventually(lambda: all(not fake.sent.empty() for fake in (ended, plays, gone)))
    eventually(lambda: all(call.missed_something("") for call in act.calls.values()))
    dropped = act.server.drop_deaf({ended.uuid: "park", plays.uuid: "playback"})
    assert dropped == 1
    assert ended.closed()
    assert act.calls[plays.uuid].connected
    assert act.calls[gone.uuid].connected  # the switch itself says when it has hung up


def test_what_is_not_waited_for_is_sent_in_order_and_a_refusal_comes_out_of_done(stage):
    def story(call):
        call.set_variables({"cc_stage": "queue"}, wait=False)
        execution = call.start("nonsense", wait=False)
        with pytest.raises(CommandFailed, match="-ERR invalid"):
            execution.wait(5)
        return True

    act = stage(story)
    fake = act.call()

    def answer(peer, command):
        if command.line != "sendmsg":
            return False
        peer.reply("-ERR invalid application")
        return True

    fake.on_command = answer
    assert act.result(fake) is True
    lines = [command.line for command in fake.peer.commands]
    assert lines[-2:] == [f"api uuid_setvar_multi {fake.uuid} cc_stage=queue", "sendmsg"]


def test_a_variable_that_is_refused_is_logged_without_its_value(stage, caplog):
    def story(call):
        call.set_variables({"cc_number": "13800000000"}, wait=False)
        return call.ask("status")

    act = stage(story)
    fake = act.call()

    def answer(peer, command):
        if not command.line.startswith("api uuid_setvar_multi"):
            return False
        peer.frame("api/response", b"-ERR no such channel!\n")
        return True

    fake.on_command = answer
    act.result(fake)
    assert "uuid_setvar_multi was refused: -ERR no such channel!" in caplog.text
    assert "13800000000" not in caplog.text
