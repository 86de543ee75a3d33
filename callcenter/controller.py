"""The controller process: links everything together, starts it, and ends it cleanly."""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Set
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event as Flag

from acd.config import Config
from acd.engine import Engine
from callcenter import (
    adoption,
    call_wish,
    callback_book,
    destinations,
    live_config,
    switch_conf,
)
from callcenter.agents import AgentDesk
from callcenter.call_control import DESTINATIONS, CallControl
from callcenter.call_state import Stage
from callcenter.call_wish import WishBook
from callcenter.callback_book import CallbackBook
from callcenter.callbacks import Callbacks
from callcenter.caller_history import CallerHistory
from callcenter.calling_out import CallingOut
from callcenter.center import Center
from callcenter.citizen import CitizenCall
from callcenter.clock import SteadyClock
from callcenter.closing_time import ClosingTime
from callcenter.dial_out import DialOut
from callcenter.distribution import Distributor
from callcenter.esl import EslError, EventFeed, OutboundCall, OutboundServer, SwitchLink
from callcenter.events import Kind, event, talk_started
from callcenter.hotline import tell
from callcenter.hotlines import load_hotlines
from callcenter.journal import Journal
from callcenter.last_agent import LastAgents
from callcenter.lines import Lines
from callcenter.live_config import LiveConfig
from callcenter.offers import PhoneBook
from callcenter.presence import ALIVE, CHANNELS, LIVE, Presence
from callcenter.presence import EVENTS as NEWS
from callcenter.queries import QueryClient
from callcenter.queues import check, load_queues
from callcenter.reconciler import Reconciler
from callcenter.settings import Settings
from callcenter.supervision import Supervision
from callcenter.transfer import Phase
from callcenter.transfer_switch import TransferSwitch
from callcenter.watcher import EVENTS, PASSING, Watcher
from ivr.hotline import Hotline

logger = logging.getLogger(__name__)

SHOW_EVERY = 1.0  # seconds between two pictures of the live state
SHOW_AT_MOST_EVERY = 0.1  # however much changes
STORY_ENDS = 3.0  # seconds for the story of a parked call, when the call comes back
CHANNELS_EVERY = 5.0
CONFIG_EVERY = 2.0


