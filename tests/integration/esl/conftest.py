from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from fakeswitch import PASSWORD, FakeSwitch, Peer
from stage import Stage

from callcenter.esl import Event, OutboundCall, SwitchLink
from callcenter.esl.inbound import SwitchConnection


@pytest.fixture
def make_switch() -> Iterator[Callable[..., FakeSwitch]]:
    """Fake switches that are stopped at the end of the test."""
    switches: list[FakeSwitch] = []

    def make(script: Callable[[Peer], object] | None = None, port: int = 0) -> FakeSwitch:
        switches.append(FakeSwitch(script, port))
        return switches[-1]

    yield make
    for switch in switches:
        switch.stop()


@pytest.fixture
def connect_to(make_switch: object) -> Iterator[Callable[..., SwitchConnection]]:
    """Logged-in connections that are closed at the end; `seen` holds their events."""
    connections: list[SwitchConnection] = []

    def connect(switch: FakeSwitch, **kwargs: Any) -> SwitchConnection:
        seen: list[Event] = []
        connection = SwitchConnection(
            "127.0.0.1", switch.port, PASSWORD, timeout=5.0, on_event=seen.append
        )
        connection.seen = seen
        for name, value in kwargs.items():
            setattr(connection, name, value)
        connections.append(connection)
        connection.connect()
        return connection

    yield connect
    for connection in connections:
        connection.close()
        if connection.sock is not None:
            assert connection.closed.wait(5)


@pytest.fixture
def stage() -> Iterator[Callable[..., Stage]]:
    stages: list[Stage] = []

    def make(story: Callable[[OutboundCall], Any], **kwargs: Any) -> Stage:
        stages.append(Stage(story, **kwargs))
        return stages[-1]

    yield make
    for one in stages:
        one.end()


@pytest.fixture
def make_link(make_switch: object) -> Iterator[Callable[..., SwitchLink]]:
    """Started links that are stopped at the end; `seen`, `ups` and `downs` hold what they told."""
    links: list[SwitchLink] = []

    def make(switch: FakeSwitch, **kwargs: Any) -> SwitchLink:
        seen: list[Event] = []
        ups: list[bool] = []
        downs: list[float] = []
        options: dict[str, Any] = {
            "events": ["CHANNEL_PARK", "sofia::register"],
            "on_event": seen.append,
            "on_up": ups.append,
            "on_down": lambda: downs.append(time.monotonic()),
        } | kwargs
        link = SwitchLink("127.0.0.1", switch.port, PASSWORD, **options)
        link.seen, link.ups, link.downs = seen, ups, downs
        links.append(link)
        link.start()
        return link

    yield make
    for link in links:
        with gevent.Timeout(10):
            link.stop()
