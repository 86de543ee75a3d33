"""The generated part of the switch's configuration: safe, whole, and refused when it can't be."""

from __future__ import annotations

import re
import stat
import wave
from array import array
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from callcenter.settings import PACKAGE_ROOT, Settings, load
from callcenter.switch_conf import (
    SOURCE,
    AgentDirectoryEntry,
    render,
    variables,
    write_directory,
)

AGENT = AgentDirectoryEntry("1001", "0123456789abcdef0123456789abcdef")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(
        environ={
            "CALLCENTER_DATA_DIR": str(tmp_path / "data"),
            "CALLCENTER_ESL_PASSWORD": "long-enough-password",
        }
    )


def texts(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*.xml")
    }


def test_everything_the_configuration_refers_to_is_set(settings: Settings, tmp_path: Path) -> None:
    render(settings, [AGENT], ["12345"], tmp_path / "conf")
    used = set()
    for name, text in texts(tmp_path / "conf").items():
        used |= set(re.findall(r"\$\$\{(\w+)\}", text)) - {"name"}
        if name != "freeswitch.xml":
            ElementTree.fromstring(text)  # each file is XML of its own
    assert used == set(variables(settings, ["12345"]))


def test_published_numbers_and_agents_are_written(settings: Settings, tmp_path: Path) -> None:
    render(settings, [AGENT], ["12345", "2613710"], tmp_path)
    local = ElementTree.parse(tmp_path / "local.xml").getroot()
    data = [element.get("data") for element in local]
    assert "published_numbers=12345|2613710" in data
    assert "controllers=127.0.0.1:8084" in data
    users = ElementTree.parse(tmp_path / "directory/agents.xml").getroot().findall("user")
    assert [user.get("id") for user in users] == ["1001"]
    assert users[0].find("params/param").attrib == {"name": "a1-hash", "value": AGENT.a1_hash}


def test_secrets_are_readable_by_us_alone(settings: Settings, tmp_path: Path) -> None:
    render(settings, [AGENT], ["12345"], tmp_path / "conf")
    for path in (tmp_path / "conf").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_rendering_again_removes_what_is_no_longer_there(
    settings: Settings, tmp_path: Path
) -> None:
    render(settings, [AGENT], ["12345"], tmp_path)
    (tmp_path / "dialplan" / "old.xml").write_text("<context/>")
    render(settings, [], ["12345"], tmp_path)
    assert not (tmp_path / "dialplan" / "old.xml").exists()
    assert "1001" not in (tmp_path / "directory/agents.xml").read_text()
    assert not list(tmp_path.rglob("*.new"))


