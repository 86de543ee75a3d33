"""A citizen's call as a story: welcome → menu → queue → talk → survey → goodbye.

Each chapter is a function that returns the next one. Before a chapter begins, its name is
written on the channel (`CallState`), so that another controller can go on with it: a call whose
controller died comes back through the dialplan and enters the story at its chapter.
Hanging up raises `HungUp` out of any wait; the end of the call is written down by whoever hears
of it first (`callcenter.watcher`), not here.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from acd.config import WaitChoice
from acd.messages import LeaveReason
from callcenter.call_state import Stage
from callcenter.citizen import CitizenCall
from callcenter.distribution import Announced, Connected, Moved, Overflowed
from callcenter.events import Kind
from ivr import followup, notice, progress, prompts, survey
from ivr import menu as menus
from ivr.caller import HungUp
from ivr.hotline import Hotline

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

BEEP = "tone_stream://%(300,100,880)"
SHORTEST_MESSAGE = 1.0  # seconds; less is no message
SILENCE = 5.0  # seconds that end a message


def tell(call: CitizenCall) -> None:
    """Tell the story from where the call stands until the citizen leaves or it ends."""
    stage = call.state.stage
    if stage is Stage.TALK:
        stage = Stage.QUEUE  # a conversation that comes back here has lost its agent
    try:
        call.begin()
        while stage not in (Stage.DONE, Stage.TALK):
            if call.is_office and stage is not Stage.DIALED_OUT:
                stage = Stage.DONE  # an office isn't queued, asked or played to
                break
            call.enter(stage)
            stage = CHAPTERS[stage](call)
            if call.parked and stage is Stage.MESSAGE:
                call.enter(stage)
                call.come_back()  # a message isn't recorded over music
                return
        if stage is Stage.DONE:
            call.hang_up()
    except HungUp:
        logger.info("call %s: left during %s", call.id, call.state.stage)
    finally:
        call.close()


def welcome(call: CitizenCall) -> Stage:
    call.answer()
    reason = call.blocked()
    if reason:
        call.note(Kind.BLOCKED, reason=reason)
        call.caller.play(["blocked"])
        return Stage.DONE
    hotline = call.hotline
    call.caller.play(hotline.welcome)
    if not _people_answer(hotline):
        if hotline.after_hours is None:
            call.caller.play(["closed"])
            return Stage.MESSAGE
        call.state.menu = hotline.after_hours
        return Stage.MENU
    if hotline.menu is None:
        call.goes_to(menus.to_queue(hotline))
        return Stage.QUEUE
    call.state.menu = hotline.menu
    return Stage.MENU


def menu(call: CitizenCall) -> Stage:
    people = _people_answer(call.hotline)
    match menus.walk(call.caller, call.hotline, call.state.menu, people=people):
        case menus.ToMessage():
            return Stage.MESSAGE
        case menus.ToProgress(menu=back):
            call.state.menu = back
            return Stage.PROGRESS
        case menus.ToQueue() as target:
            call.goes_to(target)
            return Stage.QUEUE
        case menus.ToTransfer(destination):
            call.state.destination = destination
            return Stage.TRANSFER


def transfer(call: CitizenCall) -> Stage:
    """To another hotline: music until it answers; if it doesn't, to a person of ours at once."""
    return Stage.TALK if call.transfer() else Stage.QUEUE


def progressed(call: CitizenCall) -> Stage:
    """How far is my order? Then the menu again, or a person."""
    after = progress.ask(call.caller, call.look_up)
    if after is progress.After.MENU:
        return Stage.MENU
    if not _people_answer(call.hotline):
        return Stage.MESSAGE
    call.goes_to(menus.to_queue(call.hotline))
    return Stage.QUEUE


def follow_up(call: CitizenCall) -> Stage:
    """The citizen took our call about an order that was resolved."""
    match followup.ask(call.caller, followup.read(call.state.answers), call.keep_answers):
        case followup.Ended.PERSON if _people_answer(call.hotline):
            call.goes_to(menus.to_queue(call.hotline))
            return Stage.QUEUE
        case followup.Ended.PERSON:
            return Stage.MESSAGE
        case _:
            return Stage.DONE


def told(call: CitizenCall) -> Stage:
    """Somebody who handles an order took our call."""
    notice.tell(call.caller, call.notice_prompts())
    return Stage.DONE


