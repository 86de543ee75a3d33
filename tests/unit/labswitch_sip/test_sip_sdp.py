from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labswitch.sdp import Sdp, SdpError, answer_sdp, build_sdp, parse_sdp

OFFER = (
    b"v=0\r\no=x 1 1 IN IP4 10.0.0.5\r\ns=-\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 18 8 0 96\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:96 telephone-event/8000\r\n"
)


def test_an_offer():
    assert parse_sdp(OFFER) == Sdp("10.0.0.5", 40000, (8, 0), 96, "sendrecv")


def test_the_audio_streams_own_lines_win_over_the_sessions():
    body = OFFER.replace(b"t=0 0\r\n", b"t=0 0\r\na=inactive\r\n")
    assert parse_sdp(body).direction == "inactive"
    body += b"c=IN IP4 10.0.0.6\r\na=sendonly\r\n"
    assert (parse_sdp(body).ip, parse_sdp(body).direction) == ("10.0.0.6", "sendonly")


def test_another_streams_lines_do_not_count():
    body = OFFER + b"m=video 5000 RTP/AVP 31\r\nc=IN IP4 10.0.0.9\r\na=recvonly\r\n"
    assert (parse_sdp(body).ip, parse_sdp(body).direction) == ("10.0.0.5", "sendrecv")
    first = OFFER.replace(b"m=audio", b"m=video 5000 RTP/AVP 31\r\na=recvonly\r\nm=audio")
    assert parse_sdp(first).direction == "sendrecv"


def test_a_null_address_is_the_old_way_to_hold():
    sdp = parse_sdp(OFFER.replace(b"c=IN IP4 10.0.0.5", b"c=IN IP4 0.0.0.0"))
    assert sdp.direction == "sendonly"
    assert sdp.on_hold


def test_nothing_in_common_is_said_not_raised():
    assert parse_sdp(OFFER.replace(b"18 8 0 96", b"18 4")).codecs == ()
    assert parse_sdp(OFFER.replace(b"RTP/AVP", b"RTP/SAVP")).codecs == ()


def test_telephone_event_must_be_among_the_formats():
    assert parse_sdp(OFFER.replace(b" 96\r\n", b"\r\n", 1)).dtmf_payload_type is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"v=0\r\n",
        OFFER.replace(b"m=audio", b"m=text"),
        OFFER.replace(b"40000", b"70000"),
        OFFER.replace(b"40000", b"-1"),
        OFFER.replace(b"c=IN IP4 10.0.0.5\r\n", b""),
        OFFER.replace(b"c=IN IP4 10.0.0.5", b"c=IN IP4 evil.example"),
        OFFER.replace(b"c=IN IP4 10.0.0.5", b"c=IN IP6 ::1"),
        OFFER.replace(b"c=IN IP4 10.0.0.5", b"c="),
        OFFER.replace(b" RTP/AVP 18 8 0 96", b""),
        OFFER + b"a=x\r\n" * 300,
        OFFER + b"a=" + b"x" * 9000,
    ],
)
def test_broken_descriptions_are_refused(body):
    with pytest.raises(SdpError):
        parse_sdp(body)


@given(st.binary(max_size=200), st.integers(0, len(OFFER)))
def test_garbage_raises_nothing_but_sdp_error(garbage, at):
    for body in (garbage, OFFER[:at] + garbage + OFFER[at:]):
        try:
            parse_sdp(body)
        except SdpError:
            continue


def test_an_answer_takes_the_first_codec_and_mirrors_the_hold():
    offer = parse_sdp(OFFER + b"a=sendonly\r\n")
    answer = parse_sdp(answer_sdp(offer, "127.0.0.1", 16384, session_id=9, version=2))
    assert answer == Sdp("127.0.0.1", 16384, (8,), 96, "recvonly")


def test_an_offer_without_a_codec_of_ours_is_not_answered():
    with pytest.raises(SdpError):
        answer_sdp(Sdp("10.0.0.5", 4000, (), None, "sendrecv"), "127.0.0.1", 16384)


def test_what_is_built_is_read_back():
    body = build_sdp("127.0.0.1", 4000, codecs=(0, 8), dtmf_payload_type=None, direction="inactive")
    assert parse_sdp(body) == Sdp("127.0.0.1", 4000, (0, 8), None, "inactive")
