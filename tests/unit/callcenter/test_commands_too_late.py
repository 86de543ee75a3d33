"""Commands that nobody waits for any more are refused."""

from __future__ import annotations

import json

import pytest

from callcenter.presence import Presence


class Replies:
    """Stands in for Redis's pipeline: keeps what would have been answered."""

    def __init__(self) -> None:
        self.told: list[dict[str, object]] = []

    def pipeline(self, **_: object) -> Replies:
        return self

    def __enter__(self) -> Replies:
        return self

    def __exit__(self, *_: object) -> None: ...

    def rpush(self, _key: str, text: str) -> None:
        self.told.append(json.loads(text))

    def expire(self, *_: object) -> None: ...

    def execute(self) -> None: ...


@pytest.fixture
def presence() -> Presence:
    presence = Presence("redis://127.0.0.1:1/0", clock=lambda: 1000.0)
    presence._redis = Replies()
    presence.handle("agent.ready", lambda args: {"done": args["agent"]})
    return presence


def obey(presence: Presence, **more: object) -> dict[str, object]:
    command = {"id": "1", "name": "agent.ready", "args": {"agent": "1001"}, **more}
    presence._obey(json.dumps(command))
    return presence._redis.told[-1]


@pytest.mark.parametrize("more", [{}, {"expires_at": 1000.5}, {"expires_at": None}])
def test_a_command_in_time_is_done(presence, more):
    assert obey(presence, **more) == {"ok": True, "result": {"done": "1001"}}


@pytest.mark.parametrize("expires_at", [999.0, float("nan")])
def test_a_command_that_came_too_late_is_refused(presence, expires_at):
    answer = obey(presence, expires_at=expires_at)
    assert answer["ok"] is False
    assert "too late" in str(answer["error"])
