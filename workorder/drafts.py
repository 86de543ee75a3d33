"""What a call says about the order that will come of it.

A draft is made when an agent answers, when a message is left, or when a citizen wants to be
called back. It only fills in what is known; judging (category, text) is people's work, and what
a person wrote is never written over.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from workorder.categories import Category
from workorder.models import Order

DRAFT = "draft"
OFFICE = "office"  # purpose of a call in which there is no citizen


class CallFacts(Protocol):
    """What is read of a call's record (`callcenter.projection.CallRecord` has it all)."""

    @property
    def id(self) -> str: ...
    @property
    def caller(self) -> str: ...
    @property
    def caller_name(self) -> str: ...
    @property
    def hotline(self) -> str: ...
    @property
    def dialed(self) -> str: ...
    @property
    def agent(self) -> str | None: ...
    @property
    def answered_at(self) -> dt.datetime | None: ...
    @property
    def callback_number(self) -> str | None: ...
    @property
    def message_left(self) -> bool: ...
    @property
    def guided(self) -> bool: ...
    @property
    def purpose(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Draft:
    """The fields of `Order` that a call fills in."""

    title: str
    citizen_number: str
    citizen_name: str
    channel: str  # phone, message or callback
    agent_number: str | None
    category: str | None = None  # only when the call itself decides it


_WORDS = {"phone": "来电", "message": "留言", "callback": "回拨请求"}
_EMPTY = {"title": "", "citizen_number": "", "citizen_name": "", "channel": "phone"}


def draft_of(call: CallFacts) -> Draft | None:
    """The draft for the call as it stands; None when there is nothing to write down yet."""
    if call.purpose == OFFICE:
        return None
    if call.answered_at is not None or call.guided:
        channel = "phone"
    elif call.callback_number is not None:
        channel = "callback"
    elif call.message_left:
        channel = "message"
    else:
        return None
    draft = _draft(call, channel, call.agent)
    # Who went to 110, 119, 120 or 122 was shown the way (Anshan 2014 No. 29).
    return replace(draft, category=Category.GUIDANCE.value) if call.guided else draft


class RingingCall(Protocol):
    """What is known of a call before anybody answers."""

    @property
    def caller(self) -> str: ...
    @property
    def caller_name(self) -> str: ...
    @property
    def hotline(self) -> str: ...
    @property
    def dialed(self) -> str: ...
    @property
    def callback_number(self) -> str | None: ...


def draft_at_ring(call: RingingCall, agent: str) -> Draft:
    """The draft that `agent` begins while the phone still rings; `merge` goes on with it."""
    return _draft(call, "phone", agent)


def _draft(call: RingingCall, channel: str, agent: str | None) -> Draft:
    number = call.callback_number or call.caller
    line = call.dialed or call.hotline
    title = f"{line} {_WORDS[channel]}".strip()
    if number[-4:].isdigit() and len(number) > 4:
        title += f" 尾号{number[-4:]}"  # enough to tell orders apart in a list
    return Draft(
        title=title[:200],
        citizen_number=number[:64],
        citizen_name=_name(call),
        channel=channel,
        agent_number=agent,
    )


def _name(call: RingingCall) -> str:
    """The caller's name, unless the network sent the number once more."""
    name = call.caller_name.strip()
    if name == call.caller or not any(char.isalpha() for char in name):
        return ""
    return name[:64]


def merge(order: Order, draft: Draft) -> bool:
    """Bring a draft order up to date; True when something changed.

    A field is written only while it holds what was written here last (`Order.drafted`), so a
    person's edit stays; an order that is no draft any more is left alone.
    """
    if order.state != DRAFT:
        return False
    drafted = dict(order.drafted or {})
    for name, value in _fields(draft).items():
        if getattr(order, name) == drafted.get(name, _EMPTY.get(name)):
            setattr(order, name, value)
            drafted[name] = value
    changed = drafted != (order.drafted or {})
    if changed:
        order.drafted = drafted
    return changed


def new_order(number: str, call_id: str, draft: Draft, at: dt.datetime) -> Order:
    """A draft order; `at` (aware) is when the call gave reason for it."""
    values = _fields(draft)
    return Order(
        number=number,
        state=DRAFT,
        body="",
        call_id=call_id,
        created_at=at,
        updated_at=at,
        drafted=values,
        **values,
    )


def _fields(draft: Draft) -> dict[str, Any]:
    return asdict(draft)
