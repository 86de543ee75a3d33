"""Policy files: what is shipped loads, and a fault is named by file, line, key and expectation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from order_kit import POLICIES

from callcenter import policies
from callcenter.datafile import DataFileError
from workorder.policy import Policy

HEYUAN = (POLICIES / "heyuan.yaml").read_text("utf-8")
DEFAULT = (POLICIES / "default.yaml").read_text("utf-8")


def complaint(folder: Path, text: str, name: str = "city.yaml") -> str:
    path = folder / name
    path.write_text(text, "utf-8")
    with pytest.raises(DataFileError) as caught:
        policies.read(path)
    return str(caught.value).replace(f"{folder}/", "")


def test_what_is_shipped_loads_and_is_called_like_its_file() -> None:
    found = policies.shipped()
    assert set(found) == {"anshan", "dalian", "default", "heyuan", "jinan", "street"}
    assert all(policy.policy == name for name, policy in found.items())


def test_a_policy_survives_being_kept_in_the_database() -> None:
    for policy in policies.shipped().values():
        data = policy.model_dump(mode="json", by_alias=True)
        assert Policy.model_validate(data) == policy


def test_every_rule_names_an_article_or_says_that_it_is_the_products_own() -> None:
    found = policies.shipped()
    for name, policy in found.items():
        documents = {*policy.sources, *found["default"].sources, "产品默认"}
        for source in sources(policy.model_dump(mode="json", by_alias=True)):
            assert any(document in source for document in documents), (name, source)


def sources(data: Any) -> list[str]:
    if isinstance(data, dict):
        own = [data["source"]] if "source" in data else []
        return own + [text for value in data.values() for text in sources(value)]
    return [text for value in data for text in sources(value)] if isinstance(data, list) else []


@pytest.mark.parametrize(
    ("old", "new", "key", "expected"),
    [
        ("limit: 2 workdays", "limit: two days", "dispatch.unclear.limit", "2 workdays"),
        ("limit: 2 workdays", "limitt: 2 workdays", "dispatch.unclear.limitt", "no such key"),
        ("warning: 1 workday", "warning: 3 workdays", "acknowledge", "at most the limit"),
        ("red: 3 workdays", "red: 1 workday", "acknowledge", "no earlier than the level before"),
        ("yellow: 2 workdays", "yellow: 2 hours", "acknowledge", "expected working time"),
        ("most: 1,", "most: 99,", "redo.most", "less than or equal to 20"),
        ("when: disputed", "when: sometimes", "joint.when", "disputed"),
        ("requires: [legal_basis]", "requires: [stamp]", "return.requires.0", "legal_basis"),
        ("[red_card, repeats]", "[media]", "supervision", "causes listed above"),
        ("repeats: 3", "repeats: null", "supervision", "together with the cause repeats"),
        ("  any:\n", "  anything:\n", "file", "expected one of any, complaint"),
        ("clock: receipt", "clock: sunrise", "starts.clock", "receipt"),
    ],
)
def test_a_fault_names_line_key_and_expectation(
    tmp_path: Path, old: str, new: str, key: str, expected: str
) -> None:
    assert old in HEYUAN
    text = HEYUAN.replace(old, new, 1)
    told = complaint(tmp_path, text)
    place, found_key, message = next(
        parts for line in told.splitlines() if (parts := line.split(": ", 2))[1] == key
    )
    assert expected in message, told
    if key != "file":
        near = text[: text.index(new)].count("\n") + 1
        assert 0 <= near - int(place.removeprefix("city.yaml:")) <= 12
    assert found_key == key


def test_a_rule_without_its_source_is_refused(tmp_path: Path) -> None:
    text = DEFAULT.replace("return: {limit: 2 workdays, source:", "return: {limit: 2 workdays} #")
    line = text[: text.index("return: {")].count("\n") + 1
    assert f"city.yaml:{line}: return.source: this key is needed" in complaint(tmp_path, text)


def test_what_a_policy_extends_is_looked_for_beside_it_and_among_the_shipped(
    tmp_path: Path,
) -> None:
    told = complaint(tmp_path, "policy: city\ntitle: 市\nextends: nowhere\n")
    assert told.startswith("city.yaml:3: extends: expected a policy beside this file, or one of")
    (tmp_path / "base.yaml").write_text(DEFAULT.replace("policy: default", "policy: base"), "utf-8")
    (tmp_path / "city.yaml").write_text("policy: city\ntitle: 市\nextends: base\n", "utf-8")
    assert policies.read(tmp_path / "city.yaml").title == "市"


def test_policies_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("policy: one\ntitle: 一\nextends: two\n", "utf-8")
    told = complaint(tmp_path, "policy: two\ntitle: 二\nextends: one\n", "two.yaml")
    assert "extends: expected no ring" in told


def test_a_section_replaces_the_whole_section_of_what_is_extended() -> None:
    heyuan, default = policies.shipped()["heyuan"], policies.shipped()["default"]
    assert heyuan.contact == {}
    assert default.contact
    assert heyuan.review == default.review
