"""The lasting link: coming up, watching, coming back; and how events are handed on."""

from __future__ import annotations

import logging
import time

import gevent
import pytest
from fakeswitch import eventually
from gevent.event import Event as Flag

from callcenter.esl import Event, SwitchGone, SwitchLink
from callcenter.esl import workers as workers_module


def parks(link: SwitchLink) -> list[str]:
    return [event.uuid for event in link.seen if event.name == "CHANNEL_PARK"]


# -- coming up


def test_the_link_subscribes_as_json_with_custom_subclasses_last(make_switch, make_link):
    switch = make_switch()
    link = make_link(switch, events=["DTMF", "sofia::register", "CUSTOM conference::maintenance"])
    assert link.up.wait(5)
    (line,) = [c.line for c in switch.peers[0].commands if c.line.startswith("event ")]
    assert line == (
        "event json HEARTBEAT BACKGROUND_JOB DTMF CUSTOM sofia::register conference::maintenance"
    )


def test_the_link_knows_the_core_and_answers_commands(make_switch, make_link):
    switch = make_switch()
    link = make_link(switch)
    assert link.up.wait(5)
    assert link.core_uuid == switch.core
    assert link.ups == [False]
    assert link.api("anything") == switch.core


def test_without_a_link_a_command_fails_at_once(make_switch, make_link):
    switch = make_switch()
    switch.stop()
    link = make_link(switch)
    with pytest.raises(SwitchGone):
        link.api("status", timeout=60)
    eventually(lambda: link.last_error)
    assert "can't connect" in link.last_error


def test_events_wait_until_on_up_has_returned(make_switch, make_link):
    """So that on_up can take a snapshot and adopt calls before it hears news of them."""
    switch = make_switch()
    story: list[str] = []
    holder: list[SwitchLink] = []
    snapshot_taken = Flag()

    def on_up(core_changed: bool) -> None:
        switch.peers[0].event("CHANNEL_PARK", Unique_ID="a")
        story.append(holder[0].api("show channels as json"))
        snapshot_taken.wait(5)
        story.append("adopted")

    link = make_link(switch, on_up=on_up, on_event=lambda event: story.append(event.name))
    holder.append(link)
    eventually(lambda: story)
    assert link.up.is_set()
    snapshot_taken.set()
    eventually(lambda: len(story) >= 4)
    assert story[:2] == [switch.core, "adopted"]
    assert "CHANNEL_PARK" in story[2:]


def test_when_on_up_fails_the_link_is_made_again(make_switch, make_link, caplog):
    switch = make_switch()
    tries: list[bool] = []

    def on_up(core_changed: bool) -> None:
        tries.append(core_changed)
        if len(tries) == 1:
            raise RuntimeError("could not adopt")

    link = make_link(switch, on_up=on_up)
    eventually(lambda: len(tries) == 2 and link.up.is_set())
    assert tries == [False, False]
    assert link.downs == []
    assert "could not adopt" in caplog.text


def test_on_up_hears_at_once_when_the_connection_ends_under_it(make_switch, make_link):
    switch = make_switch()
    tries: list[bool] = []

    def on_up(core_changed: bool) -> None:
        tries.append(core_changed)
        if len(tries) == 1:
            switch.peers[0].shut()
            with gevent.Timeout(5):
                while links[0].up.is_set():
                    gevent.sleep(0.005)

    links = [make_link(switch, on_up=on_up)]
    eventually(lambda: len(tries) == 2 and links[0].up.is_set())
    assert links[0].downs == []


# -- coming back


def test_the_link_comes_back_and_says_so(make_switch, make_link):
    switch = make_switch()
    link = make_link(switch)
    assert link.up.wait(5)
    switch.peers[0].shut()
    eventually(lambda: link.ups == [False, False])
    assert len(link.downs) == 1
    assert link.api("status") == switch.core


def test_a_new_core_means_that_every_call_died(make_switch, make_link):
    switch = make_switch()
    link = make_link(switch)
    assert link.up.wait(5)
    switch.core = "another-core"
    switch.peers[0].shut()
    eventually(lambda: link.ups == [False, True])
    assert link.core_uuid == "another-core"


def test_a_heartbeat_of_another_core_makes_the_link_anew(make_switch, make_link):
    switch = make_switch()
    link = make_link(switch)
    assert link.up.wait(5)
    switch.core = "another-core"
    switch.peers[0].event("HEARTBEAT", Core_UUID="another-core", Session_Count="0")
    eventually(lambda: link.ups == [False, True])


def test_silence_of_two_and_a_half_heartbeats_makes_the_link_anew(make_switch, make_link):
    switch = make_switch()
    link = make_link(switch, heartbeat_seconds=0.1)
    assert link.up.wait(5)
    began = time.monotonic()
    eventually(lambda: len(link.ups) >= 2)
    assert time.monotonic() - began >= 0.2
    assert link.downs


def test_heartbeats_keep_the_link(make_switch, make_link):
    switch = make_switch()
    link = make_link(switch, heartbeat_seconds=0.4)
    assert link.up.wait(5)
    for count in range(15):
        switch.peers[0].event("HEARTBEAT", Core_UUID=switch.core, Session_Count=str(count))
        gevent.sleep(0.1)
    assert link.ups == [False]
    assert link.heartbeat.get("Session-Count") == "14"


