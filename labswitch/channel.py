"""A channel: one leg of a call, run by one greenlet of its own through its states.

Whatever happens to it from outside (a hang-up, a key, a queued command, a transfer) only notes
it down and wakes the greenlet; applications wait in `idle`, which runs queued commands.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event

from labswitch import bridging, cdr, recording
from labswitch.caller import CallerProfile, now_us
from labswitch.channel_data import ChannelData
from labswitch.command import Command
from labswitch.conf import is_true
from labswitch.dialplan import Action, Extension, hunt
from labswitch.execution import execute_application, run_command
from labswitch.states import CallState, State, Wake

if TYPE_CHECKING:
    from labswitch.media import Recording
    from labswitch.playing import Playing
    from labswitch.sip_leg import SipLeg
    from labswitch.switch import Switch

log = logging.getLogger(__name__)

MAX_QUEUED_COMMANDS = 1000
MAX_TRANSFERS = 70


class Channel(ChannelData):
    """One leg. `ready` is False as soon as it is to leave what it does."""

    def __init__(self, switch: Switch, leg: SipLeg, profile: CallerProfile) -> None:
        super().__init__(switch, leg, profile)
        self.extension: Extension | None = None
        self.controlled = False  # parked; a controller's end clears it
        self.link: bridging.Link | None = None
        self.pending_bridge: str | None = None  # for uuid_bridge: the other's UUID
        self.bridge_originator = False
        self.event_lock = False
        self.stop_broadcast = False
        self.broadcasting = False
        self.playing: list[Playing] = []
        self.held = False
        self.muted = (False, False)  # what the far end says, what it hears
        self.recordings: dict[str, Recording] = {}
        self.watchers: list[Callable[[], None]] = []  # told of every change
        self.digits: deque[str] = deque(maxlen=100)
        self.dialed: list[str] = []
        self.on_end: list[Callable[[], None]] = []  # clean up when the channel hangs up
        self.holders = 0  # controllers' connections that still hold the channel
        self.settled = Event()  # hung up and reported, or gone on to another state
        self.reported = Event()
        self.released = Event()
        self.released.set()
        self._break = False
        self._commands: deque[Command] = deque()
        self._wake = Event()
        self._greenlet = gevent.Greenlet(self._run)

    def start(self) -> None:
        self._greenlet.start()

    def wake(self) -> None:
        self._wake.set()
        self._notify()

    def _notify(self) -> None:
        for watcher in list(self.watchers):
            watcher()

    def nudge(self) -> None:
        """Look again at what the channel waits for."""
        self._wake.set()

    # --- changes from outside ----------------------------------------------------------------

    @property
    def ready(self) -> bool:
        return self.hangup_cause is None and self.state == self.running_state

    @property
    def up(self) -> bool:
        return self.hangup_cause is None

    def set_state(self, state: State) -> None:
        if self.up:
            self.state = state
            self.wake()

    def hangup(self, cause: str = "NORMAL_CLEARING") -> None:
        """Hang up; only the first time counts."""
        if self.hangup_cause is not None:
            return
        self.hangup_cause = cause
        self.state = State.HANGUP
        self.fire("CHANNEL_HANGUP")
        self.wake()

    def queue_command(self, command: Command) -> bool:
        """Queue what a controller asks for; False when too much waits."""
        if len(self._commands) >= MAX_QUEUED_COMMANDS:
            return False
        self._commands.append(command)
        self.wake()
        return True

    def flush_commands(self) -> None:
        self._commands.clear()

    def interrupt(self) -> None:
        """End the running playback, recording or sleep (`uuid_break`)."""
        if self.broadcasting:
            self.stop_broadcast = True
        self._break = True
        self.wake()

    def digit_pressed(self, digit: str, milliseconds: int, source: str) -> None:
        if not self.up:
            return
        self.digits.append(digit)
        self.dialed.append(digit)
        duration = str(milliseconds * 8)  # in samples
        self.fire("DTMF", {"DTMF-Digit": digit, "DTMF-Duration": duration, "DTMF-Source": source})
        self.wake()

    def transfer(self, extension: str, dialplan: str = "", context: str = "") -> None:
        """Begin anew in the dialplan; what runs now is ended."""
        left = int(self.get("max_forwards") or MAX_TRANSFERS) - 1
        if left <= 0:
            self.hangup("EXCHANGE_ROUTING_ERROR")
            return
        self.set("max_forwards", str(left))
        before = self.profile
        profile = self.step_profile()
        profile.dialplan = dialplan or before.dialplan or "XML"
        profile.context = context or before.context or "default"
        profile.destination_number = extension or "service"
        profile.rdnis = before.destination_number
        self.set("signal_bond", None)
        if not is_true(self.get("limit_ignore_transfer")):
            self.switch.limits.release_all(self)
        self.hit_dialplan = True
        self.other_type = None
        where = f"{profile.destination_number}/{profile.context}/{profile.dialplan}"
        self.note_transfer("bl_xfer", where)
        self.set_state(State.ROUTING)

    def note_transfer(self, kind: str, where: str) -> None:
        self.profile.transfer_source = f"{int(time.time())}:{self.profile.uuid}:{kind}:{where}"
        self.push("transfer_history", self.profile.transfer_source)
        self.set("transfer_source", self.profile.transfer_source)

    def run_extension(self, name: str, actions: list[Action]) -> None:
        """Run these actions instead of a dialplan's."""
        self.extension = Extension(name, self.destination_number, actions)
        self.set_state(State.EXECUTE)

    def run_application(self, application: str, argument: str) -> None:
        self.run_extension(application, [Action(application, argument)])

    # --- waiting -----------------------------------------------------------------------------

    def idle(
        self,
        until: Callable[[], bool] | None = None,
        timeout: float | None = None,
        on_digit: Callable[[str], bool] | None = None,
        *,
        breakable: bool = True,
    ) -> Wake:
        """Wait inside an application, running queued commands meanwhile.

        Ends when `until()` is true, after `timeout` seconds, when `on_digit(key)` is true for a
        key pressed (other keys are dropped), on uuid_break if `breakable`, or when the channel is
        to leave.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            self._wake.clear()
            if not self.ready:
                return Wake.GONE
            if breakable and self._break:
                self._break = False
                return Wake.BROKEN
            if until is not None and until():
                return Wake.DONE
            while self.digits:
                digit = self.digits.popleft()
                if on_digit is not None and on_digit(digit):
                    return Wake.DIGIT
            if self.run_next_command():
                continue
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return Wake.TIMEOUT
            self._wake.wait(left)

    def clear_break(self) -> None:
        self._break = False

    def run_next_command(self) -> bool:
        """Run the first queued command; False if there is none or a locked one runs."""
        if not self._commands or self.event_lock:
            return False
        command = self._commands.popleft()
        if self.playing:
            self.playing[-1].suspend()
        had_media = self.media_ready
        run_command(self, command)
        if self.stop_broadcast:
            self._break = True
        if had_media:
            self.fire("PRIVATE_COMMAND", {"Event-Name": "PRIVATE_COMMAND", **command.headers})
        if self.playing and self.ready:
            self.playing[-1].resume()
        return True

    def execute(self, application: str, argument: str = "") -> bool:
        """Run one application with its argument not yet expanded; False if it couldn't run."""
        return execute_application(self, application, argument)

    def execute_on(self, variable: str) -> None:
        """Run the application that a variable names, `execute_on_originate` and the like."""
        application, _, argument = (self.get(variable) or "").partition(" ")
        if application:
            self.execute(application, argument)

    def park(self) -> None:
        """Wait for commands until hung up, transferred, bridged, or let go by the controller."""
        if self.controlled:
            log.warning("%s is parked already", self.uuid)
            return
        timeout, cause = self._park_timeout()
        self.controlled = True
        self.fire("CHANNEL_PARK")
        ended = self.idle(lambda: not self.controlled, timeout, breakable=False)
        if ended is Wake.TIMEOUT:
            self.hangup(cause)
        while not self.ready and self.run_next_command():
            pass
        self.controlled = False
        self.fire("CHANNEL_UNPARK")

    def _park_timeout(self) -> tuple[float | None, str]:
        text = self.get("park_timeout")
        if not text:
            return None, "NORMAL_CLEARING"
        self.set("park_timeout", None)
        seconds, _, cause = text.partition(":")
        return float(seconds) if seconds.isdigit() else None, cause or "NORMAL_CLEARING"

    # --- the life of a channel ---------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self.up:
                self._enter(self.state)
                while self.ready:
                    self.idle()
        except Exception:
            log.exception("channel %s failed", self.uuid)
            self.hangup("CRASH")
        try:
            self._end()
        finally:
            self.switch.forget(self)

    def _enter(self, state: State) -> None:
        self.running_state = state
        self._notify()
        if state != State.EXCHANGE_MEDIA:
            self.settled.set()
        if (state in _CALL_STATES and self.direction == "inbound") or self.answered:
            self._mark_routing(state)
        if state is not State.NEW:
            self.fire("CHANNEL_STATE")
        handler = _HANDLERS.get(state)
        if handler:
            handler(self)

    def _mark_routing(self, state: State) -> None:
        if state is State.ROUTING:
            self.set_call_state(CallState.RINGING)
        elif state is State.EXECUTE and self.answered and self.call_state is CallState.RINGING:
            self.set_call_state(CallState.ACTIVE)

    def _on_new(self) -> None:
        if self.direction == "outbound":
            self.running_state, self.state = State.NONE, State.INIT
            self.fire("CHANNEL_OUTGOING")
            self.execute_on("execute_on_originate")
        else:
            self.fire("CHANNEL_STATE")
            self.set_state(State.INIT)

    def _on_init(self) -> None:
        self.set_state(State.ROUTING)
        self.fire("CHANNEL_CREATE")
        if self.direction == "outbound":
            self.fire("CHANNEL_ORIGINATE")

    def _on_routing(self) -> None:
        if self.direction == "outbound" and not self.hit_dialplan:
            self.leg.dial()
            self.set_state(State.CONSUME_MEDIA)
            return
        self.set("call_uuid", self.get("call_uuid") or self.uuid)
        context = self.switch.configuration.contexts.get(self.profile.context)
        self.extension = hunt(context, self)
        if not self.ready:
            return
        if self.extension is None:
            self.hangup("NO_ROUTE_DESTINATION")
            return
        self.profile.extension_name = self.extension.name
        self.set_state(State.EXECUTE)

    def _on_execute(self) -> None:
        while self.ready and self.extension is not None:
            action = self.extension.next_action()
            if action is None:
                break
            if not self.execute(action.application, action.argument):
                return
        if self.ready:
            self.hangup("NORMAL_CLEARING")

    def _on_park(self) -> None:
        self.park()
        if self.ready:
            self.hangup("NORMAL_CLEARING")

    def _on_hibernate(self) -> None:
        if self.pending_bridge is not None:
            self.set_state(State.RESET)

    def _on_reset(self) -> None:
        if self.bridge_originator:
            self.set_state(State.SOFT_EXECUTE)

    def _on_soft_execute(self) -> None:
        if self.bridge_originator:
            bridging.begin(self)

    def _on_exchange_media(self) -> None:
        bridging.called_side(self)

    def _end(self) -> None:
        self.running_state = self.state = State.HANGUP
        self.profile.times.hungup = now_us()
        self.fire("CHANNEL_STATE")
        for clean_up in self.on_end:
            clean_up()
        recording.stop_session(self, "all")
        self.leg.end(self.hangup_cause or "NORMAL_CLEARING")
        self.set_call_state(CallState.HANGUP)
        self.running_state = self.state = State.REPORTING
        self.fire("CHANNEL_STATE")
        cdr.finish(self)
        self.fire("CHANNEL_HANGUP_COMPLETE")
        self.settled.set()
        self.reported.set()
        gevent.sleep(0)  # who waited for the end may tell of it before the channel is destroyed
        self.released.wait()
        self.state = State.DESTROY
        self.fire("CHANNEL_DESTROY")
        self.running_state = State.DESTROY
        self.fire("CHANNEL_STATE")

    def hold_record(self) -> None:
        """Keep the channel known after its hang-up until `release_record`."""
        self.holders += 1
        self.released.clear()

    def release_record(self) -> None:
        self.holders -= 1
        if self.holders == 0:
            self.released.set()


_CALL_STATES = (State.ROUTING, State.EXECUTE)
_HANDLERS: dict[State, Callable[[Channel], None]] = {
    State.NEW: Channel._on_new,
    State.INIT: Channel._on_init,
    State.ROUTING: Channel._on_routing,
    State.EXECUTE: Channel._on_execute,
    State.PARK: Channel._on_park,
    State.HIBERNATE: Channel._on_hibernate,
    State.RESET: Channel._on_reset,
    State.SOFT_EXECUTE: Channel._on_soft_execute,
    State.EXCHANGE_MEDIA: Channel._on_exchange_media,
}
