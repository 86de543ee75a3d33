"""Every route with every role: exactly what `web.rights` says, and nothing besides."""

from __future__ import annotations

import pytest
from web_kit import API_TOKEN, add_call, add_order, client_for, token_of

from web.rights import ENDPOINTS, Door, Role

VALUES = {
    "call_id": "c1",
    "number": "20260301000001",
    "agent_id": "1001",
    "user_id": 1,
    "view_id": 1,
    "attachment_id": 1,
    "rule_id": 1,
    "version": 1,
    "filename": "img/mark.svg",
    "name": "general",
    "message_id": 1,
    "follow_up_id": 1,
    "channel": "web",
    "code": "no-such-link-0123456789",
}
NEVER_ENDING = {"stream.events"}  # its answer is looked at, not read


def _routes(app):
    """(endpoint, method, path) of every route."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        values = {name: VALUES[name] for name in rule.arguments}
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            yield rule.endpoint, method, adapter.build(rule.endpoint, values, method=method)


def _status(client, method, path, token=None) -> int:
    data = {"csrf_token": token} if token else None
    answer = client.open(path, method=method, data=data, buffered=False)
    answer.close()
    return answer.status_code


def test_every_endpoint_has_its_line_in_the_table_and_no_line_is_left_over(app):
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == set(ENDPOINTS)


@pytest.mark.parametrize("role", list(Role))
def test_a_role_reaches_its_endpoints_and_no_others(app, engine, people, role):
    add_call(engine, "c1", agent="1001", order_number="20260301000001")
    add_order(engine, "20260301000001", call_id="c1")
    client = client_for(app, role.value)
    token = token_of(client.get("/account"))
    tried = 0
    for endpoint, method, path in _routes(app):
        access = ENDPOINTS[endpoint]
        if endpoint in ("auth.logout", "auth.login"):
            continue  # tested on their own: they change the session that the others need
        status = _status(client, method, path, token)
        allowed = access is Door.PUBLIC or (isinstance(access, frozenset) and role in access)
        if access in (Door.TOKEN, Door.CHANNEL):
            assert status == 401, (endpoint, method, status)
        elif allowed:
            assert status not in (401, 403), (endpoint, method, status)
        else:
            assert status == 403, (endpoint, method, status)
        tried += 1
    assert tried >= len(ENDPOINTS) - 2


def test_a_stranger_reaches_the_public_endpoints_only(app, engine, people):
    for endpoint, method, path in _routes(app):
        client = app.test_client()
        # Without a form's token a POST ends at the gate or at the check for it: both refuse.
        status = _status(client, method, path)
        if ENDPOINTS[endpoint] is Door.PUBLIC:
            assert status in (200, 400, 404, 410, 503), (endpoint, status)
        else:
            assert status in (302, 401), (endpoint, method, status)


def test_with_a_wrong_form_token_nobody_posts_anything(app, engine, people):
    add_call(engine, "c1", agent="1001", order_number="20260301000001")
    add_order(engine, "20260301000001", call_id="c1")
    tried = 0
    for role in Role:
        client = client_for(app, role.value)
        for endpoint, method, path in _routes(app):
            access = ENDPOINTS[endpoint]
            if method == "GET" or not isinstance(access, frozenset) or role not in access:
                continue
            status = client.open(path, method=method, data={"csrf_token": "wrong"}).status_code
            assert status == 400, (endpoint, role, status)
            tried += 1
    assert tried > 20


def test_the_token_opens_the_api_and_nothing_else(app, engine, people):
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    for endpoint, method, path in _routes(app):
        if ENDPOINTS[endpoint] is Door.PUBLIC:
            continue
        with app.test_client().open(path, method=method, headers=headers) as answer:
            status = answer.status_code
        opened = status not in (302, 401)
        assert opened is (ENDPOINTS[endpoint] is Door.TOKEN), (endpoint, method, status)


def test_an_agent_sees_her_own_calls_and_orders_only(app, engine, people):
    add_call(engine, "mine", agent="1001", ended_at=9)
    add_call(engine, "hers", agent="1002", ended_at=9)
    add_order(engine, "20260301000001", agent_number="1001")
    add_order(engine, "20260301000002", agent_number="1002")
    client = client_for(app, "agent")
    page = client.get("/calls").text
    assert 'data-id="mine"' in page
    assert 'data-id="hers"' not in page
    assert 'data-id="hers"' not in client.get("/calls/rows?ids=hers,mine").text
    for path in ("/calls/hers", "/calls/hers/body", "/calls/hers/recording"):
        assert client.get(path).status_code == 404, path
    assert client.get("/orders/20260301000002").status_code == 404
    orders = client.get("/orders").text
    assert "20260301000001" in orders
    assert "20260301000002" not in orders


def test_a_unit_sees_no_orders_before_any_is_dispatched_to_it(app, engine, people):
    add_order(engine, "20260301000001")
    client = client_for(app, "unit")
    assert "20260301000001" not in client.get("/orders").text
    assert client.get("/orders/20260301000001").status_code == 404
