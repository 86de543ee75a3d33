"""What supervisors do to calls and agents: listen, whisper, barge in, take over, release, move.

The web checks the role and asks for confirmation; every command carries who (`by`) and why, and
is in the journal before it is done. A supervisor listens on a phone of her own, which is a leg of
the switch like any other: a controller's death doesn't end it.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import gevent

from callcenter.call_control import CallControl, refuse
from callcenter.esl import EslError
from callcenter.events import Event, Kind, event
from callcenter.presence import EVENTS, CommandError, Presence
from callcenter.privacy import clean_text
from callcenter.transfer_talk import Talk

logger = logging.getLogger(__name__)

RING_SECONDS = 30
ANSWER_GRACE = 10.0
COMMAND_LIMIT = 5.0
TEXT = 500
# Keys of the switch's `eavesdrop`: to whom the listener may speak.
KEYS = {"listen": "0", "whisper": "2", "barge": "3"}
LONGEST_LOAN = 86_400.0  # seconds that lent skills may last


class Link(Protocol):
    def api(self, command: str, timeout: float = ...) -> str: ...


class Desk(Protocol):
    """The agents' states and commands."""

    def registered(self) -> frozenset[str]: ...
    def command(self, name: str, args: dict[str, Any]) -> dict[str, Any]: ...
    def lend(
        self, agent: str, queues: object, skills: object, seconds: float | None
    ) -> dict[str, Any]: ...
    def give_back(self, agent: str) -> dict[str, Any]: ...
    def took_over(self, agent: str, contact: str) -> None: ...


class Hall(Protocol):
    """The queues."""

    def move(self, contact: str, *, queue: str | None, priority: int | None) -> str: ...


@dataclass(slots=True)
class Listener:
    """A supervisor's phone in an agent's call."""

    phone: str
    agent: str
    leg: str
    mode: str
    by: str
    state: str = "ringing"  # on, off

    def shown(self) -> dict[str, Any]:
        return {
            "phone": self.phone,
            "agent": self.agent,
            "mode": self.mode,
            "state": self.state,
            "by": self.by,
        }


