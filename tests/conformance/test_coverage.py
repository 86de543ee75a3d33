"""Whatever the controller or the dialplan uses of the switch is in a conversation."""

from __future__ import annotations

import ast

from conformance import coverage, normalise
from conformance.conversations import all_conversations
from conformance.transcript import FOLDER

NOT_COMPARED = {
    "event CHANNEL_STATE": "the controller looks away from it: it tells of FreeSWITCH's threads",
}
# Headers that are told of, but stand for a moment or a place.
NO_CONTENT = {
    "Content-Type": "framing",
    "Content-Length": "framing",
    "Content-Disposition": "framing; `linger_is_told` shows it",
    "Reply-Text": "every reply in every transcript",
    "Event-Name": "every event in every transcript",
    "Core-UUID": "`heartbeat` shows that it is there",
    "Unique-ID": "every channel's events are told apart by it",
    "Event-Date-Timestamp": "a time",
}


def test_every_use_of_the_switch_is_in_a_transcript() -> None:
    covered = coverage.covered() | set(NOT_COMPARED)
    missing = {use: where for use, where in coverage.uses().items() if use not in covered}
    assert not missing, "\n".join(
        f"{use} ({', '.join(sorted(where))}): no conversation shows it. Add it to one in "
        "tests/conformance/conversations, and record it with `make transcripts`"
        for use, where in sorted(missing.items())
    )


def test_every_header_that_the_controller_reads_is_compared() -> None:
    compared = {*normalise.FACTS, *normalise.STATE, *normalise.DUMPED, *NO_CONTENT}
    compared |= {f"variable_{name}" for name in normalise.VARIABLES}
    missing = {
        name: where
        for name, where in coverage.headers_read().items()
        if name not in compared and not name.startswith("variable_cc_")
    }
    assert not missing, "\n".join(
        f"{name} ({', '.join(sorted(where))}): add it to tests/conformance/normalise.py, and "
        "record the transcripts with `make transcripts`"
        for name, where in sorted(missing.items())
    )


def test_the_scan_sees_what_the_controller_does() -> None:
    """Or the tests above would be content with anything."""
    used = coverage.uses()
    assert {
        "command uuid_bridge",
        "command uuid_kill",
        "command originate",
        "command uuid_setvar_multi",
        "command show channels",
        "command linger",
        "application playback",
        "application record_session",
        "application limit",
        "event CHANNEL_HANGUP_COMPLETE",
        "event sofia::expire",
        "event DTMF",
    } <= set(used)
    assert {"DTMF-Digit", "variable_sip_hangup_disposition", "Record-File-Path"} <= set(
        coverage.headers_read()
    )


def test_a_new_command_is_seen() -> None:
    tree = ast.parse('link.api(f"uuid_displace {leg} start x")\ncall.start("valet_park", "1")')
    assert set(coverage._uses_of(tree)) == {
        "command uuid_displace",
        "application valet_park",
    }


def test_transcripts_and_conversations_are_the_same() -> None:
    recorded = {path.stem for path in FOLDER.glob("*.json")}
    assert recorded == set(all_conversations())
