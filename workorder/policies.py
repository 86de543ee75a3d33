"""Policies in the database, by version: what a new order begins with, what an old one keeps."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from workorder.models import PolicyVersion
from workorder.policy import Policy


class NoPolicy(Exception):
    """No policy has been put into the database."""


_read: dict[str, Policy] = {}  # by sha256 of the content, which never changes


def current(session: Session) -> PolicyVersion:
    """The version that new orders go by; NoPolicy when there is none."""
    found = session.scalar(select(PolicyVersion).where(PolicyVersion.current.is_(True)))
    if found is None:
        raise NoPolicy("no policy is in use: `callcenter policy use default`")
    return found


def by_id(session: Session, policy_id: int) -> Policy:
    return policy_of(session.get_one(PolicyVersion, policy_id))


def policy_of(row: PolicyVersion) -> Policy:
    """The row's content, checked again."""
    found = _read.get(row.sha256)
    if found is None:
        found = _read[row.sha256] = Policy.model_validate(row.content)
    return found


def digest(policy: Policy) -> str:
    content = policy.model_dump(mode="json", by_alias=True)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def save(session: Session, policy: Policy, text: str, *, by: str, at: dt.datetime) -> PolicyVersion:
    """The policy as a new version; as it is already there, that version is given."""
    sha256 = digest(policy)
    latest = session.scalar(
        select(PolicyVersion)
        .where(PolicyVersion.name == policy.policy)
        .order_by(PolicyVersion.version.desc())
        .limit(1)
    )
    if latest is not None and latest.sha256 == sha256:
        return latest
    row = PolicyVersion(
        name=policy.policy,
        version=(latest.version if latest else 0) + 1,
        title=policy.title,
        content=policy.model_dump(mode="json", by_alias=True),
        text=text,
        sha256=sha256,
        current=False,
        created_at=at,
        created_by=by,
    )
    session.add(row)
    session.flush()
    return row


def use(session: Session, row: PolicyVersion) -> None:
    """Let new orders go by this version; those that have begun keep theirs."""
    session.execute(update(PolicyVersion).values(current=False))
    row.current = True
    session.flush()


def latest(session: Session) -> Sequence[PolicyVersion]:
    """The newest version of each policy, by name."""
    newest = (
        select(PolicyVersion.name, func.max(PolicyVersion.version).label("version"))
        .group_by(PolicyVersion.name)
        .subquery()
    )
    return session.scalars(
        select(PolicyVersion)
        .join(
            newest,
            (PolicyVersion.name == newest.c.name) & (PolicyVersion.version == newest.c.version),
        )
        .order_by(PolicyVersion.name)
    ).all()
