"""What can go wrong between us and the switch."""

from __future__ import annotations

from greenswitch.esl import NotConnectedError, OutboundSessionHasGoneAway


class EslError(Exception):
    """Any failure of a conversation with the switch."""


class SwitchGone(EslError, NotConnectedError):
    """There is no connection, or it ended before the answer came."""


class ReplyTimeout(EslError):
    """No answer in time.

    A job or an application may still finish later. If it was the reply to a raw command that
    did not come, the connection was closed: replies carry no id, the next one would be taken
    for the missing one.
    """


class CommandFailed(EslError):
    """The switch answered `-ERR` or `-USAGE`; `reply` is its answer."""

    def __init__(self, reply: str, command: str = "") -> None:
        super().__init__(f"{command}: {reply}" if command else reply)
        self.reply = reply


class BadArgument(EslError, ValueError):
    """The text can't be sent: a line break in it would start another command."""


class CallGone(EslError, OutboundSessionHasGoneAway):
    """The call hung up, or its connection ended."""


class LoginRefused(EslError):
    """The switch refuses us: wrong password, or our address is not in its ACL."""


class ProtocolError(EslError):
    """The peer doesn't speak ESL; the connection can't go on."""
