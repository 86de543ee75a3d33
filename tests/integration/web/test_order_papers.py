"""What people put beside an order, take away from it, and the tables they edit."""

from __future__ import annotations

import datetime as dt
import io
import zipfile

import openpyxl
import pytest
from sqlalchemy import select
from web_kit import add_order, add_user, client_for, post, token_of

from callcenter import database, order_files
from web import sheets
from workorder import units
from workorder.models import AuditEntry, CalendarDay, DispatchRule, SavedView, Unit

NUMBER = "20260301000001"
PATH = f"/orders/{NUMBER}"
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40


@pytest.fixture
def order(engine, people):
    add_order(engine, NUMBER, category="help", title="停水 <b>&", citizen_name="王女士")


def attach(client, name: str, content: bytes, path: str = f"{PATH}/attachments"):
    token = token_of(client.get("/account"))
    data = {"csrf_token": token, "file": (io.BytesIO(content), name)}
    return client.post(path, data=data, content_type="multipart/form-data")


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return out.getvalue()


def test_a_picture_is_kept_outside_the_web_and_given_back_as_a_download(
    app, engine, web_settings, order
):
    client = client_for(app, "dispatcher")
    assert attach(client, "../../etc/现场 照片.php", PNG).status_code == 302
    page = client.get(PATH).text
    assert "现场 照片.php.png" in page
    with client.get(f"{PATH}/attachments/1") as answer:
        assert answer.data == PNG
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    kept = [path for path in (web_settings.data_dir / "attachments").rglob("*") if path.is_file()]
    assert len(kept) == 1
    assert kept[0].stat().st_mode & 0o777 == 0o600
    assert "照片" not in kept[0].name
    with database.reading(engine) as session:
        actions = session.scalars(select(AuditEntry.action)).all()
    assert {"attachment_added", "attachment_read"} <= set(actions)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.png", b"<html><script>alert(1)</script>", "不能保存这种文件"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "不能保存这种文件"),
        ("a.exe", b"MZ\x00\x01", "不能保存这种文件"),
        ("a.docx", zipped("evil.sh"), "不能保存这种文件"),
        ("a.xlsx", zipped("[Content_Types].xml", "xl/workbook.xml", "xl/vbaProject.bin"),
         "不能保存这种文件"),
        ("a.txt", b"", "文件是空的"),
        ("a.png", PNG + b"0" * 4000, "压缩后再传"),
    ],
)  # fmt: skip
def test_what_is_not_kept_is_said(app, web_settings, order, monkeypatch, name, content, said):
    monkeypatch.setattr(order_files, "MOST_BYTES", 4000)
    client = client_for(app, "dispatcher")
    assert attach(client, name, content).status_code == 302
    assert said in client.get(PATH).text
    assert not list((web_settings.data_dir / "attachments").rglob("*.*"))


def test_an_attachment_is_seen_by_those_who_see_its_order(app, engine, order):
    attach(client_for(app, "dispatcher"), "a.png", PNG)
    add_order(engine, "20260301000002")
    assert client_for(app, "unit").get(f"{PATH}/attachments/1").status_code == 404
    other = client_for(app, "dispatcher").get("/orders/20260301000002/attachments/1")
    assert other.status_code == 404


def test_the_sheet_is_a_pdf_and_who_made_it_is_kept(app, engine, order):
    answer = client_for(app, "dispatcher").get(f"{PATH}/sheet.pdf")
    assert answer.data.startswith(b"%PDF-1.")
    assert answer.data.rstrip().endswith(b"%%EOF")
    with database.reading(engine) as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "sheet_printed")
        ).one()
    assert (entry.username, entry.subject, entry.data) == (
        "dispatcher", NUMBER, {"number_shown": True},
    )  # fmt: skip


def test_the_list_is_exported_as_its_filter_cuts_it_with_masked_numbers(app, engine, order):
    add_order(engine, "20260301000002", title="=cmd()", category="report")
    client = client_for(app, "dispatcher")
    book = openpyxl.load_workbook(io.BytesIO(client.get("/orders/export.xlsx").data))
    rows = list(book.worksheets[0].iter_rows(values_only=True))
    assert [row[0] for row in rows] == ["编号", "20260301000002", NUMBER]
    assert rows[1][4] == "=cmd()"  # as text: nothing is reckoned
    assert all(cell.data_type != "f" for row in book.worksheets[0].iter_rows() for cell in row)
    assert rows[2][10] == "138****5678"
    only = client.get("/orders/export.xlsx?category=help")
    assert openpyxl.load_workbook(io.BytesIO(only.data)).worksheets[0].max_row == 2
    with database.reading(engine) as session:
        told = session.scalars(select(AuditEntry.data).where(AuditEntry.action == "exported")).all()
    assert told == [{"rows": 2, "query": {}}, {"rows": 1, "query": {"category": "help"}}]


def test_a_view_is_saved_by_name_and_belongs_to_one_person(app, engine, order):
    client = client_for(app, "dispatcher")
    post(client, "/orders/views", "/orders", name="停水", text="停水")
    page = client.get("/orders").text
    assert "停水</bdi>" in page
    assert "/orders?text=" in page
    with database.reading(engine) as session:
        view = session.scalars(select(SavedView)).one()
    assert (view.username, view.query) == ("dispatcher", {"text": "停水"})
    other = client_for(app, "office")
    assert post(other, f"/orders/views/{view.id}/remove").status_code == 404
    assert post(client, f"/orders/views/{view.id}/remove").status_code == 302


