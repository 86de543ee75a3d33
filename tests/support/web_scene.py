"""A plausible day at a hotline, for the pages to show."""
# ruff: noqa: E501

from __future__ import annotations

import datetime as dt
import json
import random
import time
import uuid
from typing import Any

import redis
from sqlalchemy import Engine
from web_kit import (
    KitSettings,
    add_agent,
    add_call,
    add_events,
    add_order,
    add_recording,
    add_user,
    steps,
)

from callcenter import database
from callcenter.events import Kind, event
from callcenter.models import BlockedNumber
from web.rights import Role
from workorder.models import OrderCounter

AGENTS = {
    "1001": "王芳", "1002": "李强", "1003": "张敏", "1004": "刘洋", "1005": "陈静", "1006": "杨帆",
    "1007": "赵磊", "1008": "周婷", "1009": "吴昊", "1010": "孙丽", "1011": "马超", "1012": "胡雪梅",
}  # fmt: skip
ORDERS = [
    ("complaint", "建设路夜间施工噪声扰民", "市民反映建设路 88 号工地连续三晚施工至凌晨两点，影响休息，要求停止夜间施工并答复。", "刘先生"),
    ("inquiry", "咨询居住证签注所需材料", "市民咨询居住证到期签注需要哪些材料、是否可以网上办理。", "陈女士"),
    ("help", "和平小区 3 号楼停水两天", "市民反映和平小区 3 号楼自昨日早上起停水，物业称为管道检修，至今未恢复，楼内有老人，要求尽快供水。", "王女士"),
    ("report", "举报沿街餐饮店油烟直排", "市民举报胜利街 21 号餐饮店未装油烟净化设备，油烟直排居民楼。", ""),
    ("suggestion", "建议在体育馆站增设候车亭", "市民建议在体育馆公交站增设候车亭和座椅。", "郑先生"),
    ("emergency", "解放路井盖缺失", "解放路与人民街交叉口机动车道井盖缺失，存在安全隐患，请立即处置。", "周先生"),
    (None, "12345 来电 尾号4471", "", ""),
]  # fmt: skip
CALL = "7f1c2a90-55d4-4d1e-9a6b-6f3f0c6f2e11"  # the one whose page is looked at
LIVE_CALL = "2b9d8f04-1f7a-4b5c-8f0e-3c1f6f0a9d52"
MORE_QUEUES: list[str] = []  # beside the two of the scene
WAITS_FROM = time.time()  # what is told again must not change by being told
CAN = {
    "call.hold": "", "call.resume": "not_held", "call.mute": "", "call.unmute": "not_muted",
    "call.consult": "", "call.transfer": "", "call.join": "not_consulting",
    "call.leave": "no_third", "call.drop": "no_third", "call.survey": "",
    "call.mark": "", "call.nuisance": "",
}  # fmt: skip
DESTINATIONS = [
    {"id": "110", "number": "110", "title": "公安报警", "kind": "emergency", "open": True},
    {"id": "120", "number": "120", "title": "医疗急救", "kind": "emergency", "open": True},
    {"id": "12330", "number": "12330", "title": "知识产权维权援助", "kind": "joint", "open": True},
    {
        "id": "12388",
        "number": "12388",
        "title": "纪检监察举报",
        "kind": "discipline",
        "open": False,
    },
]
HOSTILE_NAME = '<img src=x onerror="alert(1)">'


