"""The scene of `callcenter.bench.mod_callcenter`: one switch that holds both sides' queues.

The same agents serve both. Ours are reached under 7001 and, for those who only wait, 7002;
mod_callcenter's under 7003 and 7004; 7005 is the dialplan's own bridge to the first agent.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from callcenter import live_config, parts, switch_conf
from callcenter.bench.lab import bench_settings
from callcenter.offers import ALERT
from callcenter.settings import Settings
from callcenter.sipp import write_wav_tone
from ivr.prompts import TEXTS

OURS, OTHERS_OURS = "7001", "7002"
THEIRS, OTHERS_THEIRS = "7003", "7004"
STRAIGHT = "7005"
PHONE_WORD = "bench-phone-word"

HOTLINE = """\
name: {name}
title: bench
numbers: ["{number}"]
queue: {queue}
welcome: []
survey: false
"""

QUEUES = """\
wrap_up_seconds: 0
queues:
  served: {announce_first_seconds: 0}
  unserved: {announce_first_seconds: 0}
"""

PEER_DIALPLAN = """
  <extension name="bench-served">
    <condition field="destination_number" expression="^7003$">
      <action application="answer"/>
      <action application="set" data="cc_outbound_announce=@alert@"/>
      <action application="callcenter" data="served@bench"/>
    </condition>
  </extension>
  <extension name="bench-unserved">
    <condition field="destination_number" expression="^7004$">
      <action application="answer"/>
      <action application="callcenter" data="unserved@bench"/>
    </condition>
  </extension>
  <extension name="bench-straight">
    <condition field="destination_number" expression="^7005$">
      <action application="bridge" data="user/@agent@@$${domain}"/>
    </condition>
  </extension>
  <extension name="not-published">"""

PEER_QUEUE = """
    <queue name="{name}@bench">
      <param name="strategy" value="longest-idle-agent"/>
      <param name="moh-sound" value="local_stream://moh"/>
      <param name="record-template" value="{recordings}/peer/${{uuid}}.wav"/>
      <param name="time-base-score" value="system"/>
      <param name="max-wait-time" value="0"/>
      <param name="tier-rules-apply" value="false"/>
      <param name="discard-abandoned-after" value="60"/>
      <param name="abandoned-resume-allowed" value="false"/>
    </queue>"""

PEER_AGENT = """
    <agent name="{agent}" type="callback" contact="[leg_timeout=10]user/{agent}@{domain}"
           status="Logged Out" max-no-answer="99" wrap-up-time="0" reject-delay-time="0"
           busy-delay-time="0" no-answer-delay-time="0"/>"""


def prepared(folder: Path, agents_count: int) -> Settings:
    """A data folder with hotlines, queues, so many agents from 1001 on, and both in the switch."""
    hotlines, sounds = folder / "hotlines", folder / "sounds" / "zh"
    hotlines.mkdir(parents=True)
    for name in TEXTS:
        write_wav_tone(sounds / f"{name}.wav", 440, 0.04)
    for name, number, queue in (("served", OURS, "served"), ("others", OTHERS_OURS, "unserved")):
        text = HOTLINE.format(name=name, number=number, queue=queue)
        (hotlines / f"{name}.yaml").write_text(text, "utf-8")
    queues = folder / "queues.yaml"
    queues.write_text(QUEUES, "utf-8")
    settings = replace(
        bench_settings(folder), hotlines_dir=hotlines, sounds_dir=sounds, queues_file=queues
    )
    agents = [str(1001 + number) for number in range(agents_count)]
    config = {agent: {"name": agent, "queues": {"served": 5}, "skills": {}} for agent in agents}
    live_config.write(folder / live_config.FILE, {"agents": config, "blocked": {}})
    parts.prepare_switch(
        settings,
        [
            switch_conf.AgentDirectoryEntry(
                agent,
                hashlib.md5(f"{agent}:{settings.domain}:{PHONE_WORD}".encode()).hexdigest(),
            )
            for agent in agents
        ],
        [OURS, OTHERS_OURS],
    )
    _add_peer(settings, agents)
    return settings


def _add_peer(settings: Settings, agents: list[str]) -> None:
    """mod_callcenter's queues, agents and numbers, in this run's copy of the configuration."""
    conf = settings.switch_dir / "conf"
    dialplan = conf / "dialplan" / "trunk.xml"
    text = dialplan.read_text("utf-8")
    peer = (
        PEER_DIALPLAN.lstrip()
        .replace("@alert@", f"tone_stream://{ALERT}")
        .replace("@agent@", agents[0])
    )
    dialplan.write_text(text.replace('<extension name="not-published">', peer, 1), "utf-8")
    (settings.recordings_dir / "peer").mkdir(parents=True, exist_ok=True)
    queues = "".join(
        PEER_QUEUE.format(name=name, recordings=settings.recordings_dir)
        for name in ("served", "unserved")
    )
    people = "".join(PEER_AGENT.format(agent=agent, domain=settings.domain) for agent in agents)
    tiers = "".join(
        f'\n    <tier agent="{agent}" queue="served@bench" level="1" position="1"/>'
        for agent in agents
    )
    (conf / "autoload_configs" / "callcenter.conf.xml").write_text(
        '<configuration name="callcenter.conf">\n  <settings/>\n'
        f"  <queues>{queues}\n  </queues>\n  <agents>{people}\n  </agents>\n"
        f"  <tiers>{tiers}\n  </tiers>\n</configuration>\n",
        "utf-8",
    )
