"""The browser phone: where it connects, and a secret of its own for each time it is switched on.

The agent's SIP password never comes near a browser. Switching the phone on makes a random secret
that nobody ever sees: only its digest HA1 (RFC 2617 section 3.2.2.2) exists, in the switch's
directory and in the memory of the page that asked for it. It replaces the desk phone's password
until the page gives it back, its user logs out or changes the password, or its time is over.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import secrets
from typing import Any
from urllib.parse import urlsplit

from flask import abort, g, request

from callcenter import config_export
from callcenter.bootstrap import sip_a1_hash
from callcenter.models import Agent, BrowserPhone
from web.audit import Action, record
from web.auth import signed_in
from web.commands import Command, NoAnswer, send
from web.desk import blueprint
from web.localtime import now
from web.storage import db, redis_client, saving, settings

LASTS = dt.timedelta(hours=12)  # as long as a session without a request


@blueprint.post("/phone")
def switch_phone_on() -> Any:
    """A fresh secret as JSON, for the one page that asked; nothing keeps it on the way."""
    number = signed_in().agent_number
    if not number or db().get(Agent, number) is None:
        abort(400)
    domain = settings().domain
    a1_hash = sip_a1_hash(number, domain, secrets.token_urlsafe(32))
    with saving() as session:
        phone = session.get(BrowserPhone, number) or BrowserPhone(agent=number)
        phone.a1_hash, phone.username, phone.until = a1_hash, signed_in().username, now() + LASTS
        phone.session_epoch = signed_in().session_epoch
        session.add(phone)
        record(session, Action.PHONE_SWITCHED, number, signed_in(), on=True)
    tell_switch()
    return {
        "url": socket_url(),
        "uri": f"sip:{number}@{domain}",
        "realm": domain,
        "ha1": a1_hash,
    }


@blueprint.post("/phone/off")
def switch_phone_off() -> Any:
    """Give the secret back: the desk phone's password counts again."""
    number = signed_in().agent_number
    if not number:
        abort(400)
    with saving() as session:
        phone = session.get(BrowserPhone, number)
        if phone is not None:
            session.delete(phone)
            record(session, Action.PHONE_SWITCHED, number, signed_in(), on=False)
    tell_switch()
    return {}


def tell_switch() -> None:
    """Write the directory and have the switch read it, now rather than within seconds."""
    if config_export.export_phones(db(), settings().data_dir):
        try:
            send(redis_client(), Command.RELOAD_PHONES)
        except NoAnswer:
            return  # the controller looks by itself every two seconds


def socket_url() -> str:
    """Where the page's phone connects: `wss_url`, else this machine as the page called it."""
    chosen = settings()
    if chosen.wss_url:
        return chosen.wss_url
    host = chosen.sip_ip
    if ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified:
        host = urlsplit(f"//{request.host}").hostname or host
    bracketed = f"[{host}]" if ":" in host else host
    return f"wss://{bracketed}:{chosen.wss_port}"


@blueprint.before_request
def allow_phone() -> None:
    """Let the desk, and no other page, connect to the switch and use the microphone."""
    if request.endpoint == "desk.desk":
        g.phone_url = socket_url()
