"""handler/calls/restarter.py: a call whose media stream is dead is heard again, if it goes on."""

import asyncio
import contextlib
import re
from collections import Counter
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs
from support.brokers import kill_broker, read_records
from support.containers import Phone, containers, said
from support.sids import account_sid, call_sid, stream_sid
from support.timing import PATIENCE, patience, until
from support.twilio_api import Api, serving
from support.twilio_api import said as answer

from broker import supervise
from handler.calls.media_stream import End
from handler.errors import StreamRefused
from handler.twilio.callbacks import StreamCallback

PATH = re.compile(r"/2010-04-01/Accounts/AC\w+/Calls/CA\w+(/Streams)?(/MZ\w+)?\.json")
TOO_OFTEN = "media stream is not started again: it was too often"
ERROR = StreamCallback(
    account_sid(1), call_sid(1), stream_sid(1), "stream-error", "31903 Broken Pipe"
)


@dataclass
class Twilio:
    """
    A call in progress, as its API has it.

    Attributes:
        status: Of the call; None: it knows none.
        takes: Where the streams come in that are asked for; None: nowhere.
        fails: Whether each stream is lost at once.
        answers: To the next wishes for streams, in place of a stream.
        asked: What was asked, in order.
    """

    phone: Phone = field(default_factory=lambda: Phone(seconds=20))
    status: str | None = "in-progress"
    takes: object = None
    fails: bool = False
    answers: list = field(default_factory=list)
    asked: Counter = field(default_factory=Counter)
    forms: list = field(default_factory=list)

    def __call__(self, asked):
        streams, stream = PATH.fullmatch(asked.path).groups()
        if not streams:
            self.asked["call"] += 1
            call = {"sid": self.phone.call_sid, "status": self.status}
            return answer(404, {"code": 20404}) if self.status is None else answer(200, call)
        if stream:
            self.asked["stop"] += 1
            return answer(200, {"sid": stream[1:], "status": "stopped"})
        self.asked["start"] += 1
        self.forms.append(dict(asked.form))
        if self.answers:
            return self.answers.pop(0)
        if self.takes is not None:
            self.phone.stream(self.takes, takes_over=True)
            if self.fails:
                self.phone.end(End.LOST)
        return answer(201, {"sid": stream_sid(len(self.phone.media))})


@contextlib.asynccontextmanager
async def two(**changes):
    """Run two containers, and a call in the first; streams that are asked for reach the second."""
    twilio = Twilio()
    async with patience(), serving(Api(twilio)) as url:
        settings = {
            "twilio_api_url": url,
            "twilio_auth_tokens": ("0" * 32,),
            "public_url": "https://calls.example.com",
            **changes,
        }
        async with containers(**settings) as (mine, theirs):
            twilio.takes = theirs
            twilio.phone.stream(mine)
            await until(lambda: theirs.broker.registry.get(twilio.phone.call_sid))
            await until(lambda: mine.calls.audio.frames > 50)
            yield mine, theirs, twilio


async def told(container, phone):
    """Return the events of a call that has ended, and where its gap begins and ends."""
    records = await read_records(container.broker, phone.call_sid)
    assert len(set(said(records)["inbound"])) == len(said(records)["inbound"])
    events = [record for record in records if record["type"] != "Results"]
    names = [" ".join(filter(None, (one["type"], one.get("reason")))) for one in events]
    gap = next((one for one in events if one["type"] == "Gap"), {"start": 0.0, "end": 0.0})
    return names, (gap["start"], gap["end"])


async def go_on(container, phone):
    """Let a container hear something of a call, and hang up."""
    await until(lambda: container.calls.audio.frames > 50)
    await phone.hang_up()


async def test_a_socket_that_is_lost_while_its_owner_lives_is_followed_by_another():
    async with two() as (_, theirs, twilio):
        twilio.phone.end(End.LOST)
        await go_on(theirs, twilio.phone)
        names, (start, end) = await told(theirs, twilio.phone)
        assert names == ["CallStarted", "CallResumed", "Gap media-lost", "CallEnded completed"]
        # From what had come to where the next stream began.
        assert start >= 50 / 2 * 0.02
        began, resumed = (media.received_at / 1000 for media in twilio.phone.media)
        assert end == pytest.approx(resumed - began, abs=0.01)
        assert twilio.asked == {"call": 1, "start": 1}
        [form] = twilio.forms
        assert (form["Url"], form["Track"]) == ("wss://calls.example.com/twilio", "both_tracks")
        assert form["StatusCallback"] == "https://calls.example.com/twilio/status#rc=3&rp=all"
        assert form["Parameter1.Name"] == "ticket"


