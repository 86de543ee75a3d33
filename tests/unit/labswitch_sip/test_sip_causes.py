from __future__ import annotations

import pytest

from labswitch.causes import cause_of_reason, cause_of_status, reason_header, status_of_cause


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (486, "USER_BUSY"),
        (600, "USER_BUSY"),
        (480, "NO_USER_RESPONSE"),
        (603, "CALL_REJECTED"),
        (403, "CALL_REJECTED"),
        (404, "UNALLOCATED_NUMBER"),
        (487, "ORIGINATOR_CANCEL"),
        (408, "RECOVERY_ON_TIMER_EXPIRE"),
        (503, "NORMAL_TEMPORARY_FAILURE"),
        (488, "INCOMPATIBLE_DESTINATION"),
        (302, "NORMAL_UNSPECIFIED"),
    ],
)
def test_statuses_map_as_in_freeswitch(status, cause):
    assert cause_of_status(status) == cause


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        ("USER_BUSY", 486),
        ("NO_ANSWER", 480),
        ("NO_USER_RESPONSE", 408),
        ("CALL_REJECTED", 603),
        ("UNALLOCATED_NUMBER", 404),
        ("NO_ROUTE_DESTINATION", 404),
        ("ORIGINATOR_CANCEL", 487),
        ("RECOVERY_ON_TIMER_EXPIRE", 504),
        ("SWITCH_CONGESTION", 503),
        ("NORMAL_CLEARING", 480),
        ("whatever", 480),
    ],
)
def test_causes_map_as_in_freeswitch(cause, status):
    assert status_of_cause(cause) == status


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ('Q.850;cause=17;text="USER_BUSY"', "USER_BUSY"),
        ("q.850 ; text=x ; cause = 16", "NORMAL_CLEARING"),
        ("SIP;cause=200, Q.850;cause=21", "CALL_REJECTED"),
        ('SIP;cause=200;text="Call completed elsewhere"', None),
        ("Q.850;cause=0", None),
        ("Q.850;cause=5", None),
        ("Q.850;cause=²", None),
        ("Q.850;cause=" + "9" * 5000, None),
        ("", None),
        (None, None),
    ],
)
def test_a_reason_header_names_the_cause(reason, cause):
    assert cause_of_reason(reason) == cause


def test_reason_headers_as_freeswitch_writes_them():
    assert reason_header("NORMAL_CLEARING") == 'Q.850;cause=16;text="NORMAL_CLEARING"'
    assert reason_header("ORIGINATOR_CANCEL") == 'SIP;cause=487;text="ORIGINATOR_CANCEL"'
    assert reason_header("LOSE_RACE") == 'SIP;cause=200;text="Call completed elsewhere"'
