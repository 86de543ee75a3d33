from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine
from web_kit import KitSettings, add_agent, add_user, make_settings

from web.app import create_app
from web.rights import Role


@pytest.fixture
def web_settings(tmp_path: Path) -> KitSettings:
    return make_settings(tmp_path)


@pytest.fixture
def app(web_settings: KitSettings) -> Flask:
    return create_app(web_settings)


@pytest.fixture
def engine(app: Flask) -> Engine:
    return app.extensions["callcenter.engine"]


@pytest.fixture
def people(engine: Engine) -> None:
    """One user of every role; the agent is 1001."""
    add_agent(engine)
    for role in Role:
        add_user(engine, role.value, role, agent_number="1001" if role is Role.AGENT else None)
