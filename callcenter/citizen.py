"""One citizen's call and everything its story does to it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from acd.config import Config, QueueConfig, WaitChoice
from acd.history import PastCall
from acd.messages import LeaveReason
from callcenter import adoption
from callcenter.call_state import CallState, Stage
from callcenter.call_wish import Purpose
from callcenter.callback_book import Callback
from callcenter.caller import LiveCaller
from callcenter.distribution import Connected
from callcenter.esl import CallGone, EslError, OutboundCall, SwitchGone
from callcenter.events import Kind, event, message_recorded, talk_started
from callcenter.presence import CommandError
from callcenter.privacy import clean_name, clean_number, mask
from callcenter.transfer_talk import Talk
from callcenter.waiting_room import WaitingRoom
from callcenter.wav import seconds_of
from ivr import followup, prompts
from ivr.caller import HungUp
from ivr.hotline import Hotline
from ivr.menu import ToQueue
from ivr.progress import Answer

if TYPE_CHECKING:
    from callcenter.center import Center
    from callcenter.distribution import Waiting

logger = logging.getLogger(__name__)

PERSIST_LIMIT = 2.0  # seconds for an event to reach the disk before the call goes on anyway
COMMAND_LIMIT = 5.0
SILENT_BELOW = 200  # energy, as FreeSWITCH counts it
ANNOUNCE_LIMIT = 15.0
# Seconds after which the switch takes a parked call back to the dialplan by itself, and after which
# it is told anew.
PARKED_AT_MOST = 120
PARKED_ANEW = 50.0
WAITING = "waiting XML hotline"  # the dialplan's music
BACK = "hotline XML hotline"
# How a conversation ends that nobody meant to end (Q.850 names).
LOST = frozenset(
    {
        "DESTINATION_OUT_OF_ORDER",
        "MEDIA_TIMEOUT",
        "NETWORK_OUT_OF_ORDER",
        "NORMAL_TEMPORARY_FAILURE",
        "RECOVERY_ON_TIMER_EXPIRE",
        "SUBSCRIBER_ABSENT",
    }
)
SURVEY = "survey:XML:hotline"  # where the switch brings the citizen when the agent hangs up


class CitizenCall:
    """A citizen's channel, its state, and the center it belongs to."""

    def __init__(self, call: OutboundCall, center: Center) -> None:
        self.id = call.uuid
        self.center = center
        self.state = CallState.read({name: call.variable(name) or "" for name in _VARIABLES})
        self.resumed_at = self.state.stage if self.state.arrived_at else None
        self.dialed = clean_number(call.variable("cc_dialed") or "")
        # In a call that we place, the number that is shown is ours.
        shown = call.headers.get("Caller-Caller-ID-Number", "")
        self.number = clean_number(self.state.number or shown)
        name = "" if self.state.number else call.headers.get("Caller-Caller-ID-Name", "")
        self.name = clean_name(name)
        self.caller = LiveCaller(call, center.settings.sounds_dir, self._note)
        self.hotline: Hotline = center.hotline(self.dialed)
        # As it arrives: an event of before that comes late tells older variables.
        self._bridge_cause = call.variable("last_bridge_hangup_cause")
        self._call = call
        self._waiting: Waiting | None = None
        self._agent: Connected | None = None  # picked up, and not joined to the citizen yet
        self._promised = False
        self._parked_at = 0.0  # monotonic; when the switch was told last
        self._frame: dict[str, str] = {}
        self._last_agent = ""

    # --- the frame of the story ---------------------------------------------------------------

    def begin(self) -> None:
        """Write down that the call is here: new, or come back from a controller that died."""
        before = self._call.variable("cc_controller")
        self._frame = {"playback_terminators": "none", "cc_controller": self.center.id}
        if self.resumed_at is not None:
            if before == self.center.id:
                return  # the switch brings it back from a conversation, as it was told to
            self.note(Kind.CALL_RESUMED, stage=self.resumed_at, controller=self.center.id)
            logger.info("call %s: goes on at %s", self.id, self.resumed_at)
            return
        self.state.hotline = self.hotline.name
        self.state.arrived_at = _arrival(self._call.headers)
        if self.state.stage is Stage.CALLED_BACK:
            self._take_over_place()
        if self.state.purpose:
            self.state.arrived_at = time.time()  # not when it began to ring
        # Not waited for: the journal keeps the order, and nothing counts before `join` waits.
        self.note(
            Kind.CALL_ARRIVED,
            at=self.state.arrived_at,
            caller=self.number,
            name=self.name,
            dialed=self.dialed,
            hotline=self.hotline.name,
            callback_of=self.state.callback_of,
            purpose=self.state.purpose,
            order=self.state.order,
        )
        if self.state.purpose and self.center.journal.flush(PERSIST_LIMIT):
            self.center.calling_out.answered(self.id)
        logger.info("call %s: %s dials %s", self.id, mask(self.number), self.dialed)

    def enter(self, stage: Stage) -> None:
        """Keep the chapter on the channel before it begins."""
        self.state.stage = stage
        self.caller.set(**self._frame, **self.state.write())

    def note(self, kind: Kind, **data: Any) -> None:
        self.center.journal.append(event(kind, self.id, **data))

    def _note(self, step: str, **facts: Any) -> None:
        self.note(Kind(step), **facts)

    def close(self) -> None:
        """The story is over for this controller; the call itself may go on in the switch."""
        agent = self._agent or (self._waiting.agent if self._waiting else None)
        if agent is not None:
            self.center.distributor.lost(agent)  # nobody is left for the agent to talk to
        elif self._waiting is not None:
            self.center.distributor.leave(self.id, LeaveReason.ABANDONED)
            if self._call.down:
                self.note(Kind.QUEUE_LEFT, reason=LeaveReason.ABANDONED)
        self.caller.close()

    # --- what chapters do ---------------------------------------------------------------------

    def answer(self) -> None:
        self.caller.start("answer")  # what follows queues behind it

    def hang_up(self) -> None:
        self.caller.set(cc_stage=Stage.DONE.value)
        self.caller.start("hangup", "NORMAL_CLEARING")

    def blocked(self) -> str | None:
        """Why this number is turned away, or None."""
        return self.center.config.block_reason(self.number)

    def look_up(self, number: str, tail: str) -> Answer:
        """How far an order is; asked of the database's side, with a limit of time."""
        return self.center.progress.ask(number, tail, self.number)

    def keep_answers(self, given: followup.Given) -> None:
        """Another controller would have to know."""
        self.state.answers = followup.write(given)
        self.caller.set(**self.state.write())

    def notice_prompts(self) -> list[str]:
        said = self.state.prompts.split("+")
        return [name for name in said if name and not prompts.unknown([name])] or ["notice_hello"]

    def goes_to(self, target: ToQueue) -> None:
        """The queue that the menu chose, and what is asked of the agent there."""
        priorities = self._config().priorities
        by_class = [priorities.get(name, 0) for name in target.classes]
        self.state.queue, self.state.requirement = target.queue, target.requirement
        self.state.priority = max([target.priority, *by_class])

    def join_queue(self) -> Waiting:
        """Take a place in the queue: the old one, when the call comes back to it."""
        if self._waiting is not None:
            return self._waiting
        first_time = not self.state.queued_at
        if first_time:
            self.state.queued_at = self.center.distributor.now()
            self.state.requirement, history = self.center.history.asks(
                self._config(),
                self.number,
                self.state.queue,
                self.state.requirement,
                self.state.queued_at,
            )
            self.caller.set(**self.state.write())
            self.note(
                Kind.QUEUE_JOINED,
                queue=self.state.queue,
                priority=self.state.priority,
                requirement=self.state.requirement,
                **({"history": history} if history else {}),
            )
        if self._config().last_agent_hours:
            self._last_agent = self.center.last_agents.find(self.number) or ""
        self._last_agent = self.state.last_agent or self._last_agent
        self.center.callbacks.here(self._place("cut_off"))
        self._waiting = self.center.distributor.join(
            self.id,
            self.state,
            interrupt=self.caller.news,
            last_agent=self._last_agent or None,
        )
        return self._waiting

    def picked_up(self, agent: Connected) -> None:
        self._waiting, self._agent = None, agent

    def was_cut_off(self) -> bool:
        """Whether the switch lost the agent, and neither of the two ended the conversation."""
        return bool(self.state.agent) and self._bridge_cause in LOST

    def go_back_to_queue(self) -> None:
        """Wait anew, before those who haven't been cut off."""
        self.state.priority = self.center.distributor.priority(self.state.priority, "cut_off")
        self.state.agent, self.state.queued_at = "", 0.0
        self.caller.set(socket_resume="true", **self.state.write())

    def waiting_room(self) -> WaitingRoom:
        return WaitingRoom(self.caller, self._queue, self._choices)

    # --- parked -------------------------------------------------------------------------------

    @property
    def parked(self) -> bool:
        return self._call.parked

    def rest(self) -> bool:
        """Nothing happens for a while: let the switch keep the call, with music, by itself.

        Should no controller take it up again, the switch brings it back to the dialplan, which
        knows what to do then; as long as we are there that is put off again and again. False when
        the call could not be parked: it goes on as before.
        """
        if self.parked and time.monotonic() < self._parked_at + PARKED_ANEW:
            return True
        link = self.center.link
        try:
            link.post(f"api sched_del {self.id}")
            link.ask(f"sched_transfer +{PARKED_AT_MOST} {self.id} {BACK}")
            if not self.parked:
                self._call.park(link, WAITING)
            self._parked_at = time.monotonic()
        except (CallGone, SwitchGone) as error:
            raise HungUp from error
        except EslError as error:
            logger.warning("call %s: cannot be parked: %s", self.id, error)
        return self.parked

    def come_back(self) -> None:
        """Take a parked call out of the music, through the dialplan; its story begins anew where
        the channel says."""
        adoption.bring_back(self.center.link, self.id)

    def leave_queue(self, reason: LeaveReason) -> bool:
        """Give the place up; False when an agent has just answered, or a rule was quicker."""
        if not self.center.distributor.leave(self.id, reason):
            return False
        self._waiting = None
        self.note(Kind.QUEUE_LEFT, reason=reason)
        return True

    def overflow(self, stage: Stage, rule: str) -> Stage:
        """A rule has ended the wait; the place is gone, but for somebody who is called back."""
        self._waiting = None
        self.note(Kind.QUEUE_LEFT, reason=LeaveReason.OVERFLOW, rule=rule, next=stage)
        return stage

    def moved(self, queue: str, priority: int | None) -> None:
        """Another controller would have to know."""
        self.state.queue = queue
        self.state.priority = self.state.priority if priority is None else priority
        self.caller.set(**self.state.write())

    def keep_place(self) -> bool:
        """Promise to call back and leave the line; False when it can't be, or an agent is there."""
        if not self.center.callbacks.promise(self._place("asked")):
            return False
        if self.leave_queue(LeaveReason.CALLBACK):
            self._promised = True
            return True
        self.center.callbacks.withdraw(self.id)
        return False

    def promised(self) -> bool:
        """Whether this call was promised another; a rule that wants it makes the promise here."""
        return self._promised or self.center.callbacks.promise(self._place("overflow"))

    def take_kept_place(self) -> None:
        """Take the place that was kept while nobody was on the line."""
        self.note(
            Kind.QUEUE_JOINED,
            queue=self.state.queue,
            priority=self.state.priority,
            requirement=self.state.requirement,
            since=self.state.queued_at,
        )
        self.join_queue()

    @property
    def is_office(self) -> bool:
        """Whether an agent called a destination: there is no citizen in this call."""
        return self.state.purpose == Purpose.OFFICE

    def dialing_agent(self) -> Connected:
        """Who called this citizen; should the leg be gone, the citizen waits as others do."""
        self.state.queue = self.state.queue or self.hotline.queue
        return Connected(self.state.agent, self.state.out_offer, self.state.out_leg, time.time())

    def _take_over_place(self) -> None:
        """What the call that was promised this one had waited for."""
        self.state.arrived_at = time.time()
        wish = self.center.callbacks.wanted(self.id)
        if wish is None:
            self.state.queue = self.hotline.queue
            self.state.queued_at = self.center.distributor.now()
            return
        self.state.queue, self.state.requirement = wish.queue, wish.requirement
        self.state.priority, self.state.queued_at = wish.priority, wish.queued_at

    def _config(self) -> Config:
        return self.center.distributor.engine.config

    def _queue(self) -> QueueConfig:
        return self._config().queues.get(self.state.queue) or QueueConfig()

    def _choices(self) -> tuple[WaitChoice, ...]:
        """What this citizen may choose now: no callback to a number that we don't call."""
        refused = self.state.callback_of or self.center.callbacks.refusal(self.number)
        left_out = {WaitChoice.CALLBACK} if refused else set()
        return tuple(each for each in self._queue().choices if each not in left_out)

    def _place(self, reason: str) -> Callback:
        return Callback(
            id="",
            call=self.id,
            number=self.number,
            dialed=self.dialed,
            hotline=self.hotline.name,
            queue=self.state.queue,
            reason=reason,
            requirement=self.state.requirement,
            priority=self.state.priority,
            arrived_at=self.state.arrived_at,
            queued_at=self.state.queued_at,
            last_agent=self._last_agent,
        )

    def start_recording(self, agent: Connected) -> None:
        """Both sides in stereo from now to the end: left the citizen, right what they hear."""
        local = datetime.now(ZoneInfo(self.hotline.timezone))
        self.state.agent = agent.agent
        if not self.state.recording:
            self.state.recording = f"{local:%Y/%m/%d}/{self.id}.wav"
        path = self.center.settings.recordings_dir / self.state.recording
        path.parent.mkdir(parents=True, exist_ok=True)
        self.caller.set(RECORD_STEREO="true", recording_follow_transfer="true")
        try:
            self.caller.start("record_session", str(path))
            self.state.recorded_at = self.state.recorded_at or time.time()
            self.note(Kind.RECORDING_STARTED, path=self.state.recording)
        except EslError as error:
            logger.error("call %s: cannot be recorded: %s", self.id, error)

    def announce(self, agent: Connected, prompts: Sequence[str]) -> None:
        """Tell the citizen who answers, and the agent that somebody is there."""
        self.center.distributor.alert(agent)
        self.caller.execute("playback", self.caller.sound(prompts), seconds=ANNOUNCE_LIMIT)

    def join(self, agent: Connected) -> bool:
        """Join citizen and agent; False when the agent's leg is gone.

        `socket_resume` off lets the two talk on when this controller dies.
        """
        self.state.stage = Stage.TALK
        self.caller.set_and_wait(  # the joining goes over another connection
            **self.state.write(),
            socket_resume="false",
            transfer_after_bridge="" if self.is_office else SURVEY,
            hangup_after_bridge="true" if self.is_office else "false",
        )
        try:
            self._parked_at = 0.0
            self.center.link.post(f"api sched_del {self.id}")  # or it would end the conversation
            self.center.link.api(f"uuid_bridge {self.id} {agent.leg}", timeout=COMMAND_LIMIT)
        except EslError as error:
            logger.warning("call %s: cannot be joined to %s: %s", self.id, agent.agent, error)
            self.center.distributor.lost(agent)
            self._agent, self.state.agent = None, ""
            if not self.parked:
                self.caller.set(socket_resume="true")
            return False
        self._agent = None
        self.center.control.begin(self._talk(agent))
        hours = self._config().last_agent_hours
        if not self.is_office:
            self.center.last_agents.remember(self.number, agent.agent, hours)
            call = PastCall(agent.at, self.state.queue, self.state.requirement)
            self.center.history.remember(self._config(), self.number, call)
        started = talk_started(
            self.id, agent=agent.agent, offer=agent.offer, leg=agent.leg, at=agent.at
        )
        self.center.journal.append_and_wait(started, timeout=PERSIST_LIMIT)
        return True

    def _talk(self, agent: Connected | None = None) -> Talk:
        return Talk(
            self.id,
            number=self.number,
            dialed=self.dialed,
            agent=agent.agent if agent else "",
            leg=agent.leg if agent else "",
            recorded_at=self.state.recorded_at,
            priority=self.state.priority,
            office=self.is_office,
        )

    def transfer(self) -> bool:
        """Ring the destination that the menu chose; False when it can't be, or is closed.

        From here on the call is cared for by `callcenter.call_control`: music until it answers,
        else a place at the head of the queue.
        """
        self.state.queue = self.state.queue or self.hotline.queue
        try:
            destination = self.center.control.chosen(self.state.destination)
            self.caller.set_and_wait(socket_resume="false", **self.state.write())
            self.center.control.from_menu(self._talk(), destination)
        except CommandError as error:
            logger.warning("call %s: no transfer: %s", self.id, error)
        except EslError as error:
            logger.warning("call %s: no transfer: %s", self.id, error)
            self.caller.set(socket_resume="true")
        else:
            return True
        self.state.priority = self.center.distributor.priority(self.state.priority, "cut_off")
        return False

    def record_message(self, longest: int, silence: float) -> float:
        """Record what the citizen says until #, `silence` seconds of it, or `longest` seconds.

        The length of all that was said, in seconds; 0 for nothing.
        """
        path = self.center.settings.recordings_dir / "messages" / f"{self.id}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        pause = str(round(silence * 1000))
        self.caller.set(
            RECORD_APPEND="true",  # what was said before a controller died is part of it
            RECORD_READ_ONLY="true",
            RECORD_STEREO="false",
            RECORD_SILENCE_THRESHOLD=str(SILENT_BELOW),
            RECORD_INITIAL_TIMEOUT_MS=pause,
            RECORD_FINAL_TIMEOUT_MS=pause,
        )
        try:
            self.caller.record(path, longest)
        finally:
            seconds = seconds_of(path)
            if seconds >= 1.0:
                relative = f"messages/{self.id}.wav"
                self.center.journal.append(message_recorded(self.id, relative, seconds))
        return seconds


_VARIABLES = tuple(CallState().write())


def _arrival(headers: dict[str, str]) -> float:
    """When the call reached the switch, seconds since the epoch."""
    try:
        return int(headers["Caller-Channel-Created-Time"]) / 1e6
    except (KeyError, ValueError):
        return time.time()
