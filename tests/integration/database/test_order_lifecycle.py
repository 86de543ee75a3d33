"""Orders in the database: steps, what lists read, notices, and two people at once."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from order_kit import AGENT, DISPATCHER, OFFICE, WATER, china
from sqlalchemy.orm import Session

from callcenter import database, policies
from workorder import lifecycle, repeats, workdays
from workorder import policies as versions
from workorder.clocks import Clock, Level, Light
from workorder.directory import propose
from workorder.due import run_due
from workorder.lifecycle import take
from workorder.models import (
    DispatchRule,
    Order,
    OrderClock,
    OrderEvent,
    OrderSupervision,
    OrderUnit,
    PolicyVersion,
    Unit,
)
from workorder.quota import Quota, quota
from workorder.refusals import Conflict, Refused, Why
from workorder.roles import Actor
from workorder.states import State, Step
from workorder.units import UnitError, add_unit, move_unit, units_below, visible

MONDAY = china("2026-03-02 10:00")


def use(session: Session, name: str) -> None:
    row = session.scalar(
        sa.select(PolicyVersion)
        .where(PolicyVersion.name == name)
        .order_by(PolicyVersion.version.desc())
    )
    assert row is not None
    versions.use(session, row)


def found_a_city(url: str) -> None:
    """A small city under Heyuan's rules."""
    database.upgrade(url)
    engine = database.create_engine(url)
    with database.writing(engine) as session:
        policies.ensure(session, MONDAY)
        use(session, "heyuan")
        add_unit(session, "city", "市政府")
        add_unit(session, "water", "供水集团", "city", kind="utility")
        add_unit(session, "heat", "供热集团", "city", kind="utility")
        add_unit(session, "12330", "知识产权维权热线", kind="hotline")
        water = session.get_one(Unit, "water")
        water.contact_name, water.contact_phone = "承办人", "13900000001"
        water.leader_name, water.leader_email = "分管领导", "leader@example.org"
    engine.dispose()


@pytest.fixture
def city(copy_of: Callable[[str, Callable[[str], None]], str]) -> Iterator[sa.Engine]:
    engine = database.create_engine(copy_of("city", found_a_city))
    yield engine
    engine.dispose()


def order(session: Session, **said: Any) -> Order:
    wanted: dict[str, Any] = {
        "channel": "web",
        "title": "停水",
        "body": "建设路小区三天没有自来水，老人取水困难",
        "category": "complaint",
        "at": MONDAY,
        "actor": AGENT,
        "accept": True,
    }
    return lifecycle.new_order(session, **wanted | said)


def dispatched(session: Session, **said: Any) -> Order:
    found = order(session, **said)
    take(session, found, Step.DISPATCH, actor=DISPATCHER, at=MONDAY, data={"unit": "water"})
    return found


def test_a_step_writes_its_event_and_what_lists_read(city: sa.Engine) -> None:
    with database.writing(city) as session:
        found = dispatched(session)
        number, version = found.number, found.version
    with database.reading(city) as session:
        found = session.scalars(sa.select(Order).where(Order.number == number)).one()
        assert (found.state, found.unit, found.owner) == ("dispatched", "water", "unit:water")
        assert found.version == version > 2
        assert (found.due_clock, found.due_at) == ("acknowledge", china("2026-03-04 10:00"))
        kinds = [event.kind for event in found.events]
        assert kinds == ["drafted", "accept", "dispatch"]
        last = found.events[-1]
        assert (last.actor, last.role, last.from_state) == ("dispatcher", "dispatcher", "accepted")
        part = session.scalars(sa.select(OrderUnit)).one()
        assert (part.unit, part.part, part.active) == ("water", "lead", True)
        runs = session.scalars(sa.select(OrderClock).order_by(OrderClock.id)).all()
        assert {run.clock for run in runs if run.stopped_at is None} == {
            Clock.ACKNOWLEDGE,
            Clock.RETURN,
            Clock.RESOLVE,
        }
        assert lifecycle.resolve_deadline(session, found) == china("2026-03-16 10:00")


