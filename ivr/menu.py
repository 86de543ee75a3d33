"""Walking a hotline's menus with a caller until it is known where the call goes."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.caller import Caller
from ivr.hotline import Choice, Hotline, Menu

PERSON_KEYS = ("0", "1")


@dataclass(frozen=True, slots=True)
class ToQueue:
    """To a person."""

    queue: str
    requirement: str = ""
    priority: int = 0
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToMessage:
    """The citizen leaves a message."""


@dataclass(frozen=True, slots=True)
class ToTransfer:
    """To another hotline."""

    destination: str


@dataclass(frozen=True, slots=True)
class ToProgress:
    """The citizen asks how far an order is, and comes back to this menu."""

    menu: str


Destination = ToQueue | ToMessage | ToTransfer | ToProgress


def walk(caller: Caller, hotline: Hotline, menu_name: str, *, people: bool = True) -> Destination:
    """Lead the caller through the menus; raise HungUp when the citizen does.

    Silence and wrong keys are asked again `menu.repeats` times in each menu, then the call goes
    to a person, as does 0 wherever no other meaning is given to it. With `people` False (out of
    hours) whatever would lead to a person leads to a message.
    """
    while True:
        caller.note("menu.entered", menu=menu_name)
        choice = _choose(caller, hotline.menus[menu_name], menu_name)
        if choice is None:
            return _to_person(hotline, people)
        if choice.message:
            return ToMessage()
        if choice.transfer:
            return ToTransfer(choice.transfer)
        if choice.progress:
            return ToProgress(menu_name)
        if choice.queue:
            return to_queue(hotline, choice) if people else ToMessage()
        if choice.menu:
            menu_name = choice.menu
            continue
        caller.note("call.self_served", service=",".join(choice.play))
        key = caller.ask(choice.play, seconds=1.0)
        if key == "0":
            return _to_person(hotline, people)


def _to_person(hotline: Hotline, people: bool) -> Destination:
    return to_queue(hotline) if people else ToMessage()


def to_queue(hotline: Hotline, choice: Choice | None = None) -> ToQueue:
    """To a person, by a key or straight: with what the hotline asks for and what the key does."""
    if choice is None or choice.queue is None:
        return ToQueue(hotline.queue, hotline.requirement, 0, hotline.classes)
    asked = [text for text in (hotline.requirement, choice.requirement) if text.strip()]
    both = asked[0] if len(asked) == 1 else " and ".join(f"({text})" for text in asked)
    classes = (*hotline.classes, *choice.classes)
    return ToQueue(choice.queue, both, choice.priority, classes)


def _choose(caller: Caller, menu: Menu, name: str) -> Choice | None:
    """The choice for the key pressed; None leads to a person."""
    apology: tuple[str, ...] = ()
    for attempt in range(menu.repeats + 1):
        key = caller.ask((*apology, *menu.prompt), seconds=menu.seconds)
        if key is None:
            caller.note("menu.silence", menu=name, attempt=attempt + 1)
            apology = ("silence",)
            continue
        if key in menu.keys:
            choice = menu.keys[key]
            caller.note("menu.key", menu=name, key=key, choice=_word(choice))
            return choice
        if key in PERSON_KEYS:
            caller.note("menu.key", menu=name, key=key, choice="person")
            return None
        caller.note("menu.wrong_key", menu=name, key=key, attempt=attempt + 1)
        apology = ("wrong_key",)
    return None


def _word(choice: Choice) -> str:
    if choice.queue:
        return f"queue:{choice.queue}"
    if choice.menu:
        return f"menu:{choice.menu}"
    if choice.transfer:
        return f"transfer:{choice.transfer}"
    if choice.progress:
        return "progress"
    return "message" if choice.message else "play"
