"""Other channels hand in what citizens write; the public page tells how far it is."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from web_kit import token_of

from callcenter import database, inquiry, intake, intake_wechat
from web.localtime import now
from workorder.models import Order

SECRET = "secret-for-tests-only"


@pytest.fixture
def keys(engine: Engine) -> dict[str, str]:
    with database.writing(engine) as session:
        return {name: intake.make_key(session, name, now()) for name in intake.CHANNELS}


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def hand_in(client: FlaskClient, channel: str, key: str, **options: Any) -> Any:
    return client.post(
        f"/api/v1/intake/{channel}", headers={"Authorization": f"Bearer {key}"}, **options
    )


def orders(engine: Engine) -> list[Order]:
    with database.reading(engine) as session:
        return list(session.scalars(sa.select(Order).order_by(Order.id)))


MESSAGE = {"message_id": "m-1", "text": "路灯坏了\n在人民路 3 号", "number": "13800000001"}


def test_given_a_message_twice_then_it_is_one_order(
    client: FlaskClient, engine: Engine, keys: dict[str, str]
) -> None:
    first = hand_in(client, "web", keys["web"], json=MESSAGE)
    again = hand_in(client, "web", keys["web"], json=MESSAGE)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json["order_number"] == again.json["order_number"]
    assert (first.json["new"], again.json["new"]) == (True, False)
    (order,) = orders(engine)
    assert (order.channel, order.citizen_number, order.title) == ("web", "13800000001", "路灯坏了")
    assert order.body == MESSAGE["text"]


def test_given_the_same_id_for_other_words_then_it_is_refused(
    client: FlaskClient, keys: dict[str, str]
) -> None:
    hand_in(client, "web", keys["web"], json=MESSAGE)
    assert hand_in(client, "web", keys["web"], json=MESSAGE | {"text": "x"}).status_code == 409
    other = hand_in(client, "sms", keys["sms"], json=MESSAGE | {"text": "x"})
    assert other.status_code == 201  # ids are each channel's own


def test_given_the_same_message_at_once_then_it_is_one_order(
    app: Flask, engine: Engine, keys: dict[str, str]
) -> None:
    def send(_: int) -> int:
        return hand_in(app.test_client(), "web", keys["web"], json=MESSAGE).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(send, range(4))) == [200, 200, 200, 201]
    assert len(orders(engine)) == 1


@pytest.mark.parametrize("key", ["", "wrong", "token-for-tests-only", None])
def test_given_another_key_then_nothing_is_taken(
    client: FlaskClient, engine: Engine, keys: dict[str, str], key: str | None
) -> None:
    key = keys["sms"] if key is None else key  # another channel's
    assert hand_in(client, "web", key, json=MESSAGE).status_code == 401
    assert orders(engine) == []


def test_given_a_new_key_then_the_old_one_is_void(
    client: FlaskClient, engine: Engine, keys: dict[str, str]
) -> None:
    with database.writing(engine) as session:
        new = intake.make_key(session, "web", now())
    assert hand_in(client, "web", keys["web"], json=MESSAGE).status_code == 401
    assert hand_in(client, "web", new, json=MESSAGE).status_code == 201


def test_given_many_wrong_keys_then_the_address_has_to_wait(
    client: FlaskClient, keys: dict[str, str]
) -> None:
    codes = [hand_in(client, "web", "wrong", json=MESSAGE).status_code for _ in range(21)]
    assert codes == [401] * 20 + [429]
    assert hand_in(client, "web", keys["web"], json=MESSAGE).status_code == 429


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 400),
        (MESSAGE | {"state": "archived"}, 400),
        (MESSAGE | {"text": " \x00\u202e "}, 422),
        (MESSAGE | {"text": "长" * 10_001}, 400),
        (MESSAGE | {"number": 5}, 400),
        ([], 400),
    ],
)
def test_given_odd_bodies_then_the_fault_is_named(
    client: FlaskClient, keys: dict[str, str], body: Any, code: int
) -> None:
    assert hand_in(client, "web", keys["web"], json=body).status_code == code


def test_given_hostile_text_then_it_is_kept_as_harmless_text(
    client: FlaskClient, engine: Engine, keys: dict[str, str]
) -> None:
    hostile = MESSAGE | {"title": "a\u202eb\x07\nc", "name": "<b>x", "number": "1; DROP"}
    assert hand_in(client, "web", keys["web"], json=hostile).status_code == 201
    (order,) = orders(engine)
    assert (order.title, order.citizen_name, order.citizen_number) == ("abc", "<b>x", "")


MAIL = (
    "From: =?utf-8?b?5byg5LiJ?= <zhang@example.org>\r\nSubject: {subject}\r\n"
    "Message-ID: <1@example.org>\r\n{more}Content-Type: {kind}; charset=utf-8\r\n\r\n{text}"
)


def mail(subject: str = "Street light", more: str = "", kind: str = "text/plain", text: str = "坏"):
    return MAIL.format(subject=subject, more=more, kind=kind, text=text).encode()


def test_given_a_mail_then_it_becomes_an_order(
    client: FlaskClient, engine: Engine, keys: dict[str, str]
) -> None:
    html = "<style>p{}</style><p>路灯<br>坏了&lt;</p><script>alert(1)</script>"
    options = {"data": mail(kind="text/html", text=html), "content_type": "message/rfc822"}
    assert hand_in(client, "email", keys["email"], **options).status_code == 201
    assert hand_in(client, "email", keys["email"], **options).status_code == 200
    (order,) = orders(engine)
    assert (order.title, order.citizen_name) == ("Street light", "张三")
    assert order.body.startswith("路灯\n坏了<")
    assert "zhang@example.org" in order.body
    assert "alert" not in order.body


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe\x00",
        mail(more="Auto-Submitted: auto-replied\r\n"),
        mail().replace(b"Message-ID: <1@example.org>\r\n", b""),
        mail(kind="text/html; charset=nonsense", text="x").replace(b"text/html", b"multipart/x"),
        mail(text=""),
    ],
)
def test_given_what_is_no_citizens_mail_then_it_is_refused(
    client: FlaskClient, engine: Engine, keys: dict[str, str], raw: bytes
) -> None:
    answer = hand_in(client, "email", keys["email"], data=raw, content_type="message/rfc822")
    assert answer.status_code == 422
    assert orders(engine) == []


def test_given_an_sms_gateways_form_then_its_names_are_understood(
    client: FlaskClient, engine: Engine, keys: dict[str, str]
) -> None:
    form = {"msgid": "77", "mobile": "13800000002", "content": "噪音扰民"}
    assert hand_in(client, "sms", keys["sms"], data=form).status_code == 201
    assert orders(engine)[0].citizen_number == "13800000002"
    assert hand_in(client, "web", keys["web"], data=form).status_code == 415


# --- WeChat -----------------------------------------------------------------------------------


def signed(stamp: float | None = None, **more: str) -> dict[str, str]:
    query = {"timestamp": str(int(stamp or time.time())), "nonce": "n"}
    told = "".join(sorted((intake_wechat.token(SECRET), query["timestamp"], "n")))
    signature = hashlib.sha1(told.encode(), usedforsecurity=False).hexdigest()
    return {**query, "signature": signature, **more}


XML = (
    "<xml><ToUserName><![CDATA[gh]]></ToUserName><FromUserName><![CDATA[o<Id]]></FromUserName>"
    "<MsgType><![CDATA[{kind}]]></MsgType><Content><![CDATA[井盖丢失]]></Content>"
    "<MsgId>123</MsgId></xml>"
)
CALLBACK = "/api/v1/intake/wechat/callback"


def test_given_wechats_handshake_then_it_is_answered(client: FlaskClient) -> None:
    assert client.get(CALLBACK, query_string=signed(echostr="e")).text == "e"
    for query in ({}, signed(signature="0"), signed(time.time() - 3600), signed(timestamp="x")):
        assert client.get(CALLBACK, query_string=query).status_code == 401


def test_given_wechats_text_then_it_is_one_order_and_answered(
    client: FlaskClient, engine: Engine
) -> None:
    told = XML.format(kind="text").encode()
    answers = [client.post(CALLBACK, query_string=signed(), data=told) for _ in range(2)]
    (order,) = orders(engine)
    assert all(order.number in answer.text for answer in answers)
    assert "<ToUserName>o&lt;Id</ToUserName>" in answers[0].text
    picture = client.post(CALLBACK, query_string=signed(), data=XML.format(kind="image"))
    assert picture.text == "success"
    assert len(orders(engine)) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<xml>",
        b'<!DOCTYPE x [<!ENTITY a "aa">]><xml><MsgType>text</MsgType></xml>',
        b"<xml><MsgType>text</MsgType></xml>",
        b"x" * 70_000,
    ],
)
def test_given_odd_xml_then_it_is_refused(client: FlaskClient, engine: Engine, raw: bytes) -> None:
    assert client.post(CALLBACK, query_string=signed(), data=raw).status_code == 400
    assert orders(engine) == []


# --- the public page --------------------------------------------------------------------------


def ask(client: FlaskClient, number: str, code: str) -> Any:
    token = token_of(client.get("/progress"))
    form = {"number": number, "code": code, "csrf_token": token}
    return client.post("/progress", data=form)


@pytest.fixture
def number(client: FlaskClient, keys: dict[str, str]) -> str:
    text = MESSAGE | {"title": "绝密标题", "name": "张三"}
    return str(hand_in(client, "web", keys["web"], json=text).json["order_number"])


def test_given_number_and_code_then_the_state_is_shown_and_nothing_else(
    client: FlaskClient, number: str
) -> None:
    answer = ask(client, number, inquiry.code(SECRET, number))
    assert answer.status_code == 200
    assert "已受理" in answer.text
    for hidden in ("绝密标题", "张三", "路灯", "13800000001", "0001</bdi>"):
        assert hidden not in answer.text


def test_given_guesses_then_they_are_limited(client: FlaskClient, number: str) -> None:
    codes = [ask(client, number, f"{guess:08}").status_code for guess in range(8)]
    assert codes == [422] * 6 + [429] * 2
    assert ask(client, number, inquiry.code(SECRET, number)).status_code == 429


def test_given_right_answers_then_nobody_is_locked_out(client: FlaskClient, number: str) -> None:
    codes = {ask(client, number, inquiry.code(SECRET, number)).status_code for _ in range(10)}
    assert codes == {200}


@pytest.mark.parametrize("odd", ["", "' OR 1=1", "１" * 14, "\x00", "9" * 500])
def test_given_odd_numbers_then_they_are_wrong(client: FlaskClient, odd: str) -> None:
    assert ask(client, odd, odd).status_code == 422