def test_replaying_the_events_gives_the_same_rows(city: sa.Engine) -> None:
    with database.writing(city) as session:
        found = dispatched(session)
        take(session, found, Step.ACKNOWLEDGE, actor=WATER, at=MONDAY)
        take(session, found, Step.SUPERVISE, actor=OFFICE, at=MONDAY, data={"cause": "other"})
        before = rows(session)
    with database.writing(city) as session:
        found = session.scalars(sa.select(Order)).one()
        for table in (OrderUnit, OrderClock, OrderSupervision):
            session.execute(sa.delete(table))
        found.state, found.owner, found.due_at, found.unit = "draft", "nobody", None, None
        lifecycle.rebuild(session, found, MONDAY)
        assert rows(session) == before


def rows(session: Session) -> list[Any]:
    session.flush()
    skip = {"id", "version", "updated_at"}
    return [
        {name: value for name, value in row._mapping.items() if name not in skip}
        for table in (Order, OrderUnit, OrderClock, OrderSupervision)
        for row in session.execute(sa.select(table.__table__).order_by(table.__table__.c.id))
    ]


def test_a_key_makes_a_step_count_once(city: sa.Engine) -> None:
    with database.writing(city) as session:
        found = dispatched(session)
        first = take(session, found, Step.ACKNOWLEDGE, actor=WATER, at=MONDAY, key="k")
        again = take(session, found, Step.ACKNOWLEDGE, actor=WATER, at=MONDAY, key="k")
        assert first.id == again.id


def test_the_same_message_of_a_channel_gives_one_order(city: sa.Engine) -> None:
    with database.writing(city) as session:
        first, again = (order(session, key="wechat:1", accept=False) for _ in range(2))
        assert first.id == again.id
        assert first.owner == "agent"


def test_who_saw_an_older_version_is_told_who_was_faster(city: sa.Engine) -> None:
    with database.writing(city) as session:
        found = order(session)
        seen = found.version
        take(
            session,
            found,
            Step.DISPATCH,
            actor=DISPATCHER,
            at=MONDAY,
            data={"unit": "heat"},
            version=seen,
        )
        other = Actor("second", "dispatcher")
        with pytest.raises(Conflict) as told:
            take(
                session,
                found,
                Step.DISPATCH,
                actor=other,
                at=MONDAY,
                data={"unit": "water"},
                version=seen,
            )
        assert (told.value.by, told.value.kind) == ("dispatcher", "dispatch")


