"""How people are reached, and reach us, as data: mail, SMS, voice, and the rules of follow-up.

One file (`outreach_file`), checked against these models. Passwords and keys aren't in it: they are
settings (`smtp_password`, `imap_password`, `sms_secret`), which may come from the environment.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from callcenter import datafile

Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Smtp(_Data):
    """A mail server (RFC 5321)."""

    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    sender: str = Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$")
    seconds: float = Field(default=20, ge=1, le=60)


class Signature(_Data):
    """HMAC-SHA256 with `sms_secret` over `over`, in hexadecimal, as a header."""

    header: str = Field(default="X-Signature", pattern=r"^[A-Za-z0-9-]{1,64}$")
    over: str = "{timestamp}\n{body}"  # {timestamp} {id} {number} {body}


class SmsGateway(_Data):
    """A gateway that takes one message per HTTP request.

    In `url`, `headers` and `template` stand {number}, {text}, {id}, {timestamp} and {secret};
    values are quoted as `format` needs it. `accepted` is a regular expression for the answer's
    text, for gateways that say no with 200.
    """

    url: str = Field(pattern=r"^https?://[^\s]+$")
    method: Literal["POST", "GET"] = "POST"
    format: Literal["json", "form"] = "json"
    template: dict[str, str] = {"to": "{number}", "text": "{text}", "id": "{id}"}
    headers: dict[str, str] = {}
    signature: Signature | None = None
    accepted: str = ""
    idempotent: bool = False  # it knows an id that it had before, and doesn't send twice
    seconds: float = Field(default=15, ge=1, le=60)


Folder = Annotated[str, Field(pattern=r"^[A-Za-z0-9 ._/-]{1,64}$")]


class Mailbox(_Data):
    """Where citizens' mails wait (IMAP4rev1, RFC 3501); the inbox is emptied into two folders."""

    host: str = Field(min_length=1)
    port: int = Field(default=993, ge=1, le=65535)
    security: Literal["tls", "starttls", "none"] = "tls"
    username: str = Field(min_length=1)
    inbox: Folder = "INBOX"
    taken: Folder = "Taken"  # whose orders are in the database
    refused: Folder = "Refused"  # left to people: sent by machines, empty, unreadable, too large
    every_seconds: float = Field(default=30, ge=1, le=3600)
    seconds: float = Field(default=20, ge=1, le=60)

    @model_validator(mode="after")
    def _three_folders(self) -> Mailbox:
        if len({self.inbox, self.taken, self.refused}) < 3:
            raise ValueError("inbox, taken and refused are three folders")
        return self


class Receipts(_Data):
    """Telling citizens that their request is here, with its number and code."""

    channels: tuple[
        Literal["phone", "message", "callback", "web", "email", "sms"], ...
    ] = ("phone", "message", "callback", "web", "email", "sms")  # fmt: skip
    useful_hours: float = Field(default=24, gt=0)


class Hours(_Data):
    """When people may be called, local time: from `start` to `end` (left out)."""

    start: Clock = "09:00"
    end: Clock = "20:00"
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = (
        *("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
    )

    @model_validator(mode="after")
    def _in_order(self) -> Hours:
        if self.start >= self.end or not self.days:
            raise ValueError(f"start {self.start} must be before end {self.end}, on some day")
        return self

    def closes_at(self, local: dt.datetime) -> dt.datetime | None:
        """The end of the span that `local` lies in; None outside of it."""
        if _DAYS[local.weekday()] not in self.days:
            return None
        if not self.start <= local.strftime("%H:%M") < self.end:
            return None
        hour, minute = (int(part) for part in self.end.split(":"))
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + dt.timedelta(hours=hour, minutes=minute)


_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class FollowUpRules(_Data):
    """How citizens are asked about a resolved order."""

    voice: bool = True
    link: bool = False  # a link by SMS, too; needs `public_url` and an SMS gateway
    hours: Hours = Hours()
    per_hour: int = Field(default=60, ge=1, le=10_000)  # calls begun in any 60 minutes
    at_once: int = Field(default=4, ge=1, le=100)
    attempts: int = Field(default=3, ge=1, le=10)
    retry_minutes: float = Field(default=120, ge=0)
    link_days: float = Field(default=7, gt=0, le=60)
    satisfied_up_to: int = Field(default=3, ge=1, le=4)  # 基本满意 or better


class VoiceNotices(_Data):
    hours: Hours = Hours(start="08:00", end="21:00")
    answer_seconds: int = Field(default=300, ge=120, le=1800)  # to dial, ring and be heard


Way = Literal["email", "sms", "voice"]


class NoticeWays(_Data):
    """How handlers and leaders are told, by level (Heyuan draft §17: by text and by call)."""

    warning: tuple[Way, ...] = ("email", "sms")
    yellow: tuple[Way, ...] = ("email", "sms", "voice")
    red: tuple[Way, ...] = ("email", "sms", "voice")
    useful_hours: float = Field(default=48, gt=0)  # an older notice isn't sent any more


class Outreach(_Data):
    """The whole file. What is left out isn't used: its messages wait and are shown as waiting."""

    email: Smtp | None = None
    sms: SmsGateway | None = None
    mailbox: Mailbox | None = None
    receipts: Receipts | None = None
    voice: VoiceNotices | None = VoiceNotices()
    notices: NoticeWays = NoticeWays()
    follow_up: FollowUpRules = FollowUpRules()


def load(path: Path | None) -> Outreach:
    """Read the file; raise DataFileError. Without one, nothing but our own calls goes out."""
    return Outreach() if path is None else datafile.load(path, Outreach)
