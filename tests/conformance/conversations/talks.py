"""Citizen and agent are joined, and part."""

from __future__ import annotations

import json
from typing import Any

from gevent import sleep
from lab_phone import Phone, PhoneCall

from conformance.controls import Control
from conformance.conversations import conversation
from conformance.conversations.ends import record_of
from conformance.conversations.offers import offer
from conformance.conversations.sounds import seconds_of
from conformance.normalise import DUMPED, STATE, shape
from conformance.scene import Scene
from conformance.wire import until

SURVEY = "survey:XML:hotline"


class Talk:
    """A citizen and an agent who talk, joined as the controller joins them."""

    def __init__(self, scene: Scene, *, music: bool = False, media_timeout: int = 0) -> None:
        scene.attends()
        self.scene = scene
        self.agent: Phone = scene.agent()
        self.citizen: PhoneCall
        self.call: Control
        self.citizen, self.call = scene.answered()
        if music:
            self.call.start("playback", "local_stream://moh")
            self.call.wait("CHANNEL_EXECUTE", Application="playback")
        self.leg = scene.new_id("agent")
        given = f"{{media_timeout={media_timeout}," if media_timeout else "{"
        scene.link.job(offer(scene, self.leg).replace("{", given, 1))
        self.agent_call: PhoneCall = self.agent.next_call()
        scene.saw("agent", "CHANNEL_PARK")
        self.call.api(
            f"uuid_setvar_multi {self.call.uuid} cc_stage=talk;cc_agent=1001;socket_resume=false;"
            f"transfer_after_bridge={SURVEY};hangup_after_bridge=false"
        )

    def join(self) -> None:
        self.scene.link.job(f"uuid_bridge {self.call.uuid} {self.leg}")
        self.scene.saw("citizen", "CHANNEL_BRIDGE")


@conversation
def agent_hangs_up_and_the_survey_begins(scene: Scene) -> None:
    """The citizen comes back to the dialplan with every variable."""
    talk = Talk(scene)
    talk.join()
    talk.agent_call.hangup()
    again = scene.takes()
    for name in ("cc_stage", "cc_agent", "socket_resume", "transfer_after_bridge"):
        scene.note(name, again.variable(name))
    scene.gone("agent")
    again.run("playback", "tone_stream://%(200,0,400)")
    again.start("hangup", "NORMAL_CLEARING")
    scene.gone("citizen")
    scene.note("record", record_of(scene, again.uuid))


@conversation
def citizen_hangs_up_first(scene: Scene) -> None:
    talk = Talk(scene)
    talk.join()
    talk.citizen.hangup()
    scene.gone("agent", "citizen")
    until(talk.agent_call.ended.is_set, "the agent's phone is on hook")
    scene.note("the agent's BYE", talk.agent_call.reason)
    scene.note("record", record_of(scene, talk.call.uuid))


@conversation
def joined_out_of_the_music(scene: Scene) -> None:
    """What plays ends when the two are joined."""
    talk = Talk(scene, music=True)
    talk.join()
    talk.agent_call.hangup()
    again = scene.takes()
    again.start("hangup", "NORMAL_CLEARING")
    scene.gone("agent", "citizen")


@conversation
def agent_gone_before_the_join(scene: Scene) -> None:
    talk = Talk(scene)
    talk.agent_call.hangup()
    scene.gone("agent")
    scene.link.job(f"uuid_bridge {talk.call.uuid} {talk.leg}")
    scene.link.job(f"uuid_dump {talk.call.uuid} json", show=_dump)
    talk.call.run("playback", "tone_stream://%(200,0,400)")
    talk.citizen.hangup()
    scene.gone("citizen")


@conversation
def citizen_gone_before_the_join(scene: Scene) -> None:
    talk = Talk(scene)
    talk.citizen.hangup()
    scene.gone("citizen")
    scene.link.job(f"uuid_bridge {talk.call.uuid} {talk.leg}")
    scene.link.job(f"uuid_kill {talk.leg} ORIGINATOR_CANCEL")
    scene.gone("agent")


