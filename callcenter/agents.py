"""Agents as people at desks: their commands, their phones, what screens show of them."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable
from typing import Any

from acd import messages as acd
from acd.engine import Engine
from acd.messages import AgentState, NotReadyReason
from callcenter.adoption import Snapshot
from callcenter.lines import Lines
from callcenter.live_config import LiveConfig
from callcenter.loans import Loan, Loans, levels
from callcenter.presence import CommandError, Presence

logger = logging.getLogger(__name__)

AT_WORK = frozenset(
    {AgentState.RESERVED, AgentState.RINGING, AgentState.TALKING, AgentState.HOLDING}
)
LINE_SHOWN = 20  # contacts of each queue that screens show
EXTENSION_SECONDS = 60.0
LONGEST_EXTENSION = 600.0

REASONS = {
    reason.value: reason
    for reason in (
        NotReadyReason.BREAK,
        NotReadyReason.MEAL,
        NotReadyReason.TRAINING,
        NotReadyReason.MEETING,
    )
}


class AgentDesk:
    """Between the agents' screens and the engine."""

    def __init__(
        self,
        presence: Presence,
        config: LiveConfig,
        tell: Callable[[acd.Input], None],
        clock: Callable[[], float],
        queues: Callable[[], Iterable[str]] = lambda: (),
        *,
        lines: Lines,
        end_talk: Callable[[str, str], None],
    ) -> None:
        """`queues` names those that there are; `end_talk(contact, agent)` ends the part of
        an agent who works off hook.
        """
        self.config = config
        self._lines = lines
        self._end_talk = end_talk
        self._presence = presence
        self._tell = tell
        self._clock = clock
        self._queue_names = queues
        self._states: dict[str, dict[str, Any]] = {}
        self._registered: set[str] = set()
        self._loans = Loans(clock, self.give_back)
        self._commands = {
            "agent.login": self._login,
            "agent.logout": self._logout,
            "agent.ready": self._ready,
            "agent.not_ready": self._not_ready,
            "agent.wrapup_end": self._wrap_up_end,
            "agent.wrapup_extend": self._wrap_up_extend,
            "agent.off_hook": self._off_hook,
            "agent.on_hook": self._on_hook,
            "agent.end_call": self._end_call,
        }
        for name, handler in self._commands.items():
            presence.handle(name, handler)

    # --- after a start ------------------------------------------------------------------------

    def found(self, snapshot: Snapshot) -> list[acd.Input]:
        """Every agent as an input: who talks is seen on the switch, the rest was kept."""
        now = self._clock()
        talking = {leg.agent: leg for leg in snapshot.conversations}
        stored = {**self._presence.agents(), **self._states}
        messages: list[acd.AgentRestored] = []
        for agent in sorted({*stored, *talking}):
            if agent not in self.config.agents:
                logger.warning("agent %s is no longer configured", agent)
                continue
            known = stored.get(agent, {})
            if agent not in self._states:
                self._loans.restore(agent, known.get("lent"))
            queues, skills = self._given(agent)
            state, reason = _resting_state(known)
            since, contact = float(known.get("since") or now), None
            if agent in talking:
                state, reason = AgentState.TALKING, NotReadyReason.NONE
                since, contact = talking[agent].since or now, talking[agent].contact
            elif known.get("state") in (AgentState.TALKING, AgentState.HOLDING):
                since = now  # nobody saw the talk end: the wrap-up isn't cut short for that
            messages.append(
                acd.AgentRestored(
                    at=now,
                    agent=agent,
                    state=state,
                    since=since,
                    reason=reason,
                    contact=contact,
                    queues=queues,
                    skills=skills,
                    off_hook=self._lines.is_up(agent),
                )
            )
        self._registered = set(snapshot.registered & self.config.agents.keys())
        for message in messages:
            self._show_restored(message)
        for agent in sorted(self._registered - self._states.keys()):
            self._show_phone(agent)
        phones: list[acd.Input] = []
        for agent in sorted(self.config.agents):
            kind = acd.PhoneRegistered if agent in self._registered else acd.PhoneUnregistered
            phones.append(kind(now, agent))
        return [*messages, *phones]

    # --- commands -----------------------------------------------------------------------------

    def _login(self, args: dict[str, Any]) -> dict[str, Any]:
        agent = self._known(args)
        self._tell(self._logged_in(agent))
        if agent not in self._registered:
            self._tell(acd.PhoneUnregistered(self._clock(), agent))
        return self._state(agent)

    def _logged_in(self, agent: str) -> acd.AgentLoggedIn:
        queues, skills = self._given(agent)
        return acd.AgentLoggedIn(
            self._clock(),
            agent,
            dict(queues),
            dict(skills),
            off_hook=self._lines.is_up(agent),
        )

    def _logout(self, args: dict[str, Any]) -> dict[str, Any]:
        agent = self._known(args)
        if self._states.get(agent, {}).get("state") in (AgentState.TALKING, AgentState.HOLDING):
            raise CommandError("an agent who talks cannot log out; end the call first")
        self._tell(acd.AgentLoggedOut(self._clock(), agent))
        return self._state(agent)

    def _ready(self, args: dict[str, Any]) -> dict[str, Any]:
        agent = self._known(args)
        if self._states.get(agent, {}).get("state", "logged_out") == AgentState.LOGGED_OUT:
            self._login(args)
        if agent not in self._registered:
            raise CommandError(f"the phone of agent {agent} is not registered")
        self._tell(acd.AgentReady(self._clock(), agent))
        self._intend(agent, "")
        return self._state(agent)

    def _not_ready(self, args: dict[str, Any]) -> dict[str, Any]:
        agent = self._known(args)
        wanted = str(args.get("reason") or NotReadyReason.BREAK)
        if wanted not in REASONS:
            raise CommandError(f"reason: expected one of {', '.join(REASONS)}, found {wanted}")
        if self._states.get(agent, {}).get("state", "logged_out") == AgentState.LOGGED_OUT:
            self._login(args)
        self._tell(acd.AgentNotReady(self._clock(), agent, REASONS[wanted]))
        self._intend(agent, wanted)
        return self._state(agent)

    def _intend(self, agent: str, reason: str) -> None:
        """Show what an agent who is busy will be after this call: not ready for `reason`."""
        state = self._states.get(agent, {})
        if state.get("state") not in AT_WORK:
            reason = ""
        if state and state.get("next", "") != reason:
            state["next"] = reason
            self._presence.show_agent(agent, state)

    def _wrap_up_end(self, args: dict[str, Any]) -> dict[str, Any]:
        agent = self._known(args)
        self._tell(acd.WrapUpEnded(self._clock(), agent))
        return self._state(agent)

    def _wrap_up_extend(self, args: dict[str, Any]) -> dict[str, Any]:
        """Longer, at most to what the settings allow; the answer says until when."""
        agent = self._known(args)
        try:
            seconds = float(args.get("seconds") or EXTENSION_SECONDS)
        except (TypeError, ValueError):
            seconds = 0.0
        if not 1 <= seconds <= LONGEST_EXTENSION:
            raise CommandError(f"seconds: expected 1 to {LONGEST_EXTENSION:g}")
        before = self._states.get(agent, {})
        if before.get("state") != AgentState.WRAP_UP:
            raise CommandError("only after-call work can be extended")
        self._tell(acd.WrapUpExtended(self._clock(), agent, seconds))
        after = self._state(agent)
        if after.get("until") == before.get("until"):
            raise CommandError("after-call work is as long as it may be")
        return after

    # --- a supervisor's ------------------------------------------------------------------------

    def command(self, name: str, args: dict[str, Any]) -> dict[str, Any]:
        """What the agent could ask for; raise CommandError."""
        return self._commands[name](args)

    def lend(
        self, agent: str, queues: object, skills: object, seconds: float | None = None
    ) -> dict[str, Any]:
        """Other queues and skills until `give_back`, logout, or for `seconds`; None leaves them."""
        configured = self.config.agents[self._known({"agent": agent})]
        given = (
            levels("queues", queues, configured.queues),
            levels("skills", skills, configured.skills),
        )
        unknown = given[0].keys() - self._queues()
        if unknown:
            raise CommandError(f"unknown_queue: there is no queue {', '.join(sorted(unknown))}")
        until = None if seconds is None else self._clock() + seconds
        self._loans.begin(agent, Loan(*given, until))
        return self._lent(agent)

    def give_back(self, agent: str) -> dict[str, Any]:
        """What the agent is configured for counts again."""
        self._loans.end(agent)
        return self._lent(self._known({"agent": agent}))

    def _lent(self, agent: str) -> dict[str, Any]:
        """A loan began or ended: it is kept with the agent's state, then it counts."""
        state = self._states.get(agent)
        if state is None:
            now = self._clock()
            self._show(agent, AgentState.LOGGED_OUT, NotReadyReason.NONE, now, None, None)
        else:
            state["lent"] = self._loans.shown(agent)
            self._presence.show_agent(agent, state)
        self.configured()
        return self._state(agent)

    def took_over(self, agent: str, contact: str) -> None:
        """A supervisor who is logged in as an agent has taken a call over."""
        known = self._states.get(agent, {"state": AgentState.LOGGED_OUT})
        if agent not in self.config.agents or known["state"] == AgentState.LOGGED_OUT:
            return
        now = self._clock()
        queues, skills = self._given(agent)
        found = acd.AgentRestored(
            at=now,
            agent=agent,
            state=AgentState.TALKING,
            since=now,
            contact=contact,
            queues=queues,
            skills=skills,
            off_hook=self._lines.is_up(agent),
        )
        self._tell(found)
        self._show_restored(found)

    def _queues(self) -> frozenset[str]:
        return frozenset(self._queue_names())

    def state(self, agent: str) -> str:
        """The agent's state as last told by the engine."""
        return str(self._state(agent)["state"])

    def reason(self, agent: str) -> str:
        """Why the agent isn't ready, among what she could choose."""
        reason = str(self._state(agent).get("reason", ""))
        return reason if reason in REASONS else NotReadyReason.BREAK.value

    def _given(self, agent: str) -> tuple[dict[str, int], dict[str, int]]:
        """The queues and skills that count for the agent now."""
        given = self._loans.of(agent) or self.config.agents[agent]
        return given.queues, given.skills

    # --- off the hook and on again ------------------------------------------------------------

    def _off_hook(self, args: dict[str, Any]) -> dict[str, Any]:
        """Ring the phone once; from then on calls are joined to that leg at once."""
        agent = self._known(args)
        if agent not in self._registered:
            raise CommandError(f"the phone of agent {agent} is not registered")
        busy = self._states.get(agent, {}).get("state") in AT_WORK
        if busy and not self._lines.is_up(agent):
            raise CommandError(f"agent {agent} has a call; take the phone off the hook after it")
        self._lines.call(agent)
        return self._state(agent)

    def _on_hook(self, args: dict[str, Any]) -> dict[str, Any]:
        agent = self._known(args)
        self._lines.hang_up(agent)
        return self._state(agent)

    def _end_call(self, args: dict[str, Any]) -> dict[str, Any]:
        """End the conversation; an off-hook agent cannot do it by hanging up."""
        agent = self._known(args)
        state = self._states.get(agent, {})
        if state.get("state") not in (AgentState.TALKING, AgentState.HOLDING):
            raise CommandError(f"agent {agent} has no call")
        self._lines.end_talk(agent)
        self._end_talk(str(state["contact"]), agent)
        return self._state(agent)

    def line_changed(self, agent: str) -> None:
        """The agent's long leg has come up or gone."""
        state = self._states.get(agent)
        if state is None:
            return
        state["line"] = self._lines.state(agent).value
        self._presence.show_agent(agent, state)
        if agent in self.config.agents and state["state"] != AgentState.LOGGED_OUT:
            self._tell(self._logged_in(agent))

    def _known(self, args: dict[str, Any]) -> str:
        agent = str(args.get("agent", ""))
        if agent not in self.config.agents:
            raise CommandError(f"there is no agent {agent}")
        return agent

    # --- news ---------------------------------------------------------------------------------

    def changed(self, change: acd.AgentStateChanged) -> None:
        """The engine moved an agent to another state."""
        self._show(
            change.agent, change.new, change.reason, change.since, change.until, change.contact
        )

    def _show_restored(self, found: acd.AgentRestored) -> None:
        """The engine takes a restored state as it is and tells of no change."""
        self._show(found.agent, found.state, found.reason, found.since, None, found.contact)

    def _show(
        self,
        agent: str,
        state: AgentState,
        reason: NotReadyReason,
        since: float,
        until: float | None,
        contact: str | None,
    ) -> None:
        before = self._states.get(agent, {}).get("state", AgentState.LOGGED_OUT)
        if state is AgentState.LOGGED_OUT and before != AgentState.LOGGED_OUT:
            self._loans.end(agent)
        known = self.config.agents.get(agent)
        queues, skills = self._given(agent) if known else ({}, {})
        going_on = state in AT_WORK or state is AgentState.WRAP_UP
        self._states[agent] = {
            "next": self._states.get(agent, {}).get("next", "") if going_on else "",
            "state": state.value,
            "reason": reason.value,
            "since": since,
            "until": until,
            "contact": contact,
            "name": known.name if known else "",
            "queues": queues,
            "skills": skills,
            "registered": agent in self._registered,
            "line": self._lines.state(agent).value,
            "lent": self._loans.shown(agent),
        }
        self._presence.show_agent(agent, self._states[agent])

    def phone_changed(self, agent: str, registered: bool) -> None:
        """The agent's phone registered, or no longer is."""
        if agent not in self.config.agents:
            return
        kind = acd.PhoneRegistered if registered else acd.PhoneUnregistered
        (self._registered.add if registered else self._registered.discard)(agent)
        self._tell(kind(self._clock(), agent))
        self._show_phone(agent)

    def _show_phone(self, agent: str) -> None:
        """Also of somebody who hasn't signed in yet: the desk says whether that will do."""
        state, registered = self._states.get(agent), agent in self._registered
        if state is None:
            now = self._clock()
            self._show(agent, AgentState.LOGGED_OUT, NotReadyReason.NONE, now, None, None)
        elif state["registered"] != registered:
            state["registered"] = registered
            self._presence.show_agent(agent, state)

    def registered(self) -> frozenset[str]:
        """Agents whose phones are registered, as we believe."""
        return frozenset(self._registered)

    def known(self, agents: Iterable[str]) -> frozenset[str]:
        """Those of `agents` that are configured."""
        return frozenset(agents) & self.config.agents.keys()

    def talking(self) -> dict[str, str]:
        """Who talks in which contact's call."""
        return {
            agent: str(state["contact"])
            for agent, state in self._states.items()
            if state["state"] in (AgentState.TALKING, AgentState.HOLDING) and state["contact"]
        }

    def configured(self) -> None:
        """Agents were added, changed or removed: those at work get their new queues and skills,
        who is no longer an agent is logged out (after the call that goes on).
        """
        for agent in self._states.keys() - self.config.agents.keys():
            if self._states[agent]["state"] != AgentState.LOGGED_OUT:
                self._tell(acd.AgentLoggedOut(self._clock(), agent))
        for agent in self.config.agents:
            queues, skills = self._given(agent)
            state = self._states.get(agent)
            if state is None or state["state"] == AgentState.LOGGED_OUT:
                continue
            if (state["queues"], state["skills"]) != (queues, skills):
                state.update(queues=queues, skills=skills)
                self._presence.show_agent(agent, state)
                self._tell(self._logged_in(agent))

    def picture(self, engine: Engine) -> dict[str, Any]:
        """What screens show of queues and of who waits in them; agents have their own key."""
        return {
            "queues": {name: dataclasses.asdict(view) for name, view in engine.queues().items()},
            "lines": {
                name: [
                    {"call": contact, **dataclasses.asdict(view)} for contact, view in line.items()
                ]
                for name, line in engine.lines(LINE_SHOWN).items()
                if line
            },
        }

    def _state(self, agent: str) -> dict[str, Any]:
        return self._states.get(agent, {"state": AgentState.LOGGED_OUT.value})


def _resting_state(known: dict[str, Any]) -> tuple[AgentState, NotReadyReason]:
    """The state to go on with: what was kept; a rung agent is ready, a talker wraps up."""
    try:
        state = AgentState(known.get("state", ""))
        reason = NotReadyReason(known.get("reason", ""))
    except ValueError:
        return AgentState.LOGGED_OUT, NotReadyReason.NONE
    if state in (AgentState.RESERVED, AgentState.RINGING):
        return AgentState.READY, NotReadyReason.NONE
    if state in (AgentState.TALKING, AgentState.HOLDING):
        return AgentState.WRAP_UP, NotReadyReason.NONE
    return state, reason
