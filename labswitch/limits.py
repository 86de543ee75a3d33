"""Counters of `limit hash`: how many channels use a thing at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labswitch.channel import Channel


class Limits:
    """Usage by (realm, id); a channel gives back what it took when it hangs up."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str], int] = {}
        self._taken: set[tuple[str, str, str]] = set()

    def usage(self, realm: str, name: str) -> int:
        return self._used.get((realm, name), 0)

    def take(self, channel: Channel, realm: str, name: str, maximum: int) -> bool:
        """Count the channel, once; False when `maximum` (negative: none) is reached."""
        taken = (channel.uuid, realm, name)
        if taken in self._taken:
            return maximum < 0 or self.usage(realm, name) <= maximum
        used = self.usage(realm, name) + 1
        if 0 <= maximum < used:
            return False
        self._used[realm, name] = used
        self._taken.add(taken)
        channel.on_end.append(lambda: self._release(taken))
        channel.set("limit_realm", realm)
        channel.set("limit_id", name)
        channel.set("limit_usage", str(used))
        channel.set(f"limit_usage_{realm}_{name}", str(used))
        return True

    def _release(self, taken: tuple[str, str, str]) -> None:
        self._taken.discard(taken)
        _, realm, name = taken
        left = self._used.get((realm, name), 1) - 1
        if left > 0:
            self._used[realm, name] = left
        else:
            self._used.pop((realm, name), None)
