"""Keyset cursors: where a page ends, as (time, id), so that new rows never shift a page."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, or_


class Position(NamedTuple):
    """The last row of a page."""

    at: dt.datetime
    key: str


class BadCursor(ValueError):
    """The cursor wasn't made here."""


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def encode(position: Position) -> str:
    micros = (position.at - _EPOCH) // _MICROSECOND
    return base64.urlsafe_b64encode(f"{micros}.{position.key}".encode()).decode().rstrip("=")


def decode(cursor: str) -> Position:
    """Raise BadCursor when `cursor` isn't one of ours."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
        micros, dot, key = text.partition(".")
        if not dot or not key or len(key) > 64:
            raise BadCursor(cursor)
        return Position(_EPOCH + int(micros) * _MICROSECOND, key)
    except (binascii.Error, ValueError, OverflowError) as error:
        raise BadCursor(cursor) from error


def older_than(at: Any, key: Any, last_at: dt.datetime, last_key: Any) -> ColumnElement[bool]:
    """Rows after the last one of a page when ordered by `at` and `key`, newest first.

    `at <= …` stands apart, so that an index is entered there and not walked from its end.
    """
    return and_(at <= last_at, or_(at < last_at, key < last_key))
