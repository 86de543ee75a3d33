"""A call is handed over, and comes back."""

from __future__ import annotations

from conformance.controls import Control
from conformance.conversations import conversation
from conformance.scene import Scene
from conformance.wire import until

MUSIC = "local_stream://moh"
TONE = "tone_stream://%(200,0,400)"


@conversation
def call_is_handed_over(scene: Scene) -> None:
    """The whole way of a simple call: taken, answered, a prompt, hung up by us."""
    scene.attends()
    phone = scene.dials(name="李 先生")
    call = scene.takes()
    scene.note("citizen's phone before the answer", phone.statuses)
    call.run("answer")
    until(phone.answered.is_set, "the citizen's phone is answered")
    scene.note("citizen's phone after the answer", phone.statuses)
    call.run("set", "cc_stage=menu")
    call.run("multiset", "^^;cc_queue=general;cc_queued_at=1234.5")
    call.run("playback", f"{scene.settings.sounds_dir}/welcome.wav")
    call.start("hangup", "NORMAL_CLEARING")
    scene.gone("citizen")
    scene.note("the citizen's BYE", phone.reason)


@conversation
def applications_queue_up(scene: Scene) -> None:
    """With event-lock each one begins when the one before has ended."""
    scene.attends()
    phone, call = scene.answered()
    runs = [
        call.start("playback", "tone_stream://%(200,0,400)"),
        call.start("set", "cc_stage=queue"),
        call.start("playback", "silence_stream://200"),
        call.start("unset", "cc_stage"),
    ]
    for run in runs:
        call.ended(run)
    phone.hangup()
    scene.gone("citizen")


@conversation
def variables_with_every_character(scene: Scene) -> None:
    scene.attends()
    phone, call = scene.answered()
    for text in (
        "cc_a=plain;cc_b=two words;cc_c=",
        r"cc_a=semi\;colon;cc_b=quote\'s;cc_c=back\\slash",
        r"cc_a=trailing\s;cc_b=\'quoted\';cc_c=a=b",
        r"cc_a=comma,and|pipe;cc_b=\"double\";cc_c=^^:x",
        "cc_a=市民;cc_b=100%;cc_c=$5",
        "cc_b=;cc_a",
        "",
    ):
        call.api(f"uuid_setvar_multi {call.uuid} {text}".rstrip())
        for name in "abc":
            call.api(f"uuid_getvar {call.uuid} cc_{name}")
    call.api(f"uuid_setvar {call.uuid} cc_a one value")
    call.api(f"uuid_getvar {call.uuid} cc_a")
    call.api(f"uuid_setvar {call.uuid} cc_a")
    call.api(f"uuid_getvar {call.uuid} cc_a")
    call.api(f"uuid_getvar {call.uuid} nonsense")
    for argument in ("cc_x=^^:a,b", "cc_y= spaced ", "cc_z=${cc_dialed}", "cc_z="):
        call.run("set", argument)
    call.run("multiset", "cc_x=1 cc_y=2")
    call.run("multiset", "^^,cc_x=one two,cc_y=")
    call.run("export", "cc_exported=yes")
    phone.hangup()
    scene.gone("citizen")


@conversation
def linger_is_told(scene: Scene) -> None:
    """After the hang-up the connection stays for what is still to be told."""
    scene.attends()
    phone, call = scene.answered()
    phone.hangup()
    until(call.connection.closed.is_set, "the end of lingering")
    scene.gone("citizen")
    kept = ("Controlled-Session-UUID", "Content-Disposition", "Linger-Time")
    for frame in call.connection.notices:
        scene.note(frame.kind, [{name: frame.head.get(name) for name in kept}, frame.body])


@conversation
def without_linger_the_switch_says_goodbye(scene: Scene) -> None:
    scene.attends()
    phone = scene.dials()
    call = scene.takes(linger=None)
    call.run("answer")
    until(phone.answered.is_set, "the answer")
    phone.hangup()
    until(call.connection.closed.is_set, "the connection's end")
    scene.gone("citizen")
    for frame in call.connection.notices:
        scene.note(frame.kind, [frame.head.get("Content-Disposition"), frame.body])


