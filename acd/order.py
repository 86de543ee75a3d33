"""A sorted collection that finds the first item overlapping a set, without looking at all.

Items have a `mask`, a set of agents as bits of an int. They are kept in chunks; each chunk knows
the union of its masks, so that whole chunks are passed over with one `and`. For n items `first`
looks at about n/64 unions and 128 items at worst: 10,000 items cost tens of microseconds, and
the answer usually stands in the first chunk.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar

CHUNK = 64


class Masked(Protocol):
    @property
    def mask(self) -> int: ...


T = TypeVar("T", bound=Masked)


class _Chunk(Generic[T]):
    __slots__ = ("items", "keys", "union")

    def __init__(self, keys: list[Any], items: list[T]) -> None:
        self.keys = keys
        self.items = items
        self.union = 0
        self.gather()

    def gather(self) -> None:
        union = 0
        for item in self.items:
            union |= item.mask
        self.union = union

    def first(self, mask: int) -> T | None:
        for item in self.items:
            if item.mask & mask:
                return item
        self.gather()  # the union was out of date: items had left or lost agents
        return None


class MaskedOrder(Generic[T]):
    """Items in the order of their keys; keys must be unique and comparable."""

    def __init__(self) -> None:
        self._chunks: list[_Chunk[T]] = []
        self._last: list[Any] = []  # the greatest key of each chunk
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        for chunk in self._chunks:
            yield from chunk.items

    def add(self, key: Any, item: T) -> None:
        self._size += 1
        if not self._chunks:
            self._chunks.append(_Chunk([key], [item]))
            self._last.append(key)
            return
        place = min(bisect_left(self._last, key), len(self._chunks) - 1)
        chunk = self._chunks[place]
        at = bisect_left(chunk.keys, key)
        chunk.keys.insert(at, key)
        chunk.items.insert(at, item)
        chunk.union |= item.mask
        self._last[place] = chunk.keys[-1]
        if len(chunk.keys) > 2 * CHUNK:
            self._split(place)

    def remove(self, key: Any) -> None:
        """Take out the item with this key; raise KeyError when there is none."""
        place, at = self._find(key)
        chunk = self._chunks[place]
        del chunk.keys[at]
        del chunk.items[at]
        self._size -= 1
        if chunk.keys:
            self._last[place] = chunk.keys[-1]
        else:
            del self._chunks[place]
            del self._last[place]

    def widen(self, key: Any) -> None:
        """The item with this key may have got new bits in its mask."""
        place, at = self._find(key)
        chunk = self._chunks[place]
        chunk.union |= chunk.items[at].mask

    def first(self, mask: int) -> T | None:
        """Return the item with the lowest key whose mask has a bit of `mask`."""
        for chunk in self._chunks:
            if chunk.union & mask:
                item = chunk.first(mask)
                if item is not None:
                    return item
        return None

    def _find(self, key: Any) -> tuple[int, int]:
        place = bisect_left(self._last, key)
        if place == len(self._chunks):
            raise KeyError(key)
        keys = self._chunks[place].keys
        at = bisect_left(keys, key)
        if keys[at] != key:
            raise KeyError(key)
        return place, at

    def _split(self, place: int) -> None:
        chunk = self._chunks[place]
        right = _Chunk(chunk.keys[CHUNK:], chunk.items[CHUNK:])
        left = _Chunk(chunk.keys[:CHUNK], chunk.items[:CHUNK])
        self._chunks[place : place + 1] = [left, right]
        self._last[place : place + 1] = [left.keys[-1], right.keys[-1]]
