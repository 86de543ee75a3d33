"""`callcenter demo-data`: every page has something to show, and a database in use is left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from web_kit import add_user, client_for, make_settings

from callcenter import database
from callcenter.cli import main
from callcenter.models import FollowUp, OutboxMessage
from web.app import create_app
from web.rights import Role
from workorder.models import Order, OrderEvent

PAGES = {
    "/orders": "data-id=", "/orders/archive": "data-id=", "/follow-ups": "data-id=",
    "/follow-ups?tab=done": "data-id=", "/notices": "<td", "/notices?shown=sent": "<td",
    "/supervision?tab=open": "data-id=", "/calls": "data-id=", "/units": "heping-yi",
    "/directory": "夜间施工噪声", "/calendar": "国庆", "/policies": "heyuan",
    **{f"/dispatch?tab={tab}": "data-id=" for tab in
       ("to_dispatch", "returned", "extension", "joint", "review", "handled")},
}  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a data folder that was filled."""
    folder = tmp_path_factory.mktemp("demo")
    environ = {"CALLCENTER_DATA_DIR": str(folder)}
    done = CliRunner().invoke(main, ["demo-data", "--orders", "80"], env=environ)
    assert done.exit_code == 0, done.output
    assert "80 orders" in done.output
    return environ


def test_every_page_of_the_demo_city_has_something_to_show(demo: dict[str, str]) -> None:
    folder = Path(demo["CALLCENTER_DATA_DIR"])
    settings = make_settings(folder / "web")  # secrets only; the database is the demo's
    app = create_app(replace(settings, database_url=f"sqlite:///{folder / 'callcenter.db'}"))
    engine = app.extensions["callcenter.engine"]
    add_user(engine, "looks", Role.ADMINISTRATOR)
    client = client_for(app, "looks")
    empty = {}
    for path, sign in PAGES.items():
        answer = client.get(path)
        if answer.status_code != 200 or sign not in answer.text:
            empty[path] = answer.status_code
    assert empty == {}
    with database.reading(engine) as session:
        states = set(session.scalars(sa.select(Order.state)))
        assert states >= {"draft", "accepted", "dispatched", "in_progress", "archived"}
        assert session.scalars(sa.select(OrderEvent).where(OrderEvent.kind == "hand_down")).first()
        assert session.scalars(sa.select(FollowUp).where(FollowUp.state == "person")).first()
        unsent = sa.select(OutboxMessage).where(OutboxMessage.state.in_(["waiting", "sending"]))
        assert session.scalars(unsent).first() is None  # nothing of it may go out


def test_a_database_in_use_is_left_alone(demo: dict[str, str]) -> None:
    again = CliRunner().invoke(main, ["demo-data", "--orders", "5"], env=demo)
    assert again.exit_code != 0
    assert "in it already" in again.output
