"""What the projector's process does beside projecting: notices, receipts, follow-ups, the mailbox,
answers to calls.

Each has a thread of its own, so that a mail server that is slow holds up nothing else. They touch
the database only; calls go on without them.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from callcenter import call_wish, mailbox, order_notices, outreach, receipts
from callcenter.adapters import Adapter, SmsAdapter, SmtpAdapter
from callcenter.call_wish import WishBook
from callcenter.database import create_engine, writing
from callcenter.followups import FollowUps, Ways
from callcenter.notifier import Notifier, VoiceCalls
from callcenter.order_files import FOLDER
from callcenter.outbox import Channel
from callcenter.query_server import QueryServer

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
CLOCKS_SECONDS = 2.0  # between two looks at the orders' clocks
BACKOFF_SECONDS = (0.5, 10.0)
STOP_SECONDS = 5.0


class OutreachSettings(Protocol):
    """What is read of the settings."""

    @property
    def data_dir(self) -> Path: ...
    @property
    def database_url(self) -> str: ...
    @property
    def redis_url(self) -> str: ...
    @property
    def trunk_gateway(self) -> str: ...
    @property
    def callback_numbers(self) -> str: ...
    @property
    def public_url(self) -> str: ...
    @property
    def outreach_file(self) -> Path | None: ...
    @property
    def smtp_password(self) -> str: ...
    @property
    def imap_password(self) -> str: ...
    @property
    def web_secret_key(self) -> str: ...
    @property
    def sms_secret(self) -> str: ...


@contextmanager
def running(settings: OutreachSettings) -> Iterator[None]:
    """All of it, as long as the projector runs; raise DataFileError when its file is wrong."""
    engine = create_engine(settings.database_url)
    worker = OutreachWorker(engine, settings)
    worker.start()
    try:
        yield
    finally:
        worker.stop()
        engine.dispose()


class OutreachWorker:
    """The threads."""

    def __init__(self, engine: sa.Engine, settings: OutreachSettings) -> None:
        """Raise DataFileError when `outreach_file` is wrong."""
        config = outreach.load(settings.outreach_file)
        book = WishBook(settings.data_dir / call_wish.FOLDER)
        ways_out = adapters(config, settings)
        voice = None
        if config.voice is not None and settings.trunk_gateway:
            voice = VoiceCalls(engine, book, config.voice)
        self._engine = engine
        self._config = config
        self._notifier = Notifier(engine, ways_out, voice)
        self._follow_ups = FollowUps(
            engine,
            config.follow_up,
            Ways(
                gateway=bool(settings.trunk_gateway),
                numbers=settings.callback_numbers,
                public_url=settings.public_url,
                sms=config.sms is not None,
            ),
            book,
        )
        self._queries = QueryServer(engine, settings.redis_url)
        self._stop = threading.Event()
        loops: list[tuple[str, Callable[[], int], float]] = [
            ("notifier", self._notifier.poll, LOOK_SECONDS),
            ("follow-ups", lambda: self._follow_ups.poll(_now()), LOOK_SECONDS),
            ("orders' clocks", self._run_clocks, CLOCKS_SECONDS),
        ]
        if config.receipts is not None:
            desk = receipts.Desk(
                engine,
                config.receipts,
                frozenset(ways_out),
                settings.web_secret_key,
                settings.public_url,
            )
            loops.append(("receipts", lambda: desk.poll(_now()), CLOCKS_SECONDS))
        if config.mailbox is not None:
            files = settings.data_dir / FOLDER
            poller = mailbox.Poller(engine, config.mailbox, settings.imap_password, _now, files)
            loops.append(("mailbox", poller.poll, config.mailbox.every_seconds))
        self._threads = [
            threading.Thread(target=self._loop, args=(act, every), name=name, daemon=True)
            for name, act, every in loops
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        self._queries.start()

    def stop(self) -> None:
        self._stop.set()
        self._queries.stop()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.1, deadline - time.monotonic()))

    def _run_clocks(self) -> int:
        with writing(self._engine) as session:
            return order_notices.poll(session, self._config.notices, _now())

    def _loop(self, act: Callable[[], int], every: float) -> None:
        """`act` again and again; at once when it had something to do."""
        pause = BACKOFF_SECONDS[0]
        while not self._stop.is_set():
            try:
                done = act()
                pause = BACKOFF_SECONDS[0]
            except Exception as error:  # noqa: BLE001 - the others go on, and so does this one
                logger.error("%s: %s", threading.current_thread().name, _line(error))
                self._stop.wait(pause)
                pause = min(pause * 2, BACKOFF_SECONDS[1])
                continue
            if not done:
                self._stop.wait(every)


def adapters(config: outreach.Outreach, settings: OutreachSettings) -> dict[Channel, Adapter]:
    """The ways out that are set up."""
    found: dict[Channel, Adapter] = {}
    if config.email is not None:
        found[Channel.EMAIL] = SmtpAdapter(config.email, settings.smtp_password)
    if config.sms is not None:
        found[Channel.SMS] = SmsAdapter(config.sms, settings.sms_secret)
    return found


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _line(error: Exception) -> str:
    """One line without the statement's values: they may be citizens' own."""
    if isinstance(error, sa.exc.DBAPIError):
        return f"{type(error).__name__}: {str(error.orig)[:200]}".replace("\n", " ")
    return f"{type(error).__name__}: {error}"[:300].replace("\n", " ")
