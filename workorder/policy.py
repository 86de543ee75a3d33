"""A city's rules as data: the schema of `workorder/policies/*.yaml`.

Every rule names its source: document and article, or that it is this product's own default.
Lengths of time are written as in `workorder.worktime.Duration`: "2 workdays", "2 hours".
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from workorder.categories import Category
from workorder.worktime import Duration, Measure

Source = Annotated[str, StringConstraints(min_length=2, max_length=200)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Cause(StrEnum):
    """Why a supervision notice (督办通知书) may be issued."""

    OVERDUE = "overdue"
    RED_CARD = "red_card"
    UNTRUE_RESULT = "untrue_result"
    PROCESS_PROBLEMS = "process_problems"
    LEADERS_INSTRUCTION = "leaders_instruction"
    REPEATS = "repeats"
    REDO = "redo"
    REFUSES = "refuses"  # units push the order to each other
    UNSOLVED = "unsolved"  # could be solved, and wasn't
    UNSATISFIED = "unsatisfied"  # with speed, attitude and result alike
    HARD = "hard"  # unsolved over several handling periods
    REVIEW_UNSATISFIED = "review_unsatisfied"  # found by the tier above
    MEDIA = "media"
    OTHER = "other"


class Starts(StrEnum):
    """When working time begins to count."""

    RECEIPT = "receipt"  # at the moment of dispatch
    NEXT_DAY = "next_day"  # 00:00 of the day after


class ByPerson(StrEnum):
    """When a follow-up that a machine made is done again by a person."""

    DISSATISFIED = "dissatisfied"
    UNTRUE = "untrue"  # the citizen says that the result isn't true
    UNSOLVED = "unsolved"
    SUPERVISED = "supervised"
    NOT_REACHED = "not_reached"


class Paper(StrEnum):
    """What has to come with a step."""

    LEGAL_BASIS = "legal_basis"  # the law or document that says whose duty it is
    SIGNED_BY = "signed_by"  # the unit's head
    CITIZEN_TOLD = "citizen_told"
    PROGRESS_REPORT = "progress_report"
    SIGNED_LETTER = "signed_letter"


class Limit(Strict):
    """A time limit and its levels; all lengths count from the clock's start."""

    limit: Duration
    target: Duration | None = None  # wished for; being late begins after `limit`
    warning: Duration | None = None
    yellow: Duration | None = None
    red: Duration | None = None
    source: Source

    @model_validator(mode="after")
    def _levels_fit(self) -> Self:
        before = 0
        for name in ("target", "warning", "yellow", "red"):
            level = getattr(self, name)
            if level is None:
                continue
            if level.measure is Measure.SAME_DAY or self.limit.measure is Measure.SAME_DAY:
                if name != "target":
                    raise ValueError(f'{name}: expected none beside "same day"')
                continue
            if level.working != self.limit.working:
                raise ValueError(
                    f"{name}: expected {'working' if self.limit.working else 'any'} "
                    f"time, as in limit: {self.limit}"
                )
            if name != "target" and level.seconds < before:
                raise ValueError(f"{name}: expected no earlier than the level before it")
            if name in ("target", "warning") and level.seconds > self.limit.seconds:
                raise ValueError(f"{name}: expected at most the limit, {self.limit}")
            before = before if name == "target" else level.seconds
        return self


class Start(Strict):
    clock: Starts
    source: Source


class Near(Strict):
    """The yellow light where a limit names no warning: so long before the deadline.

    A limit of no more than that turns yellow when half of it has passed.
    """

    before: Duration
    source: Source


class DispatchLimits(Strict):
    clear: Limit
    unclear: Limit | None = None  # several units, or whose duty is unclear


class ReturnRule(Strict):
    """Sending an order back; later it counts as accepted."""

    limit: Duration
    site_check: Duration | None = None  # where the site has to be looked at first
    requires: tuple[Paper, ...] = ()
    source: Source


class ExtensionAsk(Strict):
    before: Duration | None = None  # ask no later than so long before the deadline
    requires: tuple[Paper, ...] = ()
    source: Source


class ExtensionRule(Strict):
    """Extensions in the order in which they may be asked for; none listed: none possible."""

    asks: tuple[ExtensionAsk, ...] = ()
    # At most so many working days; None: at most the order's own limit once more.
    most: Duration | None = None
    source: Source


class JointWhen(StrEnum):
    DISPUTED = "disputed"  # when the dispatcher finds that units dispute
    ALWAYS = "always"  # every returned order


class JointRule(Strict):
    when: JointWhen
    source: Source


class FollowUpRule(Strict):
    within: Duration | None = None
    by_person_when: tuple[ByPerson, ...] = ()
    source: Source