def make_day(engine: Engine, settings: KitSettings, *, calls: int = 60) -> None:
    rng = random.Random(12345)
    for number, name in AGENTS.items():
        add_agent(engine, number, name)
    people = {
        "admin": (Role.ADMINISTRATOR, "系统管理员", None), "wangfang": (Role.AGENT, "王芳", "1001"),
        "banzhang": (Role.SUPERVISOR, "李班长", None), "paidan": (Role.DISPATCHER, "派单员 赵", None),
        "shenji": (Role.AUDITOR, "审计 钱", None), "chengban": (Role.UNIT, "城管局", None),
    }  # fmt: skip
    for username, (role, name, number) in people.items():
        add_user(engine, username, role, display_name=name, agent_number=number)
    _orders(engine)
    age = 40.0
    for place in range(calls):
        age += rng.uniform(5, 240)
        _call(engine, settings, rng, place, age)
    _told_call(engine, settings)
    _agents_day(engine, rng)
    now = dt.datetime.now(dt.UTC)
    with database.writing(engine) as session:
        for number, reason, until in (
            ("13900001234", "一小时内反复拨打后不出声", now + dt.timedelta(days=6)),
            ("041188886666", "录音广告推销", None),
        ):
            session.add(
                BlockedNumber(
                    number=number, reason=reason, blocked_by="banzhang", created_at=now, until=until
                )
            )


def _orders(engine: Engine) -> None:
    day = dt.datetime.now(dt.UTC) + dt.timedelta(hours=8)
    with database.writing(engine) as session:
        session.add(OrderCounter(day=day.date(), last=len(ORDERS)))
    for place, (category, title, body, name) in enumerate(ORDERS):
        add_order(
            engine, f"{day:%Y%m%d}{place + 1:06}", category=category, title=title, body=body,
            citizen_name=name, citizen_number=f"138{place}566447{place}",
            agent_number=f"10{place + 1:02}", call_id=CALL if place == 2 else f"call-{place}",
            state="draft" if place not in (1, 4) else "answered",
            created_at=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=9 * place + 1),
        )  # fmt: skip


def order_number(place: int = 2) -> str:
    day = dt.datetime.now(dt.UTC) + dt.timedelta(hours=8)
    return f"{day:%Y%m%d}{place + 1:06}"


def _call(
    engine: Engine, settings: KitSettings, rng: random.Random, place: int, age: float
) -> None:
    caller = rng.choice(["138", "139", "151", "186", "0411"]) + f"{rng.randrange(10**8):08}"
    dialed = rng.choice(["12345"] * 6 + ["2613710"])
    outcome = rng.choices(
        ["answered", "abandoned_in_queue", "abandoned_in_menu", "message_left", "self_served",
         "callback_requested", "transferred", "blocked"],
        [74, 4, 6, 4, 5, 2, 3, 2],
    )[0]  # fmt: skip
    values: dict[str, Any] = {"caller": caller, "dialed": dialed, "outcome": outcome}
    call_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    menu = 0.3 if dialed == "2613710" else rng.uniform(4, 18)
    if outcome in ("answered", "abandoned_in_queue", "transferred", "callback_requested"):
        values |= {"queue": "general", "queued_at": menu}
    if outcome in ("answered", "transferred"):
        wait = rng.choice([rng.uniform(2, 13)] * 7 + [rng.uniform(16, 95)])
        talk = rng.uniform(35, 420)
        values |= {
            "agent": rng.choice(list(AGENTS)), "offered_at": menu + wait * 0.5,
            "answered_at": menu + wait, "talk_ended_at": menu + wait + talk,
            "ended_at": menu + wait + talk + 8,
            "rating": rng.choices([1, 2, 3, 4, 5, None], [45, 22, 6, 1, 1, 25])[0],
        }  # fmt: skip
        values["agents_offered"] = [values["agent"]]
        if wait > 20:  # then the place and the expected wait are announced
            off = 4.0 * (place % 7 - 2)
            values |= {"told_at": menu + 20, "told_seconds": max(0.0, wait - 20 + off)}
    else:
        values["ended_at"] = menu + rng.uniform(5, 60)
    if place < 2:  # two go on
        values = {name: value for name, value in values.items() if name not in (
            "ended_at", "talk_ended_at", "outcome", "rating")}  # fmt: skip
        values["stage"] = "talk" if "answered_at" in values else "queue"
    if place == 5:
        values["caller_name"] = HOSTILE_NAME
    add_call(engine, call_id, age=age, **values)
    if outcome in ("answered", "message_left") and place >= 2:
        add_recording(
            engine, settings, call_id, seconds=0.2,
            kind="talk" if outcome == "answered" else "message",
        )  # fmt: skip


