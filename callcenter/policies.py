"""Policy files: reading them with what they extend, and putting them into the database."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

import workorder
from callcenter import datafile
from callcenter.datafile import DataFileError, Located
from workorder import policies, workdays
from workorder.models import PolicyVersion
from workorder.policy import Policy

log = logging.getLogger(__name__)

SHIPPED = Path(workorder.__file__).with_name("policies")
FIRST = "default"
DEEPEST = 5  # policies that extend each other
SEED_LOCK = 0x31323334_35000006


def read(path: Path) -> Policy:
    """Read a policy with everything that it extends.

    A section (`resolve`, `supervision`, …) replaces the whole section of the policy extended.
    Raise DataFileError: file, line, key and what was expected.
    """
    file = datafile.read_located(path)
    return datafile.check(file, _completed(file, path, DEEPEST), Policy)


def _completed(file: Located, path: Path, depth: int) -> Any:
    data = file.data
    if not isinstance(data, dict) or data.get("extends") is None:
        return data
    name = data["extends"]
    line = file.line(["extends"])
    base = _find(str(name), path.parent)
    if base is None:
        known = ", ".join(sorted(found.stem for found in SHIPPED.glob("*.yaml")))
        raise DataFileError(
            f"{file.name}:{line}: extends: expected a policy beside this file, or one of {known}"
        )
    if depth == 0 or base.resolve() == path.resolve():
        raise DataFileError(f"{file.name}:{line}: extends: expected no ring of policies")
    below = datafile.read_located(base)
    completed = _completed(below, base, depth - 1)
    return {**completed, **data} if isinstance(completed, dict) else data


def _find(name: str, folder: Path) -> Path | None:
    if not name.isidentifier():
        return None
    places = [folder / f"{name}.yaml", SHIPPED / f"{name}.yaml"]
    return next((place for place in places if place.is_file()), None)


def shipped() -> dict[str, Policy]:
    """The policies that come with this program, by name."""
    return {path.stem: read(path) for path in sorted(SHIPPED.glob("*.yaml"))}


def rules(policy: Policy) -> int:
    """How many rules with a source of their own a policy has."""
    return _sources(policy.model_dump(mode="json", by_alias=True)) + len(policy.supervision.causes)


def _sources(data: Any) -> int:
    if isinstance(data, dict):
        return ("source" in data) + sum(_sources(value) for value in data.values())
    return sum(map(_sources, data)) if isinstance(data, list) else 0


def store(session: Session, path: Path, *, by: str, at: dt.datetime) -> PolicyVersion:
    """Check a file and keep it as a version; DataFileError when it is wrong."""
    return policies.save(session, read(path), path.read_text("utf-8"), by=by, at=at)


def ensure(session: Session, at: dt.datetime) -> None:
    """Put the shipped policies and the known holidays into the database, where they are missing.

    New orders go by `default` until `callcenter policy use` says otherwise. Safe to call again,
    and from several processes at once.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text(f"SELECT pg_advisory_xact_lock({SEED_LOCK})"))
    workdays.seed(session, at)
    missing = workdays.missing_years(workdays.load(session), at)
    if missing:
        years = ", ".join(map(str, missing))
        log.warning("the holidays of %s are missing: deadlines there are provisional", years)
    for path in sorted(SHIPPED.glob("*.yaml")):
        store(session, path, by="system", at=at)
    if session.scalar(sa.select(PolicyVersion.id).where(PolicyVersion.current.is_(True))) is None:
        policies.use(session, next(row for row in policies.latest(session) if row.name == FIRST))
