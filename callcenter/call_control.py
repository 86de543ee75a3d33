"""What agents do with the call they are in: hold, consult, transfer, join three, leave, mark.

A command or a piece of news is a step of the pure machine in `callcenter.transfer`. Each step is
written down first (journal, channel variables), then the switch is brought to the new layout.
One lock per conversation orders the steps; none is held while a telephone rings.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import gevent

from callcenter.adoption import Snapshot
from callcenter.destinations import Destination, DestinationKind, Destinations
from callcenter.esl import CommandFailed, EslError, SwitchGone
from callcenter.events import Event, Kind, event, talk_started
from callcenter.presence import CommandError, Presence
from callcenter.privacy import clean_text
from callcenter.transfer import COMMANDS, ENDS, LAYOUTS, Phase, Step, follows, refusal
from callcenter.transfer_found import stray_thirds, talks_found
from callcenter.transfer_switch import TransferSwitch
from callcenter.transfer_talk import Talk, Third, idle
from workorder.worktime import CHINA

logger = logging.getLogger(__name__)

CONTROLS = "cc:controls"  # hash: agent -> what can be done now
DESTINATIONS = "cc:destinations"
LOCK_LIMIT = 8.0  # seconds; the switch answers a command within 5 or not at all
POLL_SECONDS = 0.2  # a third party's leg that an earlier controller dialed
HOLDING = frozenset({Phase.HELD, Phase.DIALING, Phase.CONSULTING})
CHOOSES = frozenset({Step.CONSULT, Step.TRANSFER})  # commands that name a destination
MARKED = {
    Step.HOLD: "hold",
    Step.RESUME: "resume",
    Step.CONSULT: "consult",
    Step.TRANSFER: "transfer",
    Step.FAILED: "not_reached",
    Step.JOIN: "join",
    Step.LEAVE: "leave",
    Step.DROP: "third_left",
    Step.THIRD_GONE: "third_left",
    Step.AGENT_GONE: "leave",
}
WORDS = {
    "no_call": "you are in no call",
    "unknown_destination": "there is no such destination",
    "out_of_hours": "nobody answers there at this hour",
    "no_trunk": "no trunk_gateway is set",
    "switch_failed": "the switch could not do it",
    # callcenter.dial_rules
    "logged_out": "log in first",
    "in_call": "you are in a call, or one comes in",
    "phone_not_registered": "your phone is not registered",
    "bad_argument": "expected exactly one of call, order, to",
    "unknown_call": "you had no such call or order",
    "being_called": "the hotline itself is still calling this citizen back",
    "number_hidden": "the network told no number",
    "not_allowed": "callback_numbers does not allow this number",
    "unavailable": "the database's side does not answer",
}


class Hall(Protocol):
    """What is asked of the distributor."""

    def hold(self, agent: str, *, started: bool) -> None: ...
    def priority(self, present: int, reason: str) -> int: ...


class CallControl:
    """Every conversation of this controller, by citizen, agent and leg."""

    def __init__(
        self,
        switch: TransferSwitch,
        presence: Presence,
        destinations: Destinations,
        hall: Callable[[], Hall],
        record: Callable[[Event], object],
        persist: Callable[[Event], object],
        *,
        trunk: bool,
    ) -> None:
        """`persist` returns when the event is on the disk; `trunk`: calls can be made."""
        self._switch = switch
        self._presence = presence
        self.destinations = destinations
        self._hall = hall
        self._record = record
        self._persist = persist
        self._trunk = trunk
        self._talks: dict[str, Talk] = {}
        self._agents: dict[str, Talk] = {}
        for name in COMMANDS:
            presence.handle(name, partial(self._command, name))
        presence.handle("call.mute", lambda args: self._mute(args, on=True))
        presence.handle("call.unmute", lambda args: self._mute(args, on=False))
        presence.handle("call.mark", self._mark)
        presence.handle("call.nuisance", self._nuisance)

    # --- conversations come and go -------------------------------------------------------------

    def begin(self, talk: Talk) -> None:
        """Citizen and agent have just been joined."""
        self._talks[talk.contact] = self._agents[talk.agent] = talk
        self._show(talk)

    def from_menu(self, talk: Talk, destination: Destination) -> None:
        """A citizen chose this destination in a menu: music, until it answers or doesn't."""
        talk.phase, talk.third = Phase.WAITING, Third(str(uuid.uuid4()), destination)
        self._talks[talk.contact] = talk
        self._note_step(talk, None, Step.TRANSFER, "menu")
        self._switch.keep(talk)
        self._switch.aside(talk)
        self._start_dialing(talk)

    def talk_of(self, agent: str) -> Talk | None:
        return self._agents.get(agent)

    def talk_with(self, contact: str) -> Talk | None:
        return self._talks.get(contact)

    def contacts(self) -> Iterator[str]:
        """Citizens that are cared for here, and those whose agents talk on."""
        return iter(list(self._talks))

    def idle(self, agent: str) -> dict[str, Any]:
        return idle(agent)

    def chosen(self, wanted: object) -> Destination:
        """The destination that a command names; raise CommandError."""
        destination = self.destinations.get(str(wanted))
        if destination is None:
            raise refuse("unknown_destination")
        if not destination.is_open(dt.datetime.now(CHINA)):
            raise refuse("out_of_hours")
        return destination

    def listed(self) -> list[dict[str, Any]]:
        """What pages show of the destinations."""
        now = dt.datetime.now(CHINA)
        return [
            {
                **each.model_dump(include={"id", "number", "title", "kind"}),
                "open": each.is_open(now),
            }
            for each in self.destinations.values()
        ]

    # --- commands ------------------------------------------------------------------------------

    def _command(self, name: str, args: dict[str, Any]) -> dict[str, Any]:
        talk, step = self._mine(args), COMMANDS[name]
        with self._locked(talk):
            why = refusal(talk.phase, step)
            if why:
                raise refuse(why)
            if step in CHOOSES:
                self._choose(talk, args)
            self._take(talk, step, talk.agent)
            if step in CHOOSES:
                self._start_dialing(talk)
            return talk.shown(trunk=self._trunk)

    def _choose(self, talk: Talk, args: dict[str, Any]) -> None:
        if not self._trunk:
            raise refuse("no_trunk")
        talk.third, talk.failed = Third(str(uuid.uuid4()), self.chosen(args.get("to"))), None

    def _mine(self, args: dict[str, Any]) -> Talk:
        talk = self._agents.get(str(args.get("agent", "")))
        if talk is None:
            raise refuse("no_call")
        return talk

    def _mute(self, args: dict[str, Any], *, on: bool) -> dict[str, Any]:
        talk = self._mine(args)
        with self._locked(talk):
            if talk.muted == on:
                raise refuse("already_muted" if on else "not_muted")
            try:
                self._switch.mute(talk.leg, on=on)
            except EslError as error:
                raise refuse("switch_failed") from error
            talk.muted = on
            self._record(event(Kind.MUTED, talk.contact, agent=talk.agent, muted=on))
            return self._show(talk)

    def _mark(self, args: dict[str, Any]) -> dict[str, Any]:
        talk = self._mine(args)
        label = clean_text(str(args.get("label") or ""), 40)
        if not label:
            raise CommandError("bad_argument: label: expected up to 40 characters")
        self._note_mark(talk, label, clean_text(str(args.get("note") or ""), 500))
        return talk.shown(trunk=self._trunk)

    def _nuisance(self, args: dict[str, Any]) -> dict[str, Any]:
        talk = self._mine(args)
        note = clean_text(str(args.get("note") or ""), 500)
        self._record(event(Kind.NUISANCE, talk.contact, agent=talk.agent, note=note))
        return talk.shown(trunk=self._trunk)

    # --- supervisors ---------------------------------------------------------------------------

    def hand_to(self, talk: Talk, agent: str, leg: str) -> None:
        """Somebody else takes the agent's place: the citizen is joined to this leg."""
        with self._locked(talk):
            if follows(talk.phase, Step.DROP) is Phase.TALKING:
                self._take(talk, Step.DROP)
            if talk.phase not in (Phase.TALKING, Phase.HELD):
                raise refuse("no_talk")
            before, old = talk.phase, talk.leg
            talk.phase, talk.since = Phase.TALKING, time.time()
            self._free(talk)
            talk.agent, talk.leg = agent, leg
            self._agents[agent] = talk
            self._note_step(talk, before, Step.RESUME, agent)
            offer = uuid.uuid4().hex
            told = talk_started(talk.contact, agent=agent, offer=offer, leg=leg, at=talk.since)
            self._persist(told)
            try:
                self._switch.take_over(talk, offer, old)
            except EslError as error:
                raise refuse("switch_failed") from error
            self._show(talk)

    def came_to_nothing(self, agent: str, shown: str, cause: str) -> None:
        """Whom the agent called from no conversation wasn't reached; `shown`: on the page."""
        failed = {"id": "", "title": shown, "cause": cause, "at": time.time()}
        self._publish(agent, {**self.idle(agent), "failed": failed})

    def release(self, talk: Talk, *, whole: bool) -> None:
        """End the agent's part, or the whole call; the news of it does the rest."""
        if whole:
            self._switch.end(talk.contact)
        elif talk.leg and self._switch.stays(talk.leg):
            self.agent_left(talk.contact, talk.agent)
        elif talk.leg:
            self._switch.release(talk.leg, "switch")

    # --- the third party -----------------------------------------------------------------------

    def _start_dialing(self, talk: Talk) -> None:
        third = talk.third
        if third is not None:
            self._note_third(Kind.THIRD_DIALED, talk, third)
            gevent.spawn(self._dial, talk, third).name = f"third party of {talk.contact}"

    def _dial(self, talk: Talk, third: Third) -> None:
        cause = ""
        try:
            self._switch.dial(talk, third)
        except CommandFailed as error:
            cause = error.reply.removeprefix("-ERR").strip() or "FAILED"
        except SwitchGone:
            cause = "SWITCH_GONE"
        except EslError as error:
            logger.error("call %s: no word of the third party: %s", talk.contact, error)
            self._switch.end(third.leg)
            cause = "TIMEOUT"
        self._dialed(talk, third, cause)

    def _dialed(self, talk: Talk, third: Third, cause: str) -> None:
        """The third party answered, or didn't for this cause; it may not be wanted any more."""
        with self._locked(talk):
            wanted = talk.third is third and LAYOUTS[talk.phase].rings
            if cause:
                if wanted:
                    self._note_third(Kind.THIRD_ENDED, talk, third, cause=cause)
                    talk.failed = {"id": third.destination.id, "cause": cause, "at": time.time()}
                    self._take(talk, Step.FAILED)
            elif not wanted:
                self._switch.end(third.leg)
            else:
                third.answered, third.since = True, time.time()
                self._note_third(Kind.THIRD_ANSWERED, talk, third)
                self._take(talk, Step.ANSWERED)
                if third.gone:  # it hung up in this very moment
                    self._take(talk, Step.THIRD_GONE)

    # --- news from the switch ------------------------------------------------------------------

    def leg_ended(self, leg: str, contact: str, cause: str) -> None:
        """A citizen's, an agent's or a third party's leg is gone; others aren't known here."""
        talk = self._talks.get(contact)
        if talk is None:
            return
        third = talk.third
        if third is not None and leg == third.leg:
            third.gone = True
            if third.answered:
                self._note_third(Kind.THIRD_ENDED, talk, third, cause=cause)
                self._news(talk, Step.THIRD_GONE)
        elif leg == contact:
            self._news(talk, Step.CITIZEN_GONE)
        elif leg == talk.leg:
            self._news(talk, Step.AGENT_GONE)

    def agent_left(self, contact: str, agent: str) -> None:
        """The agent's part is to end though the leg lives on (off hook)."""
        talk = self._talks.get(contact)
        if talk is None or talk.phase is Phase.TALKING:
            self._switch.to_survey(contact)  # the leg parks, and that is the news
        elif talk.agent == agent and talk.leg:
            self._news(talk, Step.AGENT_GONE)

    def _news(self, talk: Talk, step: Step) -> None:
        with self._locked(talk):
            self._take(talk, step)

    # --- the machine ---------------------------------------------------------------------------

    @contextmanager
    def _locked(self, talk: Talk) -> Iterator[None]:
        if not talk.lock.acquire(timeout=LOCK_LIMIT):
            logger.error("call %s: locked for %g s", talk.contact, LOCK_LIMIT)
            raise refuse("switch_failed")
        try:
            yield
        finally:
            talk.lock.release()

    def _take(self, talk: Talk, step: Step, by: str = "") -> None:
        """One step: write it down, then act."""
        before, after = talk.phase, follows(talk.phase, step)
        if after is None:
            logger.info("call %s: %s means nothing while %s", talk.contact, step, before)
            return
        talk.phase, talk.since = after, time.time()
        if after is Phase.BACK:
            talk.priority = self._hall().priority(talk.priority, "cut_off")
        quiet = before is Phase.TALKING and after is Phase.OVER
        self._note_step(talk, before, step, by, quiet=quiet)
        if not quiet:
            self._switch.keep(talk)
        try:
            self._switch.arrange(talk, before, step)
        except EslError as error:
            # A leg that has just gone brings news of its own; anything else is for the log.
            logger.warning("call %s: %s → %s: %s", talk.contact, before, after, error)
        self._follow_up(talk, before)

    def _follow_up(self, talk: Talk, before: Phase) -> None:
        old, new = LAYOUTS[before], LAYOUTS[talk.phase]
        if talk.agent and new.agent and (before in HOLDING) != (talk.phase in HOLDING):
            self._hall().hold(talk.agent, started=talk.phase in HOLDING)
        if old.agent and not new.agent:
            self._free(talk)
        if not new.third:
            talk.third = None
        if talk.phase in ENDS:
            self._talks.pop(talk.contact, None)
        elif new.agent:
            self._show(talk)

    def _free(self, talk: Talk) -> None:
        if talk.muted and self._switch.stays(talk.leg):
            self._switch.unmute(talk.leg)
        talk.leg, talk.muted = "", False
        if self._agents.get(talk.agent) is talk:
            del self._agents[talk.agent]
            self._publish(talk.agent, self.idle(talk.agent))

    # --- what is written down ------------------------------------------------------------------

    def _note_step(
        self, talk: Talk, before: Phase | None, step: Step, by: str, *, quiet: bool = False
    ) -> None:
        third = talk.third
        # What agent and third party say alone isn't on the recording: it is told when that begins.
        label = "consulting" if talk.phase is Phase.CONSULTING else MARKED.get(step)
        if label and not quiet:
            self._note_mark(talk, label, third.destination.title if third else "")
        told = event(
            Kind.CONTROL,
            talk.contact,
            agent=talk.agent,
            command=step.value,
            old=before.value if before else "",
            new=talk.phase.value,
            third=third.destination.id if third else None,
            by=by,
        )
        (self._record if quiet else self._persist)(told)
        if third is None:
            return
        if talk.phase is Phase.JOINED:
            self._note_third(Kind.JOINED, talk, third)
        elif talk.phase is Phase.HANDED_OVER and _is_transfer(before, third):
            by = "agent" if talk.agent else "menu"
            self._note_third(Kind.TRANSFERRED, talk, third, by=by)

    def _note_third(self, what: Kind, talk: Talk, third: Third, **more: str) -> None:
        told = event(
            what,
            talk.contact,
            destination=third.destination.id,
            leg=third.leg,
            agent=talk.agent,
        )
        told.data.update(more)
        if what in (Kind.THIRD_DIALED, Kind.JOINED, Kind.TRANSFERRED):
            told.data.update(_described(third))
        self._record(told)

    def _note_mark(self, talk: Talk, label: str, note: str) -> None:
        now = time.time()
        marked = event(
            Kind.RECORDING_MARK,
            talk.contact,
            at=now,
            agent=talk.agent,
            offset=talk.offset(now),
            label=label,
            note=note,
        )
        self._record(marked)

    # --- what is shown -------------------------------------------------------------------------

    def _show(self, talk: Talk) -> dict[str, Any]:
        shown = talk.shown(trunk=self._trunk)
        if self._agents.get(talk.agent) is talk:
            self._publish(talk.agent, shown)
        return shown

    def _publish(self, agent: str, shown: dict[str, Any]) -> None:
        self._presence.show_in(CONTROLS, agent, shown)
        self._presence.publish("cc:events", {"kind": "controls", **shown})

    # --- after a start -------------------------------------------------------------------------

    def restore(self, snapshot: Snapshot) -> None:
        """Take over every conversation that the switch holds, at the phase its channels tell."""
        for agent in self._presence.fields(CONTROLS):
            self._publish(agent, self.idle(agent))
        self._talks.clear()
        self._agents.clear()
        for talk in talks_found(snapshot, self.destinations):
            self._talks[talk.contact] = talk
            if talk.agent and talk.leg:
                self._agents[talk.agent] = talk
            gevent.spawn(self._resume, talk, snapshot.told)
        for leg in stray_thirds(snapshot, self._talks):
            self._switch.end(leg)

    def _resume(self, talk: Talk, told: Mapping[str, Mapping[str, Any]]) -> None:
        with self._locked(talk):
            if talk.contact not in told:
                self._take(talk, Step.CITIZEN_GONE)
            if LAYOUTS[talk.phase].agent and talk.leg not in told:
                self._take(talk, Step.AGENT_GONE)
            third = talk.third
            if third is not None and third.answered and third.leg not in told:
                self._take(talk, Step.THIRD_GONE)
            if talk.phase not in ENDS:
                try:
                    if self._switch.settle(talk, told):
                        logger.warning("call %s: brought back to %s", talk.contact, talk.phase)
                except EslError as error:
                    logger.warning("call %s: %s: %s", talk.contact, talk.phase, error)
                self._show(talk)
        if LAYOUTS[talk.phase].rings and talk.third is not None:
            self._await_answer(talk, talk.third)

    def _await_answer(self, talk: Talk, third: Third) -> None:
        """An earlier controller dialed: its job's end is told to nobody."""
        deadline = time.monotonic() + third.destination.ring_seconds
        while talk.third is third and LAYOUTS[talk.phase].rings:
            state = self._switch.answer_state(third.leg)
            if state == "answered":
                return self._dialed(talk, third, "")
            if state is None or time.monotonic() > deadline:
                self._switch.end(third.leg)
                return self._dialed(talk, third, "NO_ANSWER")
            gevent.sleep(POLL_SECONDS)
        return None


def refuse(code: str) -> CommandError:
    """`CODE: sentence`, as pages expect it."""
    return CommandError(f"{code}: {WORDS.get(code, 'not possible now')}")


def _described(third: Third) -> dict[str, str]:
    where = third.destination
    return {"number": where.number, "title": where.title, "kind": where.kind.value}


def _is_transfer(before: Phase | None, third: Third) -> bool:
    """An agent who leaves a three-party call with a joint line has served the citizen."""
    return before is not Phase.JOINED or third.destination.kind is DestinationKind.EMERGENCY
