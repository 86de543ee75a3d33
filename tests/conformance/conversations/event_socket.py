"""Logging in, subscribing, asking: no calls."""

from __future__ import annotations

import json
import uuid
from typing import Any

from conformance.controls import Link
from conformance.conversations import conversation
from conformance.normalise import facts, shape_of
from conformance.scene import Scene
from conformance.wire import Event, Frame, until

NOBODY = "00000000-0000-4000-8000-000000000000"


def kinds(frames: list[Frame]) -> list[list[str]]:
    return [[frame.kind, frame.head.get("Content-Disposition", ""), frame.body] for frame in frames]


@conversation
def logging_in(scene: Scene) -> None:
    stranger = Link(scene, "stranger")
    scene.note("greeting", kinds(stranger.connection.notices))
    stranger.ask("api status")
    stranger.ask("event json HEARTBEAT")
    stranger.ask("auth wrong")
    until(stranger.connection.closed.is_set, "the stranger is sent away")
    scene.note("parting", kinds(stranger.connection.notices[1:]))
    stranger.connection.close()

    friend = Link(scene, "friend")
    friend.ask(f"auth {scene.settings.esl_password}")
    friend.ask("auth wrong")
    friend.ask("api echo still here")
    friend.ask("exit")
    until(friend.connection.closed.is_set, "the friend is let go")
    scene.note("parting", kinds(friend.connection.notices[1:]))
    friend.connection.close()


@conversation
def commands_that_are_none(scene: Scene) -> None:
    for command in ("nonsense", "api", "api nonsense", "api echo", "bgapi", "sendmsg", "connect"):
        scene.link.ask(command, show=_without_job)
    scene.link.ask(f"sendmsg {NOBODY}\ncall-command: execute\nexecute-app-name: answer")
    scene.link.ask("event json NONSENSE")
    scene.link.ask("event nonsense")
    scene.link.ask("myevents json")
    scene.link.ask(f"myevents json {NOBODY}")
    scene.link.ask("linger 5")
    scene.link.ask("getvar uuid")
    scene.link.ask("nolinger")


@conversation
def subscriptions(scene: Scene) -> None:
    link = scene.link
    link.ask("event json HEARTBEAT BACKGROUND_JOB CUSTOM sofia::register conference::maintenance")
    _rings(scene, link, "both are heard")
    link.ask("nixevent BACKGROUND_JOB")
    _rings(scene, link, "jobs are not heard")
    link.ask("event json BACKGROUND_JOB")
    link.ask("filter Job-UUID nobody")
    _rings(scene, link, "a filter lets nothing through")
    link.ask("filter delete all")
    _rings(scene, link, "the filter is gone")
    link.ask("noevents")
    _rings(scene, link, "no events at all")
    link.ask("event plain BACKGROUND_JOB")
    link.ask("event json BACKGROUND_JOB")
    _rings(scene, link, "json again")


def _rings(scene: Scene, link: Link, what: str) -> None:
    """Let a job run and say whether the link heard of it."""
    before = len(link.events)
    link.job("echo a job")
    link.ask("api echo after the job")  # what the job fired has been written before
    heard = [[event["Event-Name"], facts(event)] for event in link.events[before:]]
    scene.note(what, heard)


@conversation
def jobs(scene: Scene) -> None:
    link = scene.link
    link.ask("event json BACKGROUND_JOB")
    link.ask("bgapi echo hello", show=_without_job)
    mine = str(uuid.uuid4())
    scene.names.give(mine, "my job")
    link.ask(f"bgapi echo hello again\nJob-UUID: {mine}")
    done = until(lambda: _job(link, mine), "the job's end")
    scene.note("the job's event", facts(done))
    link.ask("bgapi nonsense", show=_without_job)
    until(lambda: len(link.events) == 3, "three jobs have ended")
    scene.note("jobs", sorted((facts(event).get("_body", "") for event in link.events), key=str))


def _job(link: Link, job: str) -> Event | None:
    return next((event for event in link.events if event.get("Job-UUID") == job), None)


def _without_job(frame: Frame) -> Any:
    return (frame.reply.split("Job-UUID")[0] if frame.reply else frame.body), (
        "has a job" if frame.head.get("Job-UUID") else "has none"
    )


