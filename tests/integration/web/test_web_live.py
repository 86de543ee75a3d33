"""With a real Redis and a real server: news, commands, what is stale, health."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from socket import SHUT_RDWR

import pytest
import requests
import web_scene
from web_kit import API_TOKEN, PASSWORD, add_agent, add_call, add_user, make_settings
from web_server import redis_server, web_server

from callcenter import database
from callcenter.events import Kind, event
from web import presence
from web.rights import Role

SECONDS = 20.0


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """(settings, engine, Redis server, base address) for all tests here."""
    with redis_server() as server:
        settings = make_settings(tmp_path_factory.mktemp("live"), server.url)
        engine = database.create_engine(settings.database_url)
        add_agent(engine)
        for role in Role:
            number = "1001" if role is Role.AGENT else None
            add_user(engine, role.value, role, agent_number=number)
        with web_server(settings) as base:
            yield settings, engine, server, base
        engine.dispose()


@pytest.fixture
def base(live):
    return live[3]


@pytest.fixture
def client(live):
    return live[2].client


def logged_in(base: str, username: str) -> requests.Session:
    session = requests.Session()
    page = session.get(f"{base}/login", timeout=SECONDS).text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    form = {"csrf_token": token, "username": username, "password": PASSWORD}
    answer = session.post(f"{base}/login", form, timeout=SECONDS, allow_redirects=False)
    assert answer.status_code == 302
    return session


def post(session: requests.Session, base: str, path: str, **form: str) -> requests.Response:
    page = session.get(f"{base}/account", timeout=SECONDS).text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    return session.post(f"{base}{path}", {"csrf_token": token, **form}, timeout=SECONDS)


class Stream:
    """An open page: its news are gathered by a thread."""

    def __init__(self, session, base, kinds, last_id="") -> None:
        cookies = "; ".join(f"{each.name}={each.value}" for each in session.cookies)
        headers = {"Cookie": cookies} | ({"Last-Event-ID": last_id} if last_id else {})
        connection = HTTPConnection(base.removeprefix("http://"), timeout=SECONDS)
        connection.request("GET", f"/events?kinds={kinds}", headers=headers)
        self._socket = connection.sock
        self._answer = connection.getresponse()
        assert self._answer.headers["Content-Type"].startswith("text/event-stream")
        self.events: list[tuple[str, dict]] = []
        self.ids: list[str] = []
        self.closed = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        kind = ""
        with contextlib.suppress(OSError, HTTPException):
            while line := self._answer.readline().decode():
                name, _colon, value = line.strip().partition(": ")
                if name == "event":
                    kind = value
                elif name == "id":
                    self.ids.append(value)
                elif name == "data" and kind != "beat":
                    self.events.append((kind, json.loads(value)))
        self.closed.set()

    def kinds(self) -> list[str]:
        return [kind for kind, _data in self.events]

    def close(self) -> None:
        with contextlib.suppress(OSError):  # the server may have ended it
            self._socket.shutdown(SHUT_RDWR)
        self._thread.join()
        self._answer.close()
        self._socket.close()


@pytest.fixture
def open_stream(base):
    streams = []

    def open_(username: str, kinds: str, last_id: str = "") -> Stream:
        stream = Stream(logged_in(base, username), base, kinds, last_id)
        streams.append(stream)
        until(lambda: "fresh" in stream.kinds())
        return stream

    yield open_
    for stream in streams:
        stream.close()


def until(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.02)


def tell(client, **message) -> None:
    client.publish("cc:events", json.dumps(message))


# --- news ----------------------------------------------------------------------------------------


def test_news_reach_every_page_that_wants_them_and_say_no_more_than_ids(open_stream, client):
    first, second = open_stream("supervisor", "call,agent"), open_stream("auditor", "call")
    tell(client, kind="call", id="c1", caller="13812345678")
    tell(client, kind="agent", agent="1001", state="talking", contact="c1")
    until(lambda: {"call", "agent"} <= set(first.kinds()) and "call" in second.kinds())
    assert ("call", {"id": "c1"}) in first.events
    assert ("agent", {"agent": "1001"}) in first.events
    assert "agent" not in second.kinds()


def test_the_board_comes_whole_and_then_by_differences(live, open_stream, client):
    client.delete("cc:live", "cc:agents")
    web_scene.tell_agent(client, "1001", "ready", since=5.0)
    web_scene.tell_live(client)
    stream = open_stream("supervisor", "board")

    def boards() -> list[dict]:
        return [data for kind, data in stream.events if kind == "board"]

    until(lambda: bool(boards()))
    first = boards()[0]
    assert first["whole"] is True
    assert first["agents"]["1001"]["s"] == "ready"
    assert first["queues"]["general"]["waiting"] == 3
    assert first["system"]["switch"] == "up"
    web_scene.tell_agent(client, "1001", "talking", since=6.0, contact="c1")

    def changes() -> list[dict]:
        return [each["agents"]["1001"] for each in boards()[1:] if "agents" in each]

    until(lambda: any(change["s"] == "talking" for change in changes()))
    assert changes()[-1] == {
        "s": "talking", "r": "", "t": 6.0, "u": None, "c": "c1", "n": "", "p": True,
        "q": ["general"], "k": [],
    }  # fmt: skip
    assert "whole" not in boards()[-1]
    (words,) = [data for kind, data in stream.events if kind == "words"][:1]
    assert words["language"] == "zh"
    assert words["tiles"]["connection_rate:"]["label"] == "接通率"


def test_what_goes_wrong_is_an_alarm_at_once_and_ceases_with_it(live, open_stream, client):
    web_scene.tell_live(client)
    stream = open_stream("supervisor", "board")

    def alarms() -> list[str]:
        told = [data["alarms"] for kind, data in stream.events if kind == "words"]
        return [alarm["key"] for alarm in told[-1]] if told else []

    def tell_switch(state: str) -> None:
        live = json.loads(client.get("cc:live")) | {"at": time.time(), "switch": state}
        tell(client, kind="live", **live)

    until(lambda: any(kind == "words" for kind, _data in stream.events))
    tell_switch("down")
    until(lambda: "switch_down:" in alarms())
    tell_switch("up")
    until(lambda: "switch_down:" not in alarms())


def test_the_board_is_for_those_who_watch(open_stream, client):
    for name in ("agent", "auditor", "dispatcher"):
        stream = open_stream(name, "board,call")
        web_scene.tell_live(client)
        tell(client, kind="call", id=f"after-{name}")
        until(lambda stream=stream: "call" in stream.kinds())
        assert set(stream.kinds()) == {"fresh", "call"}


def test_an_agent_hears_of_herself_only(open_stream, client):
    stream = open_stream("agent", "agent")
    tell(client, kind="agent", agent="1002", state="ready")
    tell(client, kind="agent", agent="1001", state="ready")
    until(lambda: "agent" in stream.kinds())
    assert [data for kind, data in stream.events if kind == "agent"] == [{"agent": "1001"}]


def test_a_unit_hears_of_nothing_that_isn_t_its_own(open_stream, client):
    stream, other = open_stream("unit", "call,agent,order"), open_stream("auditor", "call")
    tell(client, kind="call", id="c1")
    until(lambda: "call" in other.kinds())
    assert set(stream.kinds()) == {"fresh"}


def test_a_page_that_comes_back_gets_what_it_missed(open_stream, client):
    stream = open_stream("supervisor", "call")
    tell(client, kind="call", id="seen")
    until(lambda: bool(stream.ids))
    stream.close()
    other = open_stream("auditor", "call")
    tell(client, kind="call", id="missed")
    until(lambda: ("call", {"id": "missed"}) in other.events)
    again = open_stream("supervisor", "call", stream.ids[-1])
    until(lambda: "call" in again.kinds())
    assert again.events[1:] == [("call", {"id": "missed"})]


@pytest.mark.parametrize("last_id", ["nonsense", "00000000-5", "x-9999999999999999999", "-"])
def test_an_id_of_another_life_makes_the_page_look_again(open_stream, last_id):
    stream = open_stream("supervisor", "call", last_id)
    until(lambda: "reset" in stream.kinds())


def test_nonsense_on_the_channel_harms_nobody(open_stream, client):
    stream = open_stream("supervisor", "call")
    for text in ("", "nonsense", "[]", "{}", '{"kind": 1}', '{"kind": "other"}'):
        client.publish("cc:events", text)
    tell(client, kind="call", id="c9")
    until(lambda: ("call", {"id": "c9"}) in stream.events)


def test_when_redis_goes_pages_are_told_and_told_again_when_it_is_back(live, open_stream):
    server = live[2]
    stream = open_stream("supervisor", "call")
    server.stop()
    try:
        until(lambda: "stale" in stream.kinds())
        health = requests.get(f"{live[3]}/healthz", timeout=SECONDS)
        assert (health.status_code, health.json()["redis"]["ok"]) == (503, False)
        page = logged_in(live[3], "supervisor").get(f"{live[3]}/live", timeout=SECONDS)
        assert "与实时数据的连接中断" in page.text
    finally:
        server.start()
    until(lambda: stream.kinds()[-1] == "fresh")


def test_logging_out_ends_the_stream(base, live):
    session = logged_in(base, "office")
    stream = Stream(session, base, "call")
    try:
        until(lambda: "fresh" in stream.kinds())
        post(session, base, "/logout")
        assert stream.closed.wait(SECONDS), "the stream went on after the log-out"
    finally:
        stream.close()


# --- commands ------------------------------------------------------------------------------------


class Controller:
    """Answers commands as told, and keeps them."""

    def __init__(self, url_client, answer: dict | None) -> None:
        self._client, self._answer = url_client, answer
        self.commands: list[dict] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Controller:
        self._thread.start()
        return self

    def __exit__(self, *_exc) -> None:
        self._stop.set()
        self._thread.join()

    def _serve(self) -> None:
        while not self._stop.is_set():
            taken = self._client.blpop(["cc:commands"], timeout=0.1)
            if taken is None:
                continue
            command = json.loads(taken[1])
            self.commands.append(command)
            if self._answer is not None:
                key = f"cc:reply:{command['id']}"
                self._client.rpush(key, json.dumps(self._answer))
                self._client.expire(key, 30)


def test_a_button_on_the_desk_sends_a_command_for_oneself(base, client):
    session = logged_in(base, "agent")
    with Controller(client, {"ok": True, "result": None}) as controller:
        answer = post(
            session, base, "/desk/command", name="agent.not_ready", reason="meal", agent="1002"
        )
    assert "“示忙”已执行" in answer.text
    assert answer.headers["HX-Trigger"] == "desk-changed"
    (command,) = controller.commands
    assert (command["name"], command["args"]) == (
        "agent.not_ready",
        {"agent": "1001", "reason": "meal"},
    )
    assert command["expires_at"] > time.time() - SECONDS


def test_a_refusal_is_shown_and_no_answer_is_said_to_be_none(base, client):
    session = logged_in(base, "agent")
    with Controller(client, {"ok": False, "error": "the phone is <not> registered"}):
        answer = post(session, base, "/desk/command", name="agent.ready")
    assert "未执行：the phone is &lt;not&gt; registered" in answer.text
    with Controller(client, None):
        answer = post(session, base, "/desk/command", name="agent.ready")
    assert "没有得到系统答复" in answer.text


@pytest.mark.parametrize(
    "form",
    [
        {"name": "agent.explode"},
        {"name": "agent.not_ready"},
        {"name": "agent.not_ready", "reason": "missed_call"},  # for the system to say
    ],
)
def test_a_wrong_command_is_never_sent(base, client, form):
    answer = post(logged_in(base, "agent"), base, "/desk/command", **form)
    assert answer.status_code == 400
    assert client.llen("cc:commands") == 0


def test_the_api_logs_an_agent_in_before_making_her_ready(base, client):
    client.delete("cc:agents")
    with Controller(client, {"ok": True}) as controller:
        answer = requests.put(
            f"{base}/api/v1/agents/1001/state",
            json={"state": "ready"},
            headers={"Authorization": f"Bearer {API_TOKEN}"},
            timeout=SECONDS,
        )
    assert answer.status_code == 200
    assert [each["name"] for each in controller.commands] == ["agent.login", "agent.ready"]
    web_scene.tell_agent(client, "1001", "not_ready", reason="meal", since=1.0)
    with Controller(client, {"ok": False, "error": "talking"}) as controller:
        answer = requests.post(
            f"{base}/api/v1/agents/1001/state",
            json={"state": "not_ready", "reason": "training"},
            headers={"Authorization": f"Bearer {API_TOKEN}"},
            timeout=SECONDS,
        )
    assert (answer.status_code, answer.json()["message"]) == (409, "talking")
    assert [each["args"] for each in controller.commands] == [
        {"agent": "1001", "reason": "training"}
    ]


# --- what is known, and how old it is ------------------------------------------------------------


def test_old_or_absent_news_are_said_to_be_stale(base, client):
    session = logged_in(base, "supervisor")

    def page() -> str:
        text = session.get(f"{base}/live", timeout=SECONDS).text
        return text.partition('id="live-stale"')[2].partition("</div>")[0]

    web_scene.tell_live(client)
    assert 'role="status" hidden' in page()
    web_scene.tell_live(client, at=time.time() - 14)
    assert "实时数据已 14 秒没有更新" in page()
    client.delete("cc:live")
    assert "没有在更新实时数据" in page()


def test_the_desk_shows_state_call_and_the_number_that_its_agent_needs(live, base, client):
    engine = live[1]
    add_call(
        engine, "now", agent="1001", answered_at=3, stage="talk", order_number="20260301000009"
    )
    web_scene.tell_live(client)
    web_scene.tell_agent(client, "1001", "talking", since=time.time() - 5, contact="now")
    session = logged_in(base, "agent")
    page = session.get(f"{base}/desk/panel", timeout=SECONDS).text
    for told in ("通话中", "13812345678", "/orders/20260301000009", "本次通话结束后生效"):
        assert told in page
    web_scene.tell_agent(client, "1001", "wrap_up", since=time.time(), until=time.time() + 20)
    page = session.get(f"{base}/desk/panel", timeout=SECONDS).text
    for told in ("话后处理", "data-until", "完成话后处理"):
        assert told in page


def test_hostile_values_in_redis_break_no_page(base, client):
    client.set("cc:live", '{"at": "now", "queues": {"<b>": {"waiting": 1}, "x": 7}, "calls": []}')
    client.hset("cc:agents", "1001", "[]")
    client.hset("cc:agents", "<i>", '{"state": "asleep", "since": "x", "queues": 5}')
    page = logged_in(base, "supervisor").get(f"{base}/live", timeout=SECONDS)
    assert page.status_code == 200
    assert "<b>" not in page.text.partition("<main")[2].partition("agent-who")[0]
    assert "<i>" not in page.text
    client.delete("cc:live", "cc:agents")


def test_health_and_metrics_tell_of_every_part(live, base, client):
    settings, engine = live[0], live[1]
    client.delete("cc:live", "cc:agents")
    answer = requests.get(f"{base}/healthz", timeout=SECONDS)
    assert (answer.status_code, answer.json()["switch"]["state"]) == (503, "unknown")
    web_scene.tell_live(client)
    web_scene.tell_agent(client, "1001", "ready")
    answer = requests.get(f"{base}/healthz", timeout=SECONDS)
    assert answer.status_code == 200, answer.text
    assert {name: part["ok"] for name, part in answer.json().items() if name != "status"} == {
        "switch": True, "database": True, "redis": True, "journal": True,
    }  # fmt: skip
    journal = settings.journal_dir / "one-1700000000000000.jsonl"
    line = event(Kind.CALL_ARRIVED, "c", at=time.time() - 100).to_json() + b"\n"
    journal.write_bytes(line[:20])  # a writer that died within a line, long ago
    os.utime(journal, (time.time() - 100, time.time() - 100))
    answer = requests.get(f"{base}/healthz", timeout=SECONDS)
    assert (answer.status_code, answer.json()["journal"]["lag_bytes"]) == (200, 0)
    journal.write_bytes(line)
    answer = requests.get(f"{base}/healthz", timeout=SECONDS)
    assert answer.status_code == 503
    assert answer.json()["journal"]["lag_bytes"] == len(line)
    assert 99 < answer.json()["journal"]["lag_seconds"] < 100 + SECONDS
    metrics = requests.get(f"{base}/metrics", timeout=SECONDS).text
    for told in (
        'callcenter_queue_waiting{queue="general"} 3.0',
        'callcenter_agents{state="ready"} 1.0',
        'callcenter_queue_wait_estimate_error_seconds{kind="mean",queue="general"} -4.0',
        'callcenter_queue_wait_estimate_error_seconds{kind="absolute",queue="general"} 9.5',
        f"callcenter_journal_lag_bytes {len(line)}.0",
        "callcenter_database_up 1.0",
        "callcenter_redis_up 1.0",
        "callcenter_web_request_seconds_count",
    ):
        assert told in metrics, told
    journal.unlink()
    assert presence.read(client).agents["1001"].state == "ready"
    assert engine is not None
