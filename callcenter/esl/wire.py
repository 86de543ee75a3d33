"""The conversation on one ESL socket, for either direction."""

from __future__ import annotations

import contextlib
import logging
import socket as system_socket
import time
from collections.abc import Callable, Mapping
from typing import Any

import gevent
from gevent.event import AsyncResult
from gevent.event import Event as Flag
from gevent.lock import Semaphore
from greenswitch.esl import ESLProtocol

from callcenter.esl.command import encode, verb
from callcenter.esl.errors import CommandFailed, EslError, ProtocolError, ReplyTimeout, SwitchGone
from callcenter.esl.event import Event
from callcenter.esl.frames import MAX_BODY_BYTES, Frame, read_frame
from callcenter.esl.jobs import Jobs

log = logging.getLogger(__name__)

REPLY_SECONDS = 5.0
FRAMES_PER_TURN = 50


class _Unawaited:
    """Takes a reply that nobody waits for: what the switch refuses is handed to `refused`."""

    __slots__ = ("_refused",)

    def __init__(self, refused: Callable[[str], None]) -> None:
        self._refused = refused

    def set(self, reply: Event) -> None:
        said = (reply.body or reply.reply).strip()
        if said.startswith(("-ERR", "-USAGE")):
            self._refused(said)

    def set_exception(self, error: BaseException) -> None:
        """The connection has ended; whoever waits for something hears of it."""


