"""`ivr.caller.Caller` on a live channel: prompts out, keys in."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import gevent
from gevent.event import Event as Flag

from callcenter.esl import CallGone, EslError, Event, Execution, OutboundCall, SwitchGone
from ivr.caller import HungUp

logger = logging.getLogger(__name__)

PROMPT_LIMIT = 120.0  # seconds; no prompt of ours is longer
STOP_LIMIT = 3.0  # seconds for the switch to end a playback that was told to stop
STOP_ATTEMPTS = 3
COMMAND_LIMIT = 5.0
KEYS_KEPT = 32
TERMINATORS = "playback_terminators"  # the keys at which the switch itself ends a playback
KEYS = frozenset("0123456789*#")


class LiveCaller:
    """Plays to a channel and hears its keys. Every verb raises HungUp once the citizen is gone."""

    def __init__(self, call: OutboundCall, sounds: Path, note: Callable[..., None]) -> None:
        self.call = call
        self._sounds = sounds
        self._note = note
        self._keys: deque[str] = deque(maxlen=KEYS_KEPT)
        self._key_pressed = Flag()
        self._recorded = Flag()
        self._written: dict[str, str] = {}  # variables as we set them
        self.news = Flag()  # set by others to interrupt `wait`
        self._music = Execution("")  # the dialplan's, while the call is parked
        self._listener = gevent.spawn(self._listen)
        self._listener.name = f"keys of {call.uuid}"

    def _listen(self) -> None:
        while True:
            event: Event | None = self.call.events.get()
            if event is None:
                return
            if event.name == "DTMF":
                key = event.get("DTMF-Digit", "")
                if key in KEYS:
                    self._keys.append(key)
                    self._key_pressed.set()
            elif event.name == "RECORD_STOP":
                self._recorded.set()

    # --- the Caller protocol ------------------------------------------------------------------

    def play(self, prompts: Sequence[str]) -> None:
        if prompts and not self._keys:
            self._set({TERMINATORS: "any"}, wait=False)
            playback = self._start("playback", self.sound(prompts))
            self._wait([self._key_pressed, playback.done], PROMPT_LIMIT)
            # The switch has ended it at the key: what is started next comes right behind it.
            if not playback.done.ready():
                gevent.spawn_later(STOP_LIMIT / STOP_ATTEMPTS, self._cut, playback)

    def ask(self, prompts: Sequence[str], *, seconds: float) -> str | None:
        self.play(prompts)
        if not self._keys:
            self._wait([self._key_pressed], seconds)
        return self.key()

    def note(self, step: str, **facts: object) -> None:
        self._note(step, **facts)

    # --- more than flows need -----------------------------------------------------------------

    def key(self) -> str | None:
        """The next key already pressed, if any."""
        key = self._keys.popleft() if self._keys else None
        if not self._keys:
            self._key_pressed.clear()
        return key

    def forget_keys(self) -> None:
        """Keys pressed before a question are no answer to it."""
        self._keys.clear()
        self._key_pressed.clear()

    def sound(self, prompts: Sequence[str]) -> str:
        """What `playback` takes for these prompts."""
        files = [str(self._sounds / f"{name}.wav") for name in prompts]
        return files[0] if len(files) == 1 else "file_string://" + "!".join(files)

    def start(self, application: str, argument: str = "") -> Execution:
        """Begin an application without waiting for anything; it comes after what began before.

        No key ends it: what isn't a question is heard to its end.
        """
        if application == "playback":
            self._set({TERMINATORS: "none"}, wait=False)
        return self._start(application, argument)

    def _start(self, application: str, argument: str) -> Execution:
        self._check()
        try:
            return self.call.start(application, argument, wait=False)
        except (CallGone, SwitchGone) as error:
            raise HungUp from error

    def music(self, name: str) -> Execution:
        """Play it from now on; while the call is parked there is music already."""
        return self._music if self.call.parked else self.start("playback", name)

    def execute(self, application: str, argument: str = "", *, seconds: float) -> Event:
        """Run an application to its end; raise HungUp, or EslError when it takes too long."""
        execution = self.start(application, argument)
        try:
            return execution.wait(seconds)
        except (CallGone, SwitchGone) as error:
            raise HungUp from error

    def set(self, **variables: str) -> None:
        """Write channel variables: they live as long as the call, whoever controls it.

        Only what differs is sent, and nothing is waited for: what is done to this call over its
        own connection comes later.
        """
        self._set(variables, wait=False)

    def set_and_wait(self, **variables: str) -> None:
        """The same, for what another connection's command counts on."""
        self._set(variables, wait=True)

    def _set(self, variables: dict[str, str], *, wait: bool) -> None:
        self._check()
        known = {**{name: self.call.variable(name) for name in variables}, **self._written}
        changed = {name: value for name, value in variables.items() if known[name] != value}
        try:
            if wait or changed:
                self.call.set_variables(changed or variables, wait=wait)
        except (CallGone, SwitchGone) as error:
            raise HungUp from error
        self._written.update(changed)

    def _cut(self, playback: Execution) -> None:
        """End a playback that no key has ended, or that never ends."""
        for _ in range(STOP_ATTEMPTS):
            if playback.done.ready() or self.call.hung_up.is_set():
                return
            with contextlib.suppress(EslError):
                self.call.api(f"uuid_break {self.call.uuid}", timeout=STOP_LIMIT)
            gevent.wait([playback.done], timeout=STOP_LIMIT / STOP_ATTEMPTS)

    def stop(self, playback: Execution) -> None:
        """End a playback that may still run, and wait until it has."""
        if self.call.parked:
            return  # what is played next is heard instead; a break would end the music too
        self._wait([playback.begun, playback.done], STOP_LIMIT)
        for _ in range(STOP_ATTEMPTS):
            if playback.done.ready():
                return
            try:
                self.call.api(f"uuid_break {self.call.uuid} all", timeout=STOP_LIMIT)
            except (CallGone, SwitchGone) as error:
                raise HungUp from error
            except EslError as error:
                logger.warning("call %s: cannot stop a prompt: %s", self.call.uuid, error)
            # FreeSWITCH forgets a break that comes in the instant before the first frame.
            self._wait([playback.done], STOP_LIMIT / STOP_ATTEMPTS)

    def record(self, path: Path, longest: float) -> None:
        """Record the citizen until #, a long silence or `longest` seconds.

        Not with `record`: FreeSWITCH's hangs up when its controller dies meanwhile (mod_dptools.c).
        A session's recording lives on, and the next controller goes on with it.
        """
        self._recorded.clear()
        self.start("record_session", f"{path} +{longest:.0f}")
        deadline = time.monotonic() + longest
        while not self._recorded.is_set() and time.monotonic() < deadline:
            self._wait([self._key_pressed, self._recorded], deadline - time.monotonic())
            if self.key() == "#":
                break
        self.execute("stop_record_session", str(path), seconds=COMMAND_LIMIT)

    def wait(self, objects: Sequence[object], seconds: float) -> None:
        """Until one of `objects`, a key or `news`; raises HungUp."""
        self._wait([*objects, self._key_pressed, self.news], seconds)

    def close(self) -> None:
        self._listener.kill(block=False)

    def _wait(self, objects: Sequence[object], seconds: float) -> None:
        gevent.wait([*objects, self.call.hung_up], timeout=seconds, count=1)
        self._check()

    def _check(self) -> None:
        if self.call.hung_up.is_set():
            raise HungUp
