"""Who may reach what: one table of endpoints, and what a role may see of a number.

An endpoint that isn't in the table is refused to everybody, so that a new page is closed until
somebody decides who it is for.
"""

from __future__ import annotations

from enum import Enum, StrEnum

from workorder.roles import Role


class Door(Enum):
    """A way in that doesn't ask for a role."""

    PUBLIC = "public"
    TOKEN = "token"  # Authorization: Bearer <api token>
    CHANNEL = "channel"  # the key or signature of an intake channel, which the endpoint checks


Access = frozenset[Role] | Door

EVERYBODY = frozenset(Role)
READS_CALLS = EVERYBODY - {Role.UNIT}
WRITES_ORDERS = frozenset(
    {Role.AGENT, Role.SUPERVISOR, Role.DISPATCHER, Role.OFFICE, Role.ADMINISTRATOR}
)
WATCHES = frozenset({Role.SUPERVISOR, Role.OFFICE, Role.ADMINISTRATOR})
SUPERVISES = frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR})
DISPATCHES = frozenset({Role.DISPATCHER, Role.OFFICE, Role.ADMINISTRATOR})
ADMINISTERS = frozenset({Role.ADMINISTRATOR})
BLOCKS = frozenset({Role.SUPERVISOR, Role.OFFICE, Role.ADMINISTRATOR})
ASSIGNS = frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR})
SUPERVISES_ORDERS = frozenset({Role.SUPERVISOR, Role.OFFICE, Role.ADMINISTRATOR})  # 督办
MANAGES = frozenset({Role.OFFICE, Role.ADMINISTRATOR})  # units, directory, calendar
TAKES_STEPS = EVERYBODY - {Role.AUDITOR}  # which step whose is: workorder.transitions
READS_RULES = EVERYBODY
PRINTS = EVERYBODY - {Role.AGENT}
AUDITS = frozenset({Role.AUDITOR, Role.ADMINISTRATOR})


class Field(StrEnum):
    """What identifies a citizen."""

    NUMBER = "number"
    NAME = "name"


class Sight(Enum):
    """How a field is shown."""

    WHOLE = "whole"
    ON_REQUEST = "on request"  # masked until asked for; every look is in the audit log
    MASKED = "masked"


# Who sees what of it. A name is read out in every sentence with a citizen, so those who speak with
# citizens see it; a whole number is looked at one by one.
FIELDS: dict[Field, dict[Role | Door, Sight]] = {
    Field.NUMBER: {
        Role.AGENT: Sight.ON_REQUEST,
        Role.SUPERVISOR: Sight.ON_REQUEST,
        Role.DISPATCHER: Sight.ON_REQUEST,
        Role.UNIT: Sight.ON_REQUEST,
        Role.OFFICE: Sight.ON_REQUEST,
        Role.ADMINISTRATOR: Sight.ON_REQUEST,
        Role.AUDITOR: Sight.MASKED,
        Door.TOKEN: Sight.WHOLE,
    },
    Field.NAME: {
        Role.AGENT: Sight.WHOLE,
        Role.DISPATCHER: Sight.WHOLE,
        Role.UNIT: Sight.WHOLE,
        Role.OFFICE: Sight.WHOLE,
        Role.SUPERVISOR: Sight.ON_REQUEST,
        Role.ADMINISTRATOR: Sight.ON_REQUEST,
        Role.AUDITOR: Sight.MASKED,
        Door.TOKEN: Sight.WHOLE,
    },
}
# Which keys of the API hold such a field.
API_FIELDS: dict[str, Field] = {
    "caller": Field.NUMBER,
    "callback_number": Field.NUMBER,
    "citizen_number": Field.NUMBER,
    "caller_name": Field.NAME,
    "citizen_name": Field.NAME,
}


def sight(viewer: Role | Door, field: Field) -> Sight:
    """How `viewer` sees the field; one who isn't in the table sees it masked."""
    return FIELDS[field].get(viewer, Sight.MASKED)


# Every look at a whole number is written to the audit log.
REVEALS_NUMBERS = frozenset(role for role in Role if sight(role, Field.NUMBER) is not Sight.MASKED)

