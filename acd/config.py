"""What can be set for queues, as frozen data with errors that name queue, key and expectation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from typing import Any, get_type_hints

from acd.history import HistoryRule
from acd.hours import Hours
from acd.skills import Easing, ExpressionError, combine, eased, parse

WEEK = 7 * 86400.0

DEFAULT_PRIORITIES: dict[str, int] = {
    "emergency": 9,  # 突发 topics
    "cut_off": 4,  # called before and got cut off
    "vulnerable": 3,  # elderly or disabled citizens
    "callback": 2,  # somebody we promised to call
}


class ConfigError(ValueError):
    """A setting that can't be used. `queue` is "" for a setting of the whole engine."""

    def __init__(self, queue: str, key: str, expected: str, found: object) -> None:
        where = f"queue {queue!r}, " if queue else ""
        super().__init__(f"{where}{key}: expected {expected}, found {found!r}")
        self.queue = queue
        self.key = key
        self.expected = expected


class Strategy(StrEnum):
    """Which of the free agents of the best level gets the contact."""

    LONGEST_IDLE = "longest_idle"  # ready for the longest time
    LEAST_OCCUPIED = "least_occupied"  # least share of the shift spent on calls
    FEWEST_CALLS = "fewest_calls"  # fewest calls answered since login
    ROUND_ROBIN = "round_robin"  # the next one after the last chosen
    FIXED_ORDER = "fixed_order"  # the first in `order`
    BEST_FIT = "best_fit"  # fewest skill points: keep the all-rounders free


class When(StrEnum):
    """What sets an overflow rule off."""

    FULL = "full"  # `limit` contacts wait already when a new one would have to
    WAITED = "waited"  # the contact has waited in this queue for `seconds`
    NO_AGENT = "no_agent"  # nobody has been logged in for `seconds`
    CLOSED = "closed"  # new contacts at once; those waiting `seconds` after closing time
    DELETED = "deleted"  # the queue was taken out of the configuration


class Action(StrEnum):
    QUEUE = "queue"
    MESSAGE = "message"
    CALLBACK = "callback"
    GOODBYE = "goodbye"


class WaitChoice(StrEnum):
    """What a waiting citizen may choose by key; to stay is always one."""

    CALLBACK = "callback"  # 1: hang up and keep the place
    MESSAGE = "message"  # 2: leave the queue and speak after the tone


@dataclass(frozen=True, slots=True)
class OverflowRule:
    when: When
    then: Action
    target: str | None = None  # the queue to go to, for Action.QUEUE
    limit: int = 0  # contacts, for When.FULL
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RelaxStep:
    """What a contact asks for is eased when it has waited this long since `queued_at`."""

    after: float  # seconds
    lower: int = 0
    drop: tuple[str, ...] = ()
    anyone: bool = False

    @property
    def easing(self) -> Easing:
        return Easing(self.lower, self.drop, self.anyone)


@dataclass(frozen=True, slots=True)
class VirtualHold:
    """How a citizen who kept the place and hung up is called back."""

    first: str = "citizen"  # "citizen": an agent is kept until they answer; or "agent"
    retry_seconds: float = 300.0
    attempts: int = 3
    then: Action = Action.MESSAGE  # when all attempts failed


