"""Skill expressions: what a contact asks of an agent.

    language.cantonese >= 3 and topic.tax
    (topic.tax or topic.customs) and not district.north

A bare skill means level 1 or better; an agent who lacks a skill has level 0. Levels go from 0
to 9. `and`, `or`, `not` and brackets are as usual; comparisons are >= > == != < <=. The empty
expression and `anyone` ask for nothing.

Every comparison is brought down to "at least n", so an expression becomes a few bitwise
operations on sets of agents (see `SkillIndex`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

MAX_LEVEL = 9
MAX_LENGTH = 1000  # characters of one expression; a guard against hostile input
MAX_DEPTH = 30  # nested brackets and nots


class ExpressionError(ValueError):
    """An expression that doesn't parse. `column` counts characters from 1."""

    def __init__(self, text: str, column: int, problem: str) -> None:
        super().__init__(f"skill expression {text!r}, column {column}: {problem}")
        self.text = text
        self.column = column
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Anyone:
    def __str__(self) -> str:
        return "anyone"


@dataclass(frozen=True, slots=True)
class AtLeast:
    skill: str
    level: int

    def __str__(self) -> str:
        return f"{self.skill} >= {self.level}"


@dataclass(frozen=True, slots=True)
class Not:
    part: Node

    def __str__(self) -> str:
        return f"not ({self.part})"


@dataclass(frozen=True, slots=True)
class Both:
    left: Node
    right: Node

    def __str__(self) -> str:
        return f"{_bracketed(self.left)} and {_bracketed(self.right)}"


@dataclass(frozen=True, slots=True)
class Either:
    left: Node
    right: Node

    def __str__(self) -> str:
        return f"{self.left} or {self.right}"


Node = Anyone | AtLeast | Not | Both | Either
ANYONE = Anyone()
NOBODY = Not(ANYONE)


def _bracketed(node: Node) -> str:
    return f"({node})" if isinstance(node, Either) else str(node)


def _at_least(skill: str, level: int) -> Node:
    if level <= 0:
        return ANYONE
    return NOBODY if level > MAX_LEVEL else AtLeast(skill, level)


def _negated(node: Node) -> Node:
    return node.part if isinstance(node, Not) else Not(node)


def _both(left: Node, right: Node) -> Node:
    if NOBODY in (left, right):
        return NOBODY
    if left in (ANYONE, right):
        return right
    return left if right == ANYONE else Both(left, right)


def _either(left: Node, right: Node) -> Node:
    if ANYONE in (left, right):
        return ANYONE
    if left in (NOBODY, right):
        return right
    return left if right == NOBODY else Either(left, right)


@dataclass(frozen=True, slots=True)
class Demand:
    """A parsed expression. Two demands are equal when their canonical `text` is."""

    text: str
    node: Node = field(compare=False, repr=False)

    def met_by(self, skills: Mapping[str, int]) -> bool:
        """Say whether an agent with these skill levels will do."""
        return _met(self.node, skills)


def _demand(node: Node) -> Demand:
    return Demand(str(node), node)


NO_DEMAND = _demand(ANYONE)


def _met(node: Node, skills: Mapping[str, int]) -> bool:
    match node:
        case AtLeast():
            return skills.get(node.skill, 0) >= node.level
        case Both():
            return _met(node.left, skills) and _met(node.right, skills)
        case Either():
            return _met(node.left, skills) or _met(node.right, skills)
        case Not():
            return not _met(node.part, skills)
    return True


