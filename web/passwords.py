"""Passwords: argon2id, checked off the event loop and in the same time for unknown names."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from gevent import get_hub

HASHER = PasswordHasher()  # argon2id with the library's parameters (RFC 9106, low memory)
MIN_LENGTH = 10
MAX_LENGTH = 256
# Verified against when the name is unknown, so that the answer takes as long as for a known one.
_NOBODY = HASHER.hash("nobody has this password")


def hash_password(password: str) -> str:
    hashed: str = get_hub().threadpool.apply(HASHER.hash, (password,))
    return hashed


def matches(password_hash: str | None, password: str) -> bool:
    """Whether `password` is right; None stands for an unknown user and is never right."""
    right: bool = get_hub().threadpool.apply(_verify, (password_hash or _NOBODY, password))
    return right and password_hash is not None


def is_outdated(password_hash: str) -> bool:
    return HASHER.check_needs_rehash(password_hash)


def _verify(password_hash: str, password: str) -> bool:
    if len(password) > MAX_LENGTH:
        password = ""
    try:
        return HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
