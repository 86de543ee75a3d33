"""How late the media loop runs: the figure that tells whether a machine carries its calls."""

from __future__ import annotations

_STEP = 0.0001  # seconds per bucket
_BUCKETS = 10_000  # up to one second


class LagStats:
    """A histogram of delays in seconds, exact to 0.1 ms, of fixed size however long it runs."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._counts = [0] * (_BUCKETS + 1)
        self.count = 0
        self.max = 0.0

    def add(self, seconds: float) -> None:
        self._counts[min(int(max(seconds, 0.0) / _STEP), _BUCKETS)] += 1
        self.count += 1
        if seconds > self.max:
            self.max = seconds

    @property
    def p50(self) -> float:
        return self.quantile(0.50)

    @property
    def p99(self) -> float:
        return self.quantile(0.99)

    def quantile(self, share: float) -> float:
        """The upper edge of the bucket below which `share` of the delays lie; 0 without any."""
        below = 0
        for bucket, count in enumerate(self._counts):
            below += count
            if below and below >= share * self.count:
                return min((bucket + 1) * _STEP, self.max)
        return 0.0