@conversation
def agent_holds(scene: Scene) -> None:
    """A re-INVITE of the agent's phone, RFC 3264 section 8.4."""
    talk = Talk(scene)
    talk.join()
    for direction, event in (("sendonly", "CHANNEL_HOLD"), ("sendrecv", "CHANNEL_UNHOLD")):
        answered = talk.agent_call.statuses.count(200)
        talk.agent_call.reinvite(direction)
        scene.saw("agent", event)
        until(
            lambda: talk.agent_call.statuses.count(200) > answered,  # noqa: B023
            "the answer to the re-INVITE",
        )
    talk.agent_call.hangup()
    again = scene.takes()
    again.start("hangup", "NORMAL_CLEARING")
    scene.gone("agent", "citizen")


@conversation
def controller_dies_while_they_talk(scene: Scene) -> None:
    """socket_resume=false: the two talk on; the survey finds the standby."""
    scene.attends(standby=True)
    talk = Talk(scene)
    talk.join()
    talk.call.wait("CHANNEL_BRIDGE")
    talk.call.drop()
    until(talk.call.connection.closed.is_set, "the connection is closed")
    sleep(0.5)
    scene.link.job(f"uuid_exists {talk.call.uuid}")
    scene.link.job(f"uuid_exists {talk.leg}")
    talk.agent_call.hangup()
    again = scene.takes()
    scene.note("cc_stage", again.variable("cc_stage"))
    again.start("hangup", "NORMAL_CLEARING")
    scene.gone("agent", "citizen")


@conversation
def talk_is_recorded(scene: Scene) -> None:
    """From the citizen's side, through the join, to the end of the call."""
    talk = Talk(scene)
    path = scene.settings.recordings_dir / "2024/01/03/talk.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    talk.call.run("set", "RECORD_STEREO=true")
    talk.call.run("set", "recording_follow_transfer=true")
    talk.call.run("record_session", str(path))
    talk.call.run("playback", "tone_stream://%(200,0,400)")
    talk.join()
    sleep(1.0)
    talk.agent_call.hangup()
    again = scene.takes()
    again.run("playback", "tone_stream://%(600,0,400)")
    again.start("hangup", "NORMAL_CLEARING")
    scene.gone("agent", "citizen")
    scene.note("file", seconds_of(path))


@conversation
def snapshots(scene: Scene) -> None:
    """What a controller reads when it starts while two talk."""
    talk = Talk(scene)
    talk.join()
    scene.link.settles("show channels as json", lambda text: text.count(talk.call.uuid) > 2)
    scene.link.job("show channels as json", show=_channels)
    scene.link.job("show channels as json", show=lambda text: shape(json.loads(text)))
    scene.link.job("show channels count")
    scene.link.job("show calls as json", show=lambda text: json.loads(text)["row_count"])
    for unique_id in (talk.call.uuid, talk.leg):
        scene.link.job(f"uuid_dump {unique_id} json", show=_dump)
    talk.citizen.hangup()
    scene.gone("agent", "citizen")


def _channels(text: str) -> Any:
    told = json.loads(text)
    kept = ("uuid", "direction", "cid_num", "dest", "callstate", "state", "context", "call_uuid")
    rows = sorted(told["rows"], key=lambda row: row["direction"])
    return [told["row_count"], [{name: row[name] for name in kept} for row in rows]]


def _dump(text: str) -> Any:
    told = json.loads(text)
    kept = {name: told[name] for name in (*STATE, *DUMPED) if name in told}
    return {
        **kept,
        **{name: told[name] for name in sorted(told) if name.startswith("variable_cc_")},
        "variable_bridge_uuid": told.get("variable_bridge_uuid"),
    }