class Supervision:
    """The supervisor's commands; belongs to the controller."""

    def __init__(
        self,
        control: CallControl,
        desk: Desk,
        hall: Callable[[], Hall],
        link: Link,
        domain: str,
        presence: Presence,
        record: Callable[[Event], object],
    ) -> None:
        self._control = control
        self._desk = desk
        self._hall = hall
        self._link = link
        self._domain = domain
        self._presence = presence
        self._record = record
        self._listeners: dict[str, Listener] = {}  # by phone
        for action, handler in {
            "listen": lambda args: self._listen(args, "listen"),
            "whisper": lambda args: self._listen(args, "whisper"),
            "barge": lambda args: self._listen(args, "barge"),
            "stop": self._stop,
            "take_over": self._take_over,
            "release": self._release,
            "agent_state": self._agent_state,
            "agent_skills": self._agent_skills,
            "agent_skills_reset": self._skills_reset,
            "move": self._move,
            "raise": self._raise,
            "message": self._message,
        }.items():
            self._handle(action, handler)
        presence.handle("supervisor.nuisance", self._nuisance)

    def _handle(self, action: str, handler: Callable[[dict[str, Any]], Any]) -> None:
        def obey(args: dict[str, Any]) -> Any:
            self._note(action, args)
            return handler(args)

        self._presence.handle(f"supervisor.{action}", obey)

    def _note(self, action: str, args: dict[str, Any]) -> None:
        """Who, whom, why: before it is done."""
        told = {key: value for key, value in args.items() if key in _KEPT}
        talk = self._control.talk_of(str(args.get("agent", "")))
        contact = str(args.get("call") or "") or (talk.contact if talk else None)
        by, why = (
            clean_text(str(args.get("by") or "")),
            clean_text(str(args.get("why") or ""), TEXT),
        )
        if not by:
            raise CommandError("bad_argument: by: expected who gives this command")
        for key, value in told.items():
            told[key] = clean_text(value, TEXT) if isinstance(value, str) else value
        told |= {"by": by, "why": why, "action": action}
        self._record(event(Kind.SUPERVISION, contact, **told))

    # --- listening -----------------------------------------------------------------------------

    def _listen(self, args: dict[str, Any], mode: str) -> dict[str, Any]:
        talk, phone = self._talk(args), self._phone(args)
        known = self._listeners.get(phone)
        if known is not None and known.agent == talk.agent and known.state == "on":
            self._set_mode(known, mode)
            return known.shown()
        if known is not None:
            raise refuse("in_call")
        listener = Listener(phone, talk.agent, str(uuid.uuid4()), mode, str(args["by"]))
        self._listeners[phone] = listener
        self._show(listener)
        gevent.spawn(self._ring, listener, talk.leg)
        return listener.shown()

    def _ring(self, listener: Listener, target: str) -> None:
        try:
            self._originate(listener.phone, listener.leg, f"&eavesdrop({target})")
            listener.state = "on"
            if listener.mode != "listen":
                self._press(listener)
        except EslError as error:
            logger.info("supervisor's phone %s: %s", listener.phone, error)
            self._gone(listener)
            return
        if self._listeners.get(listener.phone) is listener:
            self._show(listener)
        else:  # told to stop while it rang
            self._kill(listener.leg)

    def _set_mode(self, listener: Listener, mode: str) -> None:
        listener.mode = mode
        try:
            self._press(listener)
        except EslError as error:
            raise refuse("switch_failed") from error
        self._show(listener)

    def _press(self, listener: Listener) -> None:
        self._api(f"uuid_recv_dtmf {listener.leg} {KEYS[listener.mode]}")

    def _originate(self, phone: str, leg: str, application: str) -> None:
        variables = {
            "origination_uuid": leg,
            "origination_caller_id_number": phone,
            "origination_caller_id_name": phone,
            "originate_timeout": str(RING_SECONDS),
            "ignore_early_media": "true",
            "cc_supervisor": phone,
            # As for agents: the switch itself allows one leg for each phone.
            "execute_on_originate": f"'limit hash agents {phone} 1 !USER_BUSY'",
        }
        given = ",".join(f"{name}={value}" for name, value in variables.items())
        self._link.api(
            f"originate {{{given}}}user/{phone}@{self._domain} {application}",
            timeout=RING_SECONDS + ANSWER_GRACE,
        )

    def _stop(self, args: dict[str, Any]) -> dict[str, Any]:
        listener = self._listeners.get(str(args.get("phone", "")))
        if listener is None:
            raise refuse("not_listening")
        self._kill(listener.leg)
        self._gone(listener)
        return listener.shown()

    def leg_ended(self, leg: str) -> None:
        """A supervisor hung up, or the call that she listened to is over."""
        for listener in list(self._listeners.values()):
            if listener.leg == leg:
                self._gone(listener)

    def _gone(self, listener: Listener) -> None:
        listener.state = "off"
        if self._listeners.get(listener.phone) is listener:
            del self._listeners[listener.phone]
        self._show(listener)

    def _show(self, listener: Listener) -> None:
        self._presence.publish(EVENTS, {"kind": "supervising", **listener.shown()})

    # --- calls ---------------------------------------------------------------------------------

    def _take_over(self, args: dict[str, Any]) -> dict[str, Any]:
        talk, phone = self._talk(args), self._phone(args)
        known = self._listeners.get(phone)
        if known is not None and known.agent == talk.agent and known.state == "on":
            del self._listeners[phone]
            known.state = "off"
            self._show(known)
            self._hand_to(talk, phone, known.leg)
        else:
            leg = str(uuid.uuid4())
            gevent.spawn(self._ring_and_take, talk, phone, leg)
        return {"phone": phone, "agent": str(args["agent"]), "call": talk.contact}

    def _ring_and_take(self, talk: Talk, phone: str, leg: str) -> None:
        try:
            self._originate(phone, leg, "&park()")
            self._hand_to(talk, phone, leg)
        except (EslError, CommandError) as error:
            logger.info("call %s: not taken over: %s", talk.contact, error)
            self._kill(leg)

    def _hand_to(self, talk: Talk, phone: str, leg: str) -> None:
        self._control.hand_to(talk, phone, leg)
        self._desk.took_over(phone, talk.contact)

    def _release(self, args: dict[str, Any]) -> dict[str, Any]:
        talk, what = self._talk(args), str(args.get("what") or "agent")
        if what not in ("agent", "call"):
            raise CommandError("bad_argument: what: expected agent or call")
        self._control.release(talk, whole=what == "call")
        return {"agent": str(args["agent"]), "call": talk.contact}

    def _move(self, args: dict[str, Any]) -> dict[str, Any]:
        return self._moved(args, queue=str(args.get("queue", "")), priority=None)

    def _raise(self, args: dict[str, Any]) -> dict[str, Any]:
        priority = args.get("priority")
        if type(priority) is not int or not 0 <= priority <= 9:
            raise CommandError("bad_argument: priority: expected a whole number from 0 to 9")
        return self._moved(args, queue=None, priority=priority)

    def _moved(
        self, args: dict[str, Any], *, queue: str | None, priority: int | None
    ) -> dict[str, Any]:
        call = str(args.get("call", ""))
        why = self._hall().move(call, queue=queue, priority=priority)
        if why:
            raise refuse(why)
        return {"call": call, "queue": queue, "priority": priority}

    def _nuisance(self, args: dict[str, Any]) -> dict[str, Any]:
        call, confirmed = str(args.get("call", "")), bool(args.get("confirmed"))
        if not 0 < len(call) <= 64:
            raise refuse("unknown_call")
        by, why = (
            clean_text(str(args.get("by") or "")),
            clean_text(str(args.get("why") or ""), TEXT),
        )
        told = event(Kind.NUISANCE_DECIDED, call, by=by, why=why, confirmed=confirmed)
        self._record(told)
        return {"call": call, "confirmed": confirmed}

    # --- agents --------------------------------------------------------------------------------

    def _agent_state(self, args: dict[str, Any]) -> dict[str, Any]:
        state = str(args.get("state", ""))
        commands = {
            "ready": "agent.ready",
            "not_ready": "agent.not_ready",
            "logged_out": "agent.logout",
            "wrapup_end": "agent.wrapup_end",
        }
        if state not in commands:
            raise CommandError(f"bad_argument: state: expected one of {', '.join(commands)}")
        given: dict[str, Any] = {key: args[key] for key in ("agent", "reason") if key in args}
        return self._desk.command(commands[state], given)

    def _agent_skills(self, args: dict[str, Any]) -> dict[str, Any]:
        """For a while: until the agent logs out, or `seconds` are over."""
        agent = str(args.get("agent", ""))
        seconds = args.get("seconds")
        if seconds is not None and not (
            isinstance(seconds, int | float) and 0 < seconds <= LONGEST_LOAN
        ):
            raise CommandError(f"bad_argument: seconds: expected up to {LONGEST_LOAN:g}")
        return self._desk.lend(agent, args.get("queues"), args.get("skills"), seconds)

    def _skills_reset(self, args: dict[str, Any]) -> dict[str, Any]:
        return self._desk.give_back(str(args.get("agent", "")))

    def _message(self, args: dict[str, Any]) -> dict[str, Any]:
        text = clean_text(str(args.get("text") or ""), TEXT)
        if not text:
            raise CommandError(f"bad_argument: text: expected up to {TEXT} characters")
        told = {
            "kind": "message",
            "id": uuid.uuid4().hex,
            "to": str(args.get("to") or "all"),
            "text": text,
            "by": str(args["by"]),
            "at": time.time(),
        }
        self._presence.publish(EVENTS, told)
        return told

    # --- shared --------------------------------------------------------------------------------

    def _talk(self, args: dict[str, Any]) -> Talk:
        talk = self._control.talk_of(str(args.get("agent", "")))
        if talk is None or not talk.leg:
            raise refuse("no_talk")
        return talk

    def _phone(self, args: dict[str, Any]) -> str:
        phone = str(args.get("phone", ""))
        if phone not in self._desk.registered():
            raise refuse("phone_not_registered")
        if self._control.talk_of(phone) is not None:
            raise refuse("in_call")
        return phone

    def _api(self, command: str) -> None:
        self._link.api(command, timeout=COMMAND_LIMIT)

    def _kill(self, leg: str) -> None:
        gevent.spawn(self._quietly, f"uuid_kill {leg} NORMAL_CLEARING")

    def _quietly(self, command: str) -> None:
        try:
            self._api(command)
        except EslError as error:
            logger.info("%s: %s", command.split()[0], error)


def _who_and_why(args: dict[str, Any]) -> tuple[str, str]:
    return clean_text(str(args.get("by") or "")), clean_text(str(args.get("why") or ""), TEXT)


_KEPT = frozenset(
    {
        *("agent", "phone", "what", "state", "reason", "queues", "skills", "seconds"),
        *("queue", "priority", "to", "text"),
    }
)
