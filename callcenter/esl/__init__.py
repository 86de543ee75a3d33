"""Talking to FreeSWITCH over its event socket (ESL).

`SwitchLink` is the one lasting connection to the switch (inbound mode): commands, jobs and the
events of every channel. `OutboundServer` takes the connections that FreeSWITCH opens for each
citizen's call (outbound mode, `socket host:port async full`) and hands each to a handler as an
`OutboundCall`. Both are subclasses of greenswitch's classes with its hazards mended; what is
mended is said where it is mended, and each has a test in tests/integration/esl.
"""

from callcenter.esl.errors import (
    BadArgument,
    CallGone,
    CommandFailed,
    EslError,
    LoginRefused,
    ProtocolError,
    ReplyTimeout,
    SwitchGone,
)
from callcenter.esl.event import Event
from callcenter.esl.feed import EventFeed
from callcenter.esl.link import SwitchLink
from callcenter.esl.outbound import Execution, OutboundCall
from callcenter.esl.server import OutboundServer

__all__ = [
    "BadArgument",
    "CallGone",
    "CommandFailed",
    "EslError",
    "Event",
    "EventFeed",
    "Execution",
    "LoginRefused",
    "OutboundCall",
    "OutboundServer",
    "ProtocolError",
    "ReplyTimeout",
    "SwitchGone",
    "SwitchLink",
]
