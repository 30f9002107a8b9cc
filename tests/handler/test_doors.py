"""handler/doors.py: whose a path is, and where others are sent."""

import pytest

from handler.doors import role_of, wrong_role
from handler.roles import BOTH, Role

MEDIA, SUBSCRIBERS = frozenset({Role.MEDIA}), frozenset({Role.SUBSCRIBERS})


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("/twilio", Role.MEDIA),
        ("/twilio/AC1", Role.MEDIA),
        ("/twilio/voice", Role.MEDIA),
        ("/twilio/nothing", Role.MEDIA),
        ("/twilios", Role.SUBSCRIBERS),
        ("/client", Role.SUBSCRIBERS),
        ("/calls/CA1/events", Role.SUBSCRIBERS),
        ("/", Role.SUBSCRIBERS),
        ("/main.js", Role.SUBSCRIBERS),
        ("/healthz", None),
        ("/readyz", None),
    ],
)
def test_every_path_is_of_one_role_and_the_probes_of_both(path, role):
    assert role_of(path) is role
    assert wrong_role(path, BOTH) is None
    assert (wrong_role(path, MEDIA) is None) == (role is not Role.SUBSCRIBERS)
    assert (wrong_role(path, SUBSCRIBERS) is None) == (role is not Role.MEDIA)


def test_whoever_comes_to_the_other_kind_is_told_which_this_is_and_where_to_go():
    assert wrong_role("/client", MEDIA) == (
        "this container has ROLES=media: let the proxy before it send subscribers (/client, "
        "/calls…) and the page to one with ROLES=subscribers."
    )
    words = wrong_role("/twilio", SUBSCRIBERS)
    assert words is not None
    assert "ROLES=subscribers" in words
    assert words.endswith("one with ROLES=media.")
