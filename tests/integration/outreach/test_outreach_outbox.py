"""The outbox and its senders against real servers: at most once, whatever happens."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from gateways import MailServer, SmsServer

from callcenter import database, outbox
from callcenter.adapters import Adapter, Letter, SmsAdapter, SmtpAdapter
from callcenter.models import OutboxMessage
from callcenter.notifier import Notifier
from callcenter.outbox import Channel, Message, State
from callcenter.outreach import Signature, SmsGateway, Smtp

T0 = dt.datetime(2026, 3, 2, 2, 0, tzinfo=dt.UTC)


class Clock:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> dt.datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += dt.timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def put(engine: sa.Engine, *messages: Message) -> int:
    with database.writing(engine) as session:
        return outbox.put(session, messages, T0)


def mail_to(address: str = "li@example.org", key: str = "k1", **more: object) -> Message:
    return Message(
        key=key,
        channel=Channel.EMAIL,
        address=address,
        kind="notice.red",
        subject="超期红牌提醒",
        body="工单 20260301000001 已超期。",
        **more,  # type: ignore[arg-type]
    )


def sms_to(number: str = "13800000001", key: str = "s1", **more: object) -> Message:
    more = {"body": "【12345】您好", **more}
    return Message(key=key, channel=Channel.SMS, address=number, kind="x", **more)  # type: ignore[arg-type]


def only(engine: sa.Engine) -> OutboxMessage:
    with database.reading(engine) as session:
        return session.scalars(sa.select(OutboxMessage)).one()


def by_mail(mail: MailServer) -> dict[Channel, Adapter]:
    config = Smtp(
        host="127.0.0.1", port=mail.port, security="none", sender="hotline@example.org", seconds=2
    )
    return {Channel.EMAIL: SmtpAdapter(config, "")}


def by_sms(gateway: SmsServer, **more: object) -> dict[Channel, Adapter]:
    config = SmsGateway.model_validate({"url": f"{gateway.url}/send", "seconds": 2, **more})
    return {Channel.SMS: SmsAdapter(config, "gateway-secret")}


# --- writing ----------------------------------------------------------------------------------


def test_given_the_same_reason_twice_then_there_is_one_message(any_engine: sa.Engine) -> None:
    assert put(any_engine, mail_to(), mail_to(key="k2")) == 2
    assert put(any_engine, mail_to(address="other@example.org")) == 0
    with database.reading(any_engine) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(OutboxMessage)) == 2


def test_given_the_reason_is_rolled_back_then_nothing_is_sent(
    engine: sa.Engine, mail: MailServer, clock: Clock
) -> None:
    def begins() -> None:
        with database.writing(engine) as session:
            outbox.put(session, [mail_to()], T0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        begins()
    assert Notifier(engine, by_mail(mail), clock=clock).poll() == 0
    assert mail.mails == []


# --- e-mail -----------------------------------------------------------------------------------


def test_given_a_mail_server_then_a_mail_goes_once(
    engine: sa.Engine, mail: MailServer, clock: Clock
) -> None:
    put(engine, mail_to())
    notifier = Notifier(engine, by_mail(mail), clock=clock)
    assert notifier.poll() == 1
    assert notifier.poll() == 0
    (sent,) = mail.mails
    assert (sent["To"], sent["From"]) == ("li@example.org", "hotline@example.org")
    assert sent["Subject"] == "超期红牌提醒"
    assert sent["Auto-Submitted"] == "auto-generated"
    assert "20260301000001" in sent.get_content()
    message = only(engine)
    assert (message.state, message.attempts) == (State.SENT, 1)
    assert message.reference == sent["Message-ID"]


def test_given_no_server_then_it_is_tried_again_later_and_later(
    engine: sa.Engine, mail: MailServer, clock: Clock
) -> None:
    put(engine, mail_to())
    adapters = by_mail(mail)
    mail.close()
    notifier = Notifier(engine, adapters, clock=clock)
    assert notifier.poll() == 1
    assert notifier.poll() == 0  # not at once
    clock.passes(seconds=11)
    assert notifier.poll() == 1
    clock.passes(seconds=11)
    assert notifier.poll() == 0
    message = only(engine)
    assert (message.state, message.attempts) == (State.WAITING, 2)
    assert "refused" in message.error.lower()
    mail.start()
    clock.passes(minutes=5)
    assert notifier.poll() == 1
    assert only(engine).state == State.SENT


@pytest.mark.parametrize(
    ("answer", "state"), [("451 later", State.WAITING), ("550 no such person", State.DEAD)]
)
@pytest.mark.parametrize("where", ["answer", "recipient_answer"])
def test_given_the_server_says_no_then_for_now_or_for_good(
    engine: sa.Engine, mail: MailServer, clock: Clock, answer: str, state: State, where: str
) -> None:
    put(engine, mail_to())
    setattr(mail, where, answer)
    Notifier(engine, by_mail(mail), clock=clock).poll()
    assert only(engine).state == state
    assert answer[:3] in only(engine).error
    assert mail.mails == []


def test_given_the_connection_breaks_after_the_mail_then_nobody_knows_and_it_stays_so(
    engine: sa.Engine, mail: MailServer, clock: Clock
) -> None:
    put(engine, mail_to())
    mail.hang_up = True
    notifier = Notifier(engine, by_mail(mail), clock=clock)
    notifier.poll()
    clock.passes(days=1)
    notifier.poll()
    assert only(engine).state == State.UNKNOWN
    assert len(mail.mails) == 1  # it did go, and didn't go twice
    with database.reading(engine) as session:
        assert [each.id for each in outbox.listed(session, outbox.DEAD_LETTERS)] == [1]


@pytest.mark.parametrize(
    "address", ["nobody", "a@b\nBcc: x@y.z", "x@y.z, a@b.c", "", "<script>@x.y z"]
)
def test_given_what_is_no_address_then_nothing_is_sent(
    engine: sa.Engine, mail: MailServer, clock: Clock, address: str
) -> None:
    put(engine, mail_to(address))
    Notifier(engine, by_mail(mail), clock=clock).poll()
    assert only(engine).state == State.DEAD
    assert mail.mails == []


def test_given_eight_failures_then_it_is_a_dead_letter_that_a_person_can_send(
    engine: sa.Engine, mail: MailServer, clock: Clock
) -> None:
    put(engine, mail_to())
    mail.answer = "451 later"
    notifier = Notifier(engine, by_mail(mail), clock=clock)
    for _attempt in range(20):
        notifier.poll()
        clock.passes(hours=2)
    assert (only(engine).state, only(engine).attempts) == (State.DEAD, outbox.ATTEMPTS)
    mail.answer = "250 OK"
    with database.writing(engine) as session:
        outbox.send_again(session, 1, clock.now)
    assert notifier.poll() == 1
    assert only(engine).state == State.SENT
    with database.writing(engine) as session, pytest.raises(outbox.NotOpen):
        outbox.send_again(session, 1, clock.now)


# --- SMS --------------------------------------------------------------------------------------


def test_given_a_gateway_then_it_gets_what_its_description_says(
    engine: sa.Engine, gateway: SmsServer, clock: Clock
) -> None:
    put(engine, sms_to(body="您的链接 {secret} {number}", secret="https://x/f/abc"))
    adapters = by_sms(
        gateway,
        template={"mobile": "{number}", "content": "{text}", "seq": "{id}", "key": "{secret}"},
        headers={"X-App": "12345"},
        signature={"over": "{number}|{body}"},
    )
    Notifier(engine, adapters, clock=clock).poll()
    (asked,) = gateway.requests
    (told,) = gateway.texts
    assert told["mobile"] == "13800000001"
    assert told["content"] == "您的链接 https://x/f/abc {number}"  # words stay words
    assert (told["seq"], told["key"]) == ("s1", "gateway-secret")
    assert asked["headers"]["X-App"] == "12345"
    signed = f"13800000001|{asked['raw'].decode()}".encode()
    expected = hmac.new(b"gateway-secret", signed, hashlib.sha256).hexdigest()
    assert asked["headers"]["X-Signature"] == expected
    message = only(engine)
    assert (message.state, message.reference) == (State.SENT, "gw-1")
    assert message.secret is None  # nobody can read the link any more


@pytest.mark.parametrize(
    ("status", "body", "state"),
    [
        (200, '{"code": 7}', State.DEAD),  # a no with 200
        (400, "bad number", State.DEAD),
        (429, "slow down", State.WAITING),
        (500, "oops", State.WAITING),
        (503, "", State.WAITING),
        (504, "", State.UNKNOWN),
        (302, "", State.WAITING),  # never followed: the text would go somewhere else
    ],
)
def test_given_the_gateways_answer_then_it_is_judged(
    engine: sa.Engine, gateway: SmsServer, clock: Clock, status: int, body: str, state: State
) -> None:
    put(engine, sms_to())
    gateway.status, gateway.body = status, body
    Notifier(engine, by_sms(gateway, accepted='"code": 0'), clock=clock).poll()
    assert only(engine).state == state
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(("idempotent", "times"), [(False, 1), (True, 2)])
def test_given_the_gateway_breaks_off_then_it_is_asked_again_only_if_it_knows_our_ids(
    engine: sa.Engine, gateway: SmsServer, clock: Clock, idempotent: bool, times: int
) -> None:
    put(engine, sms_to())
    gateway.cut = True
    notifier = Notifier(engine, by_sms(gateway, idempotent=idempotent), clock=clock)
    notifier.poll()
    gateway.cut = False
    clock.passes(hours=1)
    notifier.poll()
    assert len(gateway.requests) == times
    assert only(engine).state == (State.SENT if idempotent else State.UNKNOWN)
    assert len({each["id"] for each in gateway.texts}) == 1


def test_given_what_is_no_number_then_the_gateway_isnt_asked(
    engine: sa.Engine, gateway: SmsServer, clock: Clock
) -> None:
    put(engine, sms_to("138;rm"))
    Notifier(engine, by_sms(gateway), clock=clock).poll()
    assert gateway.requests == []
    assert only(engine).state == State.DEAD


# --- who sends --------------------------------------------------------------------------------


def test_given_four_notifiers_then_every_message_goes_once(
    any_engine: sa.Engine, mail: MailServer, clock: Clock
) -> None:
    put(any_engine, *(mail_to(key=f"k{count}") for count in range(40)))
    notifiers = [Notifier(any_engine, by_mail(mail), clock=clock) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda each: each.poll(), notifiers)) == 40
    assert len(mail.mails) == 40
    assert len({sent["Message-ID"] for sent in mail.mails}) == 40


def test_given_a_sender_that_died_then_its_message_is_unknown_after_its_lease(
    any_engine: sa.Engine, mail: MailServer, clock: Clock
) -> None:
    put(any_engine, mail_to())
    with database.writing(any_engine) as session:
        assert outbox.claim(session, "dead", [Channel.EMAIL], T0) is not None
    notifier = Notifier(any_engine, by_mail(mail), clock=clock)
    assert notifier.poll() == 0
    assert only(any_engine).state == State.SENDING
    clock.passes(minutes=3)
    assert notifier.poll() == 0
    assert only(any_engine).state == State.UNKNOWN
    assert mail.mails == []


def test_given_a_sender_that_was_too_slow_then_its_late_word_changes_nothing(
    engine: sa.Engine, clock: Clock
) -> None:
    put(engine, mail_to())
    with database.writing(engine) as session:
        outbox.claim(session, "slow", [Channel.EMAIL], T0)
    with database.writing(engine) as session:
        outbox.abandon(session, [], T0 + dt.timedelta(minutes=3))
    with database.writing(engine) as session, pytest.raises(outbox.NotOpen):
        outbox.sent(session, 1, T0)


def test_given_it_is_too_late_then_it_isnt_sent(
    engine: sa.Engine, mail: MailServer, clock: Clock
) -> None:
    put(engine, mail_to(expires_at=T0 + dt.timedelta(hours=1)))
    clock.passes(hours=1)
    assert Notifier(engine, by_mail(mail), clock=clock).poll() == 0
    assert only(engine).state == State.EXPIRED


def test_given_no_adapter_then_the_message_waits_for_one(engine: sa.Engine, clock: Clock) -> None:
    put(engine, sms_to())
    assert Notifier(engine, {}, clock=clock).poll() == 0
    assert only(engine).state == State.WAITING


def test_given_a_server_that_says_nothing_then_the_wait_has_an_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = Smtp(
            host="127.0.0.1",
            port=silent.getsockname()[1],
            security="none",
            sender="a@b.c",
            seconds=1,
        )
        done = threading.Event()

        def send() -> None:
            with pytest.raises(Exception, match="timed out"):
                SmtpAdapter(config, "").send(Letter("i", "x@y.z", "s", "b"))
            done.set()

        threading.Thread(target=send, daemon=True).start()
        assert done.wait(5)


def test_the_default_signature_is_over_time_and_body() -> None:
    assert Signature().over == "{timestamp}\n{body}"