class Wire(ESLProtocol):
    """greenswitch's protocol with its reader and its sender replaced.

    Mixed in before `InboundESL` or `OutboundSession`. One greenlet reads; it never runs foreign
    code: `deliver` (of the subclass) must not block. However the connection ends, everyone who
    waits for something from it gets an error at once and `closed` is set.
    """

    sock: Any = None
    _commands_sent: list[AsyncResult | _Unawaited]
    reply_seconds = REPLY_SECONDS
    max_body = MAX_BODY_BYTES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._write_lock = Semaphore(1)
        self.closed = Flag()
        self.close_reason = ""
        self.rejection = ""  # the text of a rude rejection
        self.jobs = Jobs()
        self.garbled = 0  # events that could not be read
        self.event_at = time.monotonic()  # when the last event came
        super().__init__(*args, **kwargs)

    # -- for subclasses

    def deliver(self, event: Event) -> None:
        """Take one event; runs in the reader, so it must not block."""

    def ended(self) -> None:
        """The connection has ended; runs once, in the reader."""

    def gone(self) -> EslError:
        """The error for whoever waits for something that will not come any more."""
        return SwitchGone(self.close_reason or "not connected")

    # -- sending

    def send(self, data: str, timeout: float | None = None) -> Event:
        """Send one command line and wait for its reply, whatever it says.

        If no reply comes within `timeout` (else `reply_seconds`) the connection is closed and
        `ReplyTimeout` raised.
        """
        return self._exchange([encode(data)], verb(data), timeout)[0]

    def request(self, command: str, headers: Mapping[str, str] | None = None) -> Event:
        """Send a command with header lines; `CommandFailed` when the reply is `-ERR`."""
        return self._accepted(self._exchange([encode(command, headers)], verb(command)), command)[0]

    def request_all(self, commands: list[str]) -> list[Event]:
        """Send several commands in one write and wait for all replies."""
        return self._accepted(self.exchange(commands), *commands)

    def exchange(self, commands: list[str]) -> list[Event]:
        """The same, whatever the replies say."""
        return self._exchange([encode(command) for command in commands], verb(commands[0]))

    def post(
        self,
        command: str,
        headers: Mapping[str, str] | None = None,
        *,
        refused: Callable[[str], None] | None = None,
    ) -> None:
        """Send a command and go on: what is sent later on this connection takes effect later.

        `refused(reply)` runs in the reader when the switch answers with an error; without it the
        error is logged.
        """
        raw = encode(command, headers)
        what = " ".join(command.split(" ", 2)[:2]) if command.startswith("api ") else verb(command)

        def complain(said: str) -> None:
            log.warning("%s was refused: %s", what, said)

        with self._write_lock:
            if not self.connected:
                raise self.gone()
            self._commands_sent.append(_Unawaited(refused or complain))
            self._write(raw)

    def _accepted(self, replies: list[Event], *commands: str) -> list[Event]:
        for reply, command in zip(replies, commands, strict=True):
            if reply.reply.startswith("-"):
                raise CommandFailed(reply.reply, verb(command))
        return replies

    def _exchange(self, raw: list[bytes], what: str, timeout: float | None = None) -> list[Event]:
        seconds = self.reply_seconds if timeout is None else timeout
        waiting = [AsyncResult() for _ in raw]
        timer = gevent.Timeout(seconds)
        timer.start()
        sent = False
        try:
            with self._write_lock:
                if not self.connected:
                    raise self.gone()
                sent = True
                # In the order of the bytes on the wire, hence under the same lock.
                self._commands_sent.extend(waiting)
                self._write(b"".join(raw))
            return [reply.get() for reply in waiting]
        except gevent.Timeout as expired:
            if expired is not timer:
                raise
            if sent:
                self.close(f"no reply to {what} within {seconds:g} s")
            raise ReplyTimeout(f"no reply to {what} within {seconds:g} s") from None
        finally:
            timer.close()

    def _write(self, raw: bytes) -> None:
        try:
            self.sock.sendall(raw)
        except OSError as error:
            self.close(f"sending failed: {error}")
            raise self.gone() from error
        except BaseException:
            # Cut off inside a command (a timeout, a kill): the rest can't follow any more.
            self.close("a command was sent in part")
            raise

    # -- jobs

    def run_job(self, command: str, timeout: float) -> Event:
        """Run an API command as a background job; its BACKGROUND_JOB event.

        Unlike `api` this neither holds up the events of this connection while the command runs,
        nor costs the connection when it takes longer than `timeout` seconds (`ReplyTimeout`).
        """
        job_id, result = self.jobs.expect()
        timer = gevent.Timeout(timeout)
        timer.start()
        try:
            reply = self.request(f"bgapi {command}", {"Job-UUID": job_id})
            if reply.get("Job-UUID", job_id) != job_id:
                self.close("replies are out of step")
                raise self.gone()
            return result.get()
        except gevent.Timeout as expired:
            if expired is not timer:
                raise
            raise ReplyTimeout(f"no result of {verb(command)} within {timeout:g} s") from None
        finally:
            timer.close()
            self.jobs.forget(job_id)

    def api(self, command: str, timeout: float = REPLY_SECONDS) -> str:
        """Run an API command as a job and return what it printed, without the last line break.

        Raises `CommandFailed` when that starts with `-ERR` or `-USAGE`.
        """
        printed = (self.run_job(command, timeout).body or "").rstrip("\n")
        if printed.startswith(("-ERR", "-USAGE")):
            raise CommandFailed(printed, verb(command))
        return printed

    def ask(self, command: str) -> str:
        """Run an API command that is done at once and return what it printed.

        FreeSWITCH runs it in the thread that also writes this connection's events, so nothing
        slow belongs here; in return the answer doesn't wait for the next round of events, which
        a job's result does (up to 20 ms). Raises what `api` raises.
        """
        reply = self._exchange([encode(f"api {command}")], verb(command))[0]
        printed = (reply.body or "").rstrip("\n")
        if printed.startswith(("-ERR", "-USAGE")):
            raise CommandFailed(printed, verb(command))
        return printed

    # -- receiving

    def start_event_handlers(self) -> None:
        self._receive_events_greenlet = gevent.spawn(self.receive_events)

    def receive_events(self) -> None:
        reason = "the peer closed the connection"
        frames = 0
        try:
            while self._run:
                frame = read_frame(self.sock_file, self.max_body)
                if frame is None:
                    break
                self.handle_event(frame)
                frames += 1
                if frames % FRAMES_PER_TURN == 0:
                    gevent.sleep(0)  # a flood is read without waiting: let the others run
        except (OSError, ProtocolError) as error:
            reason = str(error)
        except Exception:
            reason = "reading failed"
            log.exception("the reader of an ESL connection failed")
        finally:
            self.close(reason)
            self._release()

    def handle_event(self, frame: Frame) -> None:
        kind = frame.content_type
        if kind == "text/event-json" or kind == "text/event-plain":
            self._handle_channel_event(frame)
        elif kind == "command/reply":
            self._handle_reply(Event(frame.headers))
        elif kind == "api/response":
            self._handle_reply(Event(frame.headers, frame.body.decode("utf-8", "replace")))
        elif kind == "auth/request":
            self._auth_request_event.set()
        elif kind == "text/disconnect-notice":
            self._handle_notice(frame)
        elif kind == "text/rude-rejection":
            self.rejection = frame.body.decode("utf-8", "replace").strip()
            self.close(f"rejected by the switch: {self.rejection}")
        else:
            log.debug("ignored a frame of type %r", kind[:80])

    def _handle_channel_event(self, frame: Frame) -> None:
        parse = Event.from_json if frame.content_type.endswith("json") else Event.from_plain
        try:
            event = parse(frame.body)
        except ProtocolError as error:
            self.garbled += 1
            log.warning("lost an event of %d bytes: %s", len(frame.body), error)
            return
        self.event_at = time.monotonic()
        if event.name == "BACKGROUND_JOB":
            self.jobs.finish(event)
        self.deliver(event)

    def _handle_reply(self, event: Event) -> None:
        if not self._commands_sent:
            raise ProtocolError("a reply that nobody waits for")
        event.data = event.reply if event.body is None else event.body
        self._commands_sent.pop(0).set(event)

    def _handle_notice(self, frame: Frame) -> None:
        if frame.headers.get("Content-Disposition") == "linger":
            self._lingering = True
            self.deliver(Event(frame.headers))
        else:
            self.close("the switch said goodbye")

    # -- ending

    def close(self, reason: str = "closed by us") -> None:
        """End the connection; never blocks, may be called from anywhere, any number of times."""
        if not self.closed.is_set() and not self.close_reason:
            self.close_reason = reason
        self.connected = False
        self._run = False
        self._auth_request_event.set()
        # Wakes the reader, which alone closes the socket: a number closed under a reader could
        # already belong to another connection.
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.shutdown(system_socket.SHUT_RDWR)

    def stop(self, timeout: float = 1.0) -> None:
        """Say `exit`, close, and wait for the reader; at most about twice `timeout` seconds."""
        if self.connected:
            try:
                self.send("exit", timeout)
            except EslError as error:
                log.debug("exit: %s", error)
        self.close()
        if self._receive_events_greenlet is not gevent.getcurrent():
            self.closed.wait(timeout)

    def _release(self) -> None:
        waiting, self._commands_sent = self._commands_sent, []
        for reply in waiting:
            reply.set_exception(self.gone())
        self.jobs.fail_all(self.gone)
        self.sock_file.close()
        self.sock.close()
        self.closed.set()
        self.ended()
