"""What has to be said with a step: the fields of its form, and checking what came."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from workorder.categories import Category
from workorder.policy import Paper, Policy
from workorder.refusals import Refused, Why
from workorder.states import Step

TEXT, LONGTEXT, UNIT, UNITS = "text", "longtext", "unit", "units"
DATE, INT, BOOL, CHOICE, CHOICES, ORDER = "date", "int", "bool", "choice", "choices", "order"

LONGEST = {TEXT: 200, LONGTEXT: 10_000, UNIT: 32, ORDER: 32}
MORE = "more"  # whatever else the caller wants to keep with the event, as a mapping
WAYS = ("voice", "sms", "web", "person")
COUNTS = ("speed", "attitude", "result")  # what a citizen may be unsatisfied with


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a step's form. An INT lies within `least` … `most`."""

    name: str
    kind: str
    required: bool = False
    options: tuple[str, ...] = ()
    least: int = 1
    most: int = 1000


def _f(name: str, kind: str = TEXT, required: bool = False, *options: str, **more: int) -> Field:
    return Field(name, kind, required, options, **more)


_CLASSES = (
    _f("topic"),
    _f("district"),
    _f("specialised", BOOL),
    _f("unclear", BOOL),
)
_CATEGORY = Field("category", CHOICE, False, tuple(Category))
_TO_UNITS = (_f("unit", UNIT, True), _f("co_units", UNITS))

FIELDS: dict[Step, tuple[Field, ...]] = {
    Step.DRAFTED: (_CATEGORY, *_CLASSES, _f("registers", BOOL)),
    Step.ACCEPT: (replace(_CATEGORY, required=True), *_CLASSES),
    Step.CLASSIFY: (_CATEGORY, *_CLASSES),
    Step.ANSWER: (_f("text", LONGTEXT, True), _CATEGORY),
    Step.DECLINE: (_f("cause", CHOICE, True),),
    Step.DISPATCH: _TO_UNITS,
    Step.DETERMINE: _TO_UNITS,
    Step.ADD_CO: (_f("unit", UNIT, True),),
    Step.HAND_DOWN: (_f("unit", UNIT, True),),
    Step.RELEASE_CO: (_f("unit", UNIT, True),),
    Step.RETURN: (_f("legal_basis", LONGTEXT), _f("site_check", BOOL)),
    Step.CONTACT: (_f("note", LONGTEXT),),
    Step.ARRIVE: (_f("note", LONGTEXT),),
    Step.NOTED: (_f("note", LONGTEXT, True),),
    Step.CO_ANSWER: (_f("text", LONGTEXT, True),),
    Step.ASK_EXTENSION: (
        _f("workdays", INT, True),
        _f("signed_by"),
        _f("citizen_told", BOOL),
        _f("progress_report", LONGTEXT),
        _f("signed_letter"),
    ),
    Step.GRANT_EXTENSION: (_f("workdays", INT),),
    Step.PAUSE: (_f("until", DATE, True),),
    Step.RESOLVE: (_f("result", LONGTEXT, True), _f("citizen_told", BOOL)),
    Step.REVIEW: (_f("note", LONGTEXT),),
    Step.FOLLOW_UP: (
        _f("way", CHOICE, True, *WAYS),
        _f("reached", BOOL),
        _f("true", BOOL),
        _f("solved", BOOL),
        _f("satisfaction", INT, most=5),
        _f("unsatisfied_with", CHOICES, False, *COUNTS),
        _f("comment", LONGTEXT),
    ),
    Step.SUPERVISE: (_f("cause", CHOICE, True), _f("text", LONGTEXT)),
    Step.REPLY_SUPERVISION: (_f("text", LONGTEXT, True),),
    Step.ISSUE_WRITTEN: (_f("text", LONGTEXT, True),),
    Step.LINK: (_f("into", ORDER, True),),
    Step.MERGE: (_f("into", ORDER, True),),
    Step.REPEATED: (_f("number", ORDER, True), _f("undone", BOOL)),
}

NEED_REASON = frozenset(
    {
        Step.DECLINE,
        Step.RECONSIDER,
        Step.RECALL,
        Step.RETURN,
        Step.REJECT_RETURN,
        Step.REFER_JOINT,
        Step.DETERMINE,
        Step.RELEASE_CO,
        Step.HAND_BACK,
        Step.CO_RETURN,
        Step.ASK_EXTENSION,
        Step.REFUSE_EXTENSION,
        Step.PAUSE,
        Step.REDO,
        Step.MARK_KEY,
        Step.UNMERGE,
    }
)


def fields(step: Step, policy: Policy, papers: Iterable[Paper] = ()) -> tuple[Field, ...]:
    """The fields of a step under a policy; `papers` are those that it asks for now."""
    found = FIELDS.get(step, ())
    wanted = set(papers)
    found = tuple(replace(f, required=True) if f.name in wanted else f for f in found)
    options: tuple[str, ...] = ()
    if step is Step.DECLINE:
        options = tuple(policy.not_accepted)
    elif step is Step.SUPERVISE:
        options = tuple(policy.supervision.causes)
    if options:
        found = tuple(replace(f, options=options) if f.name == "cause" else f for f in found)
    return found


def check(step: Step, found: tuple[Field, ...], data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` cleaned and in the fields' types; Refused names the first field that is wrong.

    Empty texts and None count as not given. A required BOOL has to be true.
    """
    known = {field.name for field in found}
    for name in data:
        if name not in known and name != MORE:
            raise Refused(step, Why.FIELD_UNKNOWN, field=name)
    cleaned: dict[str, Any] = {}
    for field in found:
        value = data.get(field.name)
        value = _value(step, field, value) if value not in (None, "", []) else None
        if field.required and (value is None or value is False):
            raise Refused(step, Why.FIELD_NEEDED, field=field.name)
        if value is not None:
            cleaned[field.name] = value
    more = data.get(MORE)
    if more is not None:
        if not isinstance(more, Mapping):
            raise Refused(step, Why.FIELD_WRONG, field=MORE, expected="a mapping")
        cleaned[MORE] = dict(more)
    return cleaned


def _value(step: Step, field: Field, value: Any) -> Any:
    good, expected = _checked(field, value)
    if good is None:
        raise Refused(step, Why.FIELD_WRONG, field=field.name, expected=expected)
    return good


def _checked(field: Field, value: Any) -> tuple[Any, str]:
    """The value in its type (None: it is wrong), and what was expected."""
    match field.kind:
        case "bool":
            return (value if isinstance(value, bool) else None), "true or false"
        case "int":
            fits = isinstance(value, int) and not isinstance(value, bool)
            fits = fits and field.least <= value <= field.most
            return (value if fits else None), f"a whole number from {field.least} to {field.most}"
        case "date":
            return _date(value), "a date like 2026-03-01"
        case "choice":
            return (str(value) if value in field.options else None), _one_of(field)
        case "choices" | "units":
            if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
                return None, "a list"
            fits = field.kind == "units" or all(item in field.options for item in value)
            return (list(dict.fromkeys(value)) if fits else None), _one_of(field)
        case _:
            if not isinstance(value, str):
                return None, "text"
            text = value.replace("\0", "").strip()
            most = LONGEST[field.kind]
            return (text if 0 < len(text) <= most else None), f"text of at most {most} characters"


def _one_of(field: Field) -> str:
    return f"one of {', '.join(field.options)}"


def _date(value: Any) -> str | None:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value.isoformat()
    try:
        return dt.date.fromisoformat(str(value)).isoformat()
    except ValueError:
        return None
