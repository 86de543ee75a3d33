from __future__ import annotations

from pathlib import Path

import pytest

from labswitch.conf import ConfigurationError, is_true, load

MINIMAL = """<?xml version="1.0"?>
<document type="freeswitch/xml">
  <X-PRE-PROCESS cmd="include" data="local.xml"/>
  <section name="configuration"><X-PRE-PROCESS cmd="include" data="parts/*.xml"/></section>
  <section name="directory"><domain name="$${domain}">
    <params>
      <param name="dial-string" value="sofia/agents/${dialed_user}"/>
      <param name="dial-var-process_cdr" value="false"/>
    </params>
    <variables><variable name="user_context" value="agents"/></variables>
    <groups><group name="g"><users>
      <user id="1001"><params><param name="a1-hash" value="abc"/></params></user>
    </users></group></groups></domain></section>
  <section name="dialplan"><context name="trunk"/></section>
</document>"""


def folder(tmp_path: Path, **files: str) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "freeswitch.xml").write_text(MINIMAL)
    (tmp_path / "local.xml").write_text(
        '<include>\n<X-PRE-PROCESS cmd="set" data="domain=cc.example"/>\n</include>'
    )
    for name, text in files.items():
        (tmp_path / "parts" / f"{name}.xml").write_text(text)
    return tmp_path


def test_variables_includes_and_users(tmp_path: Path) -> None:
    found = load(folder(tmp_path))
    assert found.domain == "cc.example"
    assert found.users["1001"].a1_hash == "abc"
    assert found.users["1001"].domain == "cc.example"
    assert found.users["1001"].variables == {"user_context": "agents"}
    assert found.dial_string == "sofia/agents/${dialed_user}"
    assert found.dial_variables == {"process_cdr": "false"}
    assert list(found.contexts) == ["trunk"]


def test_what_is_commented_out_is_not_there(tmp_path: Path) -> None:
    found = load(
        folder(
            tmp_path,
            switch='<include><!-- <X-PRE-PROCESS cmd="set" data="domain=other"/> -->'
            '<configuration name="switch.conf"><settings>'
            '<param name="max-sessions" value="7"/>'
            '<!-- <param name="max-sessions" value="9"/> -->'
            "</settings></configuration></include>",
        )
    )
    assert found.domain == "cc.example"
    assert found.max_sessions == 7


def test_most_exact_network_decides(tmp_path: Path) -> None:
    found = load(
        folder(
            tmp_path,
            acl='<configuration name="acl.conf"><network-lists>'
            '<list name="trunk" default="deny"><node type="allow" cidr="10.0.0.0/8"/>'
            '<node type="deny" cidr="10.1.0.0/16"/></list></network-lists></configuration>',
        )
    )
    trunk = found.access_list("trunk")
    assert trunk is not None
    assert trunk.allows("10.2.3.4")
    assert not trunk.allows("10.1.3.4")
    assert not trunk.allows("192.0.2.1")
    assert not trunk.allows("not an address")


def test_automatic_lists_are_known_and_unknown_ones_are_not(tmp_path: Path) -> None:
    found = load(folder(tmp_path))
    loopback = found.access_list("loopback.auto")
    assert loopback is not None
    assert loopback.allows("127.0.0.1")
    assert not loopback.allows("192.0.2.1")
    assert found.access_list("nobody") is None


def test_files_are_included_from_beside_the_file_that_names_them(tmp_path: Path) -> None:
    conf = folder(
        tmp_path,
        sofia='<configuration name="sofia.conf"><profiles>'
        '<X-PRE-PROCESS cmd="include" data="../profiles/*.xml"/></profiles></configuration>',
    )
    (conf / "profiles").mkdir()
    (conf / "profiles" / "trunk.xml").write_text(
        '<profile name="trunk"><settings><param name="sip-port" value="5099"/>'
        '<param name="auth-calls" value="true"/></settings></profile>'
    )
    profile = load(conf).profiles[0]
    assert (profile.name, profile.address[1], profile.challenges) == ("trunk", 5099, True)


def test_event_socket_without_a_password_is_refused(tmp_path: Path) -> None:
    conf = folder(
        tmp_path, esl='<configuration name="event_socket.conf"><settings/></configuration>'
    )
    with pytest.raises(ConfigurationError, match="password"):
        load(conf)


def test_broken_xml_is_told_with_its_line(tmp_path: Path) -> None:
    conf = folder(tmp_path, broken='<configuration name="x"><oops></configuration>')
    with pytest.raises(ConfigurationError, match="oops"):
        load(conf)


def test_including_oneself_ends(tmp_path: Path) -> None:
    conf = folder(tmp_path, loop='<X-PRE-PROCESS cmd="include" data="parts/loop.xml"/>')
    with pytest.raises(ConfigurationError, match="deeply"):
        load(conf)


@pytest.mark.parametrize("text", ["true", "YES", "on", "1", "-1", "enabled"])
def test_words_for_yes(text: str) -> None:
    assert is_true(text)


@pytest.mark.parametrize("text", ["false", "no", "0", "", "maybe", None])
def test_words_for_no(text: str | None) -> None:
    assert not is_true(text)
