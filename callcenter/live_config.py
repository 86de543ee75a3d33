"""What the controller needs from the database, without SQL on the telephony loop.

The projector writes `DATA_DIR/config.json` when agents, blocked numbers or queues change; the
controller reads it at start and when the file is newer.
"""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

FILE = "config.json"


@dataclass(frozen=True, slots=True)
class AgentConfig:
    number: str
    name: str
    queues: dict[str, int] = field(default_factory=dict)
    skills: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class LiveConfig:
    """Agents, blocked numbers and queues as last exported."""

    agents: dict[str, AgentConfig] = field(default_factory=dict)
    blocked: dict[str, tuple[str, float | None]] = field(default_factory=dict)  # reason, until
    queues: dict[str, Any] | None = None  # data of acd.config.Config; None: not imported yet
    queues_version: int = 0

    def block_reason(self, number: str) -> str | None:
        """Why `number` is turned away now, or None."""
        reason, until = self.blocked.get(number, ("", 0.0))
        return reason if reason and (until is None or until > time.time()) else None


def write(path: Path, config: dict[str, Any]) -> bool:
    """Replace the file in one step; False when it said the same already."""
    text = json.dumps(config, ensure_ascii=False, sort_keys=True)
    if path.exists() and path.read_text("utf-8") == text:
        return False
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(text, "utf-8")
    temporary.chmod(0o600)
    temporary.replace(path)
    return True


def read(path: Path) -> LiveConfig:
    """Read the file; an absent one is an empty configuration."""
    try:
        raw = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        logger.warning("%s isn't there yet: no agents are known", path)
        return LiveConfig()
    return LiveConfig(
        agents={
            number: AgentConfig(number, agent["name"], agent["queues"], agent["skills"])
            for number, agent in raw["agents"].items()
        },
        blocked={
            number: (block["reason"], block["until"]) for number, block in raw["blocked"].items()
        },
        queues=raw.get("queues"),
        queues_version=raw.get("queues_version", 0),
    )
