"""Background jobs: `bgapi` commands and the BACKGROUND_JOB events that answer them."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from gevent.event import AsyncResult

from callcenter.esl.event import Event


class Jobs:
    """The jobs of one connection that wait for their result, by Job-UUID.

    The id is ours and is registered before the command is sent: a quick job's event may be on
    the wire before the reply to `bgapi`.
    """

    def __init__(self) -> None:
        self._pending: dict[str, AsyncResult] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def expect(self) -> tuple[str, AsyncResult]:
        """A new job's id and the result that will hold its event."""
        job_id = str(uuid.uuid4())
        result = self._pending[job_id] = AsyncResult()
        return job_id, result

    def forget(self, job_id: str) -> None:
        self._pending.pop(job_id, None)

    def finish(self, event: Event) -> None:
        """Hand a BACKGROUND_JOB event to whoever waits for it; others' jobs are let go by."""
        result = self._pending.pop(event.get("Job-UUID"), None)
        if result is not None:
            result.set(event)

    def fail_all(self, error: Callable[[], Exception]) -> None:
        pending, self._pending = self._pending, {}
        for result in pending.values():
            result.set_exception(error())
