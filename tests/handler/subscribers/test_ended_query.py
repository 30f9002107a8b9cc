"""handler/subscribers/ended_query.py: what may be asked of the calls that are over."""

import base64

import pytest
from support.sids import call_sid

from broker.ended_index import Place, Wanted
from handler.errors import EndCode, SubscriberError
from handler.subscribers import ended_query

NAMES = frozenset({"+15550001111"})
NINE = 1_795_858_200_000  # 2026-11-28T09:30:00Z
PLACE = Place(NINE, call_sid(7))
ENDED = {"state": "ended"}


def test_the_list_is_of_live_calls_unless_it_is_asked_for_otherwise():
    assert not ended_query.wants_ended({"token": "x", "_": "1"})
    assert not ended_query.wants_ended({"state": "live"})
    assert ended_query.wants_ended(ENDED)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"state": "over"}, "state is live or ended"),
        ({"number": "+15550001111"}, "number is for state=ended"),
        ({"state": "live", "cursor": "x"}, "cursor is for state=ended"),
    ],
)
def test_what_would_not_be_obeyed_is_refused(query, words):
    with pytest.raises(SubscriberError, match=words) as caught:
        ended_query.wants_ended(query)
    assert caught.value.code is EndCode.BAD_REQUEST


def test_who_asks_for_nothing_gets_the_newest():
    assert ended_query.wanted(ENDED, NAMES) == Wanted(NAMES, 50)


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"number": "+15550002222"}, {"number": "+15550002222"}),
        ({"number": " 15550002222"}, {"number": "+15550002222"}),
        ({"limit": "1"}, {"limit": 1}),
        ({"limit": "200"}, {"limit": 200}),
        ({"from": "2026-11-28T09:30:00Z"}, {"since": NINE}),
        ({"from": "2026-11-28T09:30"}, {"since": NINE}),
        ({"from": "2026-11-28T10:30:00+01:00"}, {"since": NINE}),
        ({"from": "2026-11-28T10:30:00 01:00"}, {"since": NINE}),
        ({"from": "2026-11-28"}, {"since": NINE - 34_200_000}),
        ({"from": "1066-10-14"}, {"since": 0}),
        ({"from": "0001-01-01T00:00:00+23:00"}, {"since": 0}),
        ({"to": "2026-11-28T09:30:00.5Z"}, {"before": Place(NINE + 500, "")}),
        ({"from": "2026-11-28", "to": "2026-11-28"}, {"since": NINE - 34_200_000}),
    ],
)
def test_what_is_asked_for_is_wanted(asked, wanted):
    if "to" in asked and "from" in asked:
        wanted = wanted | {"before": Place(NINE - 34_200_000, "")}
    expected = Wanted(NAMES, 50)._replace(**wanted)
    assert ended_query.wanted(ENDED | asked, NAMES) == expected


def test_a_cursor_goes_on_where_a_page_ended_within_what_is_asked_for():
    cursor = ended_query.cursor(PLACE)
    assert cursor.isascii()
    assert "=" not in cursor
    assert ended_query.wanted({"cursor": cursor}, NAMES).before == PLACE
    later, earlier = {"to": "2026-11-29"}, {"to": "2026-11-28"}
    assert ended_query.wanted({"cursor": cursor} | later, NAMES).before == PLACE
    assert ended_query.wanted({"cursor": cursor} | earlier, NAMES).before == Place(
        NINE - 34_200_000, ""
    )


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"number": "5550002222"}, "not a number such as"),
        ({"number": ""}, "not a number such as"),
        *(
            ({"limit": text}, "limit is a whole number from 1 to 200")
            for text in ("0", "201", "-1", "1e2", "", "٣", "9" * 5000)
        ),
        *(
            ({"from": text}, "from is a time such as 2026-11-28T09:30:00Z, or a day")
            for text in (
                "",
                "yesterday",
                "1795858200",
                "2026-13-01",
                "2" * 5000,
            )
        ),
        ({"to": "28.11.2026"}, "to is a time such as"),
        ({"from": "2026-11-28", "to": "2026-11-27"}, "to is before from"),
        *(
            ({"cursor": text}, "the cursor is none that was given out here")
            for text in (
                "",
                "x",
                "é",
                "A" * 5000,
                encoded("7"),
                encoded(f"x.{call_sid(7)}"),
                encoded(f"٣.{call_sid(7)}"),
                encoded(f"{2**53 + 1}.{call_sid(7)}"),
                encoded("7.CA*"),
            )
        ),
    ],
)
def test_what_cannot_be_read_is_answered_in_words(asked, words):
    with pytest.raises(SubscriberError, match=words) as caught:
        ended_query.wanted(ENDED | asked, NAMES)
    assert caught.value.code is EndCode.BAD_REQUEST
