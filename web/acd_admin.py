"""Queues, skills and agents for the administrator: one form each, checked as a whole.

What is saved goes to the database and from there, within seconds, to the running controller.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import yaml
from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from acd.config import Config, ConfigError, QueueConfig, Strategy, WaitChoice
from callcenter import config_export, datafile, queue_store
from callcenter.datafile import DataFileError
from callcenter.hotlines import load_hotlines
from callcenter.models import Agent
from callcenter.queues import check
from web.admin import blueprint
from web.audit import Action, record
from web.auth import signed_in
from web.localtime import now
from web.storage import db, saving, settings

Data = dict[str, Any]
Problems = dict[str, str]

NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
SKILL = re.compile(r"[a-z][a-z0-9_.]{0,63}")
NUMBERS = (
    "head_start_seconds",
    "last_agent_seconds",
    "announce_first_seconds",
    "announce_every_seconds",
    "comfort_every_seconds",
    "service_level_seconds",
    "wrap_up_seconds",
    "handling_seconds",
)
OPTIONAL = ("wrap_up_seconds", "handling_seconds")
MORE = ("overflow", "relaxation", "history", "virtual_hold", "comfort", "order")
DEFAULTS = {item.name: getattr(QueueConfig(), item.name) for item in fields(QueueConfig)}


# --- queues ----------------------------------------------------------------------------------


@blueprint.get("/queues")
def queues() -> str:
    data = queue_store.load(db()) or {"queues": {}}
    agents = _agents()
    return render_template(
        "queues.html",
        queues=data["queues"],
        members={name: sum(name in agent.queues for agent in agents) for name in data["queues"]},
        strategy=DEFAULTS["strategy"],
        version=queue_store.version(db()),
    )


@blueprint.get("/queues/<name>")
def edit_queue(name: str) -> Any:
    """The form of one queue; `new` is an empty one."""
    data = queue_store.load(db()) or {"queues": {}}
    if name != "new" and name not in data["queues"]:
        abort(404)
    return _queue_page(name, _form_of(name, data["queues"].get(name) or {}), {}, [])


@blueprint.post("/queues/<name>")
def save_queue(name: str) -> Any:
    form = {key: request.form.get(key, "").strip() for key in ("name", *DEFAULTS, "more")}
    form["choices"] = " ".join(request.form.getlist("choices"))
    problems: Problems = {}
    target = form["name"] if name == "new" else name
    data = queue_store.load(db()) or {"queues": {}}
    if name == "new" and (not NAME.fullmatch(target) or target in {"new", *data["queues"]}):
        problems["name"] = _("请输入尚未使用的名称：小写字母开头，只含小写字母、数字和下划线。")
    elif name != "new" and name not in data["queues"]:
        abort(404)
    chosen = _settings_of(form, problems)
    if problems:
        return _queue_page(name, form, problems, []), 422
    changed = {**data, "queues": {**data["queues"], target: chosen}}
    warnings, problems = _judge(data, changed, target)
    if problems or (warnings and request.form.get("confirm") != "yes"):
        return _queue_page(name, form, problems, warnings), 422
    _save(changed, Action.QUEUE_CHANGED, target, settings=chosen)
    flash(_("队列 %(name)s 已保存，数秒内生效。", name=target), "good")
    return redirect(url_for("admin.queues"))


@blueprint.post("/queues/<name>/remove")
def remove_queue(name: str) -> Any:
    """Those who wait there go by the queue's `deleted` rule."""
    data = queue_store.load(db()) or {"queues": {}}
    if name not in data["queues"]:
        abort(404)
    left = {key: value for key, value in data["queues"].items() if key != name}
    changed = {**data, "queues": left}
    _warnings, problems = _judge(data, changed, name)
    if problems:
        flash(_("队列 %(name)s 不能删除：%(why)s", name=name, why=next(iter(problems.values()))),
              "bad")  # fmt: skip
    else:
        _save(changed, Action.QUEUE_REMOVED, name, settings=data["queues"][name])
        flash(_("队列 %(name)s 已删除。", name=name), "good")
    return redirect(url_for("admin.queues"))


def _form_of(name: str, chosen: Data) -> dict[str, str]:
    values = {**DEFAULTS, **chosen}
    form = {key: _shown(values[key]) for key in ("strategy", "requirement", *NUMBERS)}
    more = {key: chosen[key] for key in MORE if key in chosen}
    form["more"] = yaml.safe_dump(more, allow_unicode=True, sort_keys=False) if more else ""
    form["choices"] = " ".join(str(choice) for choice in values["choices"])
    form["call_back_cut_off"] = "yes" if values["call_back_cut_off"] else ""
    return {"name": "" if name == "new" else name, **form}


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _settings_of(form: Mapping[str, str], problems: Problems) -> Data:
    """The queue's data: only what differs from the defaults."""
    chosen: Data = {"strategy": form["strategy"], "requirement": form["requirement"]}
    for key in NUMBERS:
        text = form[key]
        if not text and key in OPTIONAL:
            chosen[key] = None
            continue
        try:
            chosen[key] = float(text)
        except ValueError:
            problems[key] = _("请输入秒数，例如 30。")
    named = form["choices"].split()
    chosen["choices"] = [choice.value for choice in WaitChoice if choice.value in named]
    chosen["call_back_cut_off"] = form["call_back_cut_off"] == "yes"
    chosen |= _more(form["more"], problems)
    return {key: value for key, value in chosen.items() if not _is_default(key, value)}


def _is_default(key: str, value: Any) -> bool:
    default = DEFAULTS[key]
    return bool(value == (list(default) if isinstance(default, tuple) else default))


