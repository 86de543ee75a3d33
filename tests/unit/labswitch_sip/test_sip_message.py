from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labswitch.message import (
    MAX_FIELDS,
    MAX_HEAD,
    MAX_PACKET,
    Malformed,
    SipMessage,
    parse_message,
)
from labswitch.response import reply_to

SOURCE = ("192.0.2.9", 40123)
INVITE = (
    b"INVITE sip:12345@127.0.0.1 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.5:5070;branch=z9hG4bK-1;rport\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.6, SIP/2.0/UDP 10.0.0.7\r\n"
    b'From: "Li" <sip:13812345678@10.0.0.5>;tag=f\r\n'
    b"To: <sip:12345@127.0.0.1>\r\n"
    b"Call-ID: call-1\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"Contact: <sip:13812345678@10.0.0.5:5070>\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: 5\r\n"
    b"\r\n"
    b"v=0\r\n"
)

# RFC 4475 section 3.1.1.1, "A Short Tortuous INVITE".
TORTUOUS = rb"""INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0
TO :
 sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n
from   : "J Rosenberg \\\""       <sip:jdrosen@example.com>
  ;
  tag = 98asjd8
MaX-fOrWaRdS: 0068
Call-ID: wsinv.ndaksdj@192.0.2.1
Content-Length   : 150
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    192.0.2.2;branch=390skdjuw
s :
NewFangledHeader:   newfangled value
 continued newfangled value
UnknownHeaderWithUnusualValue: ;;,,;;,;
Content-Type: application/sdp
Route:
 <sip:services.example.com;lr;unknownwith=value;unknown-no-value>
v:  SIP  / 2.0  / TCP     spindle.example.com   ;
  branch  =   z9hG4bK9ikj8  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK30239
m:"Quoted string \"\"" <sip:jdrosen@example.com> ; newparam =
      newvalue ;
  secondparam ; q = 0.33

v=0
o=mhandley 29739 7272939 IN IP4 192.0.2.3
s=-
c=IN IP4 192.0.2.4
t=0 0
m=audio 49217 RTP/AVP 0 12
m=video 3227 RTP/AVP 31
a=rtpmap:31 LPC
""".replace(b"\n", b"\r\n")


def without(name: bytes) -> bytes:
    lines = INVITE.split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.startswith(name + b":"))


def problem(packet: bytes) -> Malformed:
    with pytest.raises(Malformed) as caught:
        parse_message(packet)
    return caught.value


def test_an_invite():
    message = parse_message(INVITE)
    assert (message.method, message.uri, message.body) == (
        "INVITE",
        "sip:12345@127.0.0.1",
        b"v=0\r\n",
    )
    assert message.from_.display == "Li"
    assert message.cseq == (7, "INVITE")
    assert message.via.branch == "z9hG4bK-1"
    assert len(message.values("Via")) == 3
    assert message.content_type == "application/sdp"


def test_the_tortuous_invite_of_rfc_4475():
    message = parse_message(TORTUOUS)
    assert message.to.tag == "1918181833n"
    assert message.from_.display == 'J Rosenberg \\"'
    assert message.from_.tag == "98asjd8"
    assert message.cseq == (9, "INVITE")
    assert message.get("Max-Forwards") == "0068"
    assert [value.split(";")[0].split()[-1] for value in message.values("Via")] == [
        "192.0.2.2",
        "spindle.example.com",
        "192.168.255.111",
    ]
    assert message.via.branch == "390skdjuw"
    assert len(message.body) == 150


def test_compact_names_are_written_out():
    packet = INVITE.replace(b"Call-ID:", b"i:").replace(b"Contact:", b"m:").replace(b"To:", b"T:")
    message = parse_message(packet)
    assert message.call_id == "call-1"
    assert message.header_map()["Contact"].startswith("<sip:13812345678")


def test_a_response():
    message = parse_message(INVITE.replace(b"INVITE sip:12345@127.0.0.1 SIP/2.0", b"SIP/2.0 180 "))
    assert not message.is_request
    assert message.status == 180


def test_bare_line_feeds_are_read():
    assert parse_message(INVITE.replace(b"\r\n", b"\n").replace(b": 5", b": 4")).body == b"v=0\n"


def test_what_follows_the_body_is_discarded():
    assert parse_message(INVITE + b"GET / HTTP/1.1\r\n").body == b"v=0\r\n"


def test_without_content_length_the_body_is_the_rest():
    assert parse_message(without(b"Content-Length")).body == b"v=0\r\n"


def test_bytes_that_are_not_utf8_are_replaced():
    message = parse_message(INVITE.replace(b'"Li"', b'"L\xff\xfei"'))
    assert message.from_.display == "L��i"


def test_control_characters_never_reach_a_value():
    message = parse_message(INVITE.replace(b'"Li"', b'"L\r\x00\x1bi"'))
    assert message.from_.display.isprintable()


