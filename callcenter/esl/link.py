"""The lasting link to the switch: connects, watches, and connects again."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence

import gevent
from gevent.event import Event as Flag

from callcenter.esl.errors import EslError, SwitchGone
from callcenter.esl.event import Event
from callcenter.esl.feed import EventFeed
from callcenter.esl.inbound import SwitchConnection
from callcenter.esl.workers import Workers

log = logging.getLogger(__name__)

SILENT_INTERVALS = 2.5
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0


class SwitchLink:
    """Keeps one connection to the switch alive and hands its events on.

    Each time a connection is made: log in, subscribe, then `on_up(core_changed)`. Events that
    come in the meantime are kept and handed over only when `on_up` has returned, so `on_up` is
    the place to take a snapshot (`link.api("show channels as json")`) and adopt calls.
    `core_changed` is true when the switch was started anew since the last connection: every
    call of before is dead. If `on_up` raises, the connection is dropped and made again. `up` is
    set from just before `on_up` until the connection ends.

    `on_event` gets the events in order per channel, in a greenlet of its own per channel; a
    slow one delays its channel only. With a `feed` its events are subscribed to as well, and go
    to the feed first, at once; `on_event` sees only what is in `events`. `passing` narrows them
    down at the switch (see `SwitchConnection.subscribe`); so does the feed. When handlers can't
    keep up at all, events are dropped and counted in `lost_events`. `on_down()` runs after a
    connection that was up has ended, but not on `stop`. After 2.5 heartbeats without an event the
    connection is made anew, with growing, jittered pauses (0.2 to 5 s).
    """

    def __init__(
        self,
        host: str,
        port: int,
        password: str,
        *,
        events: list[str],
        on_event: Callable[[Event], None],
        on_up: Callable[[bool], None] | None = None,
        on_down: Callable[[], None] | None = None,
        feed: EventFeed | None = None,
        passing: Mapping[str, Sequence[str]] | None = None,
        heartbeat_seconds: float = 20.0,
        connect_timeout: float = 5.0,
    ) -> None:
        self._address = (host, port)
        self._password = password
        self._events = events
        self._feed = feed
        self._passing = {**(feed.PASSING if feed else {}), **(passing or {})}
        wanted = {word for entry in events for word in entry.split()}
        self._feed_only = frozenset(feed.EVENTS) - wanted if feed else frozenset()
        self._on_up = on_up
        self._on_down = on_down
        self._silence = SILENT_INTERVALS * heartbeat_seconds
        self._connect_timeout = connect_timeout
        self._workers = Workers(on_event)
        self._connection: SwitchConnection | None = None
        self._keeper: gevent.Greenlet | None = None
        self._stopping = Flag()
        self._pause = FIRST_PAUSE
        self._adopted = False
        self.up = Flag()
        self.core_uuid = ""
        self.heartbeat: Event | None = None  # the last one: Session-Count, Idle-CPU, …
        self.last_error = ""

    @property
    def lost_events(self) -> int:
        """Events dropped because the handlers were too slow, since the start."""
        return self._workers.lost

    def start(self) -> None:
        if self._keeper is None:
            self._stopping.clear()
            self._keeper = gevent.spawn(self._keep)

    def stop(self, timeout: float = 2.0) -> None:
        """End the link; events not handled yet are dropped. May be called from a handler."""
        self._stopping.set()
        self.up.clear()
        if self._connection is not None:
            self._connection.stop(timeout / 2)
        keeper, self._keeper = self._keeper, None
        if keeper is not None and keeper is not gevent.getcurrent():
            keeper.join(timeout)
            keeper.kill(timeout=timeout)
        self._workers.stop(timeout)

    def api(self, command: str, timeout: float = 5.0) -> str:
        """Run an API command on the switch; what it printed, without the last line break.

        It runs as a background job, so it delays no events. Raises `SwitchGone`,
        `ReplyTimeout`, `CommandFailed` (the answer begins with `-ERR` or `-USAGE`) and
        `BadArgument` (a line break in the command).
        """
        return self._linked().api(command, timeout)

    bgapi = api

    def post(
        self,
        command: str,
        headers: Mapping[str, str] | None = None,
        *,
        refused: Callable[[str], None] | None = None,
    ) -> None:
        """Send a command of the event socket and go on; what is sent later takes effect later.

        For what is done at once (`api uuid_setvar …`, `sendmsg`): it runs in the thread that writes
        our events. A refusal is handed to `refused`, else logged. Raises `SwitchGone` and
        `BadArgument`.
        """
        self._linked().post(command, headers, refused=refused)

    def ask(self, command: str) -> str:
        """Run an API command that is done at once; what it printed. See `Wire.ask`."""
        return self._linked().ask(command)

    def request(self, command: str, headers: Mapping[str, str] | None = None) -> Event:
        """Send a command of the event socket and wait for its reply; see `Wire.request`."""
        return self._linked().request(command, headers)

    def _linked(self) -> SwitchConnection:
        if self._connection is None:
            raise SwitchGone(self.last_error or "not connected to the switch")
        return self._connection

    # -- the keeper's greenlet

    def _keep(self) -> None:
        while not self._stopping.is_set():
            try:
                self._one_connection()
            except EslError as error:
                self._note(str(error))
            except Exception:
                self._note("taking the link up failed")
                log.exception("taking the link to the switch up failed")
            self._stopping.wait(self._pause * random.uniform(0.5, 1.0))
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _note(self, error: str) -> None:
        if error != self.last_error and not self._stopping.is_set():
            log.warning("no link to the switch at %s:%d: %s", *self._address, error)
        self.last_error = error

    def _one_connection(self) -> None:
        connection = SwitchConnection(
            *self._address,
            self._password,
            timeout=self._connect_timeout,
            on_event=self._take,
            on_end=self.up.clear,
        )
        try:
            connection.connect()
            self._connection = connection
            self._take_up(connection)
            self._watch(connection)
        finally:
            self._connection = None
            connection.close()
            self._take_down()

    def _take_up(self, connection: SwitchConnection) -> None:
        self._workers.hold()
        fed = self._feed.EVENTS if self._feed else ()
        connection.subscribe([*self._events, *fed], self._passing)
        core = connection.core()
        changed = self.core_uuid not in ("", core)
        self.core_uuid = core
        log.info("linked to the switch at %s:%d, core %s", *self._address, core)
        if changed:
            log.warning("the switch was started anew, its calls are gone")
        self.last_error = ""
        self.up.set()
        if self._feed is not None:
            self._feed.live = True
        if self._on_up is not None:
            self._on_up(changed)
        if not connection.connected:
            raise connection.gone()
        self._adopted = True
        self._workers.release()

    def _watch(self, connection: SwitchConnection) -> None:
        since = time.monotonic()
        while True:
            silent = time.monotonic() - max(connection.event_at, since)
            if silent >= self._silence:
                connection.close(f"the switch was silent for {silent:.0f} s")
            if connection.closed.wait(max(self._silence - silent, 0.01)):
                break
        if time.monotonic() - since >= LONGEST_PAUSE:
            self._pause = FIRST_PAUSE  # it held; only a link that flaps waits longer and longer
        raise connection.gone()

    def _take_down(self) -> None:
        self.up.clear()
        if self._feed is not None:
            self._feed.live = False
        adopted, self._adopted = self._adopted, False
        if adopted and self._on_down is not None and not self._stopping.is_set():
            self._on_down()

    # -- the reader's greenlet: must not block

    def _take(self, event: Event) -> None:
        if event.name == "HEARTBEAT":
            self.heartbeat = event
            core = event.get("Core-UUID")
            if self.core_uuid and core and core != self.core_uuid and self._connection:
                self._connection.close("another switch answers")
        if self._feed is not None:
            self._feed.take(event)
        if event.name and event.name not in self._feed_only:
            self._workers.put(event)
