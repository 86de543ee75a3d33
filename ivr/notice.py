"""A spoken notice to somebody who handles an order: which one, and how late it is."""

from __future__ import annotations

from collections.abc import Sequence

from ivr.caller import Caller

HEARD, AGAIN = "1", "2"
TIMES = 3


def tell(caller: Caller, said: Sequence[str]) -> bool:
    """Say it until 1 is pressed, at most three times; whether it was."""
    for _ in range(TIMES):
        key = caller.ask((*said, "notice_keys"), seconds=5.0)
        if key == HEARD:
            caller.note("notice.heard")
            caller.play(("notice_thanks",))
            return True
        if key not in (None, AGAIN):
            said = ("wrong_key", *said) if said[0] != "wrong_key" else said
    return False
