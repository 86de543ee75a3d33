"""The form of a draft order: what was typed, what is wrong with it, and saving it safely."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from callcenter.privacy import clean_text
from web.audit import Action, record
from web.localtime import now
from workorder.categories import Category
from workorder.models import Order, OrderEvent, User

LIMITS = {
    "title": 200, "body": 10_000, "citizen_name": 64,
    "topic": 64, "district": 32, "address": 200,
}  # fmt: skip
EDITABLE_STATES = frozenset({"draft"})
EDITED = "edited"
ONE_SITTING = dt.timedelta(minutes=10)  # saves while somebody types are one event in the story


class Changed(Exception):
    """Somebody else saved the order since the form was opened."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What the form holds. An empty category means that it isn't judged yet."""

    category: str = ""
    title: str = ""
    body: str = ""
    citizen_name: str = ""
    topic: str = ""
    district: str = ""
    address: str = ""

    @classmethod
    def of(cls, order: Order) -> Draft:
        values = {field.name: getattr(order, field.name) or "" for field in fields(cls)}
        return cls(**values)

    @classmethod
    def from_form(cls, form: Mapping[str, str]) -> Draft:
        body = form.get("body", "").replace("\r\n", "\n").replace("\r", "\n").strip()
        return cls(
            category=form.get("category", ""),
            body="".join(char for char in body if char in "\n\t" or ord(char) >= 32),
            **{
                name: clean_text(form.get(name, ""), 1000)
                for name in ("title", "citizen_name", "topic", "district", "address")
            },
        )

    def limits(self) -> dict[str, str]:
        """Field → why it can't be kept; a form that isn't finished yet is no fault."""
        found = {}
        if self.category and self.category not in list(Category):
            found["category"] = _("请从列表中选择类别。")
        for name, limit in LIMITS.items():
            if len(getattr(self, name)) > limit:
                found[name] = _("最多 %(n)s 个字，请缩短。", n=limit)
        return found

    def problems(self) -> dict[str, str]:
        """Field → what is wrong, in words."""
        found = self.limits()
        if not self.title:
            found["title"] = _("请填写标题，一句话说明诉求。")
        return found


def save(
    session: Session, order: Order, draft: Draft, version: int, user: User, *, auto: bool = False
) -> bool:
    """Write the draft and an event about it; False when nothing changed.

    `auto` is for saving while somebody types: it goes on with that person's last event instead of
    adding one for every pause. Raise Changed when the order isn't at `version` any more.
    `version_id_col` catches the rest: a save between our look and our write raises StaleDataError.
    """
    if order.version != version:
        raise Changed
    before = asdict(Draft.of(order))
    after = asdict(draft)
    changes = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
    if not changes:
        return False
    for name, value in after.items():
        setattr(order, name, value)
    order.category = draft.category or None
    order.updated_at = now()
    if auto and _goes_on(last_editor(session, order), changes, user):
        return True
    session.add(
        OrderEvent(
            order=order,
            at=now(),
            kind=EDITED,
            actor=user.username,
            role=user.role,
            unit=user.unit,
            from_state=order.state,
            to_state=order.state,
            data={"changes": changes, "auto": auto},
        )
    )
    record(session, Action.ORDER_EDITED, order.number, user, fields=sorted(changes))
    return True


def _goes_on(last: OrderEvent | None, changes: dict[str, list[str]], user: User) -> bool:
    """Take the changes into the event of the same sitting, if it is the newest one."""
    if last is None or last.kind != EDITED or last.actor != user.username:
        return False
    if not last.data.get("auto") or last.at < now() - ONE_SITTING:
        return False
    told = dict(last.data.get("changes", {}))
    for name, (before, after) in changes.items():
        told[name] = [told[name][0] if name in told else before, after]
    last.data = {**last.data, "changes": told}  # a new dict, or the change isn't seen
    return True


def editable(order: Order) -> bool:
    return order.state in EDITABLE_STATES


def last_editor(session: Session, order: Order) -> OrderEvent | None:
    """The newest event of the order: who to ask when two people saved at once."""
    return session.scalar(
        select(OrderEvent)
        .where(OrderEvent.order_id == order.id)
        .order_by(OrderEvent.id.desc())
        .limit(1)
    )
