"""Each step that may be taken as a form: its fields, what was typed, and what is wrong with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from callcenter.privacy import clean_text
from web import step_words, words
from web.localtime import stamp
from web.storage import db
from web.units import unit_names
from workorder.lifecycle import Choice
from workorder.needs import Field
from workorder.refusals import Refused
from workorder.states import Step

LONGEST = 2000  # characters of a long text
YES = ("yes", "1", "true", "on")


@dataclass(frozen=True, slots=True)
class StepForm:
    """A step as the page draws it. `why_not` is empty when it may be taken."""

    step: Step
    fields: tuple[Field, ...] = ()
    why_not: str = ""
    first: bool = False
    typed: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def grave(self) -> bool:
        return self.step in step_words.GRAVE

    @property
    def open(self) -> bool:
        return self.first or bool(self.problems)


def forms(choices: list[Choice]) -> list[StepForm]:
    """Steps that may be taken first, then those that may not, with the reason."""
    found = [
        StepForm(choice.step, choice.fields if choice.allowed else (), _why_not(choice))
        for choice in choices
    ]
    places = {step: place for place, step in enumerate(step_words.FIRST)}
    found.sort(key=lambda form: (bool(form.why_not), places.get(form.step, 99), form.grave))
    return found


def _why_not(choice: Choice) -> str:
    return why_words(choice.refusal) if choice.refusal is not None else ""


def why_words(refused: Refused) -> str:
    """Why a step is refused, in the reader's language."""
    values = {name: _shown(name, value) for name, value in refused.values.items()}
    return str(step_words.WHY_NOT[refused.code]) % values


def _shown(name: str, value: Any) -> str:
    if isinstance(value, dt.datetime):
        return stamp(value)[:16]
    if isinstance(value, str | int | float):
        return str(_WORDS[name](value)) if name in _WORDS else str(value)
    return _("、").join(_shown(name, each) for each in value)


_WORDS: dict[str, Callable[[Any], Any]] = {
    "state": lambda value: words.word(words.ORDER_STATES, value),
    "role": lambda value: words.word(words.ROLES, value),
    "roles": lambda value: words.word(words.ROLES, value),
    "field": lambda value: words.word(step_words.FIELDS, value),
    "cause": lambda value: words.word(step_words.CAUSES, value),
    "causes": lambda value: words.word(step_words.CAUSES, value),
    "unit": lambda value: unit_names(db()).get(value, value),
    "units": lambda value: unit_names(db()).get(value, value),
}


def read(fields: tuple[Field, ...], form: MultiDict[str, str]) -> tuple[str, dict[str, Any]]:
    """What was typed, as (reason, data of the step)."""
    data: dict[str, Any] = {}
    for each in fields:
        value = _value(each, form)
        if value is not None:
            data[each.name] = value
    reason = data.pop("reason", "")
    return reason, data


def problems(fields: tuple[Field, ...], form: MultiDict[str, str]) -> dict[str, str]:
    """Field → what is wrong, in words."""
    found: dict[str, str] = {}
    for each in fields:
        text = (form.get(each.name) or "").strip()
        label = str(step_words.FIELDS.get(each.name, each.name))
        if each.required and not text:
            found[each.name] = _("请填写“%(what)s”。", what=label)
        elif each.kind == "int" and text and not (text.isascii() and text.isdigit()):
            found[each.name] = _("“%(what)s”请填写整数，例如 5。", what=label)
        elif each.kind == "date" and text and _date(text) is None:
            found[each.name] = _("“%(what)s”请填写日期，例如 2026-03-01。", what=label)
        elif len(text) > LONGEST:
            found[each.name] = _("最多 %(n)s 个字，请缩短。", n=LONGEST)
    return found


def _value(each: Field, form: MultiDict[str, str]) -> Any:
    text = form.get(each.name, "").strip()
    if each.kind in ("units", "choices"):
        return [code for code in dict.fromkeys(form.getlist(each.name)) if code][:20]
    if each.kind == "unit" and text:
        # The name is what the page offers; the code is what is kept.
        codes = {name: code for code, name in unit_names(db()).items()}
        return codes.get(text, text)[:32]
    if each.kind == "bool":
        if each.name in ("true", "solved", "reached"):  # said yes, said no, or not asked
            return None if text == "" else text in YES
        return text in YES
    if not text:
        return None
    if each.kind == "int":
        return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None
    if each.kind == "date":
        return _date(text)
    if each.kind in ("longtext", "text"):
        return _text(text)
    return clean_text(text, 200)


def _text(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(char for char in lines if char in "\n\t" or ord(char) >= 32)[:LONGEST]


def _date(text: str) -> str | None:
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError:
        return None
