"""Transcripts as files: one line for each thing that was said or seen."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "transcripts"

Transcript = dict[str, Any]


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.json"


def load(name: str) -> Transcript:
    loaded: Transcript = json.loads(path_of(name).read_text("utf-8"))
    return loaded


def save(name: str, version: str, transcript: Transcript) -> None:
    path_of(name).write_text(text_of({"switch": version, **transcript}), "utf-8")


def text_of(transcript: Transcript) -> str:
    """JSON with a line for each step and event, so that changes can be read in a diff."""
    parts = []
    if "switch" in transcript:
        parts.append(f'"switch": {_json(transcript["switch"])}')
    parts.append(f'"steps": {_lines(transcript["steps"])}')
    for name in ("channels", "heard"):
        inner = ",\n".join(
            f"{_json(key)}: {_lines(lines)}" for key, lines in transcript[name].items()
        )
        parts.append(f'"{name}": {{{inner}}}')
    parts.append(f'"others": {_lines(transcript["others"])}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _lines(items: list[Any]) -> str:
    return "[\n" + ",\n".join(f"  {_json(item)}" for item in items) + "\n]" if items else "[]"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def difference(expected: Transcript, found: Transcript) -> str:
    """A readable difference, empty if there is none; which channel came first doesn't count."""
    return "\n".join(
        difflib.unified_diff(
            _comparable(expected), _comparable(found), "FreeSWITCH", "found", lineterm="", n=2
        )
    )


def _comparable(transcript: Transcript) -> list[str]:
    sections = {"steps": transcript["steps"], "others": transcript["others"]}
    for name in ("channels", "heard"):
        for key, lines in sorted(transcript[name].items()):
            sections[f"{name}: {key}"] = lines
    out = []
    for title, lines in sections.items():
        out.append(f"== {title}")
        for line in lines:
            out.extend(_readable(line))
    return out


def _readable(line: list[Any]) -> list[str]:
    """An event's changes have lines of their own."""
    if len(line) == 3 and isinstance(line[2], dict):
        head = [_json(line[:2])]
        return head + [f"    {name} = {_json(value)}" for name, value in sorted(line[2].items())]
    return [_json(line)]
