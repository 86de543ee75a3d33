"""What the API answers, as models; the OpenAPI document is made from them."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from acd.messages import AgentState, NotReadyReason
from callcenter.events import Outcome
from callcenter.recordings import State
from workorder.categories import Category


class Model(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Problem(Model):
    """An error. `message` is for people."""

    error: str
    message: str


class RecordingOut(Model):
    path: str = Field(description="Relative to the recordings folder")
    url: str = Field(description="Where to fetch it, with Range if wanted")
    kind: str = Field(description="talk or message")
    state: State
    problem: str = Field(description="How it is damaged, in English")
    seconds: float | None
    channels: int | None
    size: int | None = Field(description="Bytes")
    sha256: str | None


class CallOut(Model):
    """A call record. Times are UTC; `ended_at` null means that the call goes on."""

    id: str = Field(description="The citizen's channel UUID")
    caller: str
    caller_name: str
    dialed: str
    hotline: str
    menu_path: list[Any] = Field(description='Keys pressed: ["main:1", …]')
    queue: str | None
    agents_offered: list[Any]
    agent: str | None
    stage: str
    arrived_at: dt.datetime
    queued_at: dt.datetime | None
    offered_at: dt.datetime | None
    answered_at: dt.datetime | None
    talk_ended_at: dt.datetime | None
    ended_at: dt.datetime | None
    outcome: Outcome | None
    rating: int | None = Field(description="1 (very satisfied) … 5 (very dissatisfied)")
    hangup_cause: str | None
    hangup_by: str | None
    callback_number: str | None = Field(description="The citizen wants to be called there")
    callback_of: str | None = Field(description="The call in which this one was promised")
    purpose: str = Field(
        description="Why we called (follow_up, notice; order, office: an agent did); or "
    )
    order_number: str | None
    recording: RecordingOut | None = None


class WhyQuery(Model):
    reason: str = Field("", max_length=200, description="Why; needed where the policy says so")


class CallPage(Model):
    calls: list[CallOut]
    next_cursor: str | None = Field(description="Give it as `cursor` for older calls")


class PageQuery(Model):
    cursor: str = Field("", description="`next_cursor` of the page before")
    limit: int = Field(50, ge=1, le=200)


class CallQuery(PageQuery):
    since: dt.date | None = Field(None, description="First day, in China")
    until: dt.date | None = Field(None, description="Last day, in China")
    outcome: Literal["", "in_progress"] | Outcome = ""
    agent: str = Field("", max_length=16)
    queue: str = Field("", max_length=64)
    number: str = Field("", max_length=32, description="Part of the caller's number")


class CountsOut(Model):
    """Calls, counted for the day in which they arrived (China's clock)."""

    arrived: int = Field(description="Calls in; those that the hotline placed aren't")
    queued: int = Field(description="Entered a queue")
    waiting: int = Field(description="Of those, still waiting")
    answered: int = Field(description="Answered by an agent")
    answered_in_time: int = Field(description="Within 15 s of entering the queue")
    answered_in_time_of_arrival: int = Field(description="Within 15 s of arrival at the switch")
    wait_answered: float = Field(description="Seconds that the answered waited, together")
    told: int = Field(description="Answered after an expected wait was announced")
    told_error: float = Field(description="Seconds, sum of announced - real wait of those")
    told_error_absolute: float = Field(description="Seconds, the same without the signs")
    abandoned: int = Field(description="Hung up in the queue")
    abandoned_early: int = Field(description="Of those, within 5 s")
    abandoned_in_menu: int
    callback_requested: int
    message_left: int
    transferred: int
    self_served: int
    blocked: int
    failed: int
    placed: int = Field(description="Placed by the hotline, to call a citizen back")
    rated: int
    satisfied: int = Field(description="Rated three levels or better")


class FigureOut(Model):
    name: str
    value: float | None = Field(description="Null when there is nothing to divide by")
    unit: str = Field(description="% or s")
    numerator: float
    denominator: float
    target: float | None = Field(description="Percent, at least")
    met: bool | None
    definition: str
    left_out: str


class QuarterOut(Model):
    start: dt.datetime
    counts: CountsOut
    connection_rate: float | None = Field(description="Percent")
    service_level: float | None = Field(description="Percent")


class AgentDayOut(Model):
    agent: str
    calls: int
    handling_seconds: float = Field(description="Talk, hold and wrap-up")
    idle_seconds: float = Field(description="Ready")
    handling_time: float | None = Field(description="Seconds a call")
    occupancy: float | None = Field(description="Percent")


class FiguresOut(Model):
    day: dt.date
    queue: str = Field(description="Empty: all")
    over: bool = Field(description="Whether the day is over")
    at: dt.datetime
    going_on: int = Field(description="Calls of any day that aren't over")
    counts: CountsOut
    figures: list[FigureOut]
    quarters: list[QuarterOut]
    agents: list[AgentDayOut]


class FiguresQuery(Model):
    day: dt.date | None = Field(None, description="In China; today when it isn't given")
    queue: str = Field("", max_length=64, description="One queue; all when it isn't given")


class QueueOut(Model):
    """A queue as the controller last told it; other keys are passed on as they come."""

    model_config = ConfigDict(extra="allow")
    name: str
    waiting: int
    longest_wait: float | None = Field(description="Seconds")
    estimate_seconds: float | None = Field(description="Wait of somebody who would come now")


class QueueList(Model):
    queues: list[QueueOut]
    at: dt.datetime | None = Field(description="When the controller told it")
    stale: bool = Field(description="Older than 10 s, or unknown")


class AgentOut(Model):
    number: str
    name: str
    state: AgentState
    reason: str = Field(description="Why the agent isn't ready; see the request for the words")
    since: dt.datetime | None
    until: dt.datetime | None = Field(description="End of wrap-up or of the offer")
    contact: str | None = Field(description="Id of the call that the agent has")
    queues: dict[str, Any]
    skills: dict[str, Any]
    registered: bool | None = Field(description="Whether the phone is registered")
    stale: bool


class AgentList(Model):
    agents: list[AgentOut]


class AgentStateIn(Model):
    model_config = ConfigDict(extra="forbid")
    state: Literal["ready", "not_ready", "logged_out"]
    reason: NotReadyReason = Field(
        NotReadyReason.BREAK, description="For not_ready: break, meal, training, meeting"
    )


class OrderOut(Model):
    number: str
    state: str
    category: Category | None
    title: str
    body: str
    citizen_number: str
    citizen_name: str
    channel: str
    call_id: str | None
    agent_number: str | None
    created_at: dt.datetime
    updated_at: dt.datetime
    version: int


class OrderPage(Model):
    orders: list[OrderOut]
    next_cursor: str | None


class OrderQuery(PageQuery):
    state: str = Field("", max_length=32)
    category: Literal[""] | Category = ""
    text: str = Field("", max_length=64, description="Number, title or citizen's name")


class OrderEventOut(Model):
    at: dt.datetime
    kind: str
    actor: str
    from_state: str | None
    to_state: str
    reason: str
    data: dict[str, Any]


class OrderEventList(Model):
    events: list[OrderEventOut]


class IntakeIn(Model):
    """What a citizen wrote. Only `message_id` and `text` are needed."""

    model_config = ConfigDict(extra="forbid")
    message_id: str = Field(min_length=1, max_length=200, description="The channel's own id")
    text: str = Field(min_length=1, max_length=10_000)
    title: str = Field("", max_length=200, description="Empty: the beginning of the text")
    number: str = Field("", max_length=32, description="The citizen's telephone")
    name: str = Field("", max_length=64)
    contact: str = Field("", max_length=128, description="A mail address, an OpenID")


class IntakeOut(Model):
    order_number: str
    inquiry_code: str = Field(description="With it the citizen asks for the progress")
    new: bool = Field(description="False: this message came before")