# --- parsing --------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[^\W\d][\w\-]*(?:\.[\w\-]+)*)|(?P<number>\d+)|(?P<sign>>=|<=|==|!=|>|<|\(|\)))"
)
_COMPARISONS = {">=", "<=", "==", "!=", ">", "<"}
_WORDS = {"and", "or", "not", "anyone"}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # name, word, number, sign or end
    text: str
    column: int


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    end = len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            column = at + len(text[at:]) - len(text[at:].lstrip()) + 1
            raise ExpressionError(text, column, f"can't read {text[column - 1]!r}")
        kind = found.lastgroup or ""
        value = found[kind]
        if kind == "name" and value.lower() in _WORDS:
            kind, value = "word", value.lower()
        yield _Token(kind, value, found.start(found.lastgroup or 0) + 1)
        at = found.end()
    yield _Token("end", "the end", end + 1)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.at = 0
        self.depth = 0

    def parse(self) -> Node:
        node = self._alternatives()
        if self._next.kind != "end":
            raise self._error("expected 'and', 'or' or the end")
        return node

    @property
    def _next(self) -> _Token:
        return self.tokens[self.at]

    def _error(self, expected: str) -> ExpressionError:
        token = self._next
        return ExpressionError(self.text, token.column, f"{expected}, found {token.text!r}")

    def _take(self, kind: str, text: str | None = None) -> bool:
        token = self._next
        if token.kind != kind or (text is not None and token.text != text):
            return False
        self.at += 1
        return True

    def _alternatives(self) -> Node:
        node = self._conjunction()
        while self._take("word", "or"):
            node = _either(node, self._conjunction())
        return node

    def _conjunction(self) -> Node:
        node = self._factor()
        while self._take("word", "and"):
            node = _both(node, self._factor())
        return node

    def _factor(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self._error(f"at most {MAX_DEPTH} levels of brackets and 'not'")
        node = self._nested()
        self.depth -= 1
        return node

    def _nested(self) -> Node:
        if self._take("word", "not"):
            return _negated(self._factor())
        if self._take("word", "anyone"):
            return ANYONE
        if self._take("sign", "("):
            node = self._alternatives()
            if not self._take("sign", ")"):
                raise self._error("expected ')'")
            return node
        return self._comparison()

    def _comparison(self) -> Node:
        skill = self._next.text
        if not self._take("name"):
            raise self._error("expected a skill, 'not' or '('")
        sign = self._next.text
        if self._next.kind != "sign" or sign not in _COMPARISONS:
            return _at_least(skill, 1)
        self.at += 1
        token = self._next
        if token.kind != "number" or len(token.text) > 1:
            raise self._error(f"expected a level from 0 to {MAX_LEVEL}")
        self.at += 1
        return _compared(skill, sign, int(token.text))


def _compared(skill: str, sign: str, level: int) -> Node:
    reached, passed = _at_least(skill, level), _at_least(skill, level + 1)
    equal = _both(reached, _negated(passed))
    return {
        ">=": reached,
        ">": passed,
        "<": _negated(reached),
        "<=": _negated(passed),
        "==": equal,
        "!=": _negated(equal),
    }[sign]


@lru_cache(maxsize=16384)
def parse(text: str) -> Demand:
    """Read an expression; raise ExpressionError with the column where it goes wrong."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(text[:40] + "…", MAX_LENGTH + 1, f"longer than {MAX_LENGTH}")
    if not text.strip():
        return NO_DEMAND
    return _demand(_Parser(text).parse())


@lru_cache(maxsize=16384)
def both(first: Demand, second: Demand) -> Demand:
    """Ask for all that `first` and `second` ask for."""
    return _demand(_both(first.node, second.node))


def combine(*expressions: str) -> str:
    """Join what a queue, a menu choice, a dialed number and a history ask for into one text."""
    parts = [text for text in expressions if text.strip()]
    return " and ".join(f"({text})" for text in parts) if len(parts) > 1 else "".join(parts)


def parts_of(demand: Demand) -> frozenset[Node]:
    """Return what must all be met, each by itself; nothing for a demand that asks for nothing."""
    return frozenset(_parts(demand.node))


def _parts(node: Node) -> Iterator[Node]:
    if isinstance(node, Both):
        yield from _parts(node.left)
        yield from _parts(node.right)
    elif node != ANYONE:
        yield node


def skills_of(demand: Demand) -> frozenset[str]:
    """Return the skills that an agent who will do has or may have; not those that rule one out."""
    return frozenset(_skills(demand.node))


def _skills(node: Node) -> Iterator[str]:
    if isinstance(node, AtLeast):
        yield node.skill
    elif isinstance(node, Both | Either):
        yield from _skills(node.left)
        yield from _skills(node.right)


# --- relaxation -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Easing:
    """One step by which a demand is eased; what a step says is done on top of earlier ones."""

    lower: int = 0  # every level asked for becomes lower by this many
    drop: tuple[str, ...] = ()  # skills, or whole families ("district"), no longer asked for
    anyone: bool = False  # every agent of the queue will do


@lru_cache(maxsize=16384)
def eased(demand: Demand, step: Easing) -> Demand:
    """Ease a demand: whoever met it before still does."""
    return _demand(ANYONE if step.anyone else _eased(demand.node, step, positive=True))


def _eased(node: Node, step: Easing, *, positive: bool) -> Node:
    match node:
        case AtLeast():
            if _dropped(node.skill, step.drop):
                return ANYONE if positive else NOBODY
            # Under a `not`, a lower level would ask for more.
            return _at_least(node.skill, node.level - step.lower) if positive else node
        case Both():
            left = _eased(node.left, step, positive=positive)
            return _both(left, _eased(node.right, step, positive=positive))
        case Either():
            left = _eased(node.left, step, positive=positive)
            return _either(left, _eased(node.right, step, positive=positive))
        case Not():
            return _negated(_eased(node.part, step, positive=not positive))
    return node


def _dropped(skill: str, drop: tuple[str, ...]) -> bool:
    return any(skill == name or skill.startswith(name + ".") for name in drop)


# --- the index ------------------------------------------------------------------------------


class SkillIndex:
    """Which agents have which skill at which level, as bit sets (one bit for each agent)."""

    def __init__(self) -> None:
        self._levels: dict[str, list[int]] = {}

    def add(self, bit: int, skills: Mapping[str, int]) -> None:
        for skill, level in skills.items():
            levels = self._levels.setdefault(skill, [0] * (MAX_LEVEL + 1))
            for reached in range(1, level + 1):
                levels[reached] |= bit

    def remove(self, bit: int, skills: Mapping[str, int]) -> None:
        for skill, level in skills.items():
            levels = self._levels[skill]
            for reached in range(1, level + 1):
                levels[reached] &= ~bit

    def who(self, demand: Demand, among: int) -> int:
        """Return those of the set `among` who meet the demand."""
        return self._who(demand.node, among)

    def _who(self, node: Node, among: int) -> int:
        match node:
            case AtLeast():
                levels = self._levels.get(node.skill)
                return among & levels[node.level] if levels else 0
            case Both():
                return self._who(node.right, self._who(node.left, among))
            case Either():
                return self._who(node.left, among) | self._who(node.right, among)
            case Not():
                return among & ~self._who(node.part, among)
        return among
