"""handler/server/bodies.py: which requests may bring a body."""

import re

import pytest

from handler.server.bodies import NO_BODIES, Bodies, Verdict, judge

HOOKS = Bodies(re.compile("/hook"), 100)
CHUNKED = (b"transfer-encoding", b"chunked")


@pytest.mark.parametrize("bodies", [NO_BODIES, HOOKS])
@pytest.mark.parametrize("fields", [(), ((b"content-length", b"0"),), ((b"host", b"x"),)])
def test_a_request_without_a_body_is_any_request(fields, bodies):
    assert judge("GET", "/hook", fields, bodies) is None
    assert judge("POST", "/hook", fields, bodies) is None


@pytest.mark.parametrize("field", [CHUNKED, (b"content-length", b"1")])
def test_a_body_is_taken_by_no_door_that_has_no_bound_for_it(field):
    for path, bodies in (("/hook", NO_BODIES), ("/calls", HOOKS), ("/hook/", HOOKS)):
        assert judge("GET", path, [field], bodies) is Verdict.NOT_TAKEN
        assert judge("POST", path, [field], bodies) is Verdict.UNREAD


def test_a_body_is_read_up_to_the_bound_of_its_door():
    for length, verdict in (
        (b"1", Verdict.READ),
        (b"100", Verdict.READ),
        (b"101", Verdict.TOO_LARGE),
        (b"9" * 400, Verdict.TOO_LARGE),
    ):
        assert judge("POST", "/hook", [(b"content-length", length)], HOOKS) is verdict
    assert judge("POST", "/hook", [CHUNKED], HOOKS) is Verdict.READ
