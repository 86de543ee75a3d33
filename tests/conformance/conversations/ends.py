"""How calls end, and calls that don't begin."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from conformance.conversations import conversation, conversation_with
from conformance.normalise import VARIABLES
from conformance.scene import Scene, read_json
from conformance.wire import until


def record_of(scene: Scene, unique_id: str) -> dict[str, Any]:
    """What the switch wrote about a call, as far as we read it."""
    path = scene.settings.cdr_dir / f"{unique_id}.cdr.json"
    until(path.exists, "the call's record")
    told = until(lambda: _complete(path), "a complete record")
    variables = {
        name: unquote(str(value))
        for name, value in sorted(told["variables"].items())
        if name.startswith("cc_") or name in VARIABLES
    }
    return {
        "variables": variables,
        "times are numbers": {
            name: told["variables"].get(name, "").isdigit()
            for name in ("start_epoch", "answer_epoch", "end_epoch", "billsec", "duration")
        },
        "callflow": [
            {
                "destination": profile["caller_profile"]["destination_number"],
                "caller": profile["caller_profile"]["caller_id_number"],
                "name": profile["caller_profile"]["caller_id_name"],
                "context": profile["caller_profile"]["context"],
                "dialplan": profile["caller_profile"]["dialplan"],
                "times": {
                    name: "0" if value == "0" else "<time>"
                    for name, value in sorted(profile["times"].items())
                },
            }
            for profile in told["callflow"]
        ],
    }


def _complete(path: Any) -> Any:
    try:
        return read_json(path)
    except ValueError:
        return None  # half written


@conversation
def citizen_hangs_up(scene: Scene) -> None:
    scene.attends()
    phone, call = scene.answered()
    call.run("set", "cc_stage=menu")
    call.start("playback", "local_stream://moh")
    call.wait("CHANNEL_EXECUTE", Application="playback")
    phone.hangup()
    scene.gone("citizen")
    scene.note("record", record_of(scene, call.uuid))


@conversation
def citizen_gives_up_before_the_answer(scene: Scene) -> None:
    """CANCEL, and the record of a call that nobody answered."""
    scene.attends()
    phone = scene.dials()
    call = scene.takes()
    until(lambda: 180 in phone.statuses, "ringing")
    phone.hangup()
    scene.gone("citizen")
    scene.note("citizen's phone", phone.statuses)
    scene.note("record", record_of(scene, call.uuid))


@conversation
def citizen_hangs_up_in_early_media(scene: Scene) -> None:
    scene.attends()
    phone = scene.dials()
    call = scene.takes()
    call.run("pre_answer")
    call.start("playback", "local_stream://moh")
    call.wait("CHANNEL_EXECUTE", Application="playback")
    phone.hangup()
    scene.gone("citizen")
    scene.note("citizen's phone", phone.statuses)


def _ended_by_us(scene: Scene, command: str) -> None:
    phone, call = scene.answered()
    scene.link.job(command.format(call.uuid))
    scene.gone("citizen")
    until(phone.ended.is_set, "the citizen's phone is on hook")
    scene.note("the citizen's BYE", phone.reason)
    scene.note("record", record_of(scene, call.uuid))


@conversation
def we_hang_up(scene: Scene) -> None:
    scene.attends()
    _ended_by_us(scene, "uuid_kill {}")


@conversation
def we_hang_up_for_a_reason(scene: Scene) -> None:
    scene.attends()
    _ended_by_us(scene, "uuid_kill {} NORMAL_TEMPORARY_FAILURE")


@conversation
def we_hang_up_for_no_reason_known(scene: Scene) -> None:
    scene.attends()
    _ended_by_us(scene, "uuid_kill {} NONSENSE")


@conversation
def we_refuse_calls(scene: Scene) -> None:
    """Before the answer, each cause is a status of its own."""
    scene.attends()
    for at, (application, argument) in enumerate(
        (
            ("hangup", "USER_BUSY"),
            ("hangup", "CALL_REJECTED"),
            ("hangup", "NORMAL_CIRCUIT_CONGESTION"),
            ("hangup", ""),
            ("respond", "480"),
            ("respond", "503 Later"),
        )
    ):
        phone = scene.dials()
        role = f"citizen {at}"
        call = scene.takes(role)
        call.start(application, argument)
        scene.gone(role)
        until(phone.ended.is_set, "the citizen's phone is refused")
        scene.note("citizen's phone", [phone.statuses, phone.reason])


@conversation
def number_that_is_not_published(scene: Scene) -> None:
    phone = scene.dials("99999")
    scene.comes("citizen")
    until(phone.ended.is_set, "the citizen is refused")
    scene.gone("citizen")
    scene.note("citizen's phone", [phone.statuses, phone.reason])


@conversation_with(max_calls=1)
def more_calls_than_may_be(scene: Scene) -> None:
    scene.attends()
    _phone, call = scene.answered()
    scene.link.job("limit_usage hash trunk calls")
    second = scene.dials(caller="13900001111")
    scene.comes("second citizen")
    until(second.ended.is_set, "the second citizen is refused")
    scene.note("second citizen's phone", [second.statuses, second.reason])
    scene.link.job(f"uuid_kill {call.uuid}")
    scene.gone("citizen")
    scene.link.job("limit_usage hash trunk calls")


@conversation
def agents_dial(scene: Scene) -> None:
    """A colleague who answers, one who isn't there, and the world outside."""
    colleague = scene.agent("1002")
    phone = scene.agent("1001")
    call = phone.call("1002")
    scene.comes("agent")
    scene.comes("colleague")
    until(call.answered.is_set, "the colleague answers")
    scene.saw("agent", "CHANNEL_BRIDGE")
    colleague.next_call().hangup()
    until(call.ended.is_set, "the agent's phone is on hook")
    scene.gone("agent", "colleague")
    scene.note("statuses", call.statuses)
    for number in ("1009", "13812345678"):
        call = phone.call(number)
        scene.comes(f"agent who dials {number}")
        until(call.ended.is_set, f"{number} is refused")
        scene.gone(f"agent who dials {number}")
        scene.note(f"agent dials {number}", [call.statuses, call.reason])
