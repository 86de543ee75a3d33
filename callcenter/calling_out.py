"""Calls that the hotline makes of its own accord: follow-ups of orders, notices to handlers.

`call_wish` brings the wishes. Each is dialed once: that it is being dialed is on the disk before
the switch is asked, so a controller that dies meanwhile leaves a wish that nobody dials again. The
next one looks whether the switch has the call, and else tells that it failed. Whoever picks up is
a citizen's call like any other and comes to `callcenter.hotline` through the dialplan.

Only numbers that the setting `callback_numbers` describes are dialed; redirections are refused.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import gevent
from gevent.event import Event as Flag
from gevent.threadpool import ThreadPool

from callcenter.call_wish import CallWish, WishBook
from callcenter.esl import CommandFailed, EslError, SwitchGone
from callcenter.events import Event, Kind
from callcenter.offers import Link
from callcenter.privacy import mask

logger = logging.getLogger(__name__)
T = TypeVar("T")

LOOK_EVERY = 1.0
RING_SECONDS = 30
ANSWER_GRACE = 10.0  # seconds past the ringing for the switch to answer at all
AT_ONCE = 20  # calls that ring; the rules of follow-up ask for less
COMMAND_LIMIT = 5.0
VARIABLE = re.compile(r"[\w.+-]*")  # what may stand in a variable of the dial string


class CallingOut:
    """Dials wishes; belongs to the controller's hub."""

    def __init__(
        self,
        book: WishBook,
        link: Link,
        *,
        gateway: str,
        numbers: str,
        published: tuple[str, ...],
        tell: Callable[[Event], bool],
        clock: Callable[[], float],
    ) -> None:
        """`tell` writes an event and waits until it is on the disk; False when it isn't yet."""
        self._book = book
        self._link = link
        self._gateway = gateway
        self._numbers = re.compile(numbers)
        self._published = published
        self._tell = tell
        self._clock = clock
        self._disk = ThreadPool(1)
        self._dialing: set[str] = set()
        self._found: set[str] = set()  # in the switch since before this controller started
        self._restored = False
        self._changed = Flag()
        self._worker: gevent.Greenlet | None = None

    def start(self) -> None:
        self._worker = gevent.spawn(self._work)

    def stop(self) -> None:
        if self._worker is not None:
            self._worker.kill()
        self._book.close()

    # --- what the switch and the calls tell ---------------------------------------------------

    def restore(self, channels: frozenset[str]) -> None:
        """After a start: the channels that the switch holds."""
        self._found = set(channels - self._dialing)
        self._restored = True
        self._changed.set()

    def answered(self, channel: str) -> None:
        """Somebody picked up a call that an earlier controller dialed, perhaps."""
        self._found.discard(channel)
        self._forget(channel)

    def call_over(self, channel: str, cause: str) -> None:
        """A channel has ended; of interest when an earlier controller dialed it."""
        if channel in self._found:
            self._found.discard(channel)
            gevent.spawn(self._over_unheard, channel, cause)

    def _over_unheard(self, channel: str, cause: str) -> None:
        wish = self._on_disk(self._book.read, channel)
        if wish is not None:
            self._failed(wish, cause or "UNKNOWN")

    # --- the work -----------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            self._changed.wait(LOOK_EVERY)
            self._changed.clear()
            try:
                if self._restored and self._on_disk(self._book.keep):
                    self._look()
            except OSError as error:
                logger.error("calls wait: %s", error)
                gevent.sleep(LOOK_EVERY)

    def _look(self) -> None:
        for wish_id in sorted(self._on_disk(self._book.ids) - self._dialing - self._found):
            if len(self._dialing) >= AT_ONCE:
                return
            wish = self._on_disk(self._book.read, wish_id)
            if wish is None:
                self._put_aside(wish_id)
            elif wish.dialed_at:
                self._failed(wish, "LOST")  # by a controller that died; the switch has it no more
            elif why := self._refusal(wish):
                self._failed(wish, why)
            else:
                self._dialing.add(wish.id)
                gevent.spawn(self._dial, wish).name = f"{wish.purpose} {wish.id}"

    def _refusal(self, wish: CallWish) -> str:
        """Why it isn't dialed, as a cause; "" for nothing."""
        if not self._gateway:
            return "NO_TRUNK"
        if not self._numbers.fullmatch(wish.number):
            return "NUMBER_NOT_ALLOWED"
        if wish.not_after and self._clock() > wish.not_after:
            return "TOO_LATE"
        texts = (wish.dialed, wish.order, wish.prompts)
        return "" if all(map(VARIABLE.fullmatch, texts)) else "UNREADABLE"

    def _dial(self, wish: CallWish) -> None:
        try:
            wish = replace(wish, dialed_at=self._clock())
            self._on_disk(self._book.save, wish)
            self._tell(_event(wish, Kind.OUTBOUND_DIALED))
            logger.info("%s: calls %s", wish.id, mask(wish.number))
            cause = self._originate(wish)
            if cause:
                self._failed(wish, cause)
            else:
                self._forget(wish.id)  # the call's own record tells on
        except OSError as error:  # not written: not dialed, and tried again
            logger.error("%s: isn't dialed: %s", wish.id, error)
            gevent.sleep(LOOK_EVERY)
        finally:
            self._dialing.discard(wish.id)
            self._changed.set()

    def _originate(self, wish: CallWish) -> str:
        """Ring; the cause when nobody picked up, else ""."""
        shown = wish.dialed if wish.dialed in self._published else self._published[0]
        variables = {
            "origination_uuid": wish.id,
            "origination_caller_id_number": shown,
            "origination_caller_id_name": shown,
            "originate_timeout": str(RING_SECONDS),
            "ignore_early_media": "true",
            "outbound_redirect_fatal": "true",
            "media_timeout": "300000",
            "cc_wish": wish.id,
            "cc_callback_dialed": shown,
            "cc_number": wish.number,
            "cc_order": wish.order,
            "cc_purpose": wish.purpose,
            "cc_prompts": wish.prompts,
            "cc_stage": wish.purpose,
        }
        given = ",".join(f"{name}={value}" for name, value in variables.items() if value)
        target = f"sofia/trunk/{wish.number}@{self._gateway}"
        try:
            self._link.api(
                f"originate {{{given}}}{target} callback XML hotline",
                timeout=RING_SECONDS + ANSWER_GRACE,
            )
        except CommandFailed as error:
            return error.reply.removeprefix("-ERR").strip() or "FAILED"
        except SwitchGone:
            return "SWITCH_GONE"
        except EslError as error:
            logger.error("%s: no word from the switch: %s", wish.id, error)
            self._quietly(f"uuid_kill {wish.id} ORIGINATOR_CANCEL")
            return "TIMEOUT"
        return ""

    def _failed(self, wish: CallWish, cause: str) -> None:
        """Tell it, then forget it: in this order it is told twice at worst, under one id."""
        logger.info("%s: nobody was reached: %s", wish.id, cause)
        if self._tell(_event(wish, Kind.OUTBOUND_FAILED, cause=cause)):
            self._forget(wish.id)

    def _put_aside(self, wish_id: str) -> None:
        logger.error("wish %s can't be read and is dropped", wish_id)
        self._forget(wish_id)

    def _forget(self, wish_id: str) -> None:
        try:
            self._on_disk(self._book.remove, wish_id)
        except (OSError, ValueError) as error:
            logger.error("wish %s: %s", wish_id, error)

    def _on_disk(self, act: Callable[..., T], *args: object) -> T:
        result: T = self._disk.apply(act, args)
        return result

    def _quietly(self, command: str) -> None:
        try:
            self._link.api(command, timeout=COMMAND_LIMIT)
        except EslError as error:
            logger.info("%s: %s", command.split()[0], error)


def _event(wish: CallWish, kind: Kind, **more: str) -> Event:
    """Of no call, as nobody has picked up. Told twice, it is the same."""
    data = {"wish": wish.id, "purpose": wish.purpose, "order": wish.order, **more}
    return Event(f"{wish.id}:{kind}", time.time(), kind, None, data)