@conversation
def controller_dies_and_the_call_returns(scene: Scene) -> None:
    """socket_resume: the dialplan goes on and finds the standby."""
    scene.attends(standby=True)
    phone, call = scene.answered()
    call.run("multiset", "^^;cc_stage=queue;cc_queue=general")
    call.start("playback", MUSIC)
    call.start("playback", "tone_stream://%(200,0,400)")
    call.wait("CHANNEL_EXECUTE", Application="playback")
    call.drop()
    again = scene.takes()
    for name in ("cc_stage", "cc_queue", "cc_dialed"):
        scene.note(name, again.variable(name))
    again.run("playback", "tone_stream://%(200,0,400)")
    again.start("hangup", "NORMAL_CLEARING")
    scene.gone("citizen")
    until(phone.ended.is_set, "the citizen's phone is on hook")


@conversation
def call_comes_back_by_transfer(scene: Scene) -> None:
    """Moved away while something plays: that ends, the dialplan goes on, we are called again."""
    scene.attends()
    phone, call = scene.answered()
    call.start("playback", MUSIC)
    call.wait("CHANNEL_EXECUTE", Application="playback")
    scene.link.job(f"uuid_transfer {call.uuid} survey XML hotline")
    again = scene.takes()
    scene.note("cc_stage", again.variable("cc_stage"))
    again.run("playback", "tone_stream://%(200,0,400)")
    phone.hangup()
    scene.gone("citizen")


@conversation
def call_is_parked(scene: Scene) -> None:
    """Let go of on purpose: the dialplan's music, into which is spoken over the link."""
    scene.attends()
    phone, call = scene.answered()
    call.start("playback", MUSIC)
    call.wait("CHANNEL_EXECUTE", Application="playback")
    scene.link.api(f"sched_transfer +60 {call.uuid} hotline XML hotline")
    call.api(f"uuid_setvar_multi {call.uuid} socket_resume=false")
    call.ask("exit")
    until(call.connection.closed.is_set, "the connection's end")
    scene.link.api(f"uuid_transfer {call.uuid} waiting XML hotline")
    until(lambda: playing(scene, MUSIC) == 2, "the dialplan's music")
    scene.link.ask(
        f"sendmsg {call.uuid}\ncall-command: execute\nexecute-app-name: playback\n"
        f"execute-app-arg: {TONE}"
    )
    scene.saw("citizen", "CHANNEL_EXECUTE_COMPLETE", Application_Data=TONE)
    scene.link.api(f"sched_del {call.uuid}")
    scene.link.api(f"sched_del {call.uuid}")
    scene.link.api("sched_transfer +60 nobody hotline XML hotline")
    scene.link.api(f"sched_transfer +1 {call.uuid} hotline XML hotline")
    again = scene.takes()
    again.run("playback", "tone_stream://%(200,0,400)")
    phone.hangup()
    scene.gone("citizen")


def playing(scene: Scene, sound: str) -> int:
    """How often this sound was begun."""
    return sum(
        event["Event-Name"] == "CHANNEL_EXECUTE" and event.get("Application-Data") == sound
        for event in scene.channel_events
    )


@conversation
def nobody_attends(scene: Scene) -> None:
    """No controller, then one that takes the call while it rings; it finishes what was begun."""
    phone = scene.dials()
    scene.comes("citizen")
    until(lambda: 180 in phone.statuses, "ringing")
    scene.saw("citizen", "CHANNEL_EXECUTE", Application="sleep")
    scene.attends()
    call = scene.takes()
    call.run("answer")
    call.run("set", "cc_stage=done")
    finish(scene, call)
    scene.note("the citizen's phone", phone.statuses)


def finish(scene: Scene, call: Control) -> None:
    """Let the dialplan end a call that is done."""
    scene.leaves()
    call.drop()
    scene.gone(call.role)


@conversation
def citizen_leaves_a_message(scene: Scene) -> None:
    """What the dialplan does alone, from the apology on."""
    scene.attends()
    phone, call = scene.answered()
    scene.link.job(f"uuid_transfer {call.uuid} message XML hotline")
    scene.saw("citizen", "CHANNEL_EXECUTE", Application="record")
    scene.saw("citizen", "RECORD_START")
    phone.info_digit("#")
    scene.gone("citizen")
    until(phone.ended.is_set, "the citizen's phone is on hook")
