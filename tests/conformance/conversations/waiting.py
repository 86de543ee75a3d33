"""What takes long: held last, when the heart has beaten already."""

from __future__ import annotations

from conformance.conversations import conversation
from conformance.normalise import facts
from conformance.scene import Scene
from conformance.wire import Event, until


@conversation
def heartbeat(scene: Scene) -> None:
    """Twenty seconds apart: who is silent for longer is dead."""
    beat: Event = until(lambda: scene.heartbeats and scene.heartbeats[0], "a heartbeat", 25)
    scene.note("HEARTBEAT", {**facts(beat), "Session-Count": "…"})
    scene.note("other headers", {name: name in beat for name in ("Core-UUID", "Idle-CPU")})
