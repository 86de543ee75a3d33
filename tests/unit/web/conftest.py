from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from callcenter import alarms
from web.app import create_app
from web.config import WebSettings


class NoDatabase:
    """Enough settings to make the application; nothing is ever connected."""

    def __init__(self, folder) -> None:
        self.data_dir = folder
        self.database_url = "sqlite://"
        self.redis_url = ""
        self.web_secret_key = "secret-for-tests-only"
        self.api_token = "token-for-tests-only"
        self.recordings_dir = folder / "recordings"
        self.journal_dir = folder / "journal"
        self.domain = "callcenter.local"
        self.alarms_file = alarms.FILE
        self.recording_reason = "none"
        self.outreach_file = None
        self.web_proxies = 0


@pytest.fixture
def bare_app(tmp_path) -> Flask:
    settings: WebSettings = NoDatabase(tmp_path)
    return create_app(settings)


@pytest.fixture
def chinese(bare_app: Flask) -> Iterator[Flask]:
    """Words are in Chinese inside this request."""
    with bare_app.test_request_context("/"):
        yield bare_app
