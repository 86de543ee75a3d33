"""Calling agents' phones: who rings, what ends it, and what the job says."""

from __future__ import annotations

import json
import uuid

import pytest
from lab_rig import Rig, until
from lab_story import call_agent, names

DOMAIN = "callcenter.local"


def test_answered_leg_is_parked_and_listed(rig: Rig) -> None:
    watcher, agent = rig.watcher(), rig.agent()
    channel, _ = call_agent(watcher, agent, "cc_offer=o1,origination_caller_id_number=12345")
    watcher.wait("CHANNEL_PARK", **{"Unique-ID": channel})
    assert names(watcher, channel) == [
        "CHANNEL_OUTGOING",
        "CHANNEL_CREATE",
        "CHANNEL_ORIGINATE",
        "CHANNEL_PROGRESS",
        "CHANNEL_ANSWER",
        "CHANNEL_OUTGOING",
        "CHANNEL_EXECUTE",
        "CHANNEL_PARK",
    ]
    (row,) = json.loads(watcher.api("show channels as json"))["rows"]
    assert (row["uuid"], row["state"], row["dest"]) == (channel, "CS_EXECUTE", "1001")
    assert watcher.api(f"uuid_getvar {channel} cc_offer") == "o1"


def test_killing_a_ringing_leg_cancels_the_phone(rig: Rig) -> None:
    watcher, agent = rig.watcher(), rig.agent(mode="ring")
    channel, job = str(uuid.uuid4()), str(uuid.uuid4())
    watcher.command(
        f"bgapi originate {{origination_uuid={channel}}}user/1001@{DOMAIN} &park()\nJob-UUID: {job}"
    )
    ringing = agent.next_call()
    watcher.wait("CHANNEL_PROGRESS", **{"Unique-ID": channel})
    assert watcher.api(f"uuid_kill {channel}") == "+OK\n"
    done = watcher.wait("BACKGROUND_JOB", **{"Job-UUID": job}).event
    assert done["_body"] == "-ERR NORMAL_CLEARING\n"
    assert ringing.cancelled.wait(3)


@pytest.mark.parametrize(
    ("status", "cause"),
    [(486, "USER_BUSY"), (480, "NO_USER_RESPONSE"), (404, "UNALLOCATED_NUMBER")],
)
def test_refusals_are_told_by_their_cause(rig: Rig, status: int, cause: str) -> None:
    watcher = rig.watcher()
    rig.agent(mode=f"refuse:{status}")
    assert watcher.bgapi(f"originate user/1001@{DOMAIN} &park()") == f"-ERR {cause}\n"


def test_phone_that_nobody_picks_up(rig: Rig) -> None:
    watcher, agent = rig.watcher(), rig.agent(mode="ring")
    reply = watcher.bgapi(f"originate {{originate_timeout=1}}user/1001@{DOMAIN} &park()")
    assert reply == "-ERR NO_ANSWER\n"
    assert agent.next_call().cancelled.wait(3)


@pytest.mark.parametrize(
    ("target", "cause"),
    [
        (f"user/1001@{DOMAIN}", "USER_NOT_REGISTERED"),
        (f"user/1999@{DOMAIN}", "SUBSCRIBER_ABSENT"),
        ("error/user_busy", "USER_BUSY"),
        ("nothing/x", "CHAN_NOT_IMPLEMENTED"),
        ("sofia/nowhere/1@127.0.0.1", "INVALID_PROFILE"),
        ("sofia/agents/1@127.0.0.1:9", "NORMAL_TEMPORARY_FAILURE"),
    ],
)
def test_unreachable_targets(rig: Rig, target: str, cause: str) -> None:
    assert rig.watcher().bgapi(f"originate {target} &park()") == f"-ERR {cause}\n"


def test_uuid_in_use_is_refused(rig: Rig) -> None:
    watcher, agent = rig.watcher(), rig.agent()
    channel, _ = call_agent(watcher, agent)
    reply = watcher.bgapi(f"originate {{origination_uuid={channel}}}user/1001@{DOMAIN} &park()")
    assert reply.startswith("-ERR ")
    assert watcher.api(f"uuid_exists {channel}") == "true"