def _more(text: str, problems: Problems) -> Data:
    if not text:
        return {}
    try:
        data = datafile.located(text.encode(), "YAML").data
    except DataFileError as error:
        problems["more"] = str(error)
        return {}
    if not isinstance(data, dict) or set(data) - set(MORE):
        problems["more"] = _("只能填写这些项：%(keys)s。", keys=", ".join(MORE))
        return {}
    return data


def _judge(old: Data, new: Data, name: str) -> tuple[list[str], Problems]:
    """What the change would newly leave without an agent, and what makes it impossible."""
    try:
        config = check(new, load_hotlines(settings().hotlines_dir))
    except ConfigError as error:
        key = re.split(r"[.\[]", error.key)[0] if error.queue == name else "name"
        key = "more" if key in MORE else key
        return [], {key: str(error)}
    return _new_warnings(config, old, queue_store.agents(db())), {}


def _new_warnings(config: Config, old: Data, agents: list[Any]) -> list[str]:
    known: set[str] = set()
    if old["queues"]:
        known = set(Config.from_data(old).warnings(queue_store.agents(db())))
    return [warning for warning in config.warnings(agents) if warning not in known]


def _save(data: Data, action: Action, subject: str, **told: Any) -> None:
    with saving() as session:
        queue_store.save(session, data, now())
        record(session, action, subject, signed_in(), **told)
    config_export.export(db(), settings().data_dir)


def _queue_page(name: str, form: Mapping[str, str], problems: Problems, warnings: list[str]) -> str:
    return render_template(
        "queue.html",
        name=name,
        form=form,
        problems=problems,
        warnings=[warning_words(warning) for warning in warnings],
        strategies=[strategy.value for strategy in Strategy],
        numbers=NUMBERS,
    )


# --- agents ----------------------------------------------------------------------------------


@blueprint.get("/agents")
def agents() -> str:
    return _agents_page("", {}, {}, [])


@blueprint.post("/agents/<number>")
def save_agent(number: str) -> Any:
    """Queues and skills as `general=5 tax=3`; an agent who isn't active gets no calls."""
    row = db().get(Agent, number) or abort(404)
    form = {key: request.form.get(key, "").strip() for key in ("queues", "skills", "active")}
    data = queue_store.load(db()) or {"queues": {}}
    problems: Problems = {}
    queues_now = levels(form["queues"], "queues", problems)
    skills_now = levels(form["skills"], "skills", problems)
    unknown = sorted(set(queues_now) - set(data["queues"]))
    if unknown:
        problems["queues"] = _("没有这个队列：%(names)s。", names=", ".join(unknown))
    if problems:
        return _agents_page(number, form, problems, []), 422
    active = form["active"] == "yes"
    others = [(dict(each.queues), dict(each.skills)) for each in _agents() if each.number != number]
    mine = [(queues_now, skills_now)] if active else []
    warnings = _new_warnings(Config.from_data(data), data, others + mine)
    if warnings and request.form.get("confirm") != "yes":
        return _agents_page(number, form, {}, warnings), 422
    before = {"queues": dict(row.queues), "skills": dict(row.skills), "active": row.active}
    after = {"queues": queues_now, "skills": skills_now, "active": active}
    with saving() as session:
        agent = session.get_one(Agent, number)
        agent.queues, agent.skills, agent.active = queues_now, skills_now, active
        record(session, Action.AGENT_CHANGED, number, signed_in(), before=before, after=after)
    config_export.export(db(), settings().data_dir)
    flash(_("坐席 %(number)s 已保存，数秒内生效。", number=number), "good")
    return redirect(url_for("admin.agents"))


def _agents() -> list[Agent]:
    return list(db().scalars(select(Agent).where(Agent.active).order_by(Agent.number)))


def levels(text: str, key: str, problems: Problems) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in re.split(r"[\s,，]+", text.strip()):
        if not part:
            continue
        name, _equals, level = part.partition("=")
        if not SKILL.fullmatch(name) or not re.fullmatch(r"[0-9]", level or "1"):
            problems[key] = _("“%(part)s”不对：请写成 名称=等级，等级为 0 至 9。", part=part[:60])
            continue
        found[name] = int(level or "1")
    return found


def _agents_page(
    number: str, form: Mapping[str, str], problems: Problems, warnings: list[str]
) -> str:
    rows = list(db().scalars(select(Agent).order_by(Agent.number)))
    shown = {
        row.number: {
            "queues": pairs(row.queues),
            "skills": pairs(row.skills),
            "active": "yes" if row.active else "",
        }
        for row in rows
    }
    if number:
        shown[number] = dict(form)
    return render_template(
        "agents.html",
        agents=rows,
        shown=shown,
        number=number,
        problems=problems,
        warnings=[warning_words(warning) for warning in warnings],
        queues=list((queue_store.load(db()) or {"queues": {}})["queues"]),
    )


def pairs(levels: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={level}" for name, level in levels.items())


# --- words -----------------------------------------------------------------------------------


def warning_words(text: str) -> str:
    """`Config.warnings` in the reader's language; what isn't known stays as it is."""
    found = re.fullmatch(r"queue '(?P<queue>[^']*)': (?P<what>.*)", text)
    if found is None:
        return text
    queue, what = found["queue"], found["what"]
    if what == "no agent serves it":
        return _("队列“%(queue)s”没有坐席，市民会一直等待。", queue=queue)
    if what == "agents serve it, but it isn't set up":
        return _("有坐席属于“%(queue)s”，但没有这个队列。", queue=queue)
    if never := re.fullmatch(r"no agent ever meets '(.*)'", what):
        return _("队列“%(queue)s”没有坐席符合技能要求 %(skill)s。", queue=queue, skill=never[1])
    return text