ENDPOINTS: dict[str, Access] = {
    "static": Door.PUBLIC,
    "bootstrap.static": Door.PUBLIC,
    "assets.bootstrap_css": Door.PUBLIC,
    "health.healthz": Door.PUBLIC,
    "health.metrics": Door.PUBLIC,
    "auth.login": Door.PUBLIC,
    "auth.language": Door.PUBLIC,
    "auth.logout": EVERYBODY,
    "account.account": EVERYBODY,
    "home.home": EVERYBODY,
    "stream.events": EVERYBODY,
    "calls.index": READS_CALLS,
    "calls.rows": READS_CALLS,
    "calls.figures": READS_CALLS,
    "calls.show": READS_CALLS,
    "calls.body": READS_CALLS,
    "calls.recording": READS_CALLS,
    "calls.say_why": READS_CALLS,
    "calls.show_number": READS_CALLS & REVEALS_NUMBERS,
    "desk.desk": frozenset({Role.AGENT}),
    "desk.panel": frozenset({Role.AGENT}),
    "desk.recent": frozenset({Role.AGENT}),
    "desk.command": frozenset({Role.AGENT}),
    "desk.destinations": frozenset({Role.AGENT}),
    "desk.dialable": frozenset({Role.AGENT}),
    "desk.switch_phone_on": frozenset({Role.AGENT}),
    "desk.switch_phone_off": frozenset({Role.AGENT}),
    "desk.order": frozenset({Role.AGENT}),
    "desk.save_order": frozenset({Role.AGENT}),
    "desk.take_step": frozenset({Role.AGENT}),
    "live.live": WATCHES,
    "live.wall": WATCHES,
    "live.agent": SUPERVISES,
    "live.waiting": SUPERVISES,
    "live.everybody": SUPERVISES,
    "live.do": SUPERVISES,
    "live.nuisance": BLOCKS,
    "live.decide": BLOCKS,
    "orders.index": EVERYBODY,
    "orders.show": EVERYBODY,
    "orders.archive": EVERYBODY - {Role.AGENT},
    "orders.save_view": EVERYBODY,
    "orders.remove_view": EVERYBODY,
    "orders.step": TAKES_STEPS,
    "intake.intake": WRITES_ORDERS,
    "intake.similar": WRITES_ORDERS,
    "attachments.add": TAKES_STEPS,
    "attachments.download": EVERYBODY,
    "papers.sheet": PRINTS,
    "papers.export": PRINTS,
    "worklists.board": DISPATCHES,
    "worklists.inbox": frozenset({Role.UNIT}),
    "worklists.supervision": SUPERVISES_ORDERS,
    "units.index": MANAGES | {Role.DISPATCHER},
    "units.save": MANAGES,
    "units.export": MANAGES,
    "units.import_": MANAGES,
    "directory.index": MANAGES | {Role.DISPATCHER},
    "directory.save": MANAGES,
    "directory.remove": MANAGES,
    "directory.export": MANAGES,
    "directory.import_": MANAGES,
    "rules.calendar": READS_RULES,
    "rules.change_day": MANAGES,
    "rules.know_year": MANAGES,
    "rules.policies": READS_RULES,
    "rules.policy": READS_RULES,
    "orders.show_number": REVEALS_NUMBERS,
    "orders.show_code": WRITES_ORDERS,  # those who speak with citizens
    "admin.blocked": BLOCKS,
    "admin.block": BLOCKS,
    "admin.unblock": BLOCKS,
    "admin.queues": ADMINISTERS,
    "admin.edit_queue": ADMINISTERS,
    "admin.save_queue": ADMINISTERS,
    "admin.remove_queue": ADMINISTERS,
    "admin.agents": ASSIGNS,
    "admin.save_agent": ASSIGNS,
    "admin.users": ADMINISTERS,
    "admin.change_user": ADMINISTERS,
    "admin.audit": AUDITS,
    "follow_ups.index": DISPATCHES,
    "follow_ups.show": DISPATCHES,
    "follow_ups.decide": DISPATCHES,
    "notices.index": DISPATCHES,
    "notices.act": DISPATCHES,
    "public.progress": Door.PUBLIC,
    "public.follow_up": Door.PUBLIC,
    "api.openapi": Door.PUBLIC,
    "api.intake_message": Door.CHANNEL,
    "api.intake_wechat_callback": Door.CHANNEL,
    "api.calls": Door.TOKEN,
    "api.call": Door.TOKEN,
    "api.call_recording": Door.TOKEN,
    "api.queues": Door.TOKEN,
    "api.agents": Door.TOKEN,
    "api.agent_state": Door.TOKEN,
    "api.set_agent_state": Door.TOKEN,
    "api.figures": Door.TOKEN,
    "api.orders": Door.TOKEN,
    "api.order": Door.TOKEN,
    "api.order_events": Door.TOKEN,
}


# What a supervisor may have the controller do; the names are the commands'.
COMMANDS: dict[str, frozenset[Role]] = {
    "supervisor.listen": SUPERVISES,
    "supervisor.whisper": SUPERVISES,
    "supervisor.barge": SUPERVISES,
    "supervisor.stop": SUPERVISES,
    "supervisor.take_over": SUPERVISES,
    "supervisor.release": SUPERVISES,
    "supervisor.agent_state": SUPERVISES,
    "supervisor.agent_skills": SUPERVISES,
    "supervisor.agent_skills_reset": SUPERVISES,
    "supervisor.move": SUPERVISES,
    "supervisor.raise": SUPERVISES,
    "supervisor.message": SUPERVISES,
    "supervisor.nuisance": BLOCKS,
}


def may(role: Role, endpoint: str) -> bool:
    """Whether a logged-in person of `role` may reach `endpoint`; unknown endpoints: no."""
    access = ENDPOINTS.get(endpoint)
    return access is Door.PUBLIC or (isinstance(access, frozenset) and role in access)
