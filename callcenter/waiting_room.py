"""What a citizen hears while waiting, and the keys that are open meanwhile.

Music, now and then a word of comfort, the place in the queue, and after it the choices that the
queue gives: 1 to be called back, 2 to leave a message, 0 to go on waiting. A key counts only once
the choices have been named, so that one pressed by mistake costs nobody the place.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from gevent.event import Event as Flag

from acd.config import QueueConfig, WaitChoice
from callcenter.caller import LiveCaller
from ivr import prompts

MUSIC = "local_stream://moh"
NO_MUSIC = "silence_stream://5000"  # when the switch has none: don't ask again at once
LOOK_AROUND = 15.0  # seconds; a waiting call looks around at least this often
SHORTEST_MUSIC = 1.0
SETTLED = 5.0  # seconds of music after which nothing is expected to happen soon

KEYS = {"1": WaitChoice.CALLBACK, "2": WaitChoice.MESSAGE}
STAY = "0"


class WaitingRoom:
    """One playback at a time; `say` replaces the one that runs."""

    def __init__(
        self,
        caller: LiveCaller,
        config: Callable[[], QueueConfig],
        choices: Callable[[], tuple[WaitChoice, ...]],
    ) -> None:
        """`config` and `choices` are asked anew each time: they may change while people wait."""
        self._caller = caller
        self._config = config
        self._choices = choices
        self._open: tuple[WaitChoice, ...] = ()  # choices that were named
        self._comforts = 0
        self._spoken_at = time.monotonic()
        self._started_at = 0.0
        self._music = False
        caller.forget_keys()
        self._sound = caller.start("playback", caller.sound(["connecting"]))

    def wait(self, news: Flag) -> None:
        """Until there is news, a key, silence, or it is time for a word of comfort."""
        now = time.monotonic()
        until = min(now + LOOK_AROUND, self._comfort_at())
        if self._music and not self.settled:
            until = min(until, self._started_at + SETTLED)
        seconds = max(0.0, until - now)
        self._caller.wait([self._sound.done, news], seconds)

    def choice(self) -> WaitChoice | None:
        """What the citizen chose, once; 0 ends the sentence that runs."""
        while key := self._caller.key():
            if key == STAY and not self._music:
                self._play_music()
            if KEYS.get(key) in self._open:
                return KEYS[key]
        return None

    def announce(self, position: int, seconds: float | None) -> None:
        """Speak the place and the expected wait, then the choices."""
        self._say([*prompts.place_in_queue(position, seconds), *self._choices_named()])

    def go_on(self) -> None:
        """Keep the sound going: comfort when it is due, else music."""
        config = self._config()
        now = time.monotonic()
        if now >= self._comfort_at():
            prompt = config.comfort[self._comforts % len(config.comfort)]
            self._comforts += 1
            named = [] if config.announce_first_seconds else self._choices_named()
            self._say([prompt, *named])
        elif self._sound.done.ready():
            if not self._music:
                self._spoken_at = now
            self._play_music()

    @property
    def settled(self) -> bool:
        """Whether the music has played for a while."""
        return self._music and time.monotonic() >= self._started_at + SETTLED

    def rests(self) -> None:
        """The call was parked: the music is the dialplan's from now on."""
        self._sound = self._caller.music(MUSIC)

    def quiet(self) -> None:
        """Stop whatever plays."""
        self._caller.stop(self._sound)

    def _comfort_at(self) -> float:
        config = self._config()
        if not config.comfort or not config.comfort_every_seconds:
            return math.inf
        return self._spoken_at + config.comfort_every_seconds

    def _choices_named(self) -> list[str]:
        self._open = self._choices()
        return prompts.queue_choices(
            callback=WaitChoice.CALLBACK in self._open, message=WaitChoice.MESSAGE in self._open
        )

    def _say(self, names: Sequence[str]) -> None:
        self.quiet()
        self._spoken_at = time.monotonic()
        self._music = False
        self._sound = self._caller.start("playback", self._caller.sound(names))

    def _play_music(self) -> None:
        self.quiet()
        now = time.monotonic()
        failed = self._music and now - self._started_at < SHORTEST_MUSIC
        self._music, self._started_at = True, now
        self._sound = self._caller.music(NO_MUSIC if failed else MUSIC)