@dataclass(frozen=True, slots=True)
class QueueConfig:
    strategy: Strategy = Strategy.LONGEST_IDLE
    order: tuple[str, ...] = ()  # agents, for Strategy.FIXED_ORDER; others follow by number
    requirement: str = ""  # asked of every contact of this queue, with its own
    history: tuple[HistoryRule, ...] = ()  # what a caller's earlier calls add to it
    relaxation: tuple[RelaxStep, ...] = ()
    overflow: tuple[OverflowRule, ...] = ()
    head_start_seconds: float = 0.0  # this queue's contacts count as having come this earlier
    last_agent_seconds: float = 0.0  # a repeat caller waits this long for the last agent
    announce_first_seconds: float = 20.0  # 0: no announcements
    announce_every_seconds: float = 60.0
    wrap_up_seconds: float | None = None  # None: the engine's
    handling_seconds: float | None = None  # expected talk + wrap-up, until enough is measured
    service_level_seconds: float = 15.0
    comfort: tuple[str, ...] = ("please_hold",)  # prompts, heard in turn between the music
    comfort_every_seconds: float = 45.0  # without a spoken word; 0: none
    choices: tuple[WaitChoice, ...] = (WaitChoice.CALLBACK, WaitChoice.MESSAGE)
    call_back_cut_off: bool = False  # whoever a failure cut off gets a place and is called back
    virtual_hold: VirtualHold = field(default_factory=VirtualHold)
    hours: Hours = field(default_factory=Hours)  # not said: those of the hotlines that lead here


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of an engine.

    A contact of priority p counts as having come p × `priority_seconds` earlier than it did.
    This is priority and ageing in one: whoever has waited that much longer than a newcomer of a
    higher class goes first, so nobody waits for ever, and the order of two contacts never
    changes while they wait.
    """

    queues: dict[str, QueueConfig] = field(default_factory=dict)
    lease_seconds: float = 25.0  # an offer not answered by then is over
    wrap_up_seconds: float = 30.0
    wrap_up_most_seconds: float = 600.0  # with all extensions
    failed_pause_seconds: float = 5.0  # pause for an agent the switch couldn't reach
    priority_seconds: float = 120.0
    priorities: dict[str, int] = field(default_factory=lambda: dict(DEFAULT_PRIORITIES))
    default_overflow: Action = Action.MESSAGE  # for a queue that is gone without a rule
    last_agent_hours: float = 24.0  # so long a citizen's last agent is remembered; 0: never

    def __post_init__(self) -> None:
        _Checks(self).run()

    def priority(self, classes: Iterable[str]) -> int:
        """Return the priority of a contact in these classes: that of the highest.

        Raise ConfigError for a class that isn't configured.
        """
        found = [0]
        for name in classes:
            if name not in self.priorities:
                raise ConfigError("", "priorities", _one_of(self.priorities), name)
            found.append(self.priorities[name])
        return max(found)

    def warnings(self, agents: Iterable[tuple[Mapping[str, int], Mapping[str, int]]]) -> list[str]:
        """Name what can't work with these agents, each given as (queues, skills).

        A queue without any agent, a requirement that nobody ever meets, agents of a queue that
        doesn't exist.
        """
        return _warnings(self, list(agents))

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Config:
        """Build a Config from plain data (TOML, YAML, JSON); raise ConfigError."""
        config: Config = _build(cls, data, "", "")
        return config


def _one_of(names: Iterable[str]) -> str:
    return "one of " + ", ".join(sorted(names))


class _Checks:
    def __init__(self, config: Config) -> None:
        self.config = config

    def run(self) -> None:
        config = self.config
        self.seconds("", "lease_seconds", config.lease_seconds, least=1)
        self.seconds("", "wrap_up_seconds", config.wrap_up_seconds)
        self.seconds("", "wrap_up_most_seconds", config.wrap_up_most_seconds)
        self.seconds("", "failed_pause_seconds", config.failed_pause_seconds, least=1)
        self.seconds("", "priority_seconds", config.priority_seconds)
        hours = config.last_agent_hours
        if not 0 <= hours <= 24 * 31:
            raise ConfigError("", "last_agent_hours", "hours from 0 to 744", hours)
        for name, priority in config.priorities.items():
            if not isinstance(priority, int) or not 0 <= priority <= 9:
                raise ConfigError("", f"priorities.{name}", "a whole number from 0 to 9", priority)
        if config.default_overflow is Action.QUEUE:
            raise ConfigError(
                "", "default_overflow", "message, callback or goodbye", config.default_overflow
            )
        for name, queue in config.queues.items():
            self.queue(name, queue)

    def queue(self, name: str, queue: QueueConfig) -> None:
        self.expression(name, queue.requirement)
        for key in ("head_start_seconds", "last_agent_seconds", "announce_first_seconds"):
            self.seconds(name, key, getattr(queue, key))
        if queue.announce_first_seconds:
            self.seconds(name, "announce_every_seconds", queue.announce_every_seconds, least=5)
        self.seconds(name, "service_level_seconds", queue.service_level_seconds)
        if queue.comfort_every_seconds:
            self.seconds(name, "comfort_every_seconds", queue.comfort_every_seconds, least=5)
        if queue.wrap_up_seconds is not None:
            self.seconds(name, "wrap_up_seconds", queue.wrap_up_seconds)
        if queue.handling_seconds is not None:
            self.seconds(name, "handling_seconds", queue.handling_seconds, least=1)
        self.relaxation(name, queue.relaxation)
        self.virtual_hold(name, queue.virtual_hold)
        fault = queue.hours.fault()
        if fault:
            raise ConfigError(name, f"hours.{fault[0]}", fault[1], fault[2])
        for place, rule in enumerate(queue.overflow):
            self.rule(name, f"overflow[{place}]", rule)
        for place, asks in enumerate(queue.history):
            self.history(name, f"history[{place}]", asks)

    def history(self, name: str, key: str, rule: HistoryRule) -> None:
        fault = rule.fault()
        if fault:
            raise ConfigError(name, f"{key}.{fault[0]}", fault[1], fault[2])
        if rule.queue and rule.queue not in self.config.queues:
            raise ConfigError(name, f"{key}.queue", _one_of(self.config.queues), rule.queue)

    def seconds(self, queue: str, key: str, value: object, least: float = 0) -> None:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not least <= value <= WEEK:  # type: ignore[operator]
            raise ConfigError(queue, key, f"seconds from {least:g} to {WEEK:g}", value)

    def expression(self, queue: str, text: str) -> None:
        try:
            parse(text)
        except ExpressionError as error:
            raise ConfigError(
                queue,
                "requirement",
                f"a skill expression (column {error.column}: {error.problem})",
                text,
            ) from error

    def relaxation(self, name: str, steps: tuple[RelaxStep, ...]) -> None:
        before = 0.0
        for place, step in enumerate(steps):
            key = f"relaxation[{place}]"
            self.seconds(name, f"{key}.after", step.after)
            if step.after < before:
                raise ConfigError(name, f"{key}.after", f"{before:g} or more", step.after)
            if not 0 <= step.lower <= 9:
                raise ConfigError(name, f"{key}.lower", "levels from 0 to 9", step.lower)
            if not (step.lower or step.drop or step.anyone):
                raise ConfigError(name, key, "lower, drop or anyone", step)
            before = step.after

    def virtual_hold(self, name: str, hold: VirtualHold) -> None:
        if hold.first not in ("agent", "citizen"):
            raise ConfigError(name, "virtual_hold.first", "'agent' or 'citizen'", hold.first)
        self.seconds(name, "virtual_hold.retry_seconds", hold.retry_seconds, least=1)
        if not 1 <= hold.attempts <= 20:
            raise ConfigError(name, "virtual_hold.attempts", "from 1 to 20", hold.attempts)
        if hold.then is Action.QUEUE:
            raise ConfigError(name, "virtual_hold.then", "message, callback or goodbye", hold.then)

    def rule(self, name: str, key: str, rule: OverflowRule) -> None:
        self.seconds(name, f"{key}.seconds", rule.seconds)
        if rule.when is When.FULL and rule.limit < 0:
            raise ConfigError(name, f"{key}.limit", "0 or more contacts", rule.limit)
        if rule.then is not Action.QUEUE:
            return
        if rule.when is When.DELETED:
            others = set(self.config.queues) - {name}
            # The queue it leads to may go at the same time; then the default applies.
            if rule.target is None or rule.target == name:
                raise ConfigError(name, f"{key}.target", _one_of(others), rule.target)
        elif rule.target == name or rule.target not in self.config.queues:
            others = set(self.config.queues) - {name}
            raise ConfigError(name, f"{key}.target", _one_of(others), rule.target)


def _warnings(
    config: Config, agents: list[tuple[Mapping[str, int], Mapping[str, int]]]
) -> list[str]:
    found = []
    for name, queue in config.queues.items():
        members = [skills for queues, skills in agents if name in queues]
        if not members:
            found.append(f"queue {name!r}: no agent serves it")
            continue
        asked = [queue.requirement]
        asked += [combine(queue.requirement, rule.requirement) for rule in queue.history]
        for text in dict.fromkeys(asked):
            found.extend(_unmet(name, queue, text, members))
    unknown = {name for queues, _ in agents for name in queues} - set(config.queues)
    found.extend(
        f"queue {name!r}: agents serve it, but it isn't set up" for name in sorted(unknown)
    )
    return found


def _unmet(
    name: str, queue: QueueConfig, text: str, members: list[Mapping[str, int]]
) -> Iterator[str]:
    demand = parse(text)
    if any(demand.met_by(skills) for skills in members):
        return
    for step in queue.relaxation:
        demand = eased(demand, step.easing)
        if any(demand.met_by(skills) for skills in members):
            yield (
                f"queue {name!r}: no agent meets {text!r};"
                f" every contact waits {step.after:g} s until it is eased"
            )
            return
    yield f"queue {name!r}: no agent ever meets {text!r}"


# --- from plain data ------------------------------------------------------------------------


def _build(cls: Any, data: Any, queue: str, path: str) -> Any:
    if not isinstance(data, Mapping):
        raise ConfigError(queue, path or "settings", "a table of keys", data)
    hints = get_type_hints(cls)
    known = {item.name for item in fields(cls)}
    values: dict[str, Any] = {}
    for key, raw in data.items():
        where = f"{path}.{key}" if path else str(key)
        if key not in known:
            raise ConfigError(queue, where, _one_of(known), key)
        if cls is Config and key == "queues":
            values[key] = _queues(raw)
        else:
            values[key] = _value(hints[key], raw, queue, where)
    try:
        return cls(**values)
    except TypeError as error:
        raise ConfigError(queue, path or "settings", f"all keys it needs ({error})", data) from None


def _queues(raw: Any) -> dict[str, QueueConfig]:
    if not isinstance(raw, Mapping):
        raise ConfigError("", "queues", "a table of queues", raw)
    return {str(name): _build(QueueConfig, item, str(name), "") for name, item in raw.items()}


def _value(hint: Any, raw: Any, queue: str, where: str) -> Any:
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        if raw not in list(hint):
            raise ConfigError(queue, where, _one_of(hint), raw)
        return hint(raw)
    if is_dataclass(hint):
        return _build(hint, raw, queue, where)
    if getattr(hint, "__origin__", None) is tuple:
        if not isinstance(raw, list | tuple):
            raise ConfigError(queue, where, "a list", raw)
        return tuple(
            _value(hint.__args__[0], item, queue, f"{where}[{place}]")
            for place, item in enumerate(raw)
        )
    if getattr(hint, "__origin__", None) is dict:
        if not isinstance(raw, Mapping):
            raise ConfigError(queue, where, "a table", raw)
        return {
            str(key): _value(hint.__args__[1], item, queue, f"{where}.{key}")
            for key, item in raw.items()
        }
    return _plain(hint, raw, queue, where)


_PLAIN = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _plain(hint: Any, raw: Any, queue: str, where: str) -> Any:
    kinds = getattr(hint, "__args__", (hint,))
    if raw is None and type(None) in kinds:
        return None
    for kind in kinds:
        if kind is float and isinstance(raw, int | float) and not isinstance(raw, bool):
            if math.isfinite(raw):
                return float(raw)
        elif kind is int and isinstance(raw, bool):
            continue
        elif kind is not type(None) and isinstance(raw, kind):
            return raw
    wanted = " or ".join(_PLAIN[kind] for kind in kinds if kind in _PLAIN)
    raise ConfigError(queue, where, wanted, raw)
