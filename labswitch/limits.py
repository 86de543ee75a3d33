"""Counters of `limit hash`: how many channels use a thing at once, or begin to within some time."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labswitch.channel import Channel

Key = tuple[str, str]  # realm, id


class Limits:
    """Usage by realm and id; a channel gives back what it took when it hangs up or moves on."""

    def __init__(self) -> None:
        self._users: dict[Key, set[str]] = {}
        self._begun: dict[Key, deque[float]] = {}

    def usage(self, realm: str, name: str) -> int:
        """How many channels hold it now."""
        return len(self._users.get((realm, name), ()))

    def take(self, channel: Channel, realm: str, name: str, maximum: int) -> bool:
        """Count the channel, once; False when `maximum` (negative: none) is reached."""
        users = self._users.setdefault((realm, name), set())
        if channel.uuid not in users:
            if 0 <= maximum <= len(users):
                return False
            users.add(channel.uuid)
            channel.on_end.append(lambda: self._release((realm, name), channel.uuid))
        used = str(len(users))
        channel.update({"limit_realm": realm, "limit_id": name, "limit_usage": used})
        channel.set(f"limit_usage_{realm}_{name}", used)
        return True

    def take_rate(self, realm: str, name: str, maximum: int, seconds: int) -> bool:
        """Count one more beginning; False when `maximum` of them fell within `seconds`."""
        begun = self._begun.setdefault((realm, name), deque())
        now = time.monotonic()
        while begun and begun[0] <= now - seconds:
            begun.popleft()
        if len(begun) >= maximum:
            return False
        begun.append(now)
        return True

    def release_all(self, channel: Channel) -> None:
        """Give back everything a channel took: it was transferred."""
        for key in list(self._users):
            self._release(key, channel.uuid)

    def _release(self, key: Key, uuid: str) -> None:
        users = self._users.get(key, set())
        users.discard(uuid)
        if not users:
            self._users.pop(key, None)