class RedoRule(Strict):
    most: int | None = Field(None, ge=0, le=20)  # None: as often as needed
    supervised: bool
    extension: bool  # whether a redone order may be extended
    source: Source


class SupervisionRule(Strict):
    causes: dict[Cause, Source]
    automatic: tuple[Cause, ...] = ()  # the system issues the notice itself
    repeats: int | None = Field(None, ge=2, le=100)
    reply: Limit | None = None
    monthly_quota: int | None = Field(None, ge=1, le=100)  # percent of last month's orders
    source: Source

    @model_validator(mode="after")
    def _automatic_are_causes(self) -> Self:
        for cause in self.automatic:
            if cause not in self.causes:
                raise ValueError(f"automatic: expected only causes listed above, found {cause}")
        if (self.repeats is not None) != (Cause.REPEATS in self.causes):
            raise ValueError("repeats: expected together with the cause repeats, or neither")
        return self


class TooOld(Strict):
    years: int = Field(ge=1, le=50)
    source: Source


class NotAccepted(Strict):
    text: Annotated[str, StringConstraints(min_length=2, max_length=200)]
    source: Source


class RepeatRule(Strict):
    window: Duration  # how far back is looked
    similar: float = Field(gt=0, le=1)  # share of n-grams in common from which texts are alike
    key_from: int = Field(ge=2, le=100)  # orders about one thing from which it is 重点
    source: Source


class HardRule(Strict):
    periods: int = Field(ge=1, le=20)  # unsolved over so many times its limit
    source: Source


class Tiers(Strict):
    most: int = Field(ge=1, le=4)
    source: Source


ANY = "any"
SPECIALISED = "specialised_inquiry"
LimitKey = Annotated[str, StringConstraints(pattern=r"^[a-z_]{2,32}$")]
LIMIT_KEYS = frozenset({*Category, ANY, SPECIALISED})


class Policy(Strict):
    """All rules of a city, or of a tier. Keys are described above and in docs/policies.md."""

    policy: Name
    title: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    extends: Name | None = None
    sources: dict[str, str] = {}  # the documents, by the names that `source` uses

    starts: Start
    near: Near
    register_: Limit | None = Field(None, alias="register")  # other channels than the telephone
    dispatch: DispatchLimits
    acknowledge: Limit | None = None
    return_: ReturnRule = Field(alias="return")
    contact: dict[LimitKey, Limit] = {}  # by category, or any
    on_site: dict[LimitKey, Limit] = {}
    resolve: dict[LimitKey, Limit]
    extension: ExtensionRule
    joint: JointRule
    review: Limit | None = None
    follow_up: FollowUpRule
    redo: RedoRule
    supervision: SupervisionRule
    written: Limit | None = None
    too_old: TooOld | None = None
    not_accepted: dict[Name, NotAccepted] = {}
    repeats: RepeatRule
    hard: HardRule | None = None
    tiers: Tiers

    @model_validator(mode="after")
    def _limits_are_of_categories(self) -> Self:
        for name in ("contact", "on_site", "resolve"):
            for key in getattr(self, name):
                if key not in LIMIT_KEYS:
                    expected = ", ".join(sorted(LIMIT_KEYS))
                    raise ValueError(f"{name}: expected one of {expected}, found {key}")
        if ANY not in self.resolve:
            raise ValueError('resolve: expected a limit for "any" too, for what isn\'t listed')
        return self

    def rule(self, path: str) -> Limit:
        """The limit that a ledger names, as in `resolve.help`; KeyError when there is none."""
        name, _, key = path.partition(".")
        found: Any
        match name:
            case "return":
                found = Limit(limit=self.return_.limit, source=self.return_.source)
            case "follow_up" if self.follow_up.within:
                found = Limit(limit=self.follow_up.within, source=self.follow_up.source)
            case "supervise" if self.supervision.reply:
                found = self.supervision.reply
            case "dispatch":
                found = (key == "unclear" and self.dispatch.unclear) or self.dispatch.clear
            case "contact" | "on_site" | "resolve":
                found = getattr(self, name)[key]
            case _:
                found = getattr(self, {"register": "register_"}.get(name, name), None)
        if not isinstance(found, Limit):
            raise KeyError(path)
        return found

    def path_for(self, name: str, category: str | None, *, specialised: bool = False) -> str | None:
        """Which limit of `contact`, `on_site` or `resolve` an order has; None: none."""
        limits: dict[str, Any] = getattr(self, name)
        keys = [category or ANY, ANY]
        if specialised and category == Category.INQUIRY:
            keys.insert(0, SPECIALISED)
        return next((f"{name}.{key}" for key in keys if key in limits), None)
