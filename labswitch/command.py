"""What a controller asks of a channel (`sendmsg`), as it waits in the channel's queue."""

from __future__ import annotations

from dataclasses import dataclass, field

from labswitch.conf import is_true
from labswitch.events import Headers


@dataclass(frozen=True, slots=True)
class Command:
    """A queued message. Header names are in lower case."""

    fields: dict[str, str] = field(default_factory=dict)
    body: str = ""

    @classmethod
    def execute(cls, application: str, argument: str = "", loops: int = 1) -> Command:
        return cls(
            {
                "call-command": "execute",
                "execute-app-name": application,
                "execute-app-arg": argument,
                "loops": str(loops),
            }
        )

    @property
    def kind(self) -> str:
        return self.fields.get("call-command", "").lower()

    @property
    def application(self) -> str:
        return self.fields.get("execute-app-name", "")

    @property
    def argument(self) -> str:
        argument = self.fields.get("execute-app-arg", "")
        if not argument and self.fields.get("content-type", "").lower() == "text/plain":
            return self.body
        return argument

    @property
    def locked(self) -> bool:
        """No other command runs while this one does."""
        return is_true(self.fields.get("event-lock"))

    @property
    def loops(self) -> int:
        try:
            return int(self.fields.get("loops", "1"))
        except ValueError:
            return 1

    @property
    def headers(self) -> Headers:
        return {"Command": "sendmsg", **self.fields}
