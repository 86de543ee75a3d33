"""What is recorded, how it is kept and given out, and what citizens hear."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import wave
from typing import Any

import pytest
from hotline_kit import HotlineUnderTest
from listening import AGENT, CITIZEN, PROMPTS, channels, listened, power

PROMPT_TOLERANCE = 0.06  # seconds; a frame at either end and one between
TALK = 2.0
DAMAGED, MISSING = "录音文件已损坏", "录音文件缺失"  # on the call's page


def seconds_between(record: dict[str, Any], first: str, last: str) -> float:
    times = [dt.datetime.fromisoformat(record[name]) for name in (first, last)]
    return (times[1] - times[0]).total_seconds()


def loudest_second(samples: list[int], hertz: float) -> slice:
    """A whole second in which a tone is at its loudest: every whole hertz is orthogonal there."""
    starts = range(0, len(samples) - 8000, 1600)
    start = max(starts, key=lambda start: power(samples[start : start + 8000], hertz))
    return slice(start, start + 8000)


def a_talk(hotline: HotlineUnderTest, caller: str, seconds: float = 1.0) -> dict[str, Any]:
    """Straight to an agent, a talk, no rating; the record once the recording is indexed."""
    agent = hotline.agent("1001")
    call = hotline.dial("12348", caller)
    call.hears("agent", length=seconds)
    call.hang_up()
    agent.rings().is_over()
    return hotline.until(
        caller,
        lambda found: found["recording"] and found["recording"]["state"] == "indexed",
        "the recording is indexed",
    )


def test_given_a_talk_when_it_is_recorded_then_left_is_the_citizen_and_right_what_they_hear(
    hotline: HotlineUnderTest,
) -> None:
    caller = "13800000101"
    agent = hotline.agent("1001")
    call = hotline.dial("2613710", caller)
    talk = agent.rings()
    call.hears("agent", length=TALK)
    talk.hang_up()
    call.hears("survey")
    call.press("1")
    call.is_over()
    record = hotline.until(
        caller,
        lambda found: found["recording"] and found["recording"]["state"] == "indexed",
        "the recording is indexed",
    )
    told = record["recording"]
    path = hotline.system.settings.recordings_dir / told["path"]
    left, right = channels(path)

    from_answer = call.times["ended"] - talk.times["answered"]
    on_record = seconds_between(record, "answered_at", "ended_at")
    assert told["channels"] == 2
    assert told["seconds"] == pytest.approx(len(left) / 8000, abs=0.01)
    assert told["seconds"] == pytest.approx(on_record, abs=0.5)
    assert told["seconds"] == pytest.approx(from_answer, abs=1.0)  # the phone's own clock
    assert told["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()

    citizen, other = listened(left), listened(right)
    assert set(citizen.words()) == {"citizen"}
    assert citizen.seconds("citizen") == pytest.approx(told["seconds"], abs=0.5)
    assert other.words() == [
        *["agent_before", "digit", "agent_after", "agent"],
        *["survey", "survey_thanks"],
    ]
    assert other.seconds("agent") == pytest.approx(call.heard.seconds("agent"), abs=0.1)
    assert other.seconds("agent_before") == pytest.approx(0.3, abs=PROMPT_TOLERANCE)
    talking = loudest_second(right, AGENT)  # neither is heard on the other's side
    assert power(right[talking], CITIZEN) < power(left[talking], CITIZEN) / 10_000
    assert power(left[talking], AGENT) < power(right[talking], AGENT) / 10_000


def test_given_a_recording_when_parts_are_asked_for_then_206_with_those_bytes(
    hotline: HotlineUnderTest,
) -> None:
    record = a_talk(hotline, "13800000102")
    whole = hotline.system.api(f"calls/{record['id']}/recording")
    assert whole.status_code == 200
    assert whole.headers["Content-Type"] == "audio/wav"
    assert hashlib.sha256(whole.content).hexdigest() == record["recording"]["sha256"]
    with wave.open(io.BytesIO(whole.content)) as file:
        assert file.getnchannels() == 2

    def part(span: str) -> Any:
        return hotline.system.api(
            f"calls/{record['id']}/recording", headers={"Range": f"bytes={span}"}
        )

    middle = part("1000-1999")
    assert middle.status_code == 206
    assert middle.headers["Content-Range"] == f"bytes 1000-1999/{len(whole.content)}"
    assert middle.content == whole.content[1000:2000]
    assert part("-100").content == whole.content[-100:]
    assert part(f"{len(whole.content)}-").status_code == 416


def test_given_a_recording_that_is_damaged_or_gone_when_it_is_looked_at_then_that_is_said(
    hotline: HotlineUnderTest,
) -> None:
    record = a_talk(hotline, "13800000103")
    path = hotline.system.settings.recordings_dir / record["recording"]["path"]
    url = f"calls/{record['id']}"
    fine = hotline.page(f"/calls/{record['id']}")
    assert DAMAGED not in fine
    assert MISSING not in fine

    path.write_bytes(path.read_bytes()[:-1000])
    told = hotline.system.api(url).json()["recording"]
    assert told["state"] == "damaged"
    assert "bytes" in told["problem"]
    assert DAMAGED in hotline.page(f"/calls/{record['id']}")

    path.unlink()
    assert hotline.system.api(url).json()["recording"]["state"] == "missing"
    assert hotline.system.api(f"{url}/recording").status_code == 404
    assert MISSING in hotline.page(f"/calls/{record['id']}")


def test_given_nobody_presses_a_key_when_prompts_are_played_then_each_is_heard_in_full(
    hotline: HotlineUnderTest,
) -> None:
    hotline.agent("1001")
    call = hotline.dial("12345", "13800000104")
    call.hears("silence", times=1)
    call.hears("menu_main", times=2, length=0.9)
    call.press("1")
    call.hears("agent", length=0.5)
    story = call.heard.story()
    heard = [tone for tone, _ in story]
    assert heard == [
        *["welcome", "recording_notice", "menu_main", "silence", "menu_main"],
        *heard[5:-4],
        *["agent_before", "digit", "agent_after", "agent"],
    ]
    for tone, seconds in story[:4]:
        assert seconds == pytest.approx(PROMPTS[tone][1], abs=PROMPT_TOLERANCE), story
    announced = dict(story)
    assert announced["agent_before"] == pytest.approx(0.3, abs=PROMPT_TOLERANCE)
    assert announced["digit"] == pytest.approx(4 * 0.2, abs=PROMPT_TOLERANCE)
    assert announced["agent_after"] == pytest.approx(0.3, abs=PROMPT_TOLERANCE)


def test_given_a_prompt_when_a_key_is_pressed_then_it_stops_at_once(
    hotline: HotlineUnderTest,
) -> None:
    call = hotline.dial("12345", "13800000105")
    call.hears("menu_main")
    call.press("2")
    call.hears("menu_auto")
    call.press("2")
    call.hears("about")
    call.press("0")
    call.hears("connecting", length=0.35)
    story = dict(call.heard.story())
    for tone in ("menu_main", "menu_auto", "about"):
        assert story[tone] < min(0.5, PROMPTS[tone][1] - 0.1), call.heard.story()
    call.hang_up()


def test_given_a_message_when_the_citizen_presses_hash_then_it_is_kept_and_becomes_an_order(
    hotline: HotlineUnderTest,
) -> None:
    caller = "13800000106"
    call = hotline.dial("12345", caller)
    call.hears("menu_main")
    call.press("3")
    call.hears("beep")
    call.speaks(2.5)
    call.press("#")
    call.hears("message_saved")
    call.is_over()
    record = hotline.until(
        caller,
        lambda found: (
            found["order_number"]
            and found["recording"]
            and found["recording"]["state"] == "indexed"
        ),
        "the message is an order and its recording indexed",
    )
    assert record["outcome"] == "message_left"
    assert record["recording"]["kind"] == "message"
    order = hotline.order(record["order_number"])
    assert (order["channel"], order["state"]) == ("message", "draft")
    (samples,) = channels(hotline.system.settings.recordings_dir / record["recording"]["path"])
    assert listened(samples).words() == ["citizen"]
    assert listened(samples).seconds("citizen") == pytest.approx(2.5, abs=0.6)
