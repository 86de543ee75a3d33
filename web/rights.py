"""Who may reach what: one table of endpoints, and what a role may see of a number.

An endpoint that isn't in the table is refused to everybody, so that a new page is closed until
somebody decides who it is for.
"""

from __future__ import annotations

from enum import Enum

from workorder.roles import Role


class Door(Enum):
    """A way in that doesn't ask for a role."""

    PUBLIC = "public"
    TOKEN = "token"  # Authorization: Bearer <api token>


Access = frozenset[Role] | Door

EVERYBODY = frozenset(Role)
READS_CALLS = EVERYBODY - {Role.UNIT}
WRITES_ORDERS = frozenset(
    {Role.AGENT, Role.SUPERVISOR, Role.DISPATCHER, Role.OFFICE, Role.ADMINISTRATOR}
)
WATCHES = frozenset({Role.SUPERVISOR, Role.OFFICE, Role.ADMINISTRATOR})
ADMINISTERS = frozenset({Role.ADMINISTRATOR})
BLOCKS = frozenset({Role.SUPERVISOR, Role.OFFICE, Role.ADMINISTRATOR})
ASSIGNS = frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR})
AUDITS = frozenset({Role.AUDITOR, Role.ADMINISTRATOR})

# Roles whose work needs the whole number; every look is written to the audit log.
REVEALS_NUMBERS = EVERYBODY - {Role.AUDITOR}

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
    "calls.show_number": READS_CALLS & REVEALS_NUMBERS,
    "desk.desk": frozenset({Role.AGENT}),
    "desk.panel": frozenset({Role.AGENT}),
    "desk.recent": frozenset({Role.AGENT}),
    "desk.command": frozenset({Role.AGENT}),
    "live.live": WATCHES,
    "live.panel": WATCHES,
    "orders.index": EVERYBODY,
    "orders.show": EVERYBODY,
    "orders.save_draft": WRITES_ORDERS,
    "orders.show_number": REVEALS_NUMBERS,
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
    "api.openapi": Door.PUBLIC,
    "api.calls": Door.TOKEN,
    "api.call": Door.TOKEN,
    "api.call_recording": Door.TOKEN,
    "api.queues": Door.TOKEN,
    "api.agents": Door.TOKEN,
    "api.agent_state": Door.TOKEN,
    "api.set_agent_state": Door.TOKEN,
    "api.orders": Door.TOKEN,
    "api.order": Door.TOKEN,
    "api.order_events": Door.TOKEN,
}


def may(role: Role, endpoint: str) -> bool:
    """Whether a logged-in person of `role` may reach `endpoint`; unknown endpoints: no."""
    access = ENDPOINTS.get(endpoint)
    return access is Door.PUBLIC or (isinstance(access, frozenset) and role in access)
