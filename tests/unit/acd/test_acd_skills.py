"""Skill expressions: reading, judging, easing, and the index of agents."""

from __future__ import annotations

import pytest

from acd.skills import (
    NO_DEMAND,
    Easing,
    ExpressionError,
    SkillIndex,
    both,
    combine,
    eased,
    parse,
)

SPEAKER = {"language.cantonese": 4, "topic.tax": 1}


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("", True),
        ("   ", True),
        ("topic.tax", True),
        ("topic.customs", False),
        ("language.cantonese >= 3 and topic.tax", True),
        ("language.cantonese >= 5 and topic.tax", False),
        ("language.cantonese > 3", True),
        ("language.cantonese > 4", False),
        ("language.cantonese == 4", True),
        ("language.cantonese != 4", False),
        ("language.cantonese < 4", False),
        ("language.cantonese <= 4", True),
        ("topic.customs == 0", True),
        ("topic.customs < 1", True),
        ("topic.customs >= 0", True),
        ("topic.tax > 9", False),
        ("not topic.customs", True),
        ("not not topic.tax", True),
        ("topic.customs or topic.tax", True),
        ("topic.tax or topic.customs and topic.water", True),
        ("(topic.tax or topic.customs) and topic.water", False),
        ("NOT (topic.tax AND topic.customs)", True),
        ("语言.粤语 or topic.tax", True),
        ("not (topic.tax or topic.customs)", False),
    ],
)
def test_an_expression_is_judged(text, met):
    assert parse(text).met_by(SPEAKER) is met
    index = SkillIndex()
    index.add(0b10, SPEAKER)
    index.add(0b01, {"topic.water": 9})
    assert bool(index.who(parse(text), 0b11) & 0b10) is met


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        ("topic.tax and", 14, "expected a skill"),
        ("topic.tax >= ten", 14, "expected a level"),
        ("topic.tax >= 10", 14, "expected a level"),
        ("topic.tax topic.customs", 11, "expected 'and', 'or'"),
        ("(topic.tax", 11, "expected ')'"),
        ("topic.tax)", 10, "expected 'and', 'or'"),
        ("topic.tax & x", 11, "can't read '&'"),
        ("topic..tax", 6, "can't read '.'"),
        ("and topic.tax", 1, "expected a skill"),
        ("3 >= topic.tax", 1, "expected a skill"),
        ("(" * 40 + "x" + ")" * 40, 31, "at most 30"),
        ("x or " * 300 + "x", 1001, "longer than"),
    ],
)
def test_an_expression_that_does_not_parse_says_where(text, column, problem):
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert caught.value.column == column
    assert problem in caught.value.problem
    assert f"column {column}" in str(caught.value)


def test_the_text_of_a_demand_reads_back_as_the_same():
    for text in ("a >= 3 and (b or not c)", "not (a and b) or c > 2", "a == 4", "not (not a)"):
        demand = parse(text)
        assert parse(demand.text) == demand


def test_demands_are_joined():
    assert combine("a", "", "b or c") == "(a) and (b or c)"
    assert combine("", "b or c") == "b or c"
    assert both(parse("a"), parse("")) == parse("a")
    assert both(parse("a"), parse("b or c")) == parse(combine("a", "b or c"))


def test_easing_lowers_drops_and_ends_with_anyone():
    demand = parse("language.cantonese >= 3 and topic.tax and district.north")
    lowered = eased(demand, Easing(lower=2))
    assert lowered == parse("language.cantonese >= 1")
    dropped = eased(demand, Easing(drop=("district",)))
    assert dropped == parse("language.cantonese >= 3 and topic.tax")
    assert eased(demand, Easing(drop=("topic.tax", "district.north"))) == parse(
        "language.cantonese >= 3"
    )
    assert eased(demand, Easing(anyone=True)) == NO_DEMAND


def test_easing_never_asks_for_more():
    demand = parse("not a >= 3 and b >= 2")
    assert eased(demand, Easing(lower=2)) == parse("not a >= 3")
    assert eased(demand, Easing(drop=("a",))) == parse("b >= 2")


def test_a_similar_name_is_not_dropped():
    demand = parse("districts.north")
    assert eased(demand, Easing(drop=("district",))) == demand


def test_an_agent_taken_out_of_the_index_is_gone():
    index = SkillIndex()
    index.add(1, {"a": 3})
    index.add(2, {"a": 5})
    index.remove(1, {"a": 3})
    assert index.who(parse("a"), 3) == 2
    assert index.who(parse("not a"), 3) == 1
