"""What went out, what waits, and what did not go: the outbox for people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from callcenter import outbox
from callcenter.models import OutboxMessage
from callcenter.outbox import DEAD_LETTERS, State
from web.audit import Action, record
from web.auth import signed_in
from web.localtime import now
from web.storage import db, saving

blueprint = Blueprint("notices", __name__, url_prefix="/notices")

SHOWN = {
    "dead": DEAD_LETTERS,
    "waiting": (State.WAITING, State.SENDING),
    "sent": (State.SENT, State.CANCELLED),
}
Act = Callable[[Session, int, datetime], OutboxMessage]
ACTS: dict[str, tuple[Act, Action]] = {
    "again": (outbox.send_again, Action.MESSAGE_SENT_AGAIN),
    "give_up": (outbox.give_up, Action.MESSAGE_GIVEN_UP),
}


@blueprint.get("")
def index() -> str:
    shown = request.args.get("shown", "dead")
    states = SHOWN.get(shown) or abort(404)
    counts = outbox.counts(db())
    return render_template(
        "notices.html",
        shown=shown,
        messages=outbox.listed(db(), states),
        counts={name: sum(counts.get(each, 0) for each in told) for name, told in SHOWN.items()},
    )


@blueprint.post("/<int:message_id>")
def act(message_id: int) -> Any:
    what, action = ACTS.get(request.form.get("act", "")) or abort(400)
    try:
        with saving() as session:
            message = what(session, message_id, now())
            record(session, action, message.order_number or str(message_id), signed_in())
    except outbox.NotOpen:
        flash(_("这条通知已由他人处理，请查看最新状态。"), "warn")
        return redirect(url_for("notices.index"))
    again = action is Action.MESSAGE_SENT_AGAIN
    flash(_("已重新排队发送。") if again else _("已标记为不再发送。"), "good")
    return redirect(url_for("notices.index"))
