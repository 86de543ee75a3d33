"""A number typed on the keypad: # ends it, * begins it anew."""

from __future__ import annotations

from collections.abc import Sequence

from ivr.caller import Caller

BETWEEN = 6.0  # seconds to the next key; elderly citizens read the number from a paper
ANEW = "*"
END = "#"


def digits(caller: Caller, question: Sequence[str], *, most: int, seconds: float = 8.0) -> str:
    """Ask, and return the digits: until #, a pause, or `most` of them; "" for silence."""
    typed = ""
    key = caller.ask(question, seconds=seconds)
    while key is not None and key != END:
        typed = "" if key == ANEW else typed + key
        if len(typed) == most:
            break
        key = caller.ask((), seconds=BETWEEN)
    return typed
