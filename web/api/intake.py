"""Other channels hand in what citizens write; each with its own key."""

from __future__ import annotations

import logging

from flask import Response, abort, current_app, request
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import (
    BadRequest,
    Conflict,
    TooManyRequests,
    UnprocessableEntity,
    UnsupportedMediaType,
)

from callcenter import inquiry, intake, intake_mail, intake_wechat
from callcenter.intake import Request, Taken
from callcenter.order_files import FOLDER
from web.api.blueprint import answer, blueprint, read_body
from web.api.document import operation
from web.api.schemas import IntakeIn, IntakeOut
from web.limits import limiter
from web.localtime import now
from web.storage import db, saving, settings

log = logging.getLogger(__name__)

A_MINUTE = 600  # messages of one channel
WRONG_KEYS = 20  # of one address in an hour
RACES = 3
SMS_FIELDS = {
    "message_id": ("message_id", "msgid", "MsgId", "id"),
    "number": ("number", "from", "mobile", "phone"),
    "text": ("text", "content", "body", "message"),
}


@blueprint.post("/intake/<channel>")
@operation(
    "Hand in what a citizen wrote; the same message_id again gives the same order. "
    "Authorization: Bearer <the channel's key>. `email` also takes message/rfc822, "
    "`sms` also form fields",
    response=IntakeOut,
    body=IntakeIn,
    errors=(400, 409, 415, 422, 429),
)
def intake_message(channel: str) -> Response:
    _let_in(channel)
    taken = _taken(channel, _read(channel))
    told = IntakeOut(
        order_number=taken.order_number,
        inquiry_code=inquiry.code(settings().web_secret_key, taken.order_number),
        new=taken.new,
    )
    response = answer(told)
    response.status_code = 201 if taken.new else 200
    return response


@blueprint.route("/intake/wechat/callback", methods=["GET", "POST"])
@operation("WeChat's message push, signed with the channel's token", errors=(400,))
def intake_wechat_callback() -> Response:
    if not intake_wechat.is_signed(settings().web_secret_key, request.args):
        abort(401)
    if request.method == "GET":
        return Response(request.args.get("echostr", "")[:200], mimetype="text/plain")
    try:
        read = intake_wechat.read(request.get_data())
    except intake_wechat.NotACallback as error:
        raise BadRequest(str(error)) from error
    if read is None:
        return Response("success", mimetype="text/plain")
    asked, told = read
    taken = _taken("wechat", asked)
    code = inquiry.code(settings().web_secret_key, taken.order_number)
    text = f"您的诉求已收到，工单编号 {taken.order_number}，查询码 {code}。"
    return Response(intake_wechat.reply(told, text), mimetype="application/xml")


def _let_in(channel: str) -> None:
    """Raise 401 for a wrong key, 429 for too many of them or too much from the right one."""
    address = request.remote_addr or ""
    if not limiter().hit("intake-key", address, WRONG_KEYS, 3600):
        raise TooManyRequests("too many wrong keys from this address")
    scheme, _space, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not intake.has_key(db(), channel, key.strip()[:200]):
        abort(401)
    limiter().give_back("intake-key", address, 3600)
    _not_too_much(channel)


def _not_too_much(channel: str) -> None:
    if not limiter().hit("intake", channel, A_MINUTE, 60):
        raise TooManyRequests(f"more than {A_MINUTE} messages a minute")


def _read(channel: str) -> Request:
    kind = request.mimetype
    if kind == "application/json":
        asked = read_body(IntakeIn)
        return Request(**asked.model_dump())
    if channel == "email" and kind in ("message/rfc822", "application/octet-stream"):
        try:
            return intake_mail.read(request.get_data())
        except (intake_mail.NotMail, intake_mail.Automatic) as error:
            raise UnprocessableEntity(str(error)) from error
    if channel == "sms" and kind == "application/x-www-form-urlencoded":
        told = {name: _field(names) for name, names in SMS_FIELDS.items()}
        return Request(message_id=told["message_id"], number=told["number"], text=told["text"])
    raise UnsupportedMediaType(f"{kind or 'nothing'} isn't taken here")


def _field(names: tuple[str, ...]) -> str:
    return next((request.form[name] for name in names if request.form.get(name)), "")


def _taken(channel: str, asked: Request) -> Taken:
    for _attempt in range(RACES):
        try:
            with saving() as session:
                return intake.take_in(session, channel, asked, now(), settings().data_dir / FOLDER)
        except IntegrityError:
            continue  # the same message came twice at once: now it is known
        except intake.Differs as error:
            raise Conflict(str(error)) from error
        except intake.Empty as error:
            raise UnprocessableEntity(str(error)) from error
    current_app.logger.error("intake %s: a message couldn't be stored", channel)
    raise Conflict("the same message is being stored right now; try again")