@conversation
def hold_command_and_broadcast_in_a_talk(scene: Scene) -> None:
    talk = Talk(scene)
    talk.join()
    scene.link.job(f"uuid_broadcast {talk.leg} tone_stream://%(150,0,1000) aleg")
    scene.saw("agent", "PLAYBACK_STOP")
    scene.link.job(f"uuid_send_dtmf {talk.call.uuid} 5")
    scene.link.job(f"uuid_audio {talk.call.uuid} start read mute 1")
    scene.link.job(f"uuid_audio {talk.call.uuid} stop")
    talk.citizen.hangup()
    scene.gone("agent", "citizen")


@conversation
def three_party_room(scene: Scene) -> None:
    scene.attends()
    phone, call = scene.answered()
    call.start("conference", "room@default")
    scene.saw("citizen", "CUSTOM", Action="add-member")
    scene.agent()
    leg = scene.new_id("agent")
    scene.link.job(offer(scene, leg).replace("&park()", "&conference(room@default)"))
    scene.saw("agent", "CUSTOM", Action="add-member")
    scene.link.job("conference room list count")
    scene.link.job("conference room kick last")
    scene.gone("agent")
    phone.hangup()
    scene.gone("citizen")
    scene.link.job("conference room list count")


@conversation
def supervisor_listens(scene: Scene) -> None:
    talk = Talk(scene)
    talk.join()
    scene.agent("1002")
    ear = scene.new_id("supervisor")
    scene.link.job(
        f"originate {{origination_uuid={ear},originate_timeout=5}}"
        f"user/1002@{scene.settings.domain} &eavesdrop({talk.leg})"
    )
    scene.saw("supervisor", "CHANNEL_EXECUTE", Application="eavesdrop")
    scene.link.job(f"uuid_kill {ear}")
    scene.gone("supervisor")
    talk.citizen.hangup()
    scene.gone("agent", "citizen")


@conversation
def supervisor_speaks(scene: Scene) -> None:
    """A key of the listener's phone, pressed for her: 2 speaks to the agent alone."""
    talk = Talk(scene)
    talk.join()
    scene.agent("1002")
    ear = scene.new_id("supervisor")
    scene.link.job(
        f"originate {{origination_uuid={ear},originate_timeout=5}}"
        f"user/1002@{scene.settings.domain} &eavesdrop({talk.leg})"
    )
    scene.saw("supervisor", "CHANNEL_EXECUTE", Application="eavesdrop")
    scene.link.job(f"uuid_recv_dtmf {ear} 2")
    scene.saw("supervisor", "DTMF")
    talk.citizen.hangup()
    scene.gone("agent", "citizen", "supervisor")


@conversation
def phone_falls_silent(scene: Scene) -> None:
    """`media_timeout` of the offer counts, whatever the directory says; the citizen stays."""
    talk = Talk(scene, media_timeout=1000)
    talk.join()
    talk.agent_call.paused = True
    again = scene.takes()
    scene.gone("agent")
    again.start("hangup", "NORMAL_CLEARING")
    scene.gone("citizen")


@conversation
def room_ends_with_the_last_but_one(scene: Scene) -> None:
    """`mintwo`: the citizen who is left alone goes on to the survey."""
    talk = Talk(scene)
    talk.join()
    for leg in (talk.call.uuid, talk.leg):
        scene.link.job(f"uuid_setvar {leg} cc_room room")
    scene.link.job(f"uuid_setvar {talk.leg} park_after_bridge true")
    scene.link.job(f"uuid_transfer {talk.call.uuid} three_party XML hotline")
    scene.saw("citizen", "CUSTOM", Action="add-member")
    scene.saw("agent", "CHANNEL_PARK")
    scene.link.job(f"uuid_transfer {talk.leg} three_party_leg XML hotline")
    scene.saw("agent", "CUSTOM", Action="add-member")
    talk.agent_call.hangup()
    scene.gone("agent")
    again = scene.takes()
    scene.note("cc_stage", again.variable("cc_stage"))
    again.start("hangup", "NORMAL_CLEARING")
    scene.gone("citizen")
