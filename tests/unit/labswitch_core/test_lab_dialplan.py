from __future__ import annotations

import xml.etree.ElementTree as ET

from labswitch.dialplan import Extension, hunt, search
from labswitch.expand import expand


class Caller:
    """A channel as far as the dialplan goes."""

    def __init__(self, number: str, **variables: str) -> None:
        self.destination_number = number
        self.variables = variables
        self.executed: list[tuple[str, str]] = []
        self.match: list[str] = []

    def caller_field(self, name: str) -> str | None:
        return self.destination_number if name == "destination_number" else self.get(name)

    def get(self, name: str) -> str | None:
        return self.variables.get(name)

    def expand(self, text: str) -> str:
        return expand(text, self.get, lambda name, argument: f"<{name} {argument}>")

    def execute(self, application: str, argument: str) -> bool:
        self.executed.append((application, argument))
        name, _, value = argument.partition("=")
        self.variables[name] = value
        return True

    def note_match(self, parts: list[str]) -> None:
        self.match = parts


def found(xml: str, caller: Caller) -> Extension | None:
    return hunt(ET.fromstring(f"<context>{xml}</context>"), caller)


def actions(xml: str, caller: Caller) -> list[tuple[str, str]]:
    extension = found(xml, caller)
    assert extension is not None
    return [(action.application, action.argument) for action in extension.actions]


def test_first_extension_that_matches_is_taken() -> None:
    xml = """
      <extension name="a"><condition field="destination_number" expression="^2$">
        <action application="two"/></condition></extension>
      <extension name="b"><condition field="destination_number" expression="^1(\\d)$">
        <action application="set" data="x=$1"/></condition></extension>
      <extension name="c"><condition><action application="never"/></condition></extension>"""
    caller = Caller("17")
    assert actions(xml, caller) == [("set", "x=7")]
    assert caller.match == ["17", "7"]


def test_continue_goes_on_and_joins_the_actions() -> None:
    xml = """
      <extension name="a" continue="true">
        <condition><action application="one"/></condition></extension>
      <extension name="b"><condition><action application="two"/></condition></extension>"""
    assert [name for name, _ in actions(xml, Caller("1"))] == ["one", "two"]


def test_nothing_matches() -> None:
    xml = """<extension><condition field="destination_number" expression="^2$">
             <action application="two"/></condition></extension>"""
    assert found(xml, Caller("1")) is None
    assert hunt(None, Caller("1")) is None


def test_all_conditions_must_hold_and_the_first_needs_no_action() -> None:
    xml = """<extension name="done">
        <condition field="destination_number" expression="^unattended"/>
        <condition field="${cc_stage}" expression="^done$">
          <action application="hangup"/></condition>
      </extension>
      <extension name="other"><condition><action application="socket"/></condition></extension>"""
    assert actions(xml, Caller("unattended-2", cc_stage="done")) == [("hangup", "")]
    assert actions(xml, Caller("unattended-2", cc_stage="menu")) == [("socket", "")]
    assert actions(xml, Caller("unattended-2")) == [("socket", "")]


def test_anti_actions_and_break_never() -> None:
    xml = """<extension><condition field="destination_number" expression="^9" break="never">
          <action application="nine"/><anti-action application="not-nine"/></condition>
        <condition field="destination_number" expression="^1">
          <action application="one"/></condition>
      </extension>"""
    assert [name for name, _ in actions(xml, Caller("1"))] == ["not-nine", "one"]


def test_break_on_true_leaves_the_rest_out() -> None:
    xml = """<extension>
        <condition field="destination_number" expression="^1" break="on-true">
          <action application="one"/></condition>
        <condition><action application="rest"/></condition></extension>"""
    assert [name for name, _ in actions(xml, Caller("1"))] == ["one"]
    assert [name for name, _ in actions(xml, Caller("2"))] == ["rest"]


def test_inline_actions_run_while_looking() -> None:
    xml = """<extension continue="true"><condition>
          <action application="set" data="lang=zh" inline="true"/></condition></extension>
      <extension><condition field="${lang}" expression="^zh$">
          <action application="playback"/></condition></extension>"""
    caller = Caller("1")
    assert actions(xml, caller) == [("playback", "")]
    assert caller.executed == [("set", "lang=zh")]


def test_caller_cannot_smuggle_an_api_call_into_a_field() -> None:
    caller = Caller("1", name="${system(rm -rf)}")
    xml = """<extension><condition field="${name}" expression="rm">
             <action application="x"/></condition></extension>"""
    assert caller.expand("${name}") == "${system(rm -rf)}"  # not expanded again
    assert actions(xml, caller) == [("x", "")]


def test_broken_expression_does_not_match() -> None:
    assert search("([", "x") is None
    assert search("/ABC/i", "xabcx") is not None


def test_expansion() -> None:
    values = {"a": "1", "n": "a", "phone": "13812345678"}

    def api(name: str, argument: str) -> str:
        return f"{name}[{argument}]"

    def show(text: str) -> str:
        return expand(text, values.get, api)

    assert show("x${a}y") == "x1y"
    assert show("${${n}}") == "1"
    assert show("${nobody}") == ""
    assert show("${sofia_contact(*/${n}@d)}") == "sofia_contact[*/a@d]"
    assert show("${phone:0:3}****${phone:-4}") == "138****5678"
    assert show("\\${a}") == "${a}"
    assert show("${open") == "${open"