def test_first_to_answer_wins_and_the_other_stops_ringing(rig: Rig) -> None:
    watcher = rig.watcher()
    slow, quick = rig.agent("1001", mode="ring"), rig.agent("1002")
    reply = watcher.bgapi(f"originate user/1001@{DOMAIN},user/1002@{DOMAIN} &park()")
    assert reply.startswith("+OK ")
    assert quick.next_call().answered.is_set()
    lost = slow.next_call()
    assert lost.cancelled.wait(3)
    assert "Call completed elsewhere" in lost.reason


def test_next_in_line_is_tried_after_a_refusal(rig: Rig) -> None:
    watcher = rig.watcher()
    rig.agent("1001", mode="refuse:486")
    second = rig.agent("1002")
    reply = watcher.bgapi(f"originate user/1001@{DOMAIN}|user/1002@{DOMAIN} &park()")
    assert reply.startswith("+OK ")
    assert second.next_call().answered.is_set()


def test_newest_phone_is_the_one_that_rings(rig: Rig) -> None:
    old, new = rig.agent(), rig.agent()
    watcher = rig.watcher()
    assert watcher.bgapi(f"originate user/1001@{DOMAIN} &park()").startswith("+OK")
    new.next_call()
    assert old.incoming.empty()
    assert len(json.loads(watcher.api("show registrations as json"))["rows"]) == 1


def test_phone_that_was_replaced_is_forgotten_for_good(rig: Rig) -> None:
    rig.agent()
    new = rig.agent()
    assert new.register(expires=0) == 200
    reply = rig.watcher().bgapi(f"originate user/1001@{DOMAIN} &park()")
    assert reply == "-ERR USER_NOT_REGISTERED\n"


def test_leaving_is_told_and_the_phone_rings_no_more(rig: Rig) -> None:
    watcher = rig.watcher()
    watcher.command("event json CUSTOM sofia::register sofia::unregister")
    agent = rig.agent()
    came = watcher.wait("CUSTOM", **{"Event-Subclass": "sofia::register"}).event
    assert (came["from-user"], came["from-host"]) == ("1001", DOMAIN)
    assert agent.register(expires=0) == 200
    gone = watcher.wait("CUSTOM", **{"Event-Subclass": "sofia::unregister"}).event
    assert gone["from-user"] == "1001"
    assert watcher.api(f"sofia_contact 1001@{DOMAIN}") == "error/user_not_registered"


def test_agent_calls_a_colleague_and_hears_the_phone_ring(rig: Rig) -> None:
    caller, colleague = rig.agent("1001"), rig.agent("1002", mode="ring")
    call = caller.call("1002")
    ringing = colleague.next_call()
    until(lambda: 180 in call.statuses, "the ringing")
    ringing.answer()
    assert call.answered.wait(3)
    until(lambda: call.loudness() > 0 and ringing.loudness() > 0, "they hear each other")
    ringing.press("9")
    until(lambda: call.digits == ["9"], "a key crosses the bridge")
    call.hangup()
    assert ringing.ended.wait(3)


def test_caller_who_gives_up_stops_the_ringing(rig: Rig) -> None:
    caller, colleague = rig.agent("1001"), rig.agent("1002", mode="ring")
    call = caller.call("1002")
    ringing = colleague.next_call()
    until(lambda: 180 in call.statuses, "the ringing")
    call.hangup()
    assert ringing.cancelled.wait(3)
    assert call.status == 487


def test_hold_plays_music_to_the_other_side(rig: Rig) -> None:
    watcher, agent = rig.watcher(), rig.agent()
    citizen = rig.citizen("7001")
    assert citizen.answered.wait(3)
    (row,) = json.loads(watcher.api("show channels as json"))["rows"]
    channel, talking = call_agent(watcher, agent)
    watcher.api(f"uuid_bridge {row['uuid']} {channel}")
    watcher.wait("CHANNEL_BRIDGE")
    talking.reinvite("sendonly")
    watcher.wait("CHANNEL_HOLD", **{"Unique-ID": channel})
    playing = watcher.wait("PLAYBACK_START", **{"Unique-ID": row["uuid"]}).event
    assert playing["Playback-File-Path"] == "local_stream://moh"
    talking.reinvite("sendrecv")
    watcher.wait("CHANNEL_UNHOLD", **{"Unique-ID": channel})
    watcher.wait("PLAYBACK_STOP", **{"Unique-ID": row["uuid"]})
    assert not citizen.ended.is_set()