# --- tables --------------------------------------------------------------------------------------

UNIT = {"name": "水务集团", "kind": "utility", "active": "yes", "parent": ""}


def test_units_are_made_changed_moved_and_checked(app, engine, people):
    client = client_for(app, "office")
    assert post(client, "/units", "/units", code="water", **UNIT).status_code == 302
    below = UNIT | {"name": "东区水站", "parent": "water"}
    assert post(client, "/units", "/units", code="east", **below).status_code == 302
    for form, said in (
        (UNIT | {"code": "Water!"}, "代码用小写字母"),
        (UNIT | {"code": "other"}, "名称“水务集团”已经有了"),
        (UNIT | {"code": "x", "name": "甲", "parent": "none"}, "没有代码为“none”的上级单位"),
    ):
        answer = post(client, "/units", "/units", **form)
        assert answer.status_code == 422
        assert said in answer.text
    ring = post(client, "/units", "/units", **(UNIT | {"code": "water", "parent": "east",
                                                      "version": "1"}))  # fmt: skip
    assert "不能隶属于自己" in ring.text
    late = UNIT | {"code": "water", "version": "9", "contact_name": "张"}
    assert post(client, "/units", "/units", **late).status_code == 409
    with database.reading(engine) as session:
        east = session.get_one(Unit, "east")
        assert (east.path, east.tier) == ("water/east/", 2)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_directory_goes_out_and_comes_back_in(app, engine, people, kind):
    with database.writing(engine) as session:
        units.add_unit(session, "water", "水务集团")
        session.add(
            DispatchRule(topic="停水", unit="water", co_units=[], note="-供水条例",
                         changed_at=dt.datetime.now(dt.UTC))
        )  # fmt: skip
    client = client_for(app, "office")
    file = client.get(f"/directory/export?as={kind}").data
    answer = attach(client, f"d.{kind}", file, "/directory/import")
    assert answer.status_code == 302
    with database.reading(engine) as session:
        rule = session.scalars(select(DispatchRule)).one()
    assert (rule.topic, rule.unit, rule.category, rule.note) == ("停水", "water", None, "-供水条例")


def test_a_table_with_a_fault_changes_nothing_and_names_the_line(app, engine, people):
    with database.writing(engine) as session:
        units.add_unit(session, "water", "水务集团")
        session.add(DispatchRule(topic="停水", unit="water", changed_at=dt.datetime.now(dt.UTC)))
    client = client_for(app, "office")
    table = "topic,unit\n停水,water\n路灯,nobody\n".encode("gb18030")
    attach(client, "d.csv", table, "/directory/import")
    assert "第 3 行" in client.get("/directory").text
    attach(client, "d.csv", b"PK\x03\x04 not a zip", "/directory/import")
    assert "不是 XLSX 文件" in client.get("/directory").text
    attach(client, "d.csv", "名称\n甲\n".encode(), "/directory/import")
    assert "缺少：unit" in client.get("/directory").text
    with database.reading(engine) as session:
        assert session.scalars(select(DispatchRule.topic)).all() == ["停水"]


def test_a_cell_that_looks_like_a_formula_is_text_in_csv():
    assert sheets.as_csv([["=1+1", "@x", "-", "平", "-12"]]).decode("utf-8-sig").strip() == (
        "'=1+1,'@x,'-,平,-12"
    )


def test_a_day_is_changed_and_the_missing_year_is_warned_of(app, engine, people):
    client = client_for(app, "office")
    page = client.get("/calendar").text
    assert "年的放假安排还没有录入" in page
    form = {"day": "2026-03-02", "kind": "holiday", "name": "停工日"}
    assert post(client, "/calendar", "/calendar", **form).status_code == 302
    with database.reading(engine) as session:
        row = session.get_one(CalendarDay, dt.date(2026, 3, 2))
        assert (row.working, row.name, row.changed_by) == (False, "停工日", "office")
    assert post(client, "/calendar", "/calendar", day="soon", kind="holiday").status_code == 422
    post(client, "/calendar", "/calendar", **(form | {"kind": "weekday"}))
    with database.reading(engine) as session:
        assert session.get(CalendarDay, dt.date(2026, 3, 2)) is None
    assert client_for(app, "dispatcher").post("/calendar").status_code in (400, 403)


def test_the_policy_page_tells_which_version_and_from_where(app, people):
    page = client_for(app, "dispatcher").get("/policies").text
    assert "现行" in page
    assert "产品默认" in page
    assert client_for(app, "dispatcher").get("/policies/dalian/1").status_code == 200
    assert client_for(app, "dispatcher").get("/policies/nowhere/1").status_code == 404


def test_a_unit_sees_its_own_orders_only(app, engine, people):
    add_order(engine, NUMBER)
    with database.writing(engine) as session:
        units.add_unit(session, "water", "水务集团")
    add_user(engine, "shuiwu", "unit", unit="water")
    client = client_for(app, "shuiwu")
    assert NUMBER not in client.get("/orders").text
    for path in (PATH, f"{PATH}/sheet.pdf"):
        assert client.get(path).status_code == 404
    assert NUMBER not in client.get("/orders?text=路灯").text
    assert client.get("/inbox").status_code == 200