def test_jobs_on_the_way_fail_when_the_link_goes_and_later_ones_work(make_switch, make_link):
    switch = make_switch()
    started = Flag()

    def answer(peer, command):
        if "originate" not in command.line:
            return False
        peer.accept_job(command)
        started.set()
        return True

    switch.on_command = answer
    link = make_link(switch)
    assert link.up.wait(5)
    job = gevent.spawn(link.api, "originate user/1001 &park()", 60)
    assert started.wait(5)
    switch.peers[0].shut()
    with pytest.raises(SwitchGone):
        job.get(timeout=3)
    eventually(lambda: len(link.ups) == 2)
    assert link.api("status") == switch.core


def test_a_refused_log_in_is_tried_again_but_not_at_once(make_switch, make_link, caplog):
    caplog.set_level(logging.WARNING)
    switch = make_switch(lambda peer: peer.frame("text/rude-rejection", b"go away\n"))
    link = make_link(switch)
    eventually(lambda: len(switch.peers) == 3)
    assert len(switch.peers) == 3
    assert "go away" in link.last_error
    assert caplog.text.count("go away") == 1


def test_stop_ends_the_link_for_good_and_tells_nobody(make_switch, make_link):
    switch = make_switch()
    link = make_link(switch)
    assert link.up.wait(5)
    link.stop()
    assert not link.up.is_set()
    assert link.downs == []
    with pytest.raises(SwitchGone):
        link.api("status")
    assert len(switch.peers) == 1


def test_stop_may_be_called_by_a_handler(make_switch, make_link):
    switch = make_switch()
    stopped = Flag()

    def on_event(event: Event) -> None:
        if event.name == "CHANNEL_PARK":
            links[0].stop()
            stopped.set()

    links = [make_link(switch, on_event=on_event)]
    assert links[0].up.wait(5)
    switch.peers[0].event("CHANNEL_PARK", Unique_ID="a")
    assert stopped.wait(5)


# -- handing events on


def test_a_slow_handler_delays_its_own_channel_only(make_switch, make_link):
    switch = make_switch()
    go_on = Flag()
    seen: list[tuple[str, str]] = []

    def on_event(event: Event) -> None:
        if event.uuid == "slow":
            go_on.wait(10)
        seen.append((event.uuid, event.get("Nr")))

    link = make_link(switch, on_event=on_event)
    assert link.up.wait(5)
    peer = switch.peers[0]
    for number in range(3):
        peer.event("DTMF", Unique_ID="slow", Nr=str(number))
        peer.event("DTMF", Unique_ID="quick", Nr=str(number))
    eventually(lambda: len([1 for uuid, _ in seen if uuid == "quick"]) == 3)
    assert [item for item in seen if item[0] == "slow"] == []
    assert link.api("status") == switch.core
    go_on.set()
    eventually(lambda: len([1 for uuid, _ in seen if uuid == "slow"]) == 3)
    for uuid in ("slow", "quick"):
        assert [nr for of, nr in seen if of == uuid] == ["0", "1", "2"]


def test_a_failing_handler_is_logged_and_gets_the_next_event(make_switch, make_link, caplog):
    switch = make_switch()
    seen: list[str] = []

    def on_event(event: Event) -> None:
        if event.get("Nr") == "0":
            raise RuntimeError("a bug in a handler")
        seen.append(event.get("Nr"))

    link = make_link(switch, on_event=on_event)
    assert link.up.wait(5)
    for number in range(2):
        switch.peers[0].event("DTMF", Unique_ID="a", Nr=str(number))
    eventually(lambda: "1" in seen)
    assert "a bug in a handler" in caplog.text
    assert link.ups == [False]


def test_handlers_that_never_keep_up_cost_events_not_memory(make_switch, make_link, caplog):
    switch = make_switch()
    go_on = Flag()
    handled: list[str] = []

    def on_event(event: Event) -> None:
        if event.uuid == "stuck":
            go_on.wait(30)
        handled.append(event.get("Nr"))

    link = make_link(switch, on_event=on_event)
    assert link.up.wait(5)
    for number in range(1_200):
        switch.peers[0].event("DTMF", Unique_ID="stuck", Nr=str(number))
    switch.peers[0].event("DTMF", Unique_ID="other", Nr="other")
    eventually(lambda: "other" in handled)
    assert link.lost_events == 199  # one is being handled, a thousand wait
    assert "handlers are too slow" in caplog.text
    go_on.set()
    eventually(lambda: "1000" in handled)
    assert [nr for nr in handled if nr.isdigit()] == [str(number) for number in range(1_001)]


def test_the_total_of_waiting_events_is_bounded_too():
    go_on = Flag()
    workers = workers_module.Workers(lambda event: go_on.wait(30), max_waiting=10)
    for number in range(30):
        workers.put(Event({"Event-Name": "DTMF", "Unique-ID": str(number)}))
    assert (workers.waiting, workers.lost) == (10, 20)
    go_on.set()
    eventually(lambda: workers.waiting == 0)
    workers.put(Event({"Event-Name": "DTMF", "Unique-ID": "again"}))
    assert workers.waiting == 1
    workers.stop()


def test_a_finished_channel_leaves_nothing_behind(make_switch, make_link):
    switch = make_switch()
    link = make_link(switch)
    assert link.up.wait(5)
    for number in range(200):
        switch.peers[0].event("CHANNEL_PARK", Unique_ID=f"channel-{number}")
    eventually(lambda: len(parks(link)) == 200)
    eventually(lambda: not link._workers._queues and not link._workers._greenlets)
