"""handler/forwarding.py: who is called, and what is said."""

import json

import pytest

from handler.forwarding import (
    DEFAULT_NOTICE,
    Forward,
    Forwarding,
    read_forward_to,
    read_notice,
)

NORTH, SOUTH = "+15550001111", "+15550002222"
DESK, SIP = "+15551230000", "sip:desk@example.com"


def told(text: object) -> str:
    """What is said of a value that is refused."""
    with pytest.raises(ValueError, match=r"\w") as caught:
        read_forward_to(text if isinstance(text, str) else json.dumps(text))
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "dial"),
    [
        (DESK, (DESK,)),
        (f"{DESK},{SIP}", (DESK, SIP)),
        (f" {DESK} ,\n{DESK}, {SIP},", (DESK, SIP)),
        ("SIPS:desk@example.com:5061;transport=tls", ("SIPS:desk@example.com:5061;transport=tls",)),
    ],
)
def test_a_plain_list_rings_for_every_number(text, dial):
    forwarding = read_forward_to(text)
    assert forwarding.of([NORTH]) == forwarding.of([]) == Forward(dial)


def test_nobody_is_called_where_nothing_is_set():
    assert Forwarding().of([NORTH]) == Forward()


def test_a_map_says_it_for_each_number():
    forwarding = read_forward_to(
        json.dumps(
            {
                NORTH: {
                    "dial": [DESK, SIP],
                    "options": "language=de&keyterm=Northwind",
                    "notice": " Guten  Tag ",
                    "calleeName": " Sales ",
                    "metadata": {"tenant": "7"},
                },
                SOUTH: SIP,
                "*": {"notice": "none"},
            }
        )
    )
    north = Forward(
        (DESK, SIP),
        "Guten Tag",
        (
            ("options", "language=de&keyterm=Northwind"),
            ("calleeName", "Sales"),
            ("tenant", "7"),
        ),
    )
    assert forwarding.of([NORTH]) == north
    assert forwarding.of(["client:nobody", NORTH]) == north
    assert forwarding.of([" " + NORTH[1:]]) == north  # a form's plus sign that became a blank
    assert forwarding.of([SOUTH]) == Forward((SIP,))
    assert forwarding.option_names == {"language", "keyterm"}
    assert forwarding.of(["+15550003333"]) == Forward(notice="")


@pytest.mark.parametrize(
    "called",
    [
        "sip:Support@pbx.example.com",
        "SIP:Support@PBX.example.com;transport=tls",
        "sip:Support@pbx.example.com?x=y",
    ],
)
def test_a_sip_address_may_be_called_and_spelled_in_ways(called):
    forwarding = read_forward_to({"sip:Support@PBX.example.com": DESK}.__repr__().replace("'", '"'))
    assert forwarding.of([called]) == Forward((DESK,))
    assert forwarding.of(["sip:support@pbx.example.com"]) == Forward()  # users have capitals


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("555-1234", "'555-1234' is no number with its country code, nor sip:…@…; as in +1555"),
        ("5551230000", "'5551230000' is no number"),
        ("tel:+15551230000", "'tel:+15551230000' is no number"),
        ("sip:nowhere", "'sip:nowhere' is no number"),
        (f"sip:{'a' * 260}@b", "is no number"),
        (",", "names nobody"),
        (",".join(f"+1555123{number:04}" for number in range(11)), "at most 10"),
        ("{", "is no JSON: Expecting property name"),
        ("{" * 200_000, "is no JSON"),
        ('{"a":' * 100_000, "is no JSON"),
        (f'{{"*": ["{DESK}"], "*": []}}', "'*' is there twice"),
        ([DESK], "is no object by called number"),
        ('"+15551230000"', "is no object by called number"),
        ({NORTH: {"dail": DESK}}, "'dail' is unknown; there are dial, options"),
        ({"555": DESK}, "'555': is no called number: write it like +1555"),
        ({NORTH: 7}, "dial is a list"),
        ({NORTH: [7]}, "int is no number"),
        ({NORTH: {"dial": [None]}}, "NoneType is no number"),
        ({NORTH: NORTH}, "would ring itself"),
        ({"sip:Desk@example.com": "sip:Desk@EXAMPLE.com;x=1"}, "would ring itself"),
        (
            {NORTH: DESK, DESK: ["+15550007777", "sip:a@b"], "+15550007777": NORTH, "*": NORTH},
            "in a circle",
        ),
        ({f" {NORTH}": DESK, NORTH: DESK}, "is there twice"),
        ({NORTH: {"notice": 7}}, "notice is no text"),
        ({NORTH: {"notice": "a" * 1001}}, "at most 1000"),
        ({NORTH: {"options": "?language"}}, "'?language' is not like language=de"),
        ({NORTH: {"options": "tag=" + "a" * 500}}, "options: name and value are longer than 499"),
        ({NORTH: {"options": ["a"]}}, "options is no text"),
        ({NORTH: {"calleeName": 7}}, "calleeName is no text"),
        ({NORTH: {"calleeName": "a" * 65}}, "at most 64"),
        ({NORTH: {"metadata": {"a": "\ud800"}}}, "a is no text that can be sent"),
        ({NORTH: {"metadata": []}}, "metadata is an object of texts"),
        ({NORTH: {"metadata": {"a": 7}}}, "a is no text"),
        ({NORTH: {"metadata": {"": "7"}}}, "'' is no name"),
        ({NORTH: {"metadata": {"a b": "7"}}}, "'a b' is no name"),
        ({NORTH: {"metadata": {"a" * 65: "7"}}}, "is no name"),
        ({NORTH: {"metadata": {"From": "7"}}}, "'From' is a name of our own"),
        ({NORTH: {"metadata": {"callee_number": "7"}}}, "is a name of our own"),
        ({NORTH: {"metadata": {"partylineX": "7"}}}, "is a name of our own"),
        ({NORTH: {"metadata": {f"a{number}": "" for number in range(17)}}}, "at most 16"),
        ({NORTH: {"metadata": {f"a{n}": "b" * 400 for n in range(8)}}}, "longer than 3000"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_meant_is_told_in_words(text, words):
    assert words in told(text)


@pytest.mark.parametrize(
    ("text", "notice"),
    [
        (DEFAULT_NOTICE, DEFAULT_NOTICE),
        (" Hello,\n  you. ", "Hello, you."),
        ("none", ""),
        (" NONE ", ""),
        ("", ""),
    ],
)
def test_a_notice_is_one_line_or_none(text, notice):
    assert read_notice(text) == notice


def test_who_is_in_the_call_is_not_rung_for_it():
    forward = Forward((DESK, SIP, NORTH))
    assert forward.without([NORTH, "anonymous"]).dial == (DESK, SIP)
    assert forward.without([]) == forward
