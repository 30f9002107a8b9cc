"""handler/roles.py: what a process takes in, and where others are sent."""

import pytest

from handler.roles import BOTH, Role, read_roles, role_of, wrong_role

MEDIA, SUBSCRIBERS = frozenset({Role.MEDIA}), frozenset({Role.SUBSCRIBERS})


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("media", MEDIA),
        ("Subscribers", SUBSCRIBERS),
        ("media,subscribers", BOTH),
        ("subscribers  media", BOTH),
        ("media,", MEDIA),
    ],
)
def test_roles_are_named_in_any_order(text, roles):
    assert read_roles(text) == roles


@pytest.mark.parametrize("text", ["", " , ", "medium", "media,readers", "media;subscribers"])
def test_what_is_no_role_is_said_with_those_there_are(text):
    with pytest.raises(ValueError, match="is not one of media, subscribers, or both"):
        read_roles(text)


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