async def test_one_that_is_silent_and_answers_nothing_is_as_good_as_lost(monkeypatch):
    monkeypatch.setattr("handler.calls.media_stream.TAKEOVER_SECONDS", 0.4)
    async with two() as (mine, theirs, twilio):
        twilio.phone.fall_silent()
        await until(lambda: len(theirs.calls))
        await until(lambda: not mine.calls.movable())
        assert twilio.asked == {"call": 1, "start": 1}


async def test_of_all_that_hear_of_a_dead_stream_at_once_one_asks_for_another():
    """Its owner has not noticed: it is told when the call is taken."""
    async with two() as (mine, theirs, twilio):
        for container in (mine, theirs, theirs, mine):
            container.restarter.hear(ERROR)
        await until(lambda: not mine.calls.movable())
        await until(lambda: not theirs.restarter._dead)
        await until(lambda: not mine.restarter._dead)
        await twilio.phone.hang_up()
        names, _ = await told(theirs, twilio.phone)
        assert names[:2] == ["CallStarted", "CallResumed"]
        assert twilio.asked == {"call": 1, "start": 1}
        assert mine.restarter.started + theirs.restarter.started == 1


async def test_a_successor_that_listens_needs_no_other_stream():
    """It goes on by itself once the owner is gone."""
    async with two() as (mine, theirs, twilio):
        successor = twilio.phone.stream(theirs, succeeding=True)
        with pytest.raises(StreamRefused):
            twilio.phone.stream(theirs, takes_over=True)
        await kill_broker(mine.broker, *mine.calls._tasks.values())
        theirs.restarter.hear(ERROR)
        assert theirs.restarter._dead
        await until(lambda: not theirs.restarter._dead)
        assert twilio.asked == {}
        entry = theirs.broker.registry.get(twilio.phone.call_sid)
        assert entry.stream_sids == (successor.stream_sid,)


async def test_nor_does_a_call_that_is_heard_again_while_nats_is_told_of_its_start(monkeypatch):
    async with two() as (_, theirs, twilio):
        restarts, call = theirs.broker.restarts, (twilio.phone.call_sid, account_sid(1))
        begin = restarts.begin

        async def late(*start):
            begun = await begin(*start)
            twilio.phone.stream(theirs, takes_over=True)
            await until(lambda: theirs.restarter._unheard(*call) is None)
            return begun

        monkeypatch.setattr(restarts, "begin", late)
        theirs.restarter.hear(ERROR)
        await until(lambda: not theirs.restarter._dead)
        assert twilio.asked == {}


@pytest.mark.parametrize("status", [None, "busy"])
async def test_a_call_that_is_over_by_twilios_word_is_ended(status):
    async with two() as (mine, theirs, twilio):
        twilio.status = status
        twilio.phone.end(End.LOST)
        records = await read_records(theirs.broker, twilio.phone.call_sid)
        assert records[-1]["type"] == "CallEnded"
        ended = records[-1]["reason"], records[-1]["callStatus"]
        assert ended == ("completed", status or "completed")
        assert twilio.asked == {"call": 1}
        await until(lambda: not mine.restarter._dead)


async def test_one_whose_stream_cannot_be_begun_as_it_has_just_ended_is_over_too():
    async with two() as (_, theirs, twilio):
        twilio.answers = [answer(404, {"code": 20404})]
        twilio.phone.end(End.LOST)
        records = await read_records(theirs.broker, twilio.phone.call_sid)
        assert records[-1]["callStatus"] == "completed"


async def test_where_the_dead_stream_still_takes_room_it_is_stopped():
    async with two() as (_, theirs, twilio):
        twilio.answers = [answer(400, {"code": 31941})]
        twilio.phone.end(End.LOST)
        await until(lambda: len(theirs.calls))
        assert twilio.asked == {"call": 1, "start": 2, "stop": 1}


async def test_a_stream_that_fails_at_once_each_time_is_not_begun_without_end(monkeypatch):
    """Nor is one that never comes; and it is said once in the log."""
    monkeypatch.setattr("handler.calls.dead_streams.SPACING_SECONDS", 0.2)
    monkeypatch.setattr("handler.calls.dead_streams.MOST_IN_WINDOW", 3)
    async with two(resume_seconds=PATIENCE) as (mine, _, twilio):
        twilio.takes, twilio.fails = mine, True
        twilio.answers = [answer(500, {}), answer(201, {"sid": stream_sid(9)})]
        with capture_logs() as logs:
            twilio.phone.end(End.LOST)
            await until(lambda: TOO_OFTEN in [line["event"] for line in logs])
            mine.calls.find(twilio.phone.call_sid).streams.close()
            records = await read_records(mine.broker, twilio.phone.call_sid)
            await until(lambda: not mine.restarter._dead)
        assert records[-1]["reason"] == "stream-lost"
        assert twilio.asked == {"call": 3, "start": 3}
        assert (mine.restarter.started, mine.restarter.failed) == (2, 1)
        assert [line["event"] for line in logs].count(TOO_OFTEN) == 1


