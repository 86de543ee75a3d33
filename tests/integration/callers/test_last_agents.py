"""Whom a caller talked with last, in a real Redis server and beside it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import gevent
import pytest
from web_server import RedisServer, redis_server

from callcenter.last_agent import LastAgents

SECRET = "a-secret-of-this-test"
NUMBER, OTHER = "13900000001", "13900000002"


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def url(server: RedisServer) -> str:
    server.client.flushall()
    return f"unix://{server.socket}"


def written(agents: LastAgents, number: str, agent: str, hours: float = 1) -> None:
    agents.remember(number, agent, hours)
    gevent.wait(timeout=5)


def test_given_a_talk_when_asked_then_the_agent_is_known_at_once(url: str) -> None:
    agents = LastAgents(url, SECRET)
    agents.remember(NUMBER, "1001", 1)
    assert agents.find(NUMBER) == "1001"
    assert agents.find(OTHER) is None


def test_given_another_controller_when_it_has_read_redis_then_it_asks_no_more(
    url: str, server: RedisServer
) -> None:
    written(LastAgents(url, SECRET), NUMBER, "1001")
    later = LastAgents(url, SECRET)
    assert later.find(NUMBER) == "1001", "asked"
    later.load()
    server.client.flushall()
    assert (later.find(NUMBER), later.find(OTHER)) == ("1001", None)


def test_given_news_when_redis_is_read_then_the_news_is_kept(url: str) -> None:
    written(LastAgents(url, SECRET), NUMBER, "1001")
    later = LastAgents(url, SECRET)
    later.remember(NUMBER, "1002", 1)
    later.load()
    assert later.find(NUMBER) == "1002"


def test_given_hours_that_are_over_then_nobody_is_known(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents = LastAgents(url, SECRET)
    agents.load()
    agents.remember(NUMBER, "1001", 1)
    agents.remember(OTHER, "1001", 0)
    assert agents.find(OTHER) is None
    now = time.monotonic()
    monkeypatch.setattr("callcenter.last_agent.time.monotonic", lambda: now + 3601)
    assert agents.find(NUMBER) is None


def test_given_no_redis_when_calls_come_then_they_go_on_without() -> None:
    agents = LastAgents("unix:///nowhere/redis.sock", SECRET)
    assert agents.find(NUMBER) is None
    agents.remember(NUMBER, "1001", 1)
    assert agents.find(NUMBER) == "1001"


def test_no_number_is_kept_in_redis(url: str, server: RedisServer) -> None:
    written(LastAgents(url, SECRET), NUMBER, "1001")
    (key,) = server.client.keys("*")
    assert NUMBER not in str(key)