def _agents_day(engine: Engine, rng: random.Random) -> None:
    """What each agent did in the last two hours, as the journal tells it."""
    now = time.time()
    for number in AGENTS:
        at, state, told = now - 7200 + rng.uniform(0, 300), "logged_out", []
        while at < now - 600:
            for new, seconds in (("ready", rng.uniform(5, 120)), ("talking", rng.uniform(60, 320)),
                                 ("wrap_up", rng.uniform(10, 40))):  # fmt: skip
                told.append((at, {"agent": number, "old": state, "new": new}))
                at, state = at + seconds, new
        events = [
            event(Kind.AGENT_STATE, at=moment, reason="", until=None, contact=None, **data)
            for moment, data in told
        ]
        add_events(engine, events)


def _told_call(engine: Engine, settings: KitSettings) -> None:
    """One call with its whole story, a refused offer among it."""
    start = time.time() - 1500
    add_call(
        engine, CALL, age=1500, caller="13815664472", caller_name="王女士", queue="general",
        agent="1003", agents_offered=["1002", "1003"], queued_at=14.2, offered_at=22.4,
        answered_at=44.9, talk_ended_at=226.3, ended_at=241.0, outcome="answered", rating=2,
        hangup_by="citizen", hangup_cause="NORMAL_CLEARING", order_number=order_number(2),
    )  # fmt: skip
    offer = {"offer": "o1", "agent": "1002"}
    second = {"offer": "o2", "agent": "1003"}
    story = (
        (0.0, Kind.CALL_ARRIVED, {"caller": "13815664472", "name": "王女士", "dialed": "12345"}),
        (2.1, Kind.MENU_ENTERED, {"menu": "main"}),
        (8.0, Kind.MENU_WRONG_KEY, {"menu": "main", "key": "7", "attempt": 1}),
        (14.1, Kind.MENU_KEY, {"menu": "main", "key": "1", "choice": "queue:general"}),
        (14.2, Kind.QUEUE_JOINED, {"queue": "general", "priority": 0, "requirement": ""}),
        (14.3, Kind.DECISION, {"agent": None, "rule": "nobody free", "considered": []}),
        (22.2, Kind.QUEUE_ANNOUNCED, {"position": 2, "estimate": 25.0}),
        (22.3, Kind.DECISION, {"agent": "1002", "rule": "longest idle", "considered": [
            ["1002", "chosen: longest idle, free for 64 s, level 5, 18 calls"],
            ["1004", "talking"], ["1003", "wrap up"]]}),
        (22.4, Kind.OFFER_MADE, offer),
        (22.6, Kind.OFFER_RINGING, offer),
        (38.5, Kind.OFFER_ENDED, offer | {"result": "refused", "cause": "USER_BUSY"}),
        (38.6, Kind.DECISION, {"agent": "1003", "rule": "longest idle", "considered": [
            ["1003", "chosen: longest idle, free for 2 s, level 5, 21 calls"]]}),
        (38.7, Kind.OFFER_MADE, second),
        (38.9, Kind.OFFER_RINGING, second),
        (44.8, Kind.OFFER_ENDED, second | {"result": "answered"}),
        (44.9, Kind.TALK_STARTED, second | {"leg": "l"}),
        (45.0, Kind.RECORDING_STARTED, {"path": "x.wav"}),
        (226.2, Kind.RECORDING_STOPPED, {"path": "x.wav"}),
        (226.3, Kind.TALK_ENDED, {"agent": "1003", "by": "agent"}),
        (226.8, Kind.SURVEY_STARTED, {"agent": "1003"}),
        (238.4, Kind.SURVEY_RATED, {"rating": 2}),
        (241.0, Kind.CALL_ENDED, {"cause": "NORMAL_CLEARING", "by": "citizen"}),
    )  # fmt: skip
    add_events(engine, steps(CALL, start, *story))
    add_recording(engine, settings, CALL, seconds=181.2)


