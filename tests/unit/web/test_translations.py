"""Chinese is in the source; English must be complete, and nothing left over."""

from __future__ import annotations

import re
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import web
from web import i18n

FOLDER = Path(web.__file__).parent
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def _messages() -> set[str]:
    found = extract_from_dir(FOLDER, METHODS, keywords={"_": None, "_l": None, "gettext": None})
    return {message for _file, _line, message, _comments, _context in found}


def _english():
    with (FOLDER / "translations/en/LC_MESSAGES/messages.po").open("rb") as file:
        return {message.id: message for message in read_po(file) if message.id}


def test_every_message_has_its_english_and_no_english_is_left_over():
    messages, english = _messages(), _english()
    assert len(messages) > 300
    assert messages - set(english) == set()
    assert set(english) - messages == set()
    assert [key for key, message in english.items() if not message.string or message.fuzzy] == []


def test_english_has_no_chinese_in_it_and_keeps_every_value():
    for key, message in _english().items():
        assert not CHINESE.search(message.string), key
        names = re.findall(r"%\((\w+)\)s", key)
        assert sorted(re.findall(r"%\((\w+)\)s", message.string)) == sorted(names), key


def test_no_chinese_stands_in_a_template_outside_a_message():
    for path in FOLDER.glob("templates/*.html"):
        text = re.sub(r"_\('[^']*'", "", path.read_text("utf-8"))
        assert not CHINESE.search(text), path.name


def test_catalogues_are_compiled_when_stale(tmp_path):
    source = tmp_path / "en/LC_MESSAGES/messages.po"
    source.parent.mkdir(parents=True)
    source.write_bytes((FOLDER / "translations/en/LC_MESSAGES/messages.po").read_bytes())
    assert i18n.compile_catalogues(tmp_path) == 1
    assert i18n.compile_catalogues(tmp_path) == 0
    assert source.with_suffix(".mo").stat().st_size > 1000