def test_two_dispatchers_at_once_one_wins_and_the_other_is_told(city: sa.Engine) -> None:
    with database.writing(city) as session:
        found = order(session)
        number, version = found.number, found.version
    gate, told, won = threading.Barrier(2), [], []

    def dispatch(name: str, unit: str) -> None:
        gate.wait(20)
        try:
            with database.writing(city) as session:
                mine = session.scalars(sa.select(Order).where(Order.number == number)).one()
                take(
                    session,
                    mine,
                    Step.DISPATCH,
                    actor=Actor(name, "dispatcher"),
                    at=MONDAY,
                    data={"unit": unit},
                    version=version,
                )
            won.append(unit)
        except Conflict as conflict:
            told.append(conflict)

    threads = [
        threading.Thread(target=dispatch, args=pair) for pair in (("a", "water"), ("b", "heat"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(won), len(told)) == (1, 1)
    assert told[0].kind == "dispatch"
    with database.reading(city) as session:
        found = session.scalars(sa.select(Order)).one()
        assert found.unit == won[0]
        assert sum(event.kind == "dispatch" for event in found.events) == 1


def test_a_refused_step_leaves_the_order_as_it_was(city: sa.Engine) -> None:
    with database.writing(city) as session:
        found = dispatched(session)
        count = len(lifecycle.events_of(session, found))
        with pytest.raises(Refused) as refused:
            take(session, found, Step.RESOLVE, actor=WATER, at=MONDAY, data={"result": "x"})
        assert refused.value.code is Why.STATE
        assert Step.ACKNOWLEDGE in refused.value.legal
        assert len(lifecycle.events_of(session, found)) == count


# --- notices ---------------------------------------------------------------------------------


def test_levels_are_told_once_to_whom_they_concern_and_red_is_supervised(city: sa.Engine) -> None:
    """河源办法 第十七条, 第十八条（二）."""
    with database.writing(city) as session:
        found = dispatched(session)
        number = found.number
    moments = [
        ("2026-03-03 09:59", []),
        ("2026-03-03 10:00", [(Level.WARNING, ["handler"])]),
        ("2026-03-03 10:00", []),
        ("2026-03-04 10:00", [(Level.YELLOW, ["handler", "leader"])]),
        ("2026-03-05 10:00", [(Level.RED, ["handler", "leader"])]),
        ("2026-03-05 18:00", []),
    ]
    for moment, expected in moments:
        with database.writing(city) as session:
            notices = run_due(session, china(moment))
            told = [(n.level, [r.role for r in n.to]) for n in notices if n.clock == "acknowledge"]
            assert told == expected, moment
            assert all(notice.key.startswith(f"{number}:acknowledge:1:") for notice in notices)
    with database.reading(city) as session:
        notice = session.scalars(sa.select(OrderSupervision)).one()
        assert (notice.cause, notice.unit, notice.issued_by) == ("red_card", "water", "system")
        assert notice.due_at == china("2026-03-09 10:00")


def test_who_comes_late_tells_the_highest_level_only(city: sa.Engine) -> None:
    with database.writing(city) as session:
        dispatched(session)
    with database.writing(city) as session:
        notices = run_due(session, china("2026-03-20 10:00"))
        assert {(n.run, n.level) for n in notices} == {
            ("acknowledge:1", Level.RED),
            ("resolve:1", Level.RED),
        }


def test_after_an_extension_the_levels_are_told_again_by_the_new_deadline(city: sa.Engine) -> None:
    with database.writing(city) as session:
        found = dispatched(session)
        take(session, found, Step.ACKNOWLEDGE, actor=WATER, at=MONDAY)
    with database.writing(city) as session:
        first = run_due(session, china("2026-03-13 10:00"))
        assert [(n.run, n.level) for n in first] == [("resolve:1", Level.WARNING)]
        found = session.scalars(sa.select(Order)).one()
        at = china("2026-03-13 11:00")
        take(
            session,
            found,
            Step.ASK_EXTENSION,
            actor=WATER,
            at=at,
            reason="等材料",
            data={"workdays": 5},
        )
        take(session, found, Step.GRANT_EXTENSION, actor=DISPATCHER, at=at)
    with database.writing(city) as session:
        assert run_due(session, china("2026-03-16 10:00")) == []
        again = run_due(session, china("2026-03-20 10:00"))
        assert [(n.run, n.level) for n in again] == [("resolve:1", Level.WARNING)]
        assert again[0].key != first[0].key


def test_a_pause_ends_by_itself_and_the_time_in_it_doesnt_count(city: sa.Engine) -> None:
    with database.writing(city) as session:
        found = dispatched(session)
        take(session, found, Step.ACKNOWLEDGE, actor=WATER, at=MONDAY)
        take(
            session,
            found,
            Step.PAUSE,
            actor=OFFICE,
            at=MONDAY,
            reason="进入立案程序",
            data={"until": "2026-03-06"},
        )
        assert lifecycle.resolve_deadline(session, found) is None
    with database.writing(city) as session:
        run_due(session, china("2026-03-09 00:00"))
        found = session.scalars(sa.select(Order)).one()
        assert found.events[-1].kind == "resume"
        # 10 working days left, from Saturday 00:00: they begin on Monday 9 March.
        assert lifecycle.resolve_deadline(session, found) == china("2026-03-21 00:00")


def test_a_pause_of_an_order_that_was_returned_meanwhile_is_looked_at_once(city: sa.Engine) -> None:
    with database.writing(city) as session:
        found = dispatched(session)
        take(session, found, Step.ACKNOWLEDGE, actor=WATER, at=MONDAY)
        until = {"until": "2026-03-03"}
        take(session, found, Step.PAUSE, actor=OFFICE, at=MONDAY, reason="立案", data=until)
        basis = {"legal_basis": "三定方案"}
        take(session, found, Step.RETURN, actor=WATER, at=MONDAY, reason="不是我们的", data=basis)
    with database.writing(city) as session:
        run_due(session, china("2026-03-20 10:00"))
        past = sa.select(OrderClock.run).where(OrderClock.next_at <= china("2026-03-20 10:00"))
        assert session.scalars(past).all() == []


def test_a_fifth_of_last_months_orders_is_to_be_supervised_in_the_streets(city: sa.Engine) -> None:
    """街道 三1."""
    with database.writing(city) as session:
        use(session, "street")
        policy = versions.policy_of(versions.current(session))
        for day in range(1, 7):
            last = dispatched(session, at=MONDAY - dt.timedelta(days=day + 2))
        take(session, last, Step.SUPERVISE, actor=OFFICE, at=MONDAY, data={"cause": "media"})
        assert quota(session, policy, MONDAY) == Quota(accepted=6, wanted=2, issued=1)
        use(session, "anshan")
        assert quota(session, versions.policy_of(versions.current(session)), MONDAY) is None


# --- the calendar ----------------------------------------------------------------------------


def test_an_edited_calendar_moves_running_deadlines_and_says_so(city: sa.Engine) -> None:
    with database.writing(city) as session:
        found = dispatched(session)
        day = dt.date(2026, 3, 4)
        workdays.set_day(session, day, False, name="市庆", by="admin", at=MONDAY)
        assert lifecycle.rebuild_running(session, MONDAY) == 1
        assert lifecycle.resolve_deadline(session, found) == china("2026-03-17 10:00")
        account = next(a for a in lifecycle.explain(session, found) if a.clock == "resolve")
        assert [d.name for d in account.days if d.exceptional] == ["市庆"]
        assert account.light(MONDAY) is Light.GREEN
        workdays.set_day(session, day, True, name="", by="admin", at=MONDAY)
        lifecycle.rebuild_running(session, MONDAY)
        assert lifecycle.resolve_deadline(session, found) == china("2026-03-16 10:00")


def test_the_calendar_knows_what_the_library_knows_and_warns_of_the_next_year(
    city: sa.Engine,
) -> None:
    with database.writing(city) as session:
        assert workdays.seed(session, MONDAY) == []  # again changes nothing
        calendar = workdays.load(session)
        assert calendar == workdays.from_library()
        assert not calendar.works(dt.date(2026, 2, 16))
        assert calendar.works(dt.date(2026, 2, 14))
        last = max(workdays.library_years())
        assert workdays.missing_years(calendar, china(f"{last}-11-25 10:00")) == [last + 1]
        workdays.set_year(session, last + 1, by="admin", at=MONDAY)
        assert workdays.missing_years(workdays.load(session), china(f"{last}-11-25 10:00")) == []


# --- policies --------------------------------------------------------------------------------


def test_an_order_keeps_the_policy_that_it_began_with(city: sa.Engine) -> None:
    with database.writing(city) as session:
        found = dispatched(session)
        use(session, "anshan")
        assert lifecycle.rules_of(session, found).policy.policy == "heyuan"
        later = dispatched(session)
        assert lifecycle.rules_of(session, later).policy.policy == "anshan"


def test_a_changed_policy_is_a_new_version_and_the_same_one_is_not(city: sa.Engine) -> None:
    with database.writing(city) as session:
        row = versions.current(session)
        policy = versions.policy_of(row)
        assert versions.save(session, policy, row.text, by="admin", at=MONDAY).id == row.id
        changed = policy.model_copy(update={"title": "河源市（正式）"})
        assert versions.save(session, changed, "…", by="admin", at=MONDAY).version == 2


# --- units -----------------------------------------------------------------------------------


def test_a_unit_sees_its_orders_and_those_below_it(city: sa.Engine) -> None:
    with database.writing(city) as session:
        dispatched(session)
        joint = order(session, title="假冒商标")
        take(
            session,
            joint,
            Step.DISPATCH,
            actor=DISPATCHER,
            at=MONDAY,
            data={"unit": "heat", "co_units": ["12330"]},
        )
        order(session, title="还没有派")

        def seen(unit: str | None) -> list[str]:
            condition = visible(Actor("x", "unit", unit))
            return list(session.scalars(sa.select(Order.title).where(condition).order_by(Order.id)))

        assert seen("water") == ["停水"]
        assert seen("heat") == ["假冒商标"]
        assert seen("12330") == ["假冒商标"]
        assert seen("city") == ["停水", "假冒商标"]
        assert seen(None) == []
        assert session.scalar(sa.select(sa.func.count(Order.id)).where(visible(DISPATCHER))) == 3


def test_the_tree_has_four_tiers_and_moves_with_what_is_below(city: sa.Engine) -> None:
    with database.writing(city) as session:
        add_unit(session, "district", "河东区")
        add_unit(session, "street", "建设街道", "district", kind="street")
        add_unit(session, "community", "一社区", "street", kind="community")
        assert units_below(session, "district") == ["district", "street", "community"]
        move_unit(session, session.get_one(Unit, "district"), "city")
        assert session.get_one(Unit, "community").tier == 4
        assert "community" in units_below(session, "city")
        with pytest.raises(UnitError, match="at most 4 tiers"):
            add_unit(session, "fifth", "第五层", "community")
        with pytest.raises(UnitError, match="below"):
            move_unit(session, session.get_one(Unit, "city"), "street")


def test_a_recalled_order_is_seen_no_more(city: sa.Engine) -> None:
    with database.writing(city) as session:
        found = dispatched(session)
        take(session, found, Step.RECALL, actor=DISPATCHER, at=MONDAY, reason="派错了")
        assert found.owner == "dispatcher"
        assert not session.scalars(sa.select(Order).where(visible(WATER))).all()


def test_the_directory_proposes_the_closest_line_with_its_reason(city: sa.Engine) -> None:
    with database.writing(city) as session:
        lines = [
            DispatchRule(unit="city", note="其他事项"),
            DispatchRule(topic="供水", unit="water", note="供水条例"),
            DispatchRule(topic="供水", district="河东区", unit="heat", co_units=["water"]),
            DispatchRule(topic="知识产权", unit="city", co_units=["12330"]),
        ]
        for line in lines:
            line.changed_at = MONDAY
        session.add_all(lines)
        session.flush()
        found = order(session, topic="供水")
        proposal = propose(session, found)
        assert proposal is not None
        assert (proposal.unit, proposal.note, proposal.others) == ("water", "供水条例", ("city",))
        assert proposal.because == (("topic", "供水"),)
        closer = propose(session, order(session, topic="供水", district="河东区"))
        assert closer is not None
        assert (closer.unit, closer.co_units) == ("heat", ("water",))
        session.get_one(Unit, "water").active = False
        session.flush()
        other = propose(session, found)
        assert other is not None
        assert other.unit == "city"


def test_an_order_with_12330_in_its_call_goes_to_the_bureau_and_to_12330(city: sa.Engine) -> None:
    """济南: 转交市知识产权局的同时派转至12330."""
    with database.writing(city) as session:
        session.add(DispatchRule(topic="知识产权", unit="city", changed_at=MONDAY))
        found = order(session, topic="知识产权")
        found.drafted = {"joined": ["12330"]}
        session.flush()
        proposal = propose(session, found)
        assert proposal is not None
        assert (proposal.unit, proposal.co_units, proposal.joined) == (
            "city",
            ("12330",),
            ("12330",),
        )
        data = {"unit": proposal.unit, "co_units": list(proposal.co_units)}
        take(session, found, Step.DISPATCH, actor=DISPATCHER, at=MONDAY, data=data)
        bureau, hotline = Actor("b", "unit", "city"), Actor("h", "unit", "12330")
        take(session, found, Step.ACKNOWLEDGE, actor=bureau, at=MONDAY)
        with pytest.raises(Refused) as refused:
            take(session, found, Step.RESOLVE, actor=bureau, at=MONDAY, data={"result": "x"})
        assert refused.value.code is Why.CO_OPEN
        take(session, found, Step.CO_ANSWER, actor=hotline, at=MONDAY, data={"text": "侵权成立"})
        take(session, found, Step.RESOLVE, actor=bureau, at=MONDAY, data={"result": "已查处"})
        part = session.scalars(sa.select(OrderUnit).where(OrderUnit.part == "co")).one()
        assert (part.state, part.answer) == ("answered", "侵权成立")


# --- repeats ---------------------------------------------------------------------------------


def likely(session: Session, body: str, number: str = "", at: dt.datetime = MONDAY) -> list[Any]:
    found = repeats.find(
        session,
        number=number,
        title="停水",
        body=body,
        at=at,
        policy=versions.policy_of(versions.current(session)),
    )
    return [(r.order.body, r.because, round(r.score, 3)) for r in found]


def test_similar_texts_and_same_callers_are_found_alike_on_both_databases(city: sa.Engine) -> None:
    water = "建设路小区三天没有自来水，老人取水困难"
    with database.writing(city) as session:
        order(session, body=water, citizen_number="13800000001")
        order(session, body="幸福路路灯不亮已经一周", title="路灯", citizen_number="13800000002")
        order(session, body="噪音扰民", title="噪音", citizen_number="13800000003")
        found = likely(session, "建设路小区 三天没有自来水了！老人取水很困难", "13800000002")
        similar = (repeats.Because.SIMILAR_TEXT,)
        assert found == [
            (water, similar, 0.739),
            ("幸福路路灯不亮已经一周", (repeats.Because.SAME_CALLER,), 0.0),
        ]
        assert likely(session, "咨询公积金提取手续怎么办理") == []
        months_later = MONDAY + dt.timedelta(days=120)
        assert likely(session, water, "13800000001", months_later) == []


def test_the_likeliest_is_found_behind_many_newer_ones_that_only_sound_alike(
    city: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "MOST_CANDIDATES", 3)
    same = "市民反映和平小区三号楼停水两天，楼内有老人，要求尽快供水"
    with database.writing(city) as session:
        order(session, body=same)
        for place in "东南西北":
            order(session, body=f"市民反映{place}湖花园一号楼电梯停运，楼内有老人，要求尽快修复")
        assert likely(session, same)[0][0] == same
        monkeypatch.setattr(repeats, "COMMON", 0)  # all fingerprints are common: still found
        assert likely(session, same)[0][0] == same


def test_three_about_one_thing_are_counted_marked_key_and_supervised(city: sa.Engine) -> None:
    with database.writing(city) as session:
        first = dispatched(session)
        for count in (1, 2):
            again = order(session)
            take(session, again, Step.LINK, actor=AGENT, at=MONDAY, data={"into": first.number})
            session.refresh(first)
            assert (first.repeat_count, first.is_key) == (count, True)
            assert again.repeat_of == first.id
        assert first.supervision_count == 1
        third = order(session)
        take(session, third, Step.MERGE, actor=AGENT, at=MONDAY, data={"into": again.number})
        assert (third.state, third.repeat_of) == (State.MERGED, first.id)  # of the first, not again
        session.refresh(first)
        assert first.repeat_count == 3
        take(session, third, Step.UNMERGE, actor=DISPATCHER, at=MONDAY, reason="不是一件事")
        session.refresh(first)
        assert (first.repeat_count, third.repeat_of, third.state) == (2, None, State.ACCEPTED)


@pytest.mark.parametrize("into", ["itself", "nothing", "ring"])
def test_an_order_repeats_neither_itself_nor_nothing_nor_its_own_repeat(
    city: sa.Engine, into: str
) -> None:
    with database.writing(city) as session:
        one, two = order(session), order(session)
        take(session, two, Step.LINK, actor=AGENT, at=MONDAY, data={"into": one.number})
        number = {"itself": one.number, "nothing": "20200101000001", "ring": two.number}[into]
        why = {"itself": Why.ITSELF, "nothing": Why.UNKNOWN_ORDER, "ring": Why.IN_A_RING}[into]
        with pytest.raises(Refused) as refused:
            take(session, one, Step.LINK, actor=AGENT, at=MONDAY, data={"into": number})
        assert refused.value.code is why


# --- drafts of calls -------------------------------------------------------------------------


def test_a_calls_draft_becomes_an_accepted_order(city: sa.Engine) -> None:
    with database.writing(city) as session:
        draft = Order(
            number="20260302000042",
            state="draft",
            title="12345 来电 尾号5678",
            category="help",
            call_id="c",
            agent_number="1001",
            created_at=MONDAY,
            updated_at=MONDAY,
            drafted={"title": "12345 来电 尾号5678"},
        )
        draft.events.append(
            OrderEvent(at=MONDAY, kind="drafted", actor="system", to_state="draft", key="c:drafted")
        )
        session.add(draft)
        session.flush()
        take(session, draft, Step.ACCEPT, actor=AGENT, at=MONDAY)
        assert (draft.state, draft.category, draft.owner) == ("accepted", "help", "dispatcher")
        assert draft.policy_id == versions.current(session).id


def test_choices_tell_what_can_be_done_and_why_the_rest_cant(city: sa.Engine) -> None:
    with database.writing(city) as session:
        found = dispatched(session)
        late = china("2026-03-20 10:00")
        offered = {c.step: c for c in lifecycle.choices(session, found, WATER, late)}
        assert offered[Step.ACKNOWLEDGE].allowed
        refusal = offered[Step.RETURN].refusal
        assert refusal is not None
        assert refusal.code is Why.RETURN_TOO_LATE
        needed = {field.name for field in offered[Step.RETURN].fields if field.required}
        assert needed == {"legal_basis", "reason"}
        assert lifecycle.choices(session, found, Actor("x", "unit", "heat"), late) == []
        assert lifecycle.choices(session, found, Actor("x", "auditor"), late) == []
