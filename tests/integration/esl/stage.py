"""An outbound server with a story, for tests that play the switch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
from fakeswitch import FakeCall
from gevent.event import AsyncResult

from callcenter.esl import OutboundCall, OutboundServer


class Stage:
    """An outbound server, fake calls into it, and what came of each story."""

    def __init__(self, story: Callable[[OutboundCall], Any], **kwargs: Any) -> None:
        self.story = story
        self.outcomes: dict[str, AsyncResult] = {}
        self.calls: dict[str, OutboundCall] = {}
        self.fakes: list[FakeCall] = []
        self.server = OutboundServer("127.0.0.1", 0, self.serve, **kwargs)
        self.server.start()

    def serve(self, call: OutboundCall) -> None:
        self.calls[call.uuid] = call
        try:
            outcome = self.story(call)
        except BaseException as error:
            self.outcome(call).set_exception(error)
            raise
        self.outcome(call).set(outcome)

    def outcome(self, call: OutboundCall | FakeCall) -> AsyncResult:
        return self.outcomes.setdefault(call.uuid, AsyncResult())

    def call(self, **variables: str) -> FakeCall:
        self.fakes.append(FakeCall(self.server.port, **variables))
        return self.fakes[-1]

    def result(self, fake: FakeCall) -> Any:
        return self.outcome(fake).get(timeout=5)

    def end(self) -> None:
        with gevent.Timeout(10):
            self.server.stop(timeout=1)
        for fake in self.fakes:
            fake.close()
