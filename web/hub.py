"""One subscription to Redis `cc:events`, handed on to every open page.

Each page has a bounded queue: one that reads too slowly is cut off and comes back by itself,
so that nobody's old laptop fills the server's memory.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent
import redis
from gevent.queue import Full, Queue

log = logging.getLogger(__name__)

CHANNEL = "cc:events"
QUEUED = 200  # messages that a page may lag behind
REMEMBERED = 500  # messages kept for pages that reconnect
RETRY_SECONDS = 1.0
POLL_SECONDS = 1.0  # also how soon a dead connection to Redis is noticed


# What pages may be told; everything else on the channel is passed over.
FORWARDED = frozenset(
    {"call", "agent", "order", "controls", "message", "live", "supervising", "nuisance"}
)
# Told as differences or as a whole: nobody who comes back needs the old ones.
NOT_KEPT = frozenset({"stale", "fresh", "live", "board", "words"})
IDS = ("id", "agent", "number")
MESSAGE = ("id", "text", "by", "at")  # for its reader, who has nothing else to ask for


@dataclass(slots=True)
class Message:
    """`kind` is one of FORWARDED; or, from here, `stale`, `fresh`, `board`, `words`."""

    number: int
    kind: str
    data: dict[str, Any]
    _text: str = ""

    def text(self) -> str:
        """The data as pages get it; made once, however many pages are open.

        Whoever reads the page sees what it asks for next: news carry no more than ids. What the
        board tells is made for those who may see all of it.
        """
        if not self._text:
            data = self.data
            if self.kind not in NOT_KEPT:
                told = MESSAGE if self.kind == "message" else IDS
                data = {key: data[key] for key in told if key in data}
            self._text = f"event: {self.kind}\ndata: {json.dumps(data)}\n\n"
        return self._text


Wanted = Callable[[Message], bool]


class Subscription:
    """One open page. `queue` gives its messages; None means that it is cut off."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.queue: Queue = Queue(maxsize=QUEUED)
        self.cut_off = False

    def offer(self, message: Message) -> None:
        if self.cut_off or not self.wanted(message):
            return
        try:
            self.queue.put_nowait(message)
        except Full:
            self.cut_off = True


class Hub:
    """Start with the first page; one greenlet for as long as the process lives."""

    def __init__(self, client: redis.Redis | None) -> None:
        self._client = client
        self._greenlet: gevent.Greenlet | None = None
        self._subscriptions: set[Subscription] = set()
        self._remembered: deque[Message] = deque(maxlen=REMEMBERED)
        self._last = 0
        self._listeners: list[Callable[[Message], None]] = []
        self.name = secrets.token_hex(4)  # ids of another process mean nothing here
        self.up = False

    @property
    def clients(self) -> int:
        return len(self._subscriptions)

    def subscribe(self, wanted: Wanted) -> Subscription:
        if self._greenlet is None and self._client is not None:
            self._greenlet = gevent.spawn(self._run)
            self._greenlet.link_exception(self._died)
        subscription = Subscription(wanted)
        self._subscriptions.add(subscription)
        return subscription

    def listen(self, listener: Callable[[Message], None]) -> None:
        """`listener` hears of every message, within this process; it must not wait."""
        self._listeners.append(listener)

    def unsubscribe(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)

    def id_of(self, message: Message) -> str:
        return f"{self.name}-{message.number}"

    def missed(self, last_id: str, wanted: Wanted) -> list[Message] | None:
        """What came after `last_id`; None when that can't be told any more."""
        name, _dash, number = last_id.partition("-")
        if name != self.name or not number.isdecimal() or len(number) > 18:
            return None
        last = int(number)
        if last > self._last or (self._remembered and self._remembered[0].number > last + 1):
            return None
        return [each for each in self._remembered if each.number > last and wanted(each)]

    def stop(self) -> None:
        if self._greenlet is not None:
            self._greenlet.unlink_all()
            self._greenlet.kill(timeout=3)
            self._greenlet = None

    def publish(self, kind: str, data: dict[str, Any]) -> None:
        """Hand a message to every page that wants it."""
        self._last += 1
        message = Message(self._last, kind, data)
        if kind not in NOT_KEPT:
            self._remembered.append(message)
        for listener in self._listeners:
            listener(message)
        for subscription in list(self._subscriptions):
            subscription.offer(message)

    # --- the greenlet -------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            try:
                self._listen()
            except (redis.RedisError, OSError) as error:
                log.warning("live pages get no news from Redis: %s", error)
            if self.up:
                self.up = False
                self.publish("stale", {})
            gevent.sleep(RETRY_SECONDS)

    def _listen(self) -> None:
        assert self._client is not None
        with self._client.pubsub(ignore_subscribe_messages=True) as pubsub:
            pubsub.subscribe(CHANNEL)
            self._client.ping()
            self.up = True
            # Pages must look again: nobody knows what was missed.
            self.publish("fresh", {})
            while True:
                message = pubsub.get_message(timeout=POLL_SECONDS)
                if message is not None:
                    self._hand_on(message["data"])

    def _hand_on(self, text: Any) -> None:
        try:
            data = json.loads(text)
            kind = data["kind"]
        except (ValueError, KeyError, TypeError):
            log.warning("not an event: %.80r", text)
            return
        if kind in FORWARDED:
            self.publish(kind, data)

    def _died(self, greenlet: gevent.Greenlet) -> None:
        log.error("the subscription to Redis died: %r", greenlet.exception)
        self._greenlet = None  # the next page starts it again
        self.up = False
        self.publish("stale", {})