def test_agents_alone_can_be_replaced(settings: Settings, tmp_path: Path) -> None:
    render(settings, [], ["12345"], tmp_path)
    before = texts(tmp_path)
    write_directory([AGENT], tmp_path)
    after = texts(tmp_path)
    assert {name for name in after if after[name] != before[name]} == {"directory/agents.xml"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"esl_password": 'a"/><param name="x'}, "esl_password"),
        ({"esl_password": "twelve$letters"}, "esl_password"),
        ({"esl_password": ""}, "esl_password"),
        ({"domain": "x$${esl_password}"}, "domain"),
        ({"esl_host": "0.0.0.0"}, "esl_host"),
        ({"esl_host": "10.0.0.1"}, "esl_host"),
        ({"controllers": ("127.0.0.1:8084 full",)}, "controllers"),
        ({"controllers": ()}, "controllers"),
        ({"trunk_acl": ()}, "trunk_acl"),
        ({"trunk_acl": ("10.0.0.0/8,0.0.0.0/0",)}, "10.0.0.0/8,0.0.0.0/0"),
        ({"sip_ip": "everywhere"}, "everywhere"),
        ({"data_dir": Path("/data dir")}, "data_dir"),
        ({"data_dir": Path("/data/${uuid}")}, "data_dir"),
        ({"sounds_dir": Path("/a!b")}, "sounds_dir"),
    ],
)
def test_value_that_the_switch_could_not_take_is_refused_before_anything_is_written(
    settings: Settings, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as refusal:
        render(replace(settings, **change), [AGENT], ["12345"], tmp_path / "conf")
    assert not (tmp_path / "conf").exists()
    password = change.get("esl_password")
    assert not password or str(password) not in str(refusal.value)


@pytest.mark.parametrize(
    "numbers", [[], ["12345|.*"], ["(.*)"], ["12"], [""], ["１２３４５"], ["1234x"], ["12345\n"]]
)
def test_number_that_is_not_digits_is_refused(
    settings: Settings, tmp_path: Path, numbers: list[str]
) -> None:
    with pytest.raises(ValueError, match="published number"):
        render(settings, [AGENT], numbers, tmp_path / "conf")


@pytest.mark.parametrize(
    "agents",
    [
        [AgentDirectoryEntry("1001'", AGENT.a1_hash)],
        [AgentDirectoryEntry("1001", 'x"/>')],
        [AgentDirectoryEntry("1001", AGENT.a1_hash.upper())],
        [AGENT, AGENT],
    ],
)
def test_agent_that_would_break_the_directory_is_refused(
    tmp_path: Path, agents: list[AgentDirectoryEntry]
) -> None:
    with pytest.raises(ValueError, match="1001"):
        write_directory(agents, tmp_path)
    assert not (tmp_path / "directory").exists()


def test_folders_may_have_chinese_names(settings: Settings, tmp_path: Path) -> None:
    render(replace(settings, data_dir=Path("/数据/热线")), [], ["12345"], tmp_path)
    assert "/数据/热线/recordings" in (tmp_path / "local.xml").read_text("utf-8")


def test_no_password_is_kept_in_the_source() -> None:
    for name, text in texts(SOURCE).items():
        for found in re.findall(r'name="[^"]*password[^"]*" value="([^"]*)"', text):
            assert found == "$${esl_password}", name


def test_patience_is_6_s_for_a_new_call_and_60_s_for_one_that_had_begun() -> None:
    context = ElementTree.parse(SOURCE / "dialplan" / "hotline.xml").getroot()
    patience: dict[str, float] = {}
    for extension in context:
        seconds = 0.0
        for action in extension.iterfind("condition/action"):
            data = action.get("data", "")
            if action.get("application") == "sleep":
                seconds += int(data) / 1000
            elif found := re.search(r"wait_(\d+)s\.wav", data):
                seconds += int(found[1])
        patience[extension.get("name", "")] = seconds
    assert sum(patience[f"unattended-new-{n}"] for n in (1, 2, 3)) == 6
    assert patience["unattended-begun"] == 60


def test_nothing_a_stranger_writes_is_expanded_in_the_dialplan() -> None:
    ours = {"cc_stage", "cc_callback_dialed", "cc_line", "cc_room", "uuid", "sip_auth_username"}
    for path in (SOURCE / "dialplan").glob("*.xml"):
        text = re.sub(r"<!--.*?-->", "", path.read_text("utf-8"), flags=re.DOTALL)
        assert set(re.findall(r"(?<!\$)\$\{([^}]*)\}", text)) <= ours, path


@pytest.mark.parametrize(
    ("name", "shortest", "longest"),
    [("moh/hold", 30, 40), ("wait_2s", 2, 2), ("wait_10s", 10, 10)],
)
def test_music_is_quiet_and_loops_without_a_seam(name: str, shortest: int, longest: int) -> None:
    with wave.open(str(PACKAGE_ROOT / f"ivr/sounds/music/{name}.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        samples = array("h", file.readframes(file.getnframes()))
    assert shortest <= len(samples) / 8000 <= longest
    assert max(map(abs, samples)) < 0.2 * 32768
    steps = [abs(b - a) for a, b in pairwise(samples)]
    assert abs(samples[0] - samples[-1]) <= max(steps)
