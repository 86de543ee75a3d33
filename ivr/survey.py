"""The rating by keypad: five levels (Heyuan draft rules §14; 好差评)."""

from __future__ import annotations

from ivr.caller import Caller

LEVELS = {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5}  # 1 非常满意 … 5 非常不满意
ATTEMPTS = 2


def rate(caller: Caller, *, seconds: float = 6.0) -> int | None:
    """Ask for a rating; None when the citizen presses nothing that is one."""
    apology: tuple[str, ...] = ()
    for _ in range(ATTEMPTS):
        key = caller.ask((*apology, "survey"), seconds=seconds)
        if key in LEVELS:
            caller.note("survey.rated", rating=LEVELS[key])
            caller.play(("survey_thanks",))
            return LEVELS[key]
        apology = ("silence",) if key is None else ("wrong_key",)
    caller.note("survey.silent", attempts=ATTEMPTS)
    caller.play(("goodbye",))
    return None