class Controller:
    """One controller; several may stand by, the dialplan tries them in order."""

    def __init__(self, settings: Settings) -> None:
        self.id = f"{os.uname().nodename}-{os.getpid()}"
        self.settings = settings
        self.clock = SteadyClock()
        self._config_path = settings.data_dir / live_config.FILE
        self._phones_path = settings.data_dir / switch_conf.HOME / switch_conf.DIRECTORY
        places = destinations.load(settings.destinations_file)
        hotlines = load_hotlines(settings.hotlines_dir, places)
        config = live_config.read(self._config_path)
        queues = self._queues(config, hotlines)
        self.presence = Presence(settings.redis_url)
        self.journal = Journal(settings.journal_dir, self.id, wake=self.presence.wake_journal)
        feed = EventFeed()
        self.link = SwitchLink(
            settings.esl_host,
            settings.esl_port,
            settings.esl_password,
            events=EVENTS,
            on_event=lambda happened: self.watcher.on_event(happened),
            on_up=self._switch_up,
            on_down=lambda: logger.warning("switch: away"),
            feed=feed,
            passing=PASSING,
        )
        self.lines = Lines(
            self.link,
            settings.domain,
            changed=lambda agent: self.desk.line_changed(agent),
            record=self.journal.append,
        )
        self.lines.unbridged = lambda agent, contact: self.distributor.leg_ended(agent, contact)
        self.desk = AgentDesk(
            self.presence,
            config,
            lambda message: self.distributor.tell(message),
            self.clock,
            lambda: self.distributor.engine.config.queues,
            lines=self.lines,
            end_talk=self._end_talk,
        )
        self.callbacks = Callbacks(
            CallbackBook(settings.data_dir / callback_book.FOLDER),
            self.link,
            gateway=settings.trunk_gateway,
            numbers=settings.callback_numbers,
            config=lambda: self.distributor.engine.config,
            free_agents=lambda queue: self.distributor.engine.free_agents(queue),
            closed_queues=lambda: self.distributor.engine.closed_queues(),
            tell=lambda message: self.distributor.tell(message),
            end_leg=lambda leg: self.distributor.phones.release(leg),
            record=self.journal.append,
            clock=self.clock,
        )
        self.calling_out = CallingOut(
            WishBook(settings.data_dir / call_wish.FOLDER),
            self.link,
            gateway=settings.trunk_gateway,
            numbers=settings.callback_numbers,
            published=tuple(sorted(hotlines)),
            tell=self.journal.append_and_wait,
            clock=time.time,
        )
        self.distributor = Distributor(
            Engine(queues, new_offer_id=lambda: uuid.uuid4().hex),
            PhoneBook(self.link, settings.domain, self._caller_id, self.lines),
            self.callbacks,
            record=self.journal.append,
            show_agent=self.desk.changed,
            clock=self.clock,
        )
        self.control = CallControl(
            TransferSwitch(
                self.link,
                settings.trunk_gateway,
                self._end_agents_part,
                lambda leg: self.lines.owner(leg) is not None,
            ),
            self.presence,
            places,
            lambda: self.distributor,
            self.journal.append,
            self.journal.append_and_wait,
            trunk=bool(settings.trunk_gateway),
        )
        self.supervision = Supervision(
            self.control,
            self.desk,
            lambda: self.distributor,
            self.link,
            settings.domain,
            self.presence,
            self.journal.append,
        )
        queries = QueryClient(settings.redis_url)
        self.center = Center(
            settings=settings,
            hotlines=hotlines,
            journal=self.journal,
            link=self.link,
            distributor=self.distributor,
            callbacks=self.callbacks,
            calling_out=self.calling_out,
            progress=queries,
            last_agents=LastAgents(settings.redis_url, settings.web_secret_key),
            history=CallerHistory(settings.redis_url, settings.web_secret_key),
            control=self.control,
            config=config,
            controller_id=self.id,
        )
        self.watcher = Watcher(
            self.distributor,
            self.journal.append,
            settings.recordings_dir,
            self.desk.phone_changed,
            self.calling_out.call_over,
            self._conversation_leg_ended,
            self._is_moving,
        )
        self.server = OutboundServer(
            "127.0.0.1",
            settings.outbound_port,
            self._serve,
            max_calls=settings.max_calls * 2,
            feed=feed,
        )
        self._stories: dict[str, tuple[CitizenCall, gevent.Greenlet]] = {}
        self._numbers: dict[str, str] = {}  # call -> caller's number, for the agent's display
        self.dial_out = DialOut(
            self.control,
            self.desk,
            lambda: self.distributor.phones,
            self.link,
            self.presence,
            ask=queries.citizen,
            destinations=places,
            gateway=settings.trunk_gateway,
            numbers=settings.callback_numbers,
            published=hotlines,
            shown=self._numbers,
            ended=self.distributor.leg_ended,
            record=self.journal.append,
        )
        self.reconciler = Reconciler(
            self.link,
            self.desk,
            self.distributor.leg_ended,
            self._repaired,
            lambda: {*self._numbers, *self.control.contacts()},
        )
        self.closing_time = ClosingTime(
            lambda: self.distributor.engine.config,
            hotlines,
            lambda: self.distributor.engine.closed_queues(),
            self.distributor.tell,
            self.clock,
        )
        self.presence.handle("reconciler.look", lambda _args: {"found": self.reconciler.tell()})
        self.presence.handle("phones.reload", lambda _args: self._reload_phones())
        self._adopted = Flag()
        self._listening = Flag()
        self._to_show = Flag()
        self.distributor.on_change = self._to_show.set
        self._alive = settings.data_dir / ALIVE
        self._greenlets: list[gevent.Greenlet] = []

    # --- life ---------------------------------------------------------------------------------

    def run(self, stop: Flag) -> None:
        """Serve calls until `stop` is set."""
        self.presence.start()
        self.distributor.start()
        self.callbacks.start()
        self.calling_out.start()
        self.link.start()
        self._greenlets = [
            gevent.spawn(self.center.last_agents.load),
            gevent.spawn(self.closing_time.run),
            gevent.spawn(self._listen_once_adopted),
            gevent.spawn(self._show_for_ever),
            gevent.spawn(self._show_channels_for_ever),
            gevent.spawn(self._watch_config),
            gevent.spawn(self.reconciler.run),
        ]
        for greenlet in self._greenlets:
            greenlet.link_exception(lambda dead: logger.critical("%s died", dead.name))
        stop.wait()
        self.stop()

    def stop(self) -> None:
        """Take no more calls and leave; calls go on in the switch, for the next controller."""
        gevent.killall(self._greenlets, timeout=3)
        self.server.stop()
        self.callbacks.stop()
        self.calling_out.stop()
        self.distributor.stop()
        self.link.stop()
        self.journal.close()
        self.presence.stop()
        logger.info("controller %s: stopped", self.id)

    def _switch_up(self, core_changed: bool) -> None:
        """Take over what the switch holds. Runs on every (re)connection."""
        while True:
            try:
                snapshot = adoption.take(self.link)
                break
            except (EslError, ValueError) as error:
                if not self.link.up.is_set():
                    return
                logger.warning("the switch's snapshot cannot be read: %s", error)
                gevent.sleep(0.5)
        adoption.end_orphans(self.link, snapshot, self._repaired)
        self.lines.keep_only(frozenset(line.leg for line in snapshot.lines))
        for line in snapshot.lines:
            self.lines.found(line.agent, line.leg, line.offer, line.contact)
        self.distributor.restore(self.desk.found(snapshot))
        for talk in snapshot.conversations:
            self.journal.append(
                talk_started(
                    talk.contact,
                    agent=talk.agent,
                    offer=talk.offer,
                    leg=talk.leg,
                    at=talk.since or None,
                )
            )
        self.journal.append(
            event(
                Kind.CONTROLLER_STARTED,
                controller=self.id,
                adopted=[conversation.contact for conversation in snapshot.conversations],
            )
        )
        self.control.restore(snapshot)
        self.callbacks.restore(snapshot.citizens, snapshot.calling_back, core_changed)
        deaf = self.server.drop_deaf(snapshot.applications)
        if deaf:
            logger.warning("switch: %d calls missed something and come back", deaf)
        for call in snapshot.let_go:
            if snapshot.told[call].get("variable_cc_stage") != Stage.QUEUE:
                self._repaired(call, "a citizen whom no controller knows", "back to the queue")
        parked = self.server.drop_parked(snapshot.applications) | snapshot.let_go
        gevent.spawn(self._bring_back, parked)
        self.calling_out.restore(snapshot.citizens | snapshot.calling_out)
        self._adopted.set()

    def _bring_back(self, calls: Set[str]) -> None:
        """Parked calls know no controller; they go on where their variables say."""
        self._listening.wait()
        for call in calls:
            adoption.bring_back(self.link, call)
        if calls:
            logger.info("switch: %d parked calls are taken up again", len(calls))

    def _repaired(self, contact: str, found: str, done: str) -> None:
        logger.warning("call %s: %s; %s", contact, found, done)
        self.journal.append(event(Kind.REPAIRED, contact or None, found=found, done=done))

    def _listen_once_adopted(self) -> None:
        self._adopted.wait()
        self.server.start()
        self._listening.set()
        logger.info("controller %s: takes calls on port %d", self.id, self.server.port)

    def _is_moving(self, contact: str) -> bool:
        talk = self.control.talk_with(contact)
        return talk is not None and talk.phase not in (Phase.TALKING, Phase.OVER)

    def _conversation_leg_ended(self, leg: str, contact: str, cause: str) -> None:
        self.control.leg_ended(leg, contact, cause)
        self.supervision.leg_ended(leg)
        self.dial_out.leg_ended(leg)

    def _end_talk(self, contact: str, agent: str) -> None:
        """An agent who works off hook ends the call by command."""
        if not self.dial_out.cancel(contact):
            self.control.agent_left(contact, agent)

    def _end_agents_part(self, leg: str, by: str) -> None:
        """A leg's hang-up tells of the talk's end; one that stays must be spoken for."""
        agent, contact = self.lines.owner(leg), self.lines.contact(leg)
        if agent is not None and contact:
            self.journal.append(event(Kind.TALK_ENDED, contact, agent=agent, by=by))
        self.distributor.phones.release(leg, "NORMAL_CLEARING")

    # --- calls --------------------------------------------------------------------------------

    def _serve(self, call: OutboundCall) -> None:
        before, story = self._stories.get(call.uuid, (None, None))
        if before is not None and story is not None and before.parked:
            story.kill(timeout=STORY_ENDS)  # the call comes back from the music
        citizen = CitizenCall(call, self.center)
        self._numbers[citizen.id] = citizen.number
        mine = self._stories[citizen.id] = citizen, gevent.getcurrent()
        try:
            tell(citizen)
        finally:
            if self._stories.get(citizen.id) is mine:
                del self._stories[citizen.id]
                self._numbers.pop(citizen.id, None)

    def _caller_id(self, contact: str) -> str:
        return self._numbers.get(contact, "") or self.callbacks.number(contact)

    # --- what others see ----------------------------------------------------------------------

    def _show_for_ever(self) -> None:
        while True:
            self._to_show.clear()
            picture = self._picture()
            self.presence.show(LIVE, picture)
            self.presence.publish(NEWS, {"kind": "live", **picture})
            self.presence.show(DESTINATIONS, self.control.listed())
            self._show_life()
            gevent.sleep(SHOW_AT_MOST_EVERY)
            self._to_show.wait(SHOW_EVERY - SHOW_AT_MOST_EVERY)

    def _show_life(self) -> None:
        """A sign for whoever started us: a process that hangs gives none."""
        try:
            self._alive.parent.mkdir(exist_ok=True)
            self._alive.touch()
        except OSError as error:
            logger.error("%s: %s", self._alive, error)

    def _picture(self) -> dict[str, Any]:
        return {
            "at": time.time(),
            "controller": self.id,
            "switch": "up" if self.link.up.is_set() else "down",
            "takes_calls": self._adopted.is_set() and self.server.port != 0,
            "calls": len(self._numbers),
            "journal_lag": round(self.journal.lag, 3),
            "journal_problem": self.journal.problem,
            **self.desk.picture(self.distributor.engine),
        }

    def _show_channels_for_ever(self) -> None:
        """The calls that live, so that others can tell which died unheard."""
        while True:
            if self.link.up.is_set():
                try:
                    asked = time.time()
                    listed = list(adoption.channels(self.link))
                    self.presence.show(CHANNELS, {"at": asked, "channels": listed})
                except (EslError, ValueError) as error:
                    logger.warning("channels cannot be listed: %s", error)
            gevent.sleep(CHANNELS_EVERY)

    def _watch_config(self) -> None:
        """Take in what the projector exports: agents, blocked numbers, phones."""
        self._adopted.wait()  # the switch must be there to read its directory again
        seen: dict[Path, int] = {}
        while True:
            for path, take in (
                (self._config_path, self._read_config),
                (self._phones_path, self._reload_phones),
            ):
                changed = _modified(path)
                if changed == seen.get(path, 0):
                    continue
                try:
                    take()
                    seen[path] = changed
                except (EslError, OSError, ValueError, KeyError, TypeError) as error:
                    logger.error("%s: what has changed cannot be taken in: %s", path, error)
            gevent.sleep(CONFIG_EVERY)

    def _read_config(self) -> None:
        old, new = self.center.config, live_config.read(self._config_path)
        self.center.config = self.desk.config = new
        if new.queues != old.queues:
            self.distributor.configure(self._queues(new, self.center.hotlines))
            self.closing_time.look()
            logger.info("queues: version %d is in force", new.queues_version)
        self.desk.configured()
        logger.info("%d agents, %d blocked numbers are in force", len(new.agents), len(new.blocked))

    def _queues(self, config: LiveConfig, hotlines: dict[str, Hotline]) -> Config:
        """As exported from the database; as in the file while nothing was imported there."""
        if config.queues is None:
            return load_queues(self.settings.queues_file, hotlines)
        return check(config.queues, hotlines)

    def _reload_phones(self) -> None:
        self.link.api("reloadxml")


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