def queue(call: CitizenCall) -> Stage:
    """Wait for a person, or choose something else meanwhile."""
    waiting = call.join_queue()
    room = call.waiting_room()
    while True:
        room.wait(waiting.news)
        match waiting.next() or room.choice():
            case Connected() as agent:
                call.picked_up(agent)
                room.quiet()
                return talk(call, agent)
            case Overflowed(action, rule):
                room.quiet()
                return call.overflow(AFTER_OVERFLOW[action], rule)
            case Moved(queue_name, priority):
                call.moved(queue_name, priority)
            case Announced(position, seconds):
                room.announce(position, seconds)
            case WaitChoice.MESSAGE if call.leave_queue(LeaveReason.MESSAGE):
                room.quiet()
                return Stage.MESSAGE
            case WaitChoice.CALLBACK if call.keep_place():
                room.quiet()
                return Stage.CALLBACK
            case _:
                room.go_on()
                if room.settled and call.rest():
                    room.rests()


AFTER_OVERFLOW = {
    "message": Stage.MESSAGE,
    "callback": Stage.CALLBACK,
    "goodbye": Stage.GOODBYE,
}


def callback(call: CitizenCall) -> Stage:
    """The citizen hangs up and keeps the place; if that can't be promised, a message is taken."""
    if not call.promised():
        return Stage.MESSAGE
    call.caller.play(["callback_taken"])
    return Stage.DONE


def called_back(call: CitizenCall) -> Stage:
    """The citizen took our call: the agent is on the line, or is called while the greeting runs."""
    call.take_kept_place()
    call.caller.play(["callback_hello"])
    return Stage.QUEUE


def dialed_out(call: CitizenCall) -> Stage:
    """An agent called this citizen, or an office, and is on the line."""
    agent = call.dialing_agent()
    call.picked_up(agent)
    if not call.is_office:
        call.caller.play(["callback_hello"])
        return talk(call, agent)
    call.start_recording(agent)
    return Stage.TALK if call.join(agent) else Stage.DONE


def talk(call: CitizenCall, agent: Connected) -> Stage:
    """Record, say the agent's number, and join the two.

    From here on the switch holds the conversation by itself: when the agent hangs up it brings
    the citizen to `survey`, whichever controller is there to take the call.
    """
    call.start_recording(agent)
    call.announce(agent, prompts.agent_announcement(agent.agent))
    return Stage.TALK if call.join(agent) else Stage.QUEUE


def message(call: CitizenCall) -> Stage:
    caller = call.caller
    for question in (["message_prompt"], ["message_empty", "message_prompt"]):
        caller.forget_keys()
        caller.play(question)
        caller.execute("playback", BEEP, seconds=5)
        seconds = call.record_message(call.hotline.message_seconds, SILENCE)
        caller.forget_keys()  # the # that ended it
        if seconds >= SHORTEST_MESSAGE:
            caller.play(["message_saved"])
            return Stage.DONE
    return Stage.GOODBYE


def rate(call: CitizenCall) -> Stage:
    """After the conversation: how was it? Unless it was cut off; then it isn't over."""
    call.caller.forget_keys()
    if call.was_cut_off():
        call.caller.play(["agent_lost"])
        call.go_back_to_queue()
        return Stage.QUEUE
    if not call.hotline.survey:
        return Stage.GOODBYE
    call.note(Kind.SURVEY_STARTED, agent=call.state.agent)
    survey.rate(call.caller)
    return Stage.DONE


def goodbye(call: CitizenCall) -> Stage:
    call.caller.forget_keys()
    call.caller.play(call.hotline.goodbye)
    return Stage.DONE


def _people_answer(hotline: Hotline) -> bool:
    return hotline.hours.is_open(dt.datetime.now(ZoneInfo(hotline.timezone)))


CHAPTERS: dict[Stage, Callable[[CitizenCall], Stage]] = {
    Stage.WELCOME: welcome,
    Stage.MENU: menu,
    Stage.TRANSFER: transfer,
    Stage.QUEUE: queue,
    Stage.CALLBACK: callback,
    Stage.CALLED_BACK: called_back,
    Stage.DIALED_OUT: dialed_out,
    Stage.PROGRESS: progressed,
    Stage.FOLLOW_UP: follow_up,
    Stage.NOTICE: told,
    Stage.MESSAGE: message,
    Stage.SURVEY: rate,
    Stage.GOODBYE: goodbye,
}
