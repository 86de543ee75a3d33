"""Mails of citizens: each becomes one order, whatever breaks between, and none is lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from gateways import ImapServer, MailServer
from switches import eventually

from callcenter import database, inquiry, mailbox, outreach_worker
from callcenter.mailbox import MailboxError, Poller
from callcenter.models import IntakeMessage
from callcenter.outreach import Mailbox
from workorder.models import Attachment, Order

NOWHERE = Path("/nonexistent")  # no mail here has a file to keep


def a_mail(number: int = 1, text: str = "路灯坏了", **more: str) -> bytes:
    heads = {
        "From": "王女士 <wang@example.org>",
        "Subject": "路灯不亮",
        "Message-ID": f"<{number}@example.org>",
        "Content-Type": "text/plain; charset=utf-8",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    lines = [f"{name}: {value}" for name, value in heads.items() if value]
    return ("\r\n".join(lines) + f"\r\n\r\n{text}\r\n").encode()


@pytest.fixture
def server() -> Iterator[ImapServer]:
    server = ImapServer()
    yield server
    server.close()


def poller(
    engine: sa.Engine, server: ImapServer, password: str = "geheim", files: Path = NOWHERE
) -> Poller:
    config = Mailbox(
        host="127.0.0.1", port=server.port, security="none", username="hotline", seconds=5
    )
    return Poller(engine, config, password, lambda: dt.datetime.now(dt.UTC), files)


def orders(engine: sa.Engine) -> list[Order]:
    with database.reading(engine) as session:
        found = list(session.scalars(sa.select(Order).order_by(Order.id)))
        session.expunge_all()
        return found


def test_given_mails_then_each_is_an_order_and_leaves_the_inbox(
    engine: sa.Engine, server: ImapServer
) -> None:
    server.put(a_mail(1))
    server.put(a_mail(2, "自来水发黄"))
    assert poller(engine, server).poll() == 2
    first, second = orders(engine)
    assert (first.channel, first.title, first.citizen_name) == ("email", "路灯不亮", "王女士")
    assert "自来水发黄" in second.body
    assert (server.held("INBOX"), server.held("Taken")) == (
        [],
        [a_mail(1), a_mail(2, "自来水发黄")],
    )
    with database.reading(engine) as session:
        contacts = set(session.scalars(sa.select(IntakeMessage.contact)))
    assert contacts == {"wang@example.org"}
    assert poller(engine, server).poll() == 0
    assert len(orders(engine)) == 2


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", ["UID FETCH", "UID COPY", "UID STORE", "UID EXPUNGE"])
def test_given_the_connection_breaks_anywhere_then_there_is_one_order_and_the_mail_is_kept(
    engine: sa.Engine, server: ImapServer, at: str, after: bool
) -> None:
    server.put(a_mail())
    server.cut, server.cut_after = at, after
    with pytest.raises((MailboxError, OSError)):
        poller(engine, server).poll()
    assert [*server.held("INBOX"), *server.held("Taken")] != []
    server.cut = ""
    poller(engine, server).poll()
    assert len(orders(engine)) == 1
    assert a_mail() in server.held("Taken")


@pytest.mark.parametrize("refused", ["UID COPY", "UID STORE", "SELECT", "UID FETCH", "UID SEARCH"])
def test_given_the_server_says_no_then_the_mail_stays_for_the_next_look(
    engine: sa.Engine, server: ImapServer, refused: str
) -> None:
    server.put(a_mail())
    server.fail = refused
    with pytest.raises(MailboxError):
        poller(engine, server).poll()
    assert server.held("INBOX") == [a_mail()]
    server.fail = ""
    assert poller(engine, server).poll() == 1
    assert len(orders(engine)) == 1


def test_given_the_database_is_away_then_the_mail_stays(
    engine: sa.Engine, server: ImapServer
) -> None:
    server.put(a_mail())
    broken = sa.create_engine("sqlite:////nonexistent/folder/x.db")
    with pytest.raises(sa.exc.OperationalError):
        poller(broken, server).poll()
    assert server.held("INBOX") == [a_mail()]


@pytest.mark.parametrize(
    "odd",
    [
        a_mail(Auto_Submitted="auto-replied"),
        a_mail(Message_ID=""),
        a_mail(text="  "),
        b"\xff\xfe\x00 no mail at all",
        b"",
    ],
)
def test_given_what_is_no_request_then_it_is_kept_for_people_and_the_next_one_is_taken(
    engine: sa.Engine, server: ImapServer, odd: bytes
) -> None:
    server.put(odd)
    server.put(a_mail(7))
    assert poller(engine, server).poll() == 2
    assert (server.held("Refused"), server.held("Taken")) == ([odd], [a_mail(7)])
    assert len(orders(engine)) == 1


def test_given_a_mail_too_large_then_it_isnt_even_fetched(
    engine: sa.Engine, server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "LARGEST", 1000)
    server.put(a_mail(text="长" * 1000))
    assert poller(engine, server).poll() == 1
    assert len(server.held("Refused")) == 1
    assert server.commands.count("UID FETCH") == 1


def test_given_a_mail_with_files_then_those_that_may_be_kept_are_with_the_order(
    engine: sa.Engine, server: ImapServer, tmp_path: Path
) -> None:
    told = EmailMessage()
    told["From"], told["Subject"] = "wang@example.org", "路灯"
    told["Message-ID"] = "<files@example.org>"
    told.set_content("见照片")
    picture = b"\x89PNG\r\n\x1a\n" + b"0" * 40
    told.add_attachment(picture, maintype="image", subtype="png", filename="../../现场.png")
    told.add_attachment(b"MZ" + bytes(40), maintype="application", subtype="octet-stream",
                        filename="run.png")  # fmt: skip
    server.put(told.as_bytes())
    server.put(told.as_bytes())  # twice: the files are kept once
    assert poller(engine, server, files=tmp_path / "files").poll() == 2
    (order,) = orders(engine)
    assert order.body.startswith("见照片")
    assert "另有 1 个附件未能保存" in order.body
    with database.reading(engine) as session:
        (kept,) = session.scalars(sa.select(Attachment)).all()
    assert (kept.order_id, kept.name, kept.added_by) == (order.id, "现场.png", "intake:email")
    assert (tmp_path / "files" / kept.path).read_bytes() == picture


def test_given_the_same_mail_twice_then_it_is_one_order(
    engine: sa.Engine, server: ImapServer
) -> None:
    server.put(a_mail())
    server.put(a_mail())
    assert poller(engine, server).poll() == 2
    assert len(orders(engine)) == 1
    assert len(server.held("Taken")) == 2


def test_given_a_wrong_password_then_it_is_said_and_not_in_whose_name(
    engine: sa.Engine, server: ImapServer
) -> None:
    server.put(a_mail())
    with pytest.raises(MailboxError) as told:
        poller(engine, server, "wrong").poll()
    assert "wrong" not in str(told.value)
    assert server.held("INBOX") == [a_mail()]


def test_given_a_server_without_uidplus_then_all_that_is_marked_is_put_out(
    engine: sa.Engine, server: ImapServer
) -> None:
    server.uidplus = False
    server.put(a_mail())
    assert poller(engine, server).poll() == 1
    assert server.held("INBOX") == []


def test_given_the_worker_runs_then_a_mail_is_answered_with_its_orders_number_and_code(
    engine: sa.Engine, server: ImapServer, mail: MailServer, tmp_path: Path
) -> None:
    file = tmp_path / "outreach.yaml"
    file.write_text(
        f"email: {{host: 127.0.0.1, port: {mail.port}, security: none,"
        " sender: hotline@example.org}\n"
        f"mailbox: {{host: 127.0.0.1, port: {server.port}, security: none,"
        " username: hotline, every_seconds: 1}\n"
        "receipts: {}\n",
        "utf-8",
    )
    settings = SimpleNamespace(
        data_dir=tmp_path, database_url=engine.url.render_as_string(False), redis_url="",
        trunk_gateway="", callback_numbers="1[0-9]{10}", public_url="", outreach_file=file,
        smtp_password="", imap_password="geheim", sms_secret="", web_secret_key="s" * 20,
    )  # fmt: skip
    server.put(a_mail())
    with outreach_worker.running(settings):
        eventually(lambda: mail.mails, "the mail is answered", 20)
    (order,) = orders(engine)
    (answer,) = mail.mails
    assert answer["To"] == "wang@example.org"
    assert order.number in answer["Subject"]
    assert inquiry.code("s" * 20, order.number) in answer.get_content()
    assert answer["Auto-Submitted"] == "auto-generated"


def test_three_different_folders_are_needed() -> None:
    with pytest.raises(ValueError, match="three folders"):
        Mailbox(host="h", username="u", taken="INBOX")
