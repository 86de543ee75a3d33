"""What benches of the whole system share."""

from __future__ import annotations

import json
import math
import time

import redis

from callcenter.presence import COMMANDS
from callcenter.settings import Settings, SettingsError

COMMAND_LIMIT = 30.0  # seconds: phones may have registered a moment ago


def command(client: redis.Redis, name: str, agent: str, *, insist: bool = True) -> None:
    """Tell the controller something about an agent, until it does it; SettingsError otherwise.

    Without `insist` a refusal will do: the agent may be as wanted already.
    """
    message = {"id": f"bench-{name}-{agent}", "name": name, "args": {"agent": agent}}
    reply = f"cc:reply:{message['id']}"
    deadline = time.monotonic() + COMMAND_LIMIT
    while True:
        client.delete(reply)
        client.rpush(COMMANDS, json.dumps(message))
        answer = client.blpop([reply], timeout=1)
        told = json.loads(str(answer[1])) if answer else {"ok": False, "error": "no answer"}
        if told["ok"] or not insist:
            return
        if time.monotonic() > deadline:
            raise SettingsError(f"{name} {agent}: {told['error']}")
        time.sleep(0.2)


def environ(settings: Settings) -> dict[str, str]:
    """The settings of a bench as the environment of a controller."""
    return {
        "CALLCENTER_SIP_PORT": str(settings.sip_port),
        "CALLCENTER_AGENT_SIP_PORT": str(settings.agent_sip_port),
        "CALLCENTER_ESL_PORT": str(settings.esl_port),
        "CALLCENTER_ESL_PASSWORD": settings.esl_password,
        "CALLCENTER_OUTBOUND_PORT": str(settings.outbound_port),
        "CALLCENTER_WEB_PORT": str(settings.web_port),
        "CALLCENTER_WEB_SECRET_KEY": "unused-in-this-bench",
        "CALLCENTER_API_TOKEN": "unused-in-this-bench",
        "CALLCENTER_HOTLINES_DIR": str(settings.hotlines_dir),
        "CALLCENTER_SOUNDS_DIR": str(settings.sounds_dir),
        "CALLCENTER_QUEUES_FILE": str(settings.queues_file),
        "CALLCENTER_MAX_CALLS": str(settings.max_calls),
    }


def share(values: list[float], part: float) -> float:
    """The value that `part` of the others are not above; NaN without any."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else math.nan