@conversation
def nobody_is_there(scene: Scene) -> None:
    """What the controller does to a call that ended a moment ago."""
    other = "00000000-0000-4000-8000-000000000001"
    for command in (
        f"uuid_kill {NOBODY}",
        f"uuid_kill {NOBODY} ORIGINATOR_CANCEL",
        f"uuid_bridge {NOBODY} {other}",
        f"uuid_break {NOBODY}",
        f"uuid_break {NOBODY} all",
        f"uuid_setvar {NOBODY} a b",
        f"uuid_setvar_multi {NOBODY} a=b;c=d",
        f"uuid_getvar {NOBODY} a",
        f"uuid_dump {NOBODY} json",
        f"uuid_dump {NOBODY}",
        f"uuid_exists {NOBODY}",
        f"uuid_transfer {NOBODY} hotline XML hotline",
        f"uuid_broadcast {NOBODY} tone_stream://%(150,0,1000) aleg",
        f"uuid_hold {NOBODY}",
        f"uuid_park {NOBODY}",
        f"uuid_answer {NOBODY}",
        f"uuid_record {NOBODY} start /proc/nowhere/at-all.wav",
        f"uuid_send_dtmf {NOBODY} 1",
        f"uuid_audio {NOBODY} start read mute 1",
    ):
        scene.link.job(command)
    for command in (
        "uuid_kill",
        "uuid_bridge",
        "uuid_break",
        "uuid_setvar_multi",
        "uuid_broadcast",
    ):
        scene.link.job(command)


@conversation
def questions(scene: Scene) -> None:
    """What is asked outside of calls."""
    link = scene.link
    link.api("status", show=lambda text: text.splitlines()[0][:2])
    link.api("version", show=lambda text: text.split()[1])
    link.api("strepoch", show=lambda text: text.isdigit())
    link.api("create_uuid", show=len)
    link.api("echo some  words ")
    for name in (
        "published_numbers",
        "max_calls",
        "calls_per_second",
        "sounds_dir",
        "recordings_dir",
        "cdr_dir",
        "esl_password",
        "nonsense",
    ):
        link.api(f"global_getvar {name}")
    link.job("global_getvar core_uuid", show=len)
    link.api("sofia status", show=_profiles)
    link.api("reloadxml")
    link.job("show channels count")
    link.job("show channels as json")
    link.job("show calls as json")
    link.job("show registrations as json", show=lambda text: sorted(json.loads(text))[:1])
    link.api("limit_usage hash agents 1009")
    link.api("sofia_contact 1009@callcenter.local")
    link.api("user_exists id 1001 callcenter.local")
    link.api("user_exists id 9999 callcenter.local")
    link.api("conference nowhere list")


@conversation
def doctor_asks(scene: Scene) -> None:
    """What `callcenter doctor` wants to know of a real switch."""
    link = scene.link
    link.api("xml_locate dialplan context name hotline", show=_root)
    link.api("xml_locate dialplan context name trunk", show=_root)
    link.api("xml_locate configuration configuration name switch.conf", show=_root)
    link.api("module_exists mod_sofia")
    link.api("module_exists mod_nonsense")
    link.api("local_stream show", show=lambda text: [row.split(",")[0] for row in text.split()])
    link.api("user_data 1001@callcenter.local param a1-hash", show=len)
    link.api("user_data 9999@callcenter.local param a1-hash", show=len)


def _root(text: str) -> str:
    return text.lstrip()[:8]


def _profiles(text: str) -> list[list[str]]:
    rows = [line.split() for line in text.splitlines()]
    return sorted([row[0], row[1], row[3]] for row in rows if len(row) > 3 and row[1] == "profile")


@conversation
def phones_register(scene: Scene) -> None:
    phone = scene.phone("1001")
    scene.note("REGISTER", phone.register(300))
    scene.saw_other("CUSTOM", Event_Subclass="sofia::register")
    scene.link.settles("show registrations as json", lambda text: '"1001"' in text)
    scene.link.job("show registrations as json", show=shape_of)
    scene.link.job("show registrations as json", show=lambda text: _phones(text, "1001"))
    scene.link.job("sofia_contact 1001@callcenter.local", show=_contact)
    scene.note("REGISTER with Expires: 0", phone.register(0))
    scene.saw_other("CUSTOM", Event_Subclass="sofia::unregister")
    scene.link.settles("show registrations as json", lambda text: '"1001"' not in text)
    scene.link.job("show registrations as json", show=lambda text: _phones(text, "1001"))

    phone = scene.phone("1002")
    phone.password = "wrong"
    scene.note("REGISTER with a wrong password", phone.register())
    stranger = scene.phone("9999")
    stranger.password = "anything"
    scene.note("REGISTER of a stranger", stranger.register())


@conversation
def registrations_expire(scene: Scene) -> None:
    """The switch drops a phone that didn't come back; here it is told to."""
    scene.agent("1003")
    scene.saw_other("CUSTOM", Event_Subclass="sofia::register")
    scene.link.settles("show registrations as json", lambda text: '"1003"' in text)
    scene.link.job("sofia profile agents flush_inbound_reg 1003@callcenter.local")
    scene.saw_other("CUSTOM", Event_Subclass="sofia::expire")
    scene.link.job("sofia_contact 1003@callcenter.local")


def _phones(text: str, user: str) -> list[list[str]]:
    rows = json.loads(text).get("rows", [])
    found = [[row["reg_user"], row["realm"], row["network_proto"]] for row in rows]
    return [row for row in found if row[0] == user]


def _contact(text: str) -> str:
    return text.partition("@")[0]
