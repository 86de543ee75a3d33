"""The conference command: list, kick, mute, deaf, play, record, dial is not here."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from labswitch.commands.registry import command
from labswitch.playing import SoundMissing, open_source

if TYPE_CHECKING:
    from labswitch.rooms import Room, RoomMember, Rooms
    from labswitch.switch import Switch


@command("conference")
def conference(switch: Switch, argument: str) -> str:
    words = argument.split()
    rooms = switch.rooms
    if not words:
        return "-USAGE: conference list | <name> list|kick|mute|unmute|deaf|undeaf|play|record\n"
    if words[0] in ("list", "json_list", "count"):
        return _list_all(rooms, words[0])
    room = rooms.get(words[0])
    if room is None:
        return f"-ERR Conference {words[0]} not found\n"
    action, rest = (words[1] if len(words) > 1 else "list"), words[2:]
    if action in _ON_MEMBERS:
        return _on_members(rooms, room, action, rest[0] if rest else "")
    handler = _ON_ROOM.get(action)
    if handler is None:
        return f"Conference command '{action}' not found.\n"
    return handler(switch, room, rest)


def _list_all(rooms: Rooms, form: str) -> str:
    if form == "count":
        return str(len(rooms.all()))
    if form == "json_list":
        return json.dumps([_as_json(room) for room in rooms.all()], ensure_ascii=False)
    if not rooms.all():
        return "+OK No active conferences.\n"
    text = ""
    for room in rooms.all():
        count = len(room.members)
        text += (
            f"+OK Conference {room.name} ({count} member{'s' if count != 1 else ''} rate: 8000)\n"
        )
        text += _lines(room)
    return text


def _lines(room: Room) -> str:
    return "".join(_line(member) for member in room.members)


def _line(member: RoomMember) -> str:
    flags = [name for name, on in _flags(member).items() if on]
    profile = member.channel.profile
    return (
        f"{member.id};{member.channel.name};{member.channel.uuid};{profile.caller_id_name};"
        f"{profile.caller_id_number};{'|'.join(flags)};0;0;0;0\n"
    )


def _flags(member: RoomMember) -> dict[str, bool]:
    return {
        "hear": not member.deaf,
        "speak": not member.muted,
        "moderator": "moderator" in member.flags,
        "endconf": "endconf" in member.flags,
    }


def _as_json(room: Room) -> dict[str, object]:
    return {
        "conference_name": room.name,
        "conference_uuid": room.uuid,
        "member_count": len(room.members),
        "members": [
            {
                "id": member.id,
                "uuid": member.channel.uuid,
                "caller_id_name": member.channel.profile.caller_id_name,
                "caller_id_number": member.channel.profile.caller_id_number,
                "flags": {
                    "can_hear": not member.deaf,
                    "can_speak": not member.muted,
                    "is_moderator": "moderator" in member.flags,
                },
            }
            for member in room.members
        ],
    }


_ON_MEMBERS: dict[str, tuple[str, Callable[[Rooms, RoomMember], None]]] = {
    "kick": ("kicked", lambda rooms, member: rooms.kick(member)),
    "hup": ("hup", lambda rooms, member: rooms.kick(member)),
    "mute": ("mute", lambda rooms, member: rooms.set_muted(member, True)),
    "unmute": ("unmute", lambda rooms, member: rooms.set_muted(member, False)),
    "deaf": ("deaf", lambda rooms, member: rooms.set_deaf(member, True)),
    "undeaf": ("undeaf", lambda rooms, member: rooms.set_deaf(member, False)),
}


def _on_members(rooms: Rooms, room: Room, action: str, whom: str) -> str:
    said, act = _ON_MEMBERS[action]
    members = room.member(whom)
    if not members:
        return f"-ERR Non-Existant ID {whom}\n"
    for member in members:
        act(rooms, member)
    return "".join(f"+OK {said} {member.id}\n" for member in members)


def _list(switch: Switch, room: Room, rest: list[str]) -> str:
    return str(len(room.members)) if rest[:1] == ["count"] else _lines(room)


def _play(switch: Switch, room: Room, rest: list[str]) -> str:
    if not rest or not room.members:
        return "-ERR no file\n"
    try:
        room.mixer.play(open_source(room.members[0].channel, rest[0]))
    except SoundMissing:
        return f"-ERR (play) File: {rest[0]} not found.\n"
    return f"+OK (play) Playing file {rest[0]}\n"


def _record(switch: Switch, room: Room, rest: list[str]) -> str:
    if not rest:
        return "-ERR no file\n"
    room.mixer.record(rest[0])
    return f"Record file {rest[0]}\n"


def _json_list(switch: Switch, room: Room, rest: list[str]) -> str:
    return json.dumps([_as_json(room)], ensure_ascii=False)


_ON_ROOM: dict[str, Callable[[Switch, Room, list[str]], str]] = {
    "list": _list,
    "json_list": _json_list,
    "play": _play,
    "record": _record,
}