def live_now(client: redis.Redis, engine: Engine) -> None:
    """What the controller would write: queues, agents; 1001 talks with LIVE_CALL."""
    add_call(
        engine, LIVE_CALL, age=95, caller="13602148890", queue="general", queued_at=11.0,
        agent="1001", answered_at=19.0, stage="talk", order_number=order_number(0),
    )  # fmt: skip
    for place in range(3):
        add_call(
            engine, f"waiting-{place}", age=30 - 7 * place, caller=f"1390411{place}82{place}",
            queue="general", queued_at=6.0,
        )  # fmt: skip
    live_again(client)


def live_again(client: redis.Redis) -> None:
    """The same, written anew: a Redis that was away has forgotten it."""
    tell_live(client)
    now = time.time()
    states = ["talking", "talking", "ready", "wrap_up", "ready", "ringing", "not_ready", "talking",
              "ready", "not_ready", "talking", "logged_out"]  # fmt: skip
    for place, (number, state) in enumerate(zip(AGENTS, states, strict=True)):
        tell_agent(
            client, number, state, since=now - 17 * place - 76,
            reason={6: "meal", 9: "missed_call"}.get(place, ""),
            until=now + 21 if state == "wrap_up" else None,
            contact=LIVE_CALL if place == 0 else str(uuid.uuid4()) if state == "talking" else None,
            registered=place != 9,
        )  # fmt: skip


def tell_live(
    client: redis.Redis,
    *,
    at: float | None = None,
    seconds: int = 600,
    waits_from: float = WAITS_FROM - 22.0,
) -> None:
    now = time.time()
    shared = {"offered": 1, "virtual": 0, "closed": False}
    live = {
        "at": now if at is None else at,
        "queues": {
            "general": shared | {
                "waiting": 3, "longest_wait": 22.0, "waiting_since": waits_from,
                "estimate_seconds": 31.0, "estimate_error": -4.0, "estimate_error_absolute": 9.5, "agents": {"ready": 3, "talking": 4, "wrap_up": 1},
            },
            "enterprise": shared | {
                "waiting": 0, "longest_wait": 0.0, "waiting_since": None,
                "estimate_seconds": 0.0, "agents": {"ready": 1, "talking": 1},
            },
            **{
                name: shared | {
                    "waiting": 12, "longest_wait": 610.0, "waiting_since": WAITS_FROM - 610.0,
                    "estimate_seconds": 431.0, "agents": {"ready": 10, "talking": 44},
                }
                for name in MORE_QUEUES
            },
        },
        "lines": {"general": [
            {"call": f"waiting-{place}", "queue": "general", "position": place + 1,
             "queued_at": WAITS_FROM - 22.0 + 7 * place, "priority": 2 if place == 1 else 0,
             "stage": "waiting", "virtual": place == 2, "asks": "anyone"}
            for place in range(3)
        ]},
        "calls": 9,
        "switch": "up",
        "controller": "controller-1",
    }  # fmt: skip
    client.set("cc:live", json.dumps(live), ex=seconds)
    client.publish("cc:events", json.dumps({"kind": "live", **live}))


def tell_agent(client: redis.Redis, number: str, state: str, **more: Any) -> None:
    skills = {"language.english": 5} if number in ("1003", "1007") else {}
    queues = {"general": 5} | ({"enterprise": 4} if number in ("1005", "1008", "1011") else {})
    told = {"state": state, "queues": queues, "skills": skills, "registered": True} | more
    client.hset("cc:agents", number, json.dumps(told))
    client.publish("cc:events", json.dumps({"kind": "agent", "agent": number, **told}))