@pytest.mark.parametrize("name", [b"Via", b"From", b"To", b"Call-ID", b"CSeq"])
def test_a_missing_mandatory_header_is_named_and_without_via_there_is_no_answer(name):
    found = problem(without(name))
    assert found.status == 400
    assert name.decode() in found.reason
    assert (found.message is None) == (name == b"Via")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Content-Length: 5", b"Content-Length: 50"),
        (b"Content-Length: 5", b"Content-Length: -1"),
        (b"Content-Length: 5", b"Content-Length: 5\r\nl: 6"),
        (b"Content-Length: 5", b"Content-Length: 99999999999999"),
        (b"CSeq: 7 INVITE", b"CSeq: 7 BYE"),
        (b"CSeq: 7 INVITE", b"CSeq: 2147483648 INVITE"),
        (b"CSeq: 7 INVITE", b"CSeq: x INVITE"),
        (b"CSeq: 7 INVITE", b"CSeq: 7"),
        (b"Contact:", b"Max-Forwards: 256\r\nContact:"),
        (b"Contact:", b"Max-Forwards: many\r\nContact:"),
        (b"Contact:", b"no colon here\r\nContact:"),
        (b"Contact:", b"Two Words: x\r\nContact:"),
        (b"To: <sip:12345@127.0.0.1>", b"To: <sip:12345@127.0.0.1"),
        (b'From: "Li"', b'From: "Li'),
        (b"Via: SIP/2.0/UDP 10.0.0.5:5070", b"Via: SIP/2.0/UDP 10.0.0.5:port"),
        (b"Contact:", b"X: y\r\n" * MAX_FIELDS + b"Contact:"),
    ],
)
def test_malformed_requests_deserve_400(old, new):
    found = problem(INVITE.replace(old, new))
    assert found.status == 400
    assert found.message is not None


def test_other_versions_and_sizes_have_their_own_status():
    assert problem(INVITE.replace(b"SIP/2.0\r\nVia", b"SIP/7.0\r\nVia")).status == 505
    assert problem(INVITE.replace(b"v=0\r\n", b"v" * MAX_PACKET)).status == 513
    found = problem(INVITE.replace(b"Contact:", b"X: " + b"y" * MAX_HEAD + b"\r\nContact:"))
    assert found.status == 513


def test_a_truncated_request_is_answered_while_its_headers_allow():
    whole = INVITE.partition(b"\r\n\r\n")[0]
    assert problem(whole).message is not None
    assert problem(whole[:36]).message is None


def test_a_malformed_ack_or_response_is_never_answered():
    ack = INVITE.replace(b"INVITE", b"ACK").replace(b"h: 5", b"h: 500")
    assert problem(ack).message is None
    response = INVITE.replace(b"INVITE sip:12345@127.0.0.1 SIP/2.0", b"SIP/2.0 200 OK")
    assert problem(response.replace(b"h: 5", b"h: 500")).message is None


@pytest.mark.parametrize(
    "packet",
    [
        b"\r\n\r\n",
        b"hello",
        b"SIP/2.0 abc OK\r\n\r\n",
        b"SIP/2.0 999 OK\r\n\r\n",
        b"IN\xffVITE sip:a SIP/2.0\r\n\r\n",
        b"INVITE sip:a b c SIP/2.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_no_sip_is_dropped(packet):
    assert problem(packet).message is None


@given(st.binary(max_size=600))
def test_random_bytes_are_malformed_and_nothing_worse(packet):
    with pytest.raises(Malformed):
        parse_message(packet)


@pytest.mark.parametrize("seed", range(20))
def test_mutations_parse_or_are_malformed_and_can_be_answered(seed):
    chance = random.Random(seed)
    for _ in range(100):
        packet = bytearray(chance.choice((INVITE, TORTUOUS)))
        for _ in range(chance.randrange(1, 12)):
            packet[chance.randrange(len(packet))] = chance.randrange(256)
        try:
            message: SipMessage | None = parse_message(bytes(packet))
        except Malformed as error:
            message = error.message
        if message is not None and message.is_request:
            answer = reply_to(message, 400, source=SOURCE, to_tag="t").to_bytes()
            assert parse_or_malformed(answer) == 400


def parse_or_malformed(packet: bytes) -> int:
    try:
        return parse_message(packet).status
    except Malformed as error:
        return error.status


def test_a_reply_says_where_the_request_came_from():
    reply = reply_to(parse_message(INVITE), 180, source=SOURCE, to_tag="mine")
    assert reply.values("Via") == [
        "SIP/2.0/UDP 10.0.0.5:5070;branch=z9hG4bK-1;rport=40123;received=192.0.2.9",
        "SIP/2.0/UDP 10.0.0.6",
        "SIP/2.0/UDP 10.0.0.7",
    ]
    assert reply.to.tag == "mine"
    assert reply.phrase == "Ringing"


def test_a_reply_inside_a_dialog_keeps_the_tag():
    request = parse_message(INVITE.replace(b"To: <sip:12345@127.0.0.1>", b"To: <sip:a@b>;tag=old"))
    assert reply_to(request, 200, source=SOURCE, to_tag="new").to.tag == "old"


def test_a_via_that_cannot_be_read_is_stamped_all_the_same():
    found = problem(INVITE.replace(b"SIP/2.0/UDP 10.0.0.5:5070", b""))
    assert found.message is not None
    assert reply_to(found.message, 400, source=SOURCE).get("Via").startswith(";branch=z9hG4bK-1")


def test_a_forged_received_is_overwritten():
    request = parse_message(INVITE.replace(b";rport", b";received=203.0.113.1;rport=1"))
    assert "203.0.113.1" not in reply_to(request, 200, source=SOURCE).get("Via")


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\rb"])
def test_a_line_break_is_never_written(value):
    with pytest.raises(ValueError):
        SipMessage(method="BYE", uri="sip:a", fields=[("Subject", value)]).to_bytes()


def test_what_is_written_is_read_back():
    message = parse_message(INVITE)
    again = parse_message(message.to_bytes().replace(b"Content-Length: 5\r\n", b"", 1))
    assert again.body == message.body
    assert again.call_id == message.call_id
