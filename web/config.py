"""What the pages need of the settings, and how Flask is told."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any, Protocol


class WebSettings(Protocol):
    """The part of `callcenter.settings.Settings` that the pages use."""

    @property
    def data_dir(self) -> Path: ...
    @property
    def database_url(self) -> str: ...
    @property
    def redis_url(self) -> str: ...
    @property
    def web_secret_key(self) -> str: ...
    @property
    def api_token(self) -> str: ...
    @property
    def recordings_dir(self) -> Path: ...
    @property
    def journal_dir(self) -> Path: ...
    @property
    def hotlines_dir(self) -> Path: ...
    @property
    def alarms_file(self) -> Path: ...
    @property
    def recording_reason(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def sip_ip(self) -> str: ...
    @property
    def wss_port(self) -> int: ...
    @property
    def wss_url(self) -> str: ...
    @property
    def trunk_gateway(self) -> str: ...
    @property
    def callback_numbers(self) -> str: ...
    @property
    def outreach_file(self) -> Path | None: ...
    @property
    def web_proxies(self) -> int: ...


def flask_config(settings: WebSettings) -> dict[str, Any]:
    """Raise ValueError when a secret that sessions or the API rest on is missing."""
    if not settings.web_secret_key:
        raise ValueError("web_secret_key is empty: sessions can't be signed")
    if not settings.api_token:
        raise ValueError("api_token is empty: the API would have no key")
    # Two instances on one host share cookies over their ports: give each its own name.
    instance = hashlib.sha256(str(settings.data_dir).encode()).hexdigest()[:6]
    return {
        "SECRET_KEY": settings.web_secret_key,
        "SESSION_COOKIE_NAME": f"callcenter_{instance}",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": dt.timedelta(hours=12),  # without a request
        "WTF_CSRF_TIME_LIMIT": None,  # as long as the session
        "WTF_CSRF_SSL_STRICT": False,  # Referrer-Policy is no-referrer for other hosts
        "MAX_CONTENT_LENGTH": 1 << 20,
        "BOOTSTRAP_SERVE_LOCAL": True,
        "BABEL_DEFAULT_LOCALE": "zh_Hans_CN",
        "BABEL_DEFAULT_TIMEZONE": "Asia/Shanghai",
    }
