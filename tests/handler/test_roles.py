"""handler/roles.py: what a process takes in."""

import pytest

from handler.roles import BOTH, Role, read_roles

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
