"""The queues' settings, from their file to the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from acd.config import Config, ConfigError
from callcenter.datafile import DataFileError, read_yaml
from ivr.hotline import Hotline


def load_queues(path: Path, hotlines: dict[str, Hotline]) -> Config:
    """Read the queues; raise DataFileError, also for a hotline that leads to no queue."""
    data: Any = read_yaml(path)
    try:
        config = Config.from_data(data)
    except ConfigError as error:
        raise DataFileError(f"{path}: {error}") from error
    for hotline in hotlines.values():
        wanted = {hotline.queue} | {
            choice.queue
            for menu in hotline.menus.values()
            for choice in menu.keys.values()
            if choice.queue
        }
        missing = sorted(wanted - set(config.queues))
        if missing:
            raise DataFileError(
                f"{path}: queues: hotline {hotline.name} leads to {', '.join(missing)}, "
                f"expected here; there are: {', '.join(sorted(config.queues))}"
            )
    return config
