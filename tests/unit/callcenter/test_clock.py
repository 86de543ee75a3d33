"""The clock of deadlines and places goes on while the machine's is set back."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gevent.queue import Queue

from acd.config import Config, QueueConfig
from acd.engine import Engine
from callcenter.citizen import CitizenCall
from callcenter.clock import SteadyClock
from callcenter.distribution import Distributor


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_wall_clock_that_is_set_moves_no_deadline(
    monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    clock = SteadyClock()
    before, wall = clock(), time.time()
    assert abs(before - wall) < 1
    monkeypatch.setattr(time, "time", lambda: wall + jump)
    assert before <= clock() < before + 60


def calls(clock: Any) -> tuple[Engine, Any]:
    """An engine behind a distributor, and a way to let a citizen join its queue."""
    engine = Engine(Config(queues={"general": QueueConfig()}), new_offer_id=lambda: "o")
    callbacks: Any = SimpleNamespace(
        answered=lambda _call: (False, None), look=lambda: None, here=lambda _place: None,
        story=lambda call: call,
    )  # fmt: skip
    phones: Any = None  # nobody is rung
    center: Any = SimpleNamespace(
        settings=SimpleNamespace(sounds_dir=Path()),
        hotline=lambda _dialed: SimpleNamespace(name="city"),
        journal=SimpleNamespace(append=lambda _event: None),
        history=SimpleNamespace(asks=lambda _config, _number, _queue, asked, _now: (asked, [])),
        last_agents=SimpleNamespace(find=lambda _number: None),
        callbacks=callbacks,
        distributor=Distributor(
            engine, phones, callbacks, lambda _event: None, lambda _state: None, clock
        ),
    )

    def join(name: str) -> None:
        channel: Any = SimpleNamespace(
            uuid=name, headers={}, events=Queue(), down=False, start=lambda *_args: None,
            variable={"cc_queue": "general", "cc_dialed": "12345"}.get,
        )  # fmt: skip
        call = CitizenCall(channel, center)
        call.caller.set = lambda **_variables: None  # type: ignore[method-assign]
        call.join_queue()
        call.caller.close()

    return engine, join


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_given_a_clock_that_is_set_when_citizens_join_then_nobody_passes_who_came_before(
    monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    engine, join = calls(SteadyClock())
    join("first")
    wall = time.time()
    monkeypatch.setattr(time, "time", lambda: wall + jump)
    join("second")
    assert list(engine.lines(10)["general"]) == ["first", "second"]
    waited = [contact.queued_at for contact in engine.snapshot().contacts.values()]
    assert 0 <= waited[1] - waited[0] < 60
