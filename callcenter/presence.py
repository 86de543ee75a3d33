"""The live state that other processes see, and the commands that they send.

Redis holds nothing that a call depends on: when it is away calls go on, writes are kept (the
latest per key) and screens say that they are stale.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from typing import Any

import gevent
import orjson
import redis
from gevent.event import Event as Flag
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

AGENTS = "cc:agents"
LIVE = "cc:live"
CHANNELS = "cc:channels"
COMMANDS = "cc:commands"
EVENTS = "cc:events"
JOURNAL = "cc:journal"
ALIVE = "log/controller.alive"  # below the data folder; touched every second, with or without Redis
LIVE_SECONDS = 10  # after so long without news a screen says that it is stale
REPLY_SECONDS = 30
GATHER = 0.02  # seconds from one write to the next: what changes meanwhile goes together
RETRY_SECONDS = 0.5
COMMAND_SIZE = 64_000


class CommandError(Exception):
    """A command that cannot be done; the message is for the person who asked."""


Handler = Callable[[dict[str, Any]], Any]


def connect(url: str) -> redis.Redis:
    """A client that answers or fails within two seconds."""
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=2.0,
        socket_connect_timeout=2.0,
        retry=Retry(NoBackoff(), 0),
    )


class Presence:
    """Writes from one greenlet, commands from another; neither ever holds up a call."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        """`clock` is what the senders' `expires_at` goes by: seconds since the epoch."""
        self._redis = connect(url)
        self._commands_redis = connect(url)
        self._clock = clock
        self._handlers: dict[str, Handler] = {}
        self._agents: dict[str, str] = {}  # agent -> JSON not yet written
        self._shown: dict[str, str] = {}  # agent -> JSON as last told
        self._messages: list[tuple[str, str]] = []  # channel, message not yet published
        self._values: dict[str, str] = {}  # key -> JSON not yet written, with LIVE_SECONDS
        self._fields: dict[tuple[str, str], str] = {}  # hash and field -> JSON not yet written
        self._wanted = Flag()
        self._greenlets: list[gevent.Greenlet] = []
        self.up = False

    def start(self) -> None:
        self._greenlets = [gevent.spawn(self._write_all), gevent.spawn(self._serve_commands)]

    def stop(self) -> None:
        gevent.killall(self._greenlets, timeout=3)

    def handle(self, name: str, handler: Handler) -> None:
        """`handler` takes the command's arguments; it raises CommandError to refuse."""
        self._handlers[name] = handler

    def agents(self) -> dict[str, dict[str, Any]]:
        """Agents' last known states; empty when Redis is away."""
        try:
            stored: dict[Any, Any] = dict(self._redis.hgetall(AGENTS))
        except redis.RedisError as error:
            logger.warning("agents' states cannot be read: %s", error)
            return {}
        states: dict[str, dict[str, Any]] = {}
        for agent, text in stored.items():
            try:
                states[str(agent)] = dict(json.loads(text))
            except (ValueError, TypeError):
                logger.warning("agent %s: state %r is not JSON", agent, text)
        return states

    def show_agent(self, agent: str, state: dict[str, Any]) -> None:
        self._agents[agent] = self._shown[agent] = _json(state)
        self.publish(EVENTS, {"kind": "agent", "agent": agent, **state})

    def show(self, key: str, value: dict[str, Any] | list[dict[str, Any]]) -> None:
        """Write a value that vanishes when it isn't written again in time."""
        self._values[key] = _json(value)
        self._wanted.set()

    def show_in(self, key: str, field: str, value: dict[str, Any]) -> None:
        """Write one field of a hash."""
        self._fields[key, field] = _json(value)
        self._wanted.set()

    def fields(self, key: str) -> list[str]:
        """The fields of a hash; none when Redis is away."""
        try:
            known: Any = self._redis.hkeys(key)
        except redis.RedisError as error:
            logger.warning("%s cannot be read: %s", key, error)
            return []
        return [str(name) for name in known]

    def publish(self, channel: str, message: dict[str, Any] | str) -> None:
        text = message if isinstance(message, str) else _json(message)
        if len(self._messages) < 10_000:  # Redis is away: what is old is of no use on a screen
            self._messages.append((channel, text))
        self._wanted.set()

    def wake_journal(self) -> None:
        """Tell the projector that there is something to copy."""
        if not any(channel == JOURNAL for channel, _ in self._messages):
            self.publish(JOURNAL, "")

    # --- greenlets ----------------------------------------------------------------------------

    def _write_all(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            agents, self._agents = self._agents, {}
            values, self._values = self._values, {}
            fields, self._fields = self._fields, {}
            messages, self._messages = self._messages, []
            try:
                with self._redis.pipeline(transaction=False) as pipe:
                    if agents:
                        pipe.hset(AGENTS, mapping=dict[Any, Any](agents))
                    for (key, field), text in fields.items():
                        pipe.hset(key, field, text)
                    for key, text in values.items():
                        pipe.set(key, text, ex=LIVE_SECONDS)
                    for channel, text in messages:
                        pipe.publish(channel, text)
                    pipe.execute()
                self._seen(up=True)
            except (redis.RedisError, OSError) as error:
                self._seen(up=False, why=error)
                self._agents = {**agents, **self._agents}
                self._fields = {**fields, **self._fields}
                gevent.sleep(RETRY_SECONDS)
                self._wanted.set()
            gevent.sleep(GATHER)

    def _serve_commands(self) -> None:
        while True:
            try:
                taken = self._commands_redis.blpop([COMMANDS], timeout=1)
            except (redis.RedisError, OSError) as error:
                self._seen(up=False, why=error)
                gevent.sleep(RETRY_SECONDS)
                continue
            if taken:
                gevent.spawn(self._obey, str(taken[1]))

    def _obey(self, text: str) -> None:
        try:
            command = json.loads(text[:COMMAND_SIZE])
            number, name, args = str(command["id"]), str(command["name"]), dict(command["args"])
            expires_at = float(command.get("expires_at") or math.inf)
        except (ValueError, KeyError, TypeError):
            logger.warning("a command of %d characters that cannot be read", len(text))
            return
        reply: dict[str, Any]
        try:
            late = self._clock() - expires_at
            if not late <= 0:  # also for what is no number
                raise CommandError(f"{name} came {late:.1f} s too late: nobody waits for it")
            handler = self._handlers.get(name)
            if handler is None:
                raise CommandError(f"there is no command {name}")
            reply = {"ok": True, "result": handler(args)}
        except CommandError as error:
            reply = {"ok": False, "error": str(error)}
        except Exception:  # the web user must hear of it, and the others go on
            logger.exception("command %s", name)
            reply = {"ok": False, "error": "internal error, see the controller's log"}
        # What the command changed is kept before anybody is told that it was done.
        agents, self._agents = self._agents, {}
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                if agents:
                    pipe.hset(AGENTS, mapping=dict[Any, Any](agents))
                pipe.rpush(f"cc:reply:{number}", _json(reply))
                pipe.expire(f"cc:reply:{number}", REPLY_SECONDS)
                pipe.execute()
        except (redis.RedisError, OSError) as error:
            self._agents = {**agents, **self._agents}
            self._seen(up=False, why=error)

    def _seen(self, *, up: bool, why: Exception | None = None) -> None:
        if up != self.up:
            self.up = up
            if up:
                logger.info("redis: connected")
                # It may have come back with nothing of what it held.
                self._agents = {**self._shown, **self._agents}
                self._wanted.set()
            else:
                logger.warning("redis: away, live screens are stale: %s", why)


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