async def test_that_it_was_too_often_is_said_once_however_often_a_call_is_taken_care_of(
    monkeypatch,
):
    """As of one whose stream comes, and is lost at once: here it is what takes care that ends."""
    monkeypatch.setattr("handler.calls.dead_streams.MOST_IN_WINDOW", 1)
    async with two(resume_seconds=PATIENCE) as (mine, _, twilio):
        twilio.takes = None
        wait, waits = mine.restarter._wait, []

        async def note(seconds, *call):
            waits.append(seconds)
            await wait(seconds, *call)

        monkeypatch.setattr(mine.restarter, "_wait", note)
        with capture_logs() as logs:
            twilio.phone.end(End.LOST)
            await until(lambda: TOO_OFTEN in [line["event"] for line in logs])
            waits.clear()
            await supervise.end(*mine.restarter._tasks)
            await until(lambda: any(waits))  # it was too often to the next that takes care, too
            mine.calls.find(twilio.phone.call_sid).streams.close()
            await until(lambda: not mine.restarter._dead)
        assert twilio.asked == {"call": 1, "start": 1}
        assert [line["event"] for line in logs].count(TOO_OFTEN) == 1


async def test_a_stream_that_twilio_has_stopped_is_not_started_again(monkeypatch):
    """Its word of that may come before its owner has heard it."""
    monkeypatch.setattr("handler.calls.dead_streams.STOPPED_SECONDS", PATIENCE)
    stopped = StreamCallback(account_sid(1), call_sid(1), stream_sid(1), "stream-stopped")
    async with two() as (mine, theirs, twilio):
        theirs.restarter.hear(stopped)
        assert theirs.restarter._dead
        await until(lambda: mine.calls.audio.frames > 100)  # it is not asked for another meanwhile
        twilio.phone.end(End.STOPPED)
        await until(lambda: not theirs.restarter._dead)
        names, _ = await told(theirs, twilio.phone)
        assert names == ["CallStarted", "CallEnded completed"]
        assert twilio.asked == {}


async def test_nor_is_one_that_other_streams_have_followed_or_of_another_account():
    async with two() as (_, theirs, twilio):
        theirs.restarter.hear(StreamCallback(account_sid(2), call_sid(1), stream_sid(1), "x"))
        for number, (account, stream) in enumerate([(2, 1), (1, 7)], 1):
            sids = account_sid(account), call_sid(1), stream_sid(stream)
            theirs.restarter.hear(StreamCallback(*sids, "stream-error"))
            await until(lambda: not theirs.restarter._dead)
            assert twilio.asked == {}, number


async def test_a_call_whose_owner_is_dead_goes_on_elsewhere_once_its_lease_is_over():
    async with two(lease=2) as (mine, theirs, twilio):
        await kill_broker(mine.broker, *mine.calls._tasks.values())
        mine.restarter._watching.cancel()
        await go_on(theirs, twilio.phone)
        names, _ = await told(theirs, twilio.phone)
        assert names == ["CallStarted", "CallResumed", "Gap owner-lost", "CallEnded completed"]
        assert twilio.asked == {"call": 1, "start": 1}


async def test_without_a_public_url_all_is_as_ever():
    async with two(public_url=None, resume_seconds=0.5) as (mine, theirs, twilio):
        theirs.restarter.hear(ERROR)
        twilio.phone.end(End.LOST)
        records = await read_records(mine.broker, twilio.phone.call_sid)
        assert records[-1]["reason"] == "stream-lost"
        assert (twilio.asked, theirs.restarter._dead) == ({}, {})


async def test_nats_may_be_away_meanwhile(monkeypatch):
    monkeypatch.setattr("handler.calls.restarter.NATS_SECONDS", 0.05)
    async with two() as (mine, theirs, twilio):
        connection = mine.broker.connection
        with monkeypatch.context() as patch:
            patch.setattr(type(connection), "connected", property(lambda _: False))
            twilio.phone.end(End.LOST)
            await until(lambda: mine.restarter._dead)
            await asyncio.sleep(0.2)
            assert twilio.asked == {}
        await until(lambda: len(theirs.calls))
