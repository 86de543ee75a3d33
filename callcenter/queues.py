"""The queues' settings: from a file or the database to the engine, checked against the hotlines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from acd.config import Config, ConfigError
from acd.skills import ExpressionError, parse
from callcenter.datafile import DataFileError, Located, read_located
from ivr import prompts
from ivr.hotline import Hotline

Hotlines = Mapping[str, Hotline]
_PARTS = re.compile(r"[^.\[\]]+")


def load_queues(path: Path, hotlines: Hotlines) -> Config:
    """Read the queues; raise DataFileError (file, line, queue, key, what was expected)."""
    return check_file(read_located(path), hotlines)


def check_file(file: Located, hotlines: Hotlines) -> Config:
    """Check what a file says; raise DataFileError."""
    try:
        return check(file.data, hotlines)
    except ConfigError as error:
        raise DataFileError(f"{file.name}:{file.line(_where(error))}: {error}") from error


def check(data: Any, hotlines: Hotlines) -> Config:
    """Build the settings; raise ConfigError, also for a hotline that leads to no queue."""
    config = Config.from_data(data)
    for name, queue in config.queues.items():
        missing = prompts.unknown(queue.comfort)
        if missing:
            raise ConfigError(name, "comfort", "prompts of ivr/prompts.py", missing[0])
    for hotline in _distinct(hotlines):
        for where, queue_name, classes in _ways(hotline):
            if queue_name not in config.queues:
                expected = f"{queue_name!r} too, to which hotline {hotline.name} leads ({where})"
                raise ConfigError("", "queues", expected, sorted(config.queues))
            for name in classes:
                if name not in config.priorities:
                    expected = f"{name!r} too, which hotline {hotline.name} names ({where})"
                    raise ConfigError("", "priorities", expected, sorted(config.priorities))
    return config


def check_requirements(hotline: Hotline, file: Located) -> None:
    """Raise DataFileError for a skill expression that doesn't parse, with its line and column."""
    wanted: list[tuple[list[str | int], str]] = [(["requirement"], hotline.requirement)]
    for menu, entry in hotline.menus.items():
        for key, choice in entry.keys.items():
            wanted.append((["menus", menu, "keys", key, "requirement"], choice.requirement))
    for where, text in wanted:
        try:
            parse(text)
        except ExpressionError as error:
            key = ".".join(map(str, where))
            raise DataFileError(f"{file.name}:{file.line(where)}: {key}: {error}") from error


def queues_of(hotline: Hotline) -> set[str]:
    """Every queue that the hotline leads to."""
    return {queue for _, queue, _ in _ways(hotline)}


def _distinct(hotlines: Hotlines) -> Iterable[Hotline]:
    return {hotline.name: hotline for hotline in hotlines.values()}.values()


def _ways(hotline: Hotline) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Every way to a queue: where it stands, the queue, the classes."""
    yield "queue", hotline.queue, hotline.classes
    for menu, entry in hotline.menus.items():
        for key, choice in entry.keys.items():
            if choice.queue:
                yield f"menus.{menu}.keys.{key}", choice.queue, choice.classes


def _where(error: ConfigError) -> list[str | int]:
    """`overflow[0].target` of a queue as a path into the file."""
    parts = [int(part) if part.isdigit() else part for part in _PARTS.findall(error.key)]
    return ["queues", error.queue, *parts] if error.queue else parts
