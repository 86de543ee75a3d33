"""The switch: it owns the profiles, the registrar, the media engine and every channel."""

from __future__ import annotations

import logging
import re
import time
import uuid as uuids
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event

from labswitch import commands
from labswitch.caller import now_us
from labswitch.channel import Channel
from labswitch.command import Command
from labswitch.conf import Configuration, Profile, is_true
from labswitch.dialog import SipCall
from labswitch.events import EventBus, Headers
from labswitch.expand import expand
from labswitch.limits import Limits
from labswitch.media import MediaEngine
from labswitch.new_call import inbound_profile, inbound_variables, outbound_profile
from labswitch.originate import OutboundRefused, Plan
from labswitch.registrar import Contact, Registrar
from labswitch.rooms import Rooms
from labswitch.schedule import Schedule
from labswitch.sip_leg import SipLeg
from labswitch.sources import register_local_stream
from labswitch.states import CallState
from labswitch.useragent import UserAgent
from labswitch.wav import BadWav

if TYPE_CHECKING:
    from labswitch.dialog import CallHandler

log = logging.getLogger(__name__)

VERSION = "1.11.1-labswitch"
USER_AGENT = f"labswitch/{VERSION}"
_UUID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,255}$")


class Switch:
    """Everything that runs. `start` binds the sockets; `stop` hangs up and closes them."""

    version = VERSION

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.folder: Path | None = None  # where reloadxml reads again
        self.events = EventBus(configuration.switchname)
        self.media = MediaEngine(_media_host(configuration), configuration.rtp_ports)
        self.limits = Limits()
        self.schedule = Schedule()
        self.rooms = Rooms(self.events)
        self.registrar = Registrar(
            self._a1_hash,
            realm=_realm(configuration),
            on_change=self._registered,
            clock=time.time,
            newest_only=not _several_phones(configuration),
        )
        self.channels: dict[str, Channel] = {}
        self.user_agents: dict[str, UserAgent] = {}
        self.started_at = time.time()
        self.sessions = 0
        self.peak_sessions = 0
        self.max_sessions = configuration.max_sessions
        self.sessions_per_second = configuration.sessions_per_second
        self.stopping = Event()
        self._recent: deque[float] = deque()
        self._known_contacts: dict[str, dict[str, Contact]] = {}
        self._heartbeat: gevent.Greenlet | None = None

    # --- life ------------------------------------------------------------------------------

    def start(self) -> None:
        """Bind everything; raises OSError when a port is taken."""
        self._load_streams()
        self.media.start()
        for profile in self.configuration.profiles:
            agent = self._agent(profile)
            agent.start()
            self.user_agents[profile.name] = agent
        self._heartbeat = gevent.spawn(self._beat)

    def stop(self) -> None:
        if self._heartbeat:
            self._heartbeat.kill()
        self.schedule.stop()
        self.events.fire("SHUTDOWN", lambda: {"Event-Info": "System Shutting Down"})
        for channel in list(self.channels.values()):
            channel.hangup("SYSTEM_SHUTDOWN")
        deadline = time.monotonic() + 2
        for channel in list(self.channels.values()):
            channel.reported.wait(max(0.0, deadline - time.monotonic()))
        for agent in self.user_agents.values():
            agent.stop()
        self.media.stop()

    def _agent(self, profile: Profile) -> UserAgent:
        acl = self.configuration.access_list(profile.acl or "")
        host, port = profile.address
        return UserAgent(
            profile.name,
            host,
            port,
            accept=lambda call: self._accept(profile, call),
            registrar=self.registrar if profile.challenges else None,
            challenge=profile.challenges,
            trusted=acl.allows if acl else lambda _: profile.acl is None,
            realm=self.configuration.domain,
            user_agent=profile.settings.get("user-agent-string") or USER_AGENT,
        )

    def _load_streams(self) -> None:
        for name, folder in self.configuration.local_streams.items():
            try:
                register_local_stream(name, sorted(folder.glob("*.wav")))
            except (OSError, ValueError, BadWav) as error:
                log.warning("local stream %s has no music: %s", name, error)

    def _beat(self) -> None:
        due = time.monotonic() + self.configuration.heartbeat
        while True:
            gevent.sleep(1)
            for channel in list(self.channels.values()):
                channel.leg.check_media()
            if time.monotonic() >= due:
                due += self.configuration.heartbeat
                self.events.fire("HEARTBEAT", self._heartbeat_headers)

    def _heartbeat_headers(self) -> Headers:
        up = int(time.time() - self.started_at)
        days, hours, minutes = up // 86400, up // 3600 % 24, up // 60 % 60
        return {
            "Event-Info": "System Ready",
            "Up-Time": f"0 years, {days} days, {hours} hours, {minutes} minutes, {up % 60} seconds",
            "FreeSWITCH-Version": VERSION,
            "Uptime-msec": str(int((time.time() - self.started_at) * 1000)),
            "Session-Count": str(len(self.channels)),
            "Max-Sessions": str(self.max_sessions),
            "Session-Per-Sec": str(self.sessions_per_second),
            "Session-Per-Sec-Last": str(self.session_rate()),
            "Session-Since-Startup": str(self.sessions),
            "Session-Peak-Max": str(self.peak_sessions),
            "Idle-CPU": "50.000000",
        }

    # --- the directory and its phones ------------------------------------------------------

    def _a1_hash(self, name: str) -> str | None:
        user = self.configuration.users.get(name)
        return user.a1_hash if user else None

    def _registered(self, user: str, contacts: list[Contact]) -> None:
        before = self._known_contacts.get(user, {})
        now = {contact.uri: contact for contact in contacts}
        self._known_contacts[user] = now
        for contact in now.values():
            if contact != before.get(contact.uri):
                self._tell_registration("register", user, contact)
        if now and not _several_phones(self.configuration):
            return  # a new phone took the old one's place: nothing is told of that
        for uri, contact in before.items():
            if uri not in now:
                expired = contact.expires_at <= time.time()
                self._tell_registration("expire" if expired else "unregister", user, contact)

    def flush_registrations(self, user: str) -> None:
        """Let a user's phones expire now."""
        known = self._known_contacts.get(user, {})
        self._known_contacts[user] = {
            uri: replace(contact, expires_at=0.0) for uri, contact in known.items()
        }
        self.registrar.remove(user)

    def _tell_registration(self, what: str, user: str, contact: Contact) -> None:
        domain = self.configuration.domain

        def headers() -> Headers:
            seconds = max(0, round(contact.expires_at - time.time()))
            return {
                "profile-name": self._registering_profile(),
                **_party(what, user, domain),
                "contact": f'"" <{contact.uri}>',
                "call-id": contact.call_id,
                "rpid": "unknown",
                "status": "Registered(UDP)",
                "expires": str(seconds),
                "network-ip": contact.address[0],
                "network-port": str(contact.address[1]),
                "username": user,
                "realm": domain,
                "user-agent": contact.user_agent,
                "sip_number_alias": user,
                "sip_auth_username": user,
                "sip_auth_realm": domain,
                "number_alias": user,
                "user_name": user,
                "domain_name": domain,
                **self.configuration.users[user].variables,
            }

        self.events.fire("CUSTOM", headers, subclass=f"sofia::{what}")

    def _registering_profile(self) -> str:
        return next((p.name for p in self.configuration.profiles if p.challenges), "")

    def contact_strings(self, user: str, profile: str = "") -> list[str]:
        """`sofia/<profile>/<contact URI>` of each of a user's phones."""
        own = self._registering_profile()
        if profile not in ("", "*", own):
            return []
        return [f"sofia/{own}/{contact.uri}" for contact in self.registrar.contacts(user)]

    def registered_address(self, uri: str) -> tuple[str, int] | None:
        """Where the phone with this contact URI really is."""
        for contacts in self.registrar.all().values():
            for contact in contacts:
                if contact.uri == uri:
                    return contact.address
        return None

    # --- channels --------------------------------------------------------------------------

    def locate(self, uuid: str) -> Channel | None:
        """A channel that is up."""
        channel = self.channels.get(uuid)
        return channel if channel is not None and channel.up else None

    def forget(self, channel: Channel) -> None:
        self.channels.pop(channel.uuid, None)

    def session_rate(self) -> int:
        """New channels in the last second."""
        now = time.monotonic()
        while self._recent and self._recent[0] < now - 1:
            self._recent.popleft()
        return len(self._recent)

    def _admit(self) -> bool:
        full = len(self.channels) >= self.max_sessions
        if full or self.session_rate() >= self.sessions_per_second or self.stopping.is_set():
            return False
        self._recent.append(time.monotonic())
        return True

    def _add(self, channel: Channel) -> None:
        self.sessions += 1
        self.channels[channel.uuid] = channel
        self.peak_sessions = max(self.peak_sessions, len(self.channels))
        channel.leg.channel = channel
        channel.set("direction", channel.direction)
        channel.set("uuid", channel.uuid)
        channel.set("session_id", str(self.sessions))
        channel.set("channel_name", channel.name)
        channel.leg.describe(channel)

    def _accept(self, profile: Profile, call: SipCall) -> CallHandler:
        leg = SipLeg(self, profile, call)
        channel = Channel(self, leg, inbound_profile(profile, call))
        leg.channel = channel
        if not self._admit():
            log.warning("a call is refused: %d sessions", len(self.channels))
            channel.hangup_cause = "SWITCH_CONGESTION"
            call.reject(503, "Maximum Calls In Progress")
        elif not leg.offered():
            channel.hangup_cause = "INCOMPATIBLE_DESTINATION"
            call.reject(488)
        else:
            self._add(channel)
            channel.update(inbound_variables(profile, call))
            channel.start()
        return leg

    def new_outbound(self, plan: Plan, caller: Channel | None) -> Channel:
        """Make a channel to a phone, not started yet. Raises OutboundRefused."""
        uuid = plan.variables.get("origination_uuid") or str(uuids.uuid4())
        if not _UUID.match(uuid) or uuid in self.channels:
            raise OutboundRefused("DESTINATION_OUT_OF_ORDER")
        if not self._admit():
            raise OutboundRefused("DESTINATION_OUT_OF_ORDER")
        profile = next(p for p in self.configuration.profiles if p.name == plan.profile)
        leg = SipLeg(self, profile, target=(plan.uri, plan.address))
        channel = Channel(self, leg, outbound_profile(plan, uuid, caller))
        self._add(channel)
        channel.update({"is_outbound": "true", "call_uuid": uuid, **plan.variables})
        channel.set("sip_profile_name", plan.profile)
        channel.set("sofia_profile_name", plan.profile)
        channel.set("sip_destination_url", plan.uri)
        if caller is not None:
            channel.other_type, channel.other_profile = (
                "originator",
                caller.profile.as_other_leg(called=False),
            )
            channel.set("originator", caller.uuid)
        return channel

    def hold_changed(self, channel: Channel, held: bool) -> None:
        """A phone put its call on hold or took it back: its partner hears music meanwhile."""
        channel.held = held
        partner = channel.link.partner(channel) if channel.link else None
        times = channel.profile.times
        if held:
            times.last_hold = now_us()
            channel.set_call_state(CallState.HELD)
            channel.fire("CHANNEL_HOLD")
            music = channel.get("hold_music") or "local_stream://moh"
            if partner is not None and music != "silence":
                partner.queue_command(Command.execute("playback", music, loops=-1))
            return
        if partner is not None:
            partner.interrupt()
            gevent.sleep(0)  # the music ends before the hold does
        times.hold_accum += now_us() - times.last_hold if times.last_hold else 0
        channel.set_call_state(CallState.UNHELD)
        channel.fire("CHANNEL_UNHOLD")
        channel.set_call_state(CallState.ACTIVE)

    # --- commands --------------------------------------------------------------------------

    def api(self, name: str, argument: str) -> str:
        """Run an API command; its answer as FreeSWITCH words it."""
        return commands.run(self, name, argument)

    def inline_api(self, name: str, argument: str) -> str:
        """`${api(arguments)}` in a text; nothing when `api-expansion` is off."""
        return self.api(name, argument) if self.configuration.api_expansion else ""

    def expand(self, text: str, variables: dict[str, str] | None = None) -> str:
        """Expand `${…}` with the switch's variables, and these before them."""
        known = {**self.configuration.variables, **(variables or {})}
        return expand(text, known.get, self.inline_api)


def _party(what: str, user: str, domain: str) -> Headers:
    """The headers that name the phone's user differ from event to event."""
    if what == "expire":
        return {"user": user, "host": domain}
    whose: Headers = {"from-user": user, "from-host": domain}
    return {**whose, "to-user": user, "to-host": domain} if what == "register" else whose


def _media_host(configuration: Configuration) -> str:
    for profile in configuration.profiles:
        if profile.settings.get("rtp-ip"):
            return profile.settings["rtp-ip"]
    return "127.0.0.1"


def _realm(configuration: Configuration) -> str:
    for profile in configuration.profiles:
        realm = profile.settings.get("challenge-realm", "")
        if profile.challenges and realm not in ("", "auto_to", "auto_from"):
            return realm
        if profile.challenges and profile.registration_domain:
            return profile.registration_domain
    return configuration.domain


def _several_phones(configuration: Configuration) -> bool:
    """`multiple-registrations`; without it the phone registered last is a user's only one."""
    given = (p.settings.get("multiple-registrations") for p in configuration.profiles)
    return any(is_true(value) or value == "contact" for value in given)
