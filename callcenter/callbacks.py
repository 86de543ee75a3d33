"""Virtual hold on live calls: citizens who hung up, keep their place, and are called back.

A promise waits in `callback_book` until the call that it was given in is over. Then it takes its
old place in the queue as a contact without a citizen, as many at a time as agents are free (one
when none is): else one free agent would have every citizen's telephone ring. When the engine says
that it is its turn, the citizen's number is dialed through the trunk; whoever picks up is a
citizen's call like any other, with a record of its own that names the first.

The caller's number comes from the network and may be forged, so only numbers that the setting
`callback_numbers` describes are ever dialed, and a redirection is refused.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import gevent
from gevent.event import Event as Flag
from gevent.threadpool import ThreadPool

from acd import messages as acd
from acd.config import Action, Config
from acd.overflow import closing_action
from callcenter.callback_book import Callback, CallbackBook
from callcenter.esl import CommandFailed, EslError, SwitchGone
from callcenter.events import Event, Kind, event
from callcenter.offers import Link
from callcenter.privacy import mask

logger = logging.getLogger(__name__)
T = TypeVar("T")

RING_SECONDS = 30
ANSWER_GRACE = 10.0  # seconds past the ringing for the switch to answer at all
COMMAND_LIMIT = 5.0
LOOK_EVERY = 2.0
LEG_END_SECONDS = 3.0  # for an agent's leg that was told to end
SWITCH_PAUSE = 5.0  # before dialing again when the switch was gone

# How a citizen's call ends when nobody meant it to (Q.850 names).
CUT_OFF = frozenset(
    {
        "MEDIA_TIMEOUT",
        "RECOVERY_ON_TIMER_EXPIRE",
        "NETWORK_OUT_OF_ORDER",
        "DESTINATION_OUT_OF_ORDER",
        "NORMAL_TEMPORARY_FAILURE",
        "SWITCH_CONGESTION",
    }
)


@dataclass(frozen=True, slots=True)
class WaitingAgent:
    """An agent on the line before the citizen is (agent first)."""

    agent: str
    offer: str
    leg: str
    at: float  # seconds since the epoch


class Callbacks:
    """Every callback from the promise to the answer; belongs to the controller's hub."""

    def __init__(
        self,
        book: CallbackBook,
        link: Link,
        *,
        gateway: str,
        numbers: str,
        config: Callable[[], Config],
        free_agents: Callable[[str], int],
        closed_queues: Callable[[], frozenset[str]],
        tell: Callable[[acd.Input], None],
        end_leg: Callable[[str], None],
        record: Callable[[Event], object],
        clock: Callable[[], float],
    ) -> None:
        """`numbers`: a regular expression for what may be dialed; nothing is without `gateway`."""
        self._book = book
        self._link = link
        self._gateway = gateway
        self._numbers = re.compile(numbers)
        self._config = config
        self._free_agents = free_agents
        self._closed_queues = closed_queues
        self._tell = tell
        self._end_leg = end_leg
        self._record = record
        self._clock = clock
        self._disk = ThreadPool(1)
        self._open: dict[str, Callback] = {}
        self._leaving: set[str] = set()  # their files are being removed
        self._in_line: set[str] = set()  # the engine knows them
        self._resting: set[str] = set()  # of these, until the next attempt
        self._dialing: set[str] = set()
        self._found: set[str] = set()  # ringing since before this controller started
        self._up: set[str] = set()  # answered, and nobody has the call yet
        self._agents: dict[str, WaitingAgent] = {}
        self._leg_over: dict[str, Flag] = {}
        self._alive: set[str] = set()  # first calls that aren't over
        self._here: dict[str, Callback] = {}  # calls that are called back if they are cut off
        self._restored = False
        self._changed = Flag()
        self._worker: gevent.Greenlet | None = None

    def start(self) -> None:
        if not self._gateway:
            logger.info("callbacks are not offered: CALLCENTER_TRUNK_GATEWAY isn't set")
        self._worker = gevent.spawn(self._work)

    def stop(self) -> None:
        if self._worker is not None:
            self._worker.kill()
        self._book.close()

    # --- what calls ask -----------------------------------------------------------------------

    def refusal(self, number: str) -> str | None:
        """Why this number cannot be called back, or None."""
        if not self._gateway:
            return "no trunk_gateway is set"
        if not self._numbers.fullmatch(number):
            return "not a number that callback_numbers allows"
        return None

    def promise(self, wish: Callback) -> bool:
        """Keep a promise on the disk; False when it can't be given."""
        why = self.refusal(wish.number)
        if why:
            logger.warning("call %s: no callback: %s", wish.call, why)
            return False
        known = self._same(wish)
        if known is None:
            wish = replace(wish, id=str(uuid.uuid4()), requested_at=self._clock())
            try:
                self._on_disk(self._book.save, wish)
            except OSError as error:
                logger.error("call %s: no callback, the disk refuses: %s", wish.call, error)
                return False
            known = self._open[wish.id] = wish
        if wish.reason != "cut_off":
            self._alive.add(wish.call)
        self._record(
            event(
                Kind.CALLBACK_REQUESTED,
                wish.call,
                number=wish.number,
                callback=known.id,
                queue=known.queue,
                reason=wish.reason,
            )
        )
        logger.info("call %s: %s will be called back", wish.call, mask(wish.number))
        self._changed.set()
        return True

    def withdraw(self, call: str) -> None:
        """The promise of this call isn't needed: an agent was quicker."""
        for callback in list(self._open.values()):
            if callback.call == call and callback.id not in self._in_line:
                self._forget(callback)

    def _same(self, wish: Callback) -> Callback | None:
        """The callback that this number waits for already: its place is the older one."""
        for callback in self._open.values():
            if (callback.number, callback.queue) == (wish.number, wish.queue):
                return callback
        return None

    def wanted(self, channel: str) -> Callback | None:
        """The promise that this channel fulfils."""
        known = self._open.get(channel)
        if known is None and channel not in self._leaving:
            known = self._on_disk(self._book.read, channel)
        return known

    def here(self, place: Callback) -> None:
        """This call waits or talks: should a failure cut it off, it is called back."""
        self._here[place.call] = place

    def served(self, call: str) -> None:
        """The conversation is over in peace."""
        self._here.pop(call, None)

    # --- what the distributor asks ------------------------------------------------------------

    def story(self, contact: str) -> str:
        """The call whose record tells of this contact: the first one, until the second is there."""
        known = self._open.get(contact)
        return contact if known is None else known.call

    def number(self, contact: str) -> str:
        """The number of a citizen who isn't on the line; "" for others."""
        known = self._open.get(contact)
        return "" if known is None else known.number

    def ahead(self, queue: str, counts_from: float) -> int:
        """How many are yet to take their place in line before somebody counted from there."""
        return sum(
            callback.queue == queue
            and callback.id not in self._in_line
            and self._counts_from(callback) < counts_from
            for callback in self._open.values()
        )

    def waiting(self) -> dict[str, int]:
        """Open callbacks by queue."""
        found: dict[str, int] = {}
        for callback in self._open.values():
            found[callback.queue] = found.get(callback.queue, 0) + 1
        return found

    def look(self) -> None:
        """Agents came or went: perhaps more can be called."""
        if self._open:
            self._changed.set()

    def agent_waits(self, contact: str, agent: WaitingAgent) -> None:
        self._agents[contact] = agent

    def call_back(self, output: acd.CallBack) -> None:
        """It is this citizen's turn."""
        callback = self._open.get(output.contact)
        if callback is None:
            self._tell(acd.ContactLeft(self._clock(), output.contact, acd.LeaveReason.FAILED))
            return
        self._resting.discard(callback.id)
        self._dialing.add(callback.id)
        self._record(
            event(
                Kind.CALLBACK_DIALED,
                callback.call,
                callback=callback.id,
                attempt=callback.attempts + 1,
                first=output.first,
                agent=output.agent,
            )
        )
        gevent.spawn(self._dial, callback).name = f"callback {callback.id}"

    def ended(self, output: acd.Overflow) -> bool:
        """A rule took the contact out of its queue; False when it is none of ours."""
        callback = self._open.get(output.contact)
        if callback is None or callback.id not in self._in_line:
            return False
        if output.action == "queue" and output.target:
            self._save(replace(callback, queue=output.target))
        elif output.action == "callback" and self._until_opening(callback.queue):
            self._drop(callback.id)  # the promise stands: see `_may_take_place`
        else:
            self._give_up(callback, output.rule, output.action)
        return True

    def agent_left(self, contact: str) -> bool:
        """The waiting agent's leg ended; True when that was our wish."""
        over = self._leg_over.get(contact)
        if over is not None:
            over.set()
            return True
        if self._agents.pop(contact, None) is not None:
            self._resting.add(contact)
            gevent.spawn(self._quietly, f"uuid_kill {contact} ORIGINATOR_CANCEL")
        return False

    def answered(self, contact: str) -> tuple[bool, WaitingAgent | None]:
        """The citizen took the call: whether the engine knows, and the agent on the line."""
        callback = self._open.get(contact)
        known = contact in self._in_line
        agent = self._agents.pop(contact, None)
        self._up.discard(contact)
        self._found.discard(contact)
        if callback is not None:
            self._record(event(Kind.CALLBACK_ANSWERED, callback.call, callback=contact))
            self._forget(callback)
        return known, agent

    # --- what the switch tells ----------------------------------------------------------------

    def restore(self, citizens: frozenset[str], ringing: frozenset[str], lost: bool) -> None:
        """After a start: what the switch holds; `lost`: it is another one, all calls died."""
        self._alive &= citizens
        self._found = set(ringing - self._dialing)
        if lost:
            for call in [call for call in self._here if call not in citizens]:
                gevent.spawn(self._cut_off, self._here.pop(call))
        self._restored = True
        self._changed.set()

    def call_over(self, channel: str, cause: str, stage: str) -> None:
        """A citizen's channel, or one that rang for a citizen, has ended."""
        place = self._here.pop(channel, None)
        if place is not None and cause in CUT_OFF and stage in ("queue", "talk"):
            gevent.spawn(self._cut_off, place)
        if channel in self._found | self._up:
            self._found.discard(channel)
            self._up.discard(channel)
            callback = self._open.get(channel)
            if callback is not None:
                self._not_reached(callback, cause)
        self._alive.discard(channel)
        self._changed.set()

    def _cut_off(self, place: Callback) -> None:
        queue = self._config().queues.get(place.queue)
        if queue is None or not queue.call_back_cut_off:
            return
        priority = self._config().priorities.get("cut_off", 0)
        self.promise(replace(place, reason="cut_off", priority=max(priority, place.priority)))

    # --- taking places ------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            self._changed.wait(LOOK_EVERY)
            self._changed.clear()
            try:
                if self._restored and self._on_disk(self._book.keep):
                    self._read_book()
                    self._take_places()
            except OSError as error:
                logger.error("callbacks wait: %s", error)
                gevent.sleep(LOOK_EVERY)

    def _read_book(self) -> None:
        """Other controllers promise too, and theirs are kept here once they are gone."""
        found = self._on_disk(self._book.ids)
        for callback_id in sorted(found - self._open.keys() - self._leaving):
            callback = self._on_disk(self._book.read, callback_id)
            if callback is not None and callback_id not in self._leaving:
                self._open.setdefault(callback_id, callback)
        for callback_id in sorted(self._open.keys() - found):
            if self._on_disk(self._book.read, callback_id) is None:
                self._leave_line(self._open.pop(callback_id))

    def _take_places(self) -> None:
        """The first in each queue, as many as there are free agents."""
        now = self._clock()
        for queue in sorted({callback.queue for callback in self._open.values()}):
            ours = [each for each in self._open.values() if each.queue == queue]
            # Whoever is being called has an agent, who doesn't count as free any more.
            busy = sum(each.id in self._in_line - self._resting - self._dialing for each in ours)
            waiting = [each for each in ours if self._may_take_place(each, now)]
            waiting.sort(key=lambda each: (self._counts_from(each), each.requested_at))
            for callback in waiting[: max(0, max(1, self._free_agents(queue)) - busy)]:
                self._take_place(callback, now)

    def _may_take_place(self, callback: Callback, now: float) -> bool:
        return (
            callback.id not in self._in_line
            and callback.id not in self._found
            and callback.call not in self._alive
            and callback.not_before <= now
            and not self._until_opening(callback.queue)
        )

    def _until_opening(self, queue: str) -> bool:
        """A queue that is closed, and has those who come promised a call: at its opening."""
        config = self._config()
        return queue in self._closed_queues() and (closing_action(config, queue) is Action.CALLBACK)

    def _take_place(self, callback: Callback, now: float) -> None:
        self._in_line.add(callback.id)
        self._tell(
            acd.ContactQueued(
                at=now,
                contact=callback.id,
                queue=callback.queue,
                arrived_at=callback.arrived_at,
                queued_at=callback.queued_at,
                # It doesn't come anew: a full queue has no say.
                entered_at=min(callback.queued_at, now - 60.0),
                requirement=callback.requirement,
                priority=callback.priority,
                last_agent=callback.last_agent or None,
                virtual=True,
            )
        )

    def _counts_from(self, callback: Callback) -> float:
        return callback.queued_at - callback.priority * self._config().priority_seconds

    # --- dialing ------------------------------------------------------------------------------

    def _dial(self, callback: Callback) -> None:
        variables = {
            "origination_uuid": callback.id,
            "origination_caller_id_number": callback.dialed,
            "origination_caller_id_name": callback.dialed,
            "originate_timeout": str(RING_SECONDS),
            "ignore_early_media": "true",
            "outbound_redirect_fatal": "true",
            "media_timeout": "300000",
            "cc_callback": callback.id,
            "cc_callback_dialed": callback.dialed,
            "cc_callback_of": callback.call,
            "cc_number": callback.number,
            "cc_stage": "called_back",
        }
        given = ",".join(f"{name}={value}" for name, value in variables.items())
        target = f"sofia/trunk/{callback.number}@{self._gateway}"
        cause = ""
        try:
            self._link.api(
                f"originate {{{given}}}{target} callback XML hotline",
                timeout=RING_SECONDS + ANSWER_GRACE,
            )
        except CommandFailed as error:
            cause = error.reply.removeprefix("-ERR").strip() or "FAILED"
        except SwitchGone:
            cause = "SWITCH_GONE"
        except EslError as error:
            logger.error("callback %s: no word from the switch: %s", callback.id, error)
            self._quietly(f"uuid_kill {callback.id} ORIGINATOR_CANCEL")
            cause = "TIMEOUT"
        self._dialing.discard(callback.id)
        if not cause and callback.id in self._open:
            self._up.add(callback.id)
        elif cause and callback.id in self._open:
            self._end_agents_leg(callback.id)
            self._not_reached(self._open[callback.id], cause)

    def _end_agents_leg(self, contact: str) -> None:
        """Before the engine has the agent back: a second leg would find the first one there."""
        agent = self._agents.pop(contact, None)
        if agent is None:
            return
        over = self._leg_over[contact] = Flag()
        self._end_leg(agent.leg)
        over.wait(LEG_END_SECONDS)
        del self._leg_over[contact]

    def _not_reached(self, callback: Callback, cause: str) -> None:
        queue = self._config().queues.get(callback.queue)
        again = self._clock() + (queue.virtual_hold.retry_seconds if queue else 0.0)
        if cause == "SWITCH_GONE":  # the citizen's telephone never rang
            again = self._clock() + SWITCH_PAUSE
            self._leave_line(callback)
            self._save(replace(callback, not_before=again))
            return
        callback = replace(callback, attempts=callback.attempts + 1, not_before=again)
        if queue is not None and callback.attempts >= queue.virtual_hold.attempts:
            self._give_up(callback, cause, queue.virtual_hold.then.value)
            return
        self._save(callback)
        self._note_failure(callback, cause, again)
        if callback.id in self._in_line:
            self._resting.add(callback.id)
            self._tell(acd.CallbackFailed(self._clock(), callback.id))

    def _give_up(self, callback: Callback, cause: str, then: str) -> None:
        """Nobody was reached: the draft order that the wish made is left for people."""
        self._note_failure(callback, cause, None, then)
        logger.info("call %s: not called back: %s", callback.call, cause)
        self._forget(callback)
        self._tell_left(callback.id)

    def _note_failure(
        self, callback: Callback, cause: str, again: float | None, then: str = ""
    ) -> None:
        self._record(
            event(
                Kind.CALLBACK_FAILED,
                callback.call,
                callback=callback.id,
                attempt=callback.attempts,
                cause=cause,
                again=again,
                then=then,
            )
        )

    # --- books --------------------------------------------------------------------------------

    def _leave_line(self, callback: Callback) -> None:
        if callback.id in self._in_line:
            self._drop(callback.id)
            self._tell_left(callback.id)

    def _tell_left(self, contact: str) -> None:
        self._tell(acd.ContactLeft(self._clock(), contact, acd.LeaveReason.CALLBACK))

    def _drop(self, contact: str) -> None:
        self._in_line.discard(contact)
        self._resting.discard(contact)

    def _save(self, callback: Callback) -> None:
        self._open[callback.id] = callback
        gevent.spawn(self._store, self._book.save, callback)

    def _forget(self, callback: Callback) -> None:
        self._open.pop(callback.id, None)
        self._drop(callback.id)
        self._leaving.add(callback.id)
        gevent.spawn(self._store, self._book.remove, callback.id)

    def _store(self, act: Callable[..., None], what: Callback | str) -> None:
        try:
            self._on_disk(act, what)
            if isinstance(what, str):
                self._leaving.discard(what)
        except OSError as error:
            logger.error("callbacks: %s", error)

    def _on_disk(self, act: Callable[..., T], *args: object) -> T:
        result: T = self._disk.apply(act, args)
        return result

    def _quietly(self, command: str) -> None:
        try:
            self._link.api(command, timeout=COMMAND_LIMIT)
        except EslError as error:
            logger.info("%s: %s", command.split()[0], error)
