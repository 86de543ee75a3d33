"""Conferences: who is in which room, and what is told of it (conference::maintenance)."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labswitch.events import Headers
from labswitch.media import Conference

if TYPE_CHECKING:
    from labswitch.channel import Channel
    from labswitch.events import EventBus

SUBCLASS = "conference::maintenance"


@dataclass(slots=True, eq=False)
class RoomMember:
    """One channel in a room."""

    id: int
    channel: Channel
    room: Room
    flags: set[str]
    muted: bool = False
    deaf: bool = False
    kicked: bool = False
    ended: bool = False  # the room is closed


@dataclass(slots=True, eq=False)
class Room:
    """One conference."""

    name: str
    mixer: Conference
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    members: list[RoomMember] = field(default_factory=list)
    least: int = 0  # members, once there were so many: with fewer it ends (`mintwo`)
    had_least: bool = False

    def member(self, text: str) -> list[RoomMember]:
        """The members that `text` names: an id, all, last or non_moderator."""
        if text in ("all", "non_moderator"):
            return [m for m in self.members if text == "all" or "moderator" not in m.flags]
        if text == "last":
            return self.members[-1:]
        return [m for m in self.members if str(m.id) == text or m.channel.uuid == text]


class Rooms:
    """All conferences by name. A room lives as long as somebody is in it."""

    def __init__(self, events: EventBus) -> None:
        self._events = events
        self._rooms: dict[str, Room] = {}
        self._ids = itertools.count(1)

    def get(self, name: str) -> Room | None:
        return self._rooms.get(name)

    def all(self) -> list[Room]:
        return list(self._rooms.values())

    def join(self, name: str, channel: Channel, flags: set[str]) -> RoomMember:
        room = self._rooms.get(name)
        if room is None:
            room = self._rooms[name] = Room(name, Conference(name))
            self._tell(room, "conference-create")
        member = RoomMember(next(self._ids), channel, room, flags)
        member.muted, member.deaf = "mute" in flags, "deaf" in flags
        room.members.append(member)
        if "mintwo" in flags:
            room.least = 2
        room.had_least = room.had_least or 0 < room.least <= len(room.members)
        self._apply(member)
        channel.update(
            {
                "conference_name": name,
                "conference_member_id": str(member.id),
                "conference_uuid": room.uuid,
            }
        )
        self._tell(room, "add-member", member)
        return member

    def leave(self, member: RoomMember) -> None:
        room = member.room
        if member not in room.members:
            return
        room.members.remove(member)
        if member.channel.leg.port:
            room.mixer.leave(member.channel.leg.port)
        self._tell(room, "del-member", member)
        if "endconf" in member.flags:
            for other in room.members:
                self.kick(other)
        if room.had_least and len(room.members) < room.least:
            self._close(room)
        if not room.members:
            self._rooms.pop(room.name, None)
            room.mixer.close()
            self._tell(room, "conference-destroy")

    def _close(self, room: Room) -> None:
        for member in room.members:
            member.kicked = member.ended = True
            member.channel.wake()

    def kick(self, member: RoomMember) -> None:
        self._tell(member.room, "kick-member", member)
        member.kicked = True
        member.channel.wake()

    def set_muted(self, member: RoomMember, muted: bool) -> None:
        member.muted = muted
        self._apply(member)
        self._tell(member.room, "mute-member" if muted else "unmute-member", member)

    def set_deaf(self, member: RoomMember, deaf: bool) -> None:
        member.deaf = deaf
        self._apply(member)
        self._tell(member.room, "deaf-member" if deaf else "undeaf-member", member)

    def _apply(self, member: RoomMember) -> None:
        port = member.channel.leg.port
        if port is not None and not port.closed:
            member.room.mixer.join(port, deaf=member.deaf, mute=member.muted)

    def _tell(self, room: Room, action: str, member: RoomMember | None = None) -> None:
        def headers() -> Headers:
            about: Headers = {
                "Conference-Name": room.name,
                "Conference-Size": str(len(room.members)),
                "Conference-Profile-Name": "default",
                "Conference-Unique-ID": room.uuid,
            }
            return {**about, **(_describe(member) if member else {}), "Action": action}

        self._events.fire("CUSTOM", headers, subclass=SUBCLASS)


def _describe(member: RoomMember) -> Headers:
    return {
        **member.channel.headers("CONFERENCE"),  # without variables
        "Member-Type": "moderator" if "moderator" in member.flags else "member",
        "Member-ID": str(member.id),
        "Hear": "false" if member.deaf else "true",
        "Speak": "false" if member.muted else "true",
    }
