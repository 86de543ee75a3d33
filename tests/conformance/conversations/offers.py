"""The controller rings agents' phones."""

from __future__ import annotations

from lab_phone import Phone

from conformance.conversations import conversation
from conformance.scene import Scene
from conformance.wire import until

CONTACT = "11111111-2222-4333-8444-555555555555"


def offer(scene: Scene, leg: str, agent: str = "1001", *, seconds: int = 10, park: int = 30) -> str:
    """The command with which callcenter.offers rings a phone."""
    variables = {
        "origination_uuid": leg,
        "origination_caller_id_number": "138****5678",
        "origination_caller_id_name": "138****5678",
        "originate_timeout": str(seconds),
        "ignore_early_media": "true",
        "hangup_after_bridge": "true",
        "park_timeout": f"{park}:NORMAL_CLEARING",
        "cc_offer": "offer-1",
        "cc_contact": CONTACT,
        "cc_agent": agent,
        "execute_on_originate": f"'limit hash agents {agent} 1 !USER_BUSY'",
    }
    given = ",".join(f"{name}={value}" for name, value in variables.items())
    return f"originate {{{given}}}user/{agent}@{scene.settings.domain} &park()"


@conversation
def agent_answers(scene: Scene) -> None:
    phone = scene.agent()
    leg = scene.new_id("agent")
    scene.link.job(offer(scene, leg))
    call = phone.next_call()
    scene.saw("agent", "CHANNEL_PARK")
    scene.link.job("limit_usage hash agents 1001")
    assert call.invite is not None
    scene.note("the phone shows", call.invite.get("from").partition("@")[0])
    scene.link.api(f"uuid_broadcast {leg} gentones::%(150,0,1000) aleg")
    scene.saw("agent", "CHANNEL_EXECUTE_COMPLETE", Application="gentones")
    scene.link.job(f"uuid_kill {leg} NORMAL_CLEARING")
    scene.gone("agent")
    until(call.ended.is_set, "the phone is on hook")
    scene.link.job("limit_usage hash agents 1001")
    scene.note("record", (scene.settings.cdr_dir / f"{leg}.cdr.json").exists())


@conversation
def agent_refuses(scene: Scene) -> None:
    """Each refusal of a phone has its cause."""
    for status in (486, 603, 480, 404, 500, 408):
        scene.agent("1001", mode=f"refuse:{status}")
        role = f"agent {status}"
        scene.link.job(offer(scene, scene.new_id(role)))
        scene.gone(role)


@conversation
def agent_does_not_answer(scene: Scene) -> None:
    phone = scene.agent(mode="ring")
    scene.link.job(offer(scene, scene.new_id("agent"), seconds=1))
    scene.gone("agent")
    call = phone.next_call()
    until(call.cancelled.is_set, "the phone is silent")
    scene.note("the phone's CANCEL", call.reason)


@conversation
def phone_that_says_nothing(scene: Scene) -> None:
    scene.agent(mode="silent")
    scene.link.job(offer(scene, scene.new_id("agent"), seconds=1))
    scene.gone("agent")


@conversation
def agents_without_a_phone(scene: Scene) -> None:
    """Not registered; not in the directory; nonsense."""
    scene.link.job(offer(scene, scene.new_id("agent")))
    scene.link.job(offer(scene, scene.new_id("stranger"), "9999"))
    scene.link.job("originate")
    scene.link.job("originate user/1001@callcenter.local")
    scene.link.job("originate nonsense/1001 &park()")


@conversation
def citizen_gives_up_while_the_phone_rings(scene: Scene) -> None:
    phone = scene.agent(mode="ring")
    leg = scene.new_id("agent")
    ringing = scene.link.started(offer(scene, leg))
    scene.saw("agent", "CHANNEL_PROGRESS")
    scene.link.job(f"uuid_kill {leg} ORIGINATOR_CANCEL")
    ringing()
    scene.gone("agent")
    call = phone.next_call()
    until(call.cancelled.is_set, "the phone is silent")
    scene.note("the phone's CANCEL", call.reason)
    scene.link.job(f"uuid_kill {leg} ORIGINATOR_CANCEL")


@conversation
def two_offers_at_once(scene: Scene) -> None:
    """The switch is the fence: one leg for an agent, whoever asks."""
    scene.agent()
    first, second = scene.new_id("first leg"), scene.new_id("second leg")
    scene.link.job(offer(scene, first))
    scene.saw("first leg", "CHANNEL_PARK")
    scene.link.job(offer(scene, second))
    scene.link.job(offer(scene, first))  # the same id
    scene.link.job(f"uuid_exists {first}")
    scene.link.job(f"uuid_kill {first}")
    scene.gone("first leg")
    third = scene.new_id("third leg")
    scene.link.job(offer(scene, third))
    scene.saw("third leg", "CHANNEL_PARK")
    scene.link.job(f"uuid_kill {third}")
    scene.gone("third leg")


@conversation
def leg_that_waits_too_long(scene: Scene) -> None:
    """park_timeout ends a leg that nobody was joined to."""
    scene.agent()
    scene.link.job(offer(scene, scene.new_id("agent"), park=1))
    scene.gone("agent")


@conversation
def agent_hangs_up_at_once(scene: Scene) -> None:
    phone = scene.agent()
    scene.link.job(offer(scene, scene.new_id("agent")))
    scene.saw("agent", "CHANNEL_PARK")
    hang_up(phone)
    scene.gone("agent")


def hang_up(phone: Phone) -> None:
    phone.next_call().hangup()
