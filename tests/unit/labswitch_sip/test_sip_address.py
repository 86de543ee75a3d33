from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labswitch.address import (
    AddressError,
    escape_user,
    format_address,
    parse_address,
    parse_host_port,
    parse_parameters,
    parse_uri,
    split_list,
)


def test_a_display_name_may_hold_commas_quotes_and_brackets():
    address = parse_address(r'"Zhang, \"San\" <x>" <sip:138@h;user=phone>;tag=a;x="1;2"')
    assert address.display == 'Zhang, "San" <x>'
    assert address.uri == "sip:138@h;user=phone"
    assert address.parameters == {"tag": "a", "x": "1;2"}


def test_without_brackets_parameters_belong_to_the_header():
    address = parse_address("sip:138@h;tag=1")
    assert (address.uri, address.tag) == ("sip:138@h", "1")


def test_an_unquoted_display_name():
    assert parse_address("Anonymous <sip:a@b>").display == "Anonymous"


@pytest.mark.parametrize(
    "text", ["", "<>", "<sip:a@b", '"x <sip:a@b>', '"x" sip:a@b', "<sip:a b@c>", "sip:a b"]
)
def test_broken_addresses_are_refused(text):
    with pytest.raises(AddressError):
        parse_address(text)


def test_a_uri_in_parts():
    uri = parse_uri("sip:%2B86138:secret@10.0.0.1:5070;transport=udp?x=y")
    assert (uri.user, uri.host, uri.port) == ("+86138", "10.0.0.1", 5070)
    assert uri.parameters == {"transport": "udp"}


def test_a_line_break_hidden_in_a_user_stays_escaped():
    assert parse_uri("sip:a%0d%0aX@h").user == "a%0d%0aX"


def test_a_uri_without_user_and_one_with_ipv6():
    assert parse_uri("sip:example.com").user == ""
    assert parse_host_port("[::1]:5060") == ("[::1]", 5060)


@pytest.mark.parametrize(
    "text", ["tel:123", "sip:", "sip:a@", "sip:a@h:0", "sip:a@h:65536", "sip:a@h:x", "a@h"]
)
def test_uris_that_are_none(text):
    with pytest.raises(AddressError):
        parse_uri(text)


def test_lists_split_outside_quotes_and_brackets():
    assert split_list('<sip:a,b@h>, "x,\\"y" <sip:c@h> ,,d') == [
        "<sip:a,b@h>",
        '"x,\\"y" <sip:c@h>',
        "d",
    ]


def test_the_first_of_two_parameters_wins():
    assert parse_parameters("a=1;A=2;b") == {"a": "1", "b": ""}


@given(st.text(max_size=40), st.text(min_size=1, max_size=40))
def test_whatever_is_written_can_be_read_and_forges_no_line(display, user):
    text = format_address(display, f"sip:{escape_user(user)}@h", "t")
    assert "\r" not in text
    assert "\n" not in text
    address = parse_address(text)
    assert address.tag == "t"
    if display and display.isprintable():
        assert address.display == display
    if user.isprintable():
        assert parse_uri(address.uri).user == user


@pytest.mark.parametrize("user", ["${system(x)}", "a^b", "a`b", 'a"b'])
def test_a_user_may_not_hold_what_no_uri_may(user: str):
    with pytest.raises(AddressError):
        parse_uri(f"sip:{user}@h")
