"""The hotline's mailbox (IMAP4rev1, RFC 3501): what citizens write becomes orders, mail by mail.

    INBOX ─ stored, committed ─▶ folder `taken`
          └ no request of a person's, or unreadable ─▶ folder `refused`, for somebody to look at

A mail leaves the inbox only after its order is in the database. Whatever happens between the two,
the mail is still there at the next look, and its Message-ID leads to the same order. Nothing is
ever deleted: what is moved is copied first.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import imaplib
import logging
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from callcenter import intake, intake_mail
from callcenter.database import writing
from callcenter.outreach import Mailbox

logger = logging.getLogger(__name__)

AT_ONCE = 50  # mails of one look
LARGEST = 20_000_000  # bytes; a larger one is left to people
CHANNEL = "email"


class MailboxError(Exception):
    """The server doesn't do what it was asked; one line that says what."""


class Poller:
    """Empties the inbox; for one thread. `poll` is the whole of it for tests."""

    def __init__(
        self,
        engine: sa.Engine,
        config: Mailbox,
        password: str,
        clock: Callable[[], dt.datetime],
        files: Path,
    ) -> None:
        """`files` is where attachments of orders are kept."""
        self._engine = engine
        self._config = config
        self._password = password
        self._clock = clock
        self._files = files

    def poll(self) -> int:
        """Take in what waits, at most AT_ONCE mails; how many left the inbox.

        Raise MailboxError or OSError when the server can't be reached or refuses, and
        SQLAlchemyError when the database is away: the mails stay where they are.
        """
        try:
            with self._connected() as server:
                return self._emptied(server)
        except imaplib.IMAP4.error as error:
            raise MailboxError(_line(error)) from error

    @contextmanager
    def _connected(self) -> Iterator[imaplib.IMAP4]:
        """Logged in, with the inbox open."""
        config, context = self._config, ssl.create_default_context()
        if config.security == "tls":
            server: imaplib.IMAP4 = imaplib.IMAP4_SSL(
                config.host, config.port, ssl_context=context, timeout=config.seconds
            )
        else:
            server = imaplib.IMAP4(config.host, config.port, timeout=config.seconds)
        try:
            if config.security == "starttls":
                _ok(server.starttls(context), "STARTTLS")
            server.login(config.username, self._password)
            for folder in (config.taken, config.refused):
                server.create(_quoted(folder))  # NO when it is there already
            _ok(server.select(_quoted(config.inbox)), f"SELECT {config.inbox}")
            yield server
        finally:
            try:
                server.logout()
            except (imaplib.IMAP4.error, OSError):  # it is gone already
                with contextlib.suppress(OSError):
                    server.shutdown()

    def _emptied(self, server: imaplib.IMAP4) -> int:
        found = _ok(server.uid("SEARCH", "UNDELETED"), "SEARCH")
        uids = (found[0] or b"").split()[:AT_ONCE]
        for uid in uids:
            folder = self._config.taken if self._take(server, uid) else self._config.refused
            _move(server, uid, folder)
        return len(uids)

    def _take(self, server: imaplib.IMAP4, uid: bytes) -> bool:
        """Whether an order holds it now; False: somebody has to look at it."""
        if _size(server, uid) > LARGEST:
            logger.warning("mail %s is larger than %d bytes", _uid(uid), LARGEST)
            return False
        raw = _fetched(server, uid, "BODY.PEEK[]")
        try:
            asked = intake_mail.read(raw)
        except intake_mail.Automatic:
            return False
        except intake_mail.NotMail as error:
            logger.warning("mail %s: %s", _uid(uid), error)
            return False
        except Exception as error:  # noqa: BLE001 - no mail may stand in the way of the next
            logger.error("mail %s can't be read: %s", _uid(uid), type(error).__name__)
            return False
        try:
            with writing(self._engine) as session:
                taken = intake.take_in(session, CHANNEL, asked, self._clock(), self._files)
        except (intake.Empty, intake.Differs, sa.exc.DataError) as error:
            # Without the Message-ID: it often holds the sender's address.
            logger.warning("mail %s: %s", _uid(uid), type(error).__name__)
            return False
        logger.info("mail %s is order %s", _uid(uid), taken.order_number)
        return True


def _move(server: imaplib.IMAP4, uid: bytes, folder: str) -> None:
    """Copied, then marked and put out: a break between leaves it in both, never in none."""
    _ok(server.uid("COPY", _uid(uid), _quoted(folder)), f"COPY to {folder}")
    _ok(server.uid("STORE", _uid(uid), "+FLAGS.SILENT", r"(\Deleted)"), "STORE")
    if "UIDPLUS" in server.capabilities:
        _ok(server.uid("EXPUNGE", _uid(uid)), "EXPUNGE")  # RFC 4315: this one alone
    else:
        _ok(server.expunge(), "EXPUNGE")


def _size(server: imaplib.IMAP4, uid: bytes) -> int:
    data = _ok(server.uid("FETCH", _uid(uid), "(RFC822.SIZE)"), "FETCH")
    for part in data:
        head = part[0] if isinstance(part, tuple) else part
        found = re.search(rb"RFC822\.SIZE (\d+)", head or b"")
        if found:
            return int(found[1])
    raise MailboxError("FETCH told no size")


def _fetched(server: imaplib.IMAP4, uid: bytes, what: str) -> bytes:
    data = _ok(server.uid("FETCH", _uid(uid), f"({what})"), "FETCH")
    for part in data:
        if isinstance(part, tuple):
            return bytes(part[1])
    raise MailboxError("FETCH brought no mail")


def _ok(answer: tuple[str, list[Any]], what: str) -> list[Any]:
    status, data = answer
    if status != "OK":
        raise MailboxError(f"{what}: {status} {_line(data)}")
    return data


def _uid(uid: bytes) -> str:
    return uid.decode("ascii", "replace")


def _quoted(folder: str) -> str:
    return f'"{folder}"'


def _line(told: object) -> str:
    return str(told)[:200].replace("\n", " ").replace("\r", " ")
