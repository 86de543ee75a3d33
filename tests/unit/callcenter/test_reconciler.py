"""What differs once may be the switch's tables lagging; what differs twice is mended."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from callcenter.reconciler import Reconciler


class FakeLink:
    def __init__(self) -> None:
        self.phones: list[str] = []
        self.channels: dict[str, str] = {}  # UUID -> state
        self.variables: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []  # channels whose variables were asked for
        self.transferred: list[str] = []
        self.unscheduled: list[str] = []

    def api(self, command: str, timeout: float = 5) -> str:
        if command.startswith("show registrations"):
            return json.dumps({"rows": [{"reg_user": phone} for phone in self.phones]})
        if command.startswith("uuid_dump"):
            channel = command.split()[1]
            self.asked.append(channel)
            return json.dumps({"Channel-State": self.channels[channel], **self.variables[channel]})
        rows = [{"uuid": channel, "state": state} for channel, state in self.channels.items()]
        if command.startswith("sched_del"):
            self.unscheduled.append(command.split()[1])
        if command.startswith("uuid_transfer"):
            self.transferred.append(command.split()[1])
        return json.dumps({"rows": rows})


class FakeDesk:
    def __init__(self) -> None:
        self.phones: set[str] = set()
        self.talks: dict[str, str] = {}

    def registered(self) -> frozenset[str]:
        return frozenset(self.phones)

    def known(self, agents: Iterable[str]) -> frozenset[str]:
        return frozenset(agents) & {"1001", "1002"}

    def talking(self) -> dict[str, str]:
        return dict(self.talks)

    def phone_changed(self, agent: str, registered: bool) -> None:
        (self.phones.add if registered else self.phones.discard)(agent)


class Scene:
    def __init__(self) -> None:
        self.link, self.desk = FakeLink(), FakeDesk()
        self.ended: list[tuple[str, str]] = []
        self.repaired: list[tuple[str, str, str]] = []
        self.reconciler = Reconciler(
            self.link,  # type: ignore[arg-type]
            self.desk,
            lambda agent, contact: self.ended.append((agent, contact)),
            lambda *told: self.repaired.append(told),
            lambda: (),
        )


def test_given_a_registration_that_was_missed_when_seen_twice_then_it_is_taken_over() -> None:
    scene = Scene()
    scene.link.phones = ["1001", "9999"]
    scene.reconciler.look()
    assert scene.desk.phones == set()
    scene.reconciler.look()
    assert scene.desk.phones == {"1001"}
    assert scene.repaired == [
        ("", "the phone of agent 1001 is registered at the switch", "took it over")
    ]
    scene.reconciler.look()
    assert len(scene.repaired) == 1


def test_given_a_difference_when_asked_for_then_it_is_told_and_nothing_is_mended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene()
    caplog.set_level("INFO")
    assert scene.reconciler.tell() == []
    assert "nothing to repair" in caplog.text
    scene.link.phones, scene.desk.talks = ["1001"], {"1002": "gone"}
    for _ in range(3):
        assert scene.reconciler.tell() == ["phone 1001", "talk 1002"]
    assert "phone 1001, talk 1002" in caplog.text
    assert (scene.repaired, scene.ended, scene.desk.phones) == ([], [], set())


def test_given_a_phone_that_is_gone_when_seen_twice_then_the_agent_is_unreachable() -> None:
    scene = Scene()
    scene.desk.phones = {"1002"}
    scene.reconciler.look()
    scene.reconciler.look()
    assert scene.desk.phones == set()


def test_given_a_difference_that_passes_then_nothing_is_mended() -> None:
    scene = Scene()
    scene.link.phones = ["1001"]
    scene.reconciler.look()
    scene.link.phones = []
    scene.reconciler.look()
    scene.link.phones = ["1001"]
    scene.reconciler.look()
    assert scene.repaired == []


def test_given_a_talk_that_the_switch_lost_when_seen_twice_then_the_agent_is_freed() -> None:
    scene = Scene()
    scene.desk.talks = {"1001": "gone", "1002": "there"}
    scene.link.channels = {"there": "CS_EXCHANGE_MEDIA", "an-agents-leg": "CS_EXCHANGE_MEDIA"}
    scene.reconciler.look()
    assert scene.ended == []
    scene.reconciler.look()
    assert scene.ended == [("1001", "gone")]
    assert scene.repaired[0][0] == "gone"


def test_given_a_citizen_whom_no_controller_knows_when_seen_twice_then_back_to_the_queue() -> None:
    scene = Scene()
    scene.link.channels = {
        "stranded": "CS_EXECUTE",
        "an-agents-leg": "CS_EXECUTE",
        "talks": "CS_EXCHANGE_MEDIA",
        "survey": "CS_EXECUTE",
    }
    let_go = {"variable_cc_dialed": "12345", "variable_socket_resume": "false"}
    scene.link.variables = {
        "stranded": let_go,
        "an-agents-leg": {},
        "survey": {**let_go, "variable_socket_resume": "true"},
    }
    scene.reconciler.look()
    assert scene.link.transferred == []
    assert "talks" not in scene.link.asked  # a hotline has hundreds of them
    scene.reconciler.look()
    assert scene.link.transferred == ["stranded"]
    assert scene.link.unscheduled == ["stranded"], "or the switch would move it once more"
    assert scene.repaired == [
        ("stranded", "a citizen whom no controller knows", "back to the queue")
    ]
