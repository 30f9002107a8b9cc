"""The REST API of the stand-in, used by Twilio's own SDK."""

import asyncio

import httpx
import pytest
from support.timing import PATIENCE, until
from support.twilio_sdk import CALLED, CALLER, OTHER, Sdk
from twilio.base.exceptions import TwilioRestException

SOMEBODY = f"CA{'0' * 32}"
WAITING = '<Response><Pause length="3600"/></Response>'


@pytest.fixture
async def call(twilio, server):
    """A call that is in progress, for as long as it is let."""
    server.answers["/voice"] = lambda _: WAITING
    running = twilio.call(CALLED, CALLER)
    await until(lambda: running.clock is not None)
    return running


async def refused(sdk: Sdk, work) -> tuple[int, int]:
    """Return the HTTP status and the code with which a request is refused."""
    with pytest.raises(TwilioRestException) as caught:
        await sdk.do(work)
    return caught.value.status, caught.value.code


async def test_a_number_is_found_changed_and_found_again(sdk, server, account):
    account.add_number(OTHER)
    [number] = await sdk.do(lambda client: client.incoming_phone_numbers.list(phone_number=CALLED))
    assert (number.phone_number, number.voice_url) == (CALLED, f"{server.url}/voice")
    urls = {
        "voice_url": "https://calls.example.com/twilio/voice#rc=3&rp=all",
        "voice_fallback_url": "https://other.example.com/voice",
        "status_callback": "https://calls.example.com/twilio/status",
    }
    changed = await sdk.do(lambda client: number.update(voice_method="GET", **urls))
    again = await sdk.do(lambda client: client.incoming_phone_numbers(number.sid).fetch())
    for found in (changed, again):
        assert {name: getattr(found, name) for name in urls} == urls
        assert found.voice_method == "GET"
        assert found.capabilities["voice"] is True
    everyone = await sdk.do(lambda client: client.incoming_phone_numbers.list())
    assert [one.phone_number for one in everyone] == [CALLED, OTHER]
    part = await sdk.do(
        lambda client: client.incoming_phone_numbers.list(phone_number="555010***3")
    )
    assert [one.phone_number for one in part] == [OTHER]


async def test_a_number_is_not_given_a_url_that_is_none(sdk, twilio):
    [number] = await sdk.do(lambda client: client.incoming_phone_numbers.list())
    update = number.update
    assert await refused(sdk, lambda _: update(voice_url="http://example.com/")) == (400, 21402)
    assert await refused(sdk, lambda _: update(voice_method="PUT")) == (400, 21403)
    fallback = {"voice_url": "", "voice_fallback_url": "https://example.com/"}
    assert await refused(sdk, lambda _: update(**fallback)) == (400, 21405)


async def test_a_call_is_fetched_listed_and_ended(sdk, call):
    fetched = await sdk.do(lambda client: client.calls(call.leg.sid).fetch())
    assert (fetched.status, fetched.direction) == ("in-progress", "inbound")
    assert (fetched._from, fetched.to) == (CALLER, CALLED)
    assert fetched.start_time is not None
    assert fetched.duration is None
    [listed] = await sdk.do(lambda client: client.calls.list(status="in-progress"))
    assert listed.sid == call.leg.sid
    await sdk.do(lambda client: client.calls(call.leg.sid).update(status="completed"))
    await call.over.wait()
    ended = await sdk.do(lambda client: client.calls(call.leg.sid).fetch())
    talked = call.leg.ended_at - call.leg.answered_at
    assert (ended.status, ended.duration) == ("completed", f"{talked:.0f}")
    change = {"status": "completed"}
    assert await refused(sdk, lambda c: c.calls(call.leg.sid).update(**change)) == (404, 20404)


async def test_a_list_comes_in_pages(sdk, account):
    for last in range(7):
        account.add_number(f"+1555010010{last}")
    found = await sdk.do(lambda client: client.incoming_phone_numbers.list(page_size=3))
    assert len({one.sid for one in found}) == 8


async def test_a_live_call_is_given_other_twiml_and_its_streams_go_on(sdk, call, server):
    calls = await sdk.do(lambda client: client.calls(call.leg.sid))
    await sdk.do(lambda client: calls.streams.create(url=server.stream_url))
    await until(lambda: list(server.started()))
    await sdk.do(lambda _: calls.update(twiml="<Response><Say>Wait.</Say><Pause/></Response>"))
    await call.over.wait()
    await server.stopped(1)
    assert call.forks.all[0].error == ""


async def test_a_live_call_is_led_to_another_url(sdk, call, server):
    await sdk.do(lambda c: c.calls(call.leg.sid).update(url=f"{server.url}/next", method="GET"))
    [form] = await server.told("/next", 1)
    assert form["CallSid"] == call.leg.sid
    await call.over.wait()
    assert [(one.method, one.signed) for one in server.asked] == [("POST", True), ("GET", True)]


async def test_a_stream_is_started_and_stopped_by_sid_or_name(sdk, call, server):
    streams = await sdk.do(lambda client: client.calls(call.leg.sid).streams)
    one = await sdk.do(
        lambda _: streams.create(
            url=server.stream_url,
            name="one",
            track="both_tracks",
            status_callback=f"{server.url}/status",
            parameter1_name="ticket",
            parameter1_value="abc",
            parameter2_name="empty",
            parameter2_value="",
        )
    )
    assert (one.status, one.name, one.call_sid) == ("in-progress", "one", call.leg.sid)
    two = await sdk.do(lambda _: streams.create(url=server.stream_url))
    assert two.name == two.sid
    await until(lambda: len(list(server.started())) == 2)
    starts = {start["streamSid"]: start for start in server.started()}
    assert starts[one.sid]["customParameters"] == {"ticket": "abc", "empty": ""}
    assert (starts[one.sid]["tracks"], starts[two.sid]["tracks"]) == (
        ["inbound", "outbound"],
        ["inbound"],
    )
    for name in ("one", two.sid):
        stopped = await sdk.do(lambda _, name=name: streams(name).update(status="stopped"))
        assert stopped.status == "stopped"
    told = await server.told("/status", 2)
    assert [form["StreamEvent"] for form in told] == ["stream-started", "stream-stopped"]
    assert call.hung_up is None
    assert await refused(sdk, lambda _: streams("three").update(status="stopped")) == (404, 20404)


async def test_a_fifth_track_is_refused_until_another_ends(sdk, call, server):
    streams = await sdk.do(lambda client: client.calls(call.leg.sid).streams)
    both = {"url": server.stream_url, "track": "both_tracks"}
    first = await sdk.do(lambda _: streams.create(**both))
    await sdk.do(lambda _: streams.create(**both))
    status, _ = await refused(sdk, lambda _: streams.create(url=server.stream_url))
    assert status == 400
    await sdk.do(lambda _: streams(first.sid).update(status="stopped"))
    await sdk.do(lambda _: streams.create(**both))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"track": "every_track"}, 31941),
        ({"url": "https://calls.example.com/twilio"}, 31922),
        ({"url": "ws://calls.example.com/twilio"}, 31922),
        ({"parameter1_name": "a", "parameter1_value": "b" * 499}, 31923),
        ({"status_callback": "not a url"}, 21205),
    ],
)
async def test_a_stream_that_cannot_begin_is_refused(sdk, call, server, changes, code):
    asked = {"url": server.stream_url, **changes}
    found = await refused(sdk, lambda c: c.calls(call.leg.sid).streams.create(**asked))
    assert found == (400, code)


async def test_what_is_not_there_is_404(sdk, call, twilio, account):
    assert await refused(sdk, lambda client: client.calls(SOMEBODY).fetch()) == (404, 20404)
    call.hang_up()
    await call.over.wait()
    create = {"url": "wss://calls.example.com/twilio"}
    assert await refused(sdk, lambda c: c.calls(call.leg.sid).streams.create(**create)) == (
        404,
        20404,
    )
    auth = account.sid, account.auth_token
    of = f"{twilio.url}/2010-04-01/Accounts/{account.sid}"
    async with httpx.AsyncClient(auth=auth) as client:
        # Twilio has neither a list of streams nor a way to fetch one.
        streams = await client.get(f"{of}/Calls/{call.leg.sid}/Streams.json")
        nothing = await client.get(f"{of}/Nothing.json")
    assert (streams.status_code, streams.json()["code"]) == (405, 20004)
    assert (nothing.status_code, nothing.json()["code"]) == (404, 20404)


async def test_credentials_are_the_token_or_an_api_key(twilio, account):
    account.api_keys["SK1"] = "secret"
    with Sdk(twilio.url, "SK1", "secret", account.sid) as by_key:
        assert len(await by_key.do(lambda client: client.incoming_phone_numbers.list())) == 1
        assert (await by_key.do(lambda c: c.api.accounts(account.sid).fetch())).status == "active"
    for user, password, of in (
        (account.sid, "wrong", account.sid),
        ("SK1", account.auth_token, account.sid),
        ("SK2", "secret", account.sid),
        (f"AC{'1' * 32}", account.auth_token, f"AC{'1' * 32}"),
    ):
        with Sdk(twilio.url, user, password, of) as other:
            assert await refused(other, lambda c: c.calls(SOMEBODY).fetch()) == (401, 20003)
    async with httpx.AsyncClient() as client:
        for header in ({}, {"Authorization": "Basic !"}, {"Authorization": "Bearer eyJ"}):
            url = f"{twilio.url}/2010-04-01/Accounts/{account.sid}.json"
            assert (await client.get(url, headers=header)).status_code == 401


async def test_too_many_requests_at_once_are_refused_and_counted(twilio, account, sdk):
    twilio.load.most = 3
    twilio.load.latency = 3  # all five are there before the first is answered
    auth = account.sid, account.auth_token
    url = f"{twilio.url}/2010-04-01/Accounts/{account.sid}/Calls.json"
    async with httpx.AsyncClient(auth=auth, timeout=PATIENCE) as client:
        answers = await asyncio.gather(*(client.get(url) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 429, 429]
    for answer in answers:
        if answer.status_code == 200:
            assert float(answer.headers["Twilio-Request-Duration"]) >= 3
        else:
            assert answer.json()["code"] == 20429
    in_flight = sorted(int(answer.headers["Twilio-Concurrent-Requests"]) for answer in answers)
    assert in_flight[:3] == [1, 2, 3]  # those that are refused are over at once
    assert min(in_flight[3:]) > 3
    twilio.load.latency = 0
    twilio.load.refuse = 1
    assert await refused(sdk, lambda client: client.calls(SOMEBODY).fetch()) == (429, 20429)
    assert await sdk.do(lambda client: client.calls.list()) == []


async def test_a_call_is_made_and_told_of(sdk, server):
    made = await sdk.do(
        lambda client: client.calls.create(
            OTHER,
            CALLED,
            url=f"{server.url}/outbound",
            status_callback=f"{server.url}/status",
            status_callback_event=["initiated", "ringing", "answered", "completed"],
        )
    )
    assert (made.status, made.direction) == ("queued", "outbound-api")
    told = await server.told("/status", 4)
    assert [form["CallStatus"] for form in told] == [
        "initiated",
        "ringing",
        "in-progress",
        "completed",
    ]
    assert [form["SequenceNumber"] for form in told] == ["0", "1", "2", "3"]
    [form] = server.forms("/outbound")
    assert (form["CallStatus"], form["Direction"], form["To"]) == (
        "in-progress",
        "outbound-api",
        OTHER,
    )


async def test_a_call_to_a_number_of_the_account_comes_in_there(sdk, server):
    server.answers["/voice"] = lambda _: WAITING
    twiml = '<Response><Pause length="1"/></Response>'
    await sdk.do(lambda client: client.calls.create(CALLED, OTHER, twiml=twiml))
    [form] = await server.told("/voice", 1)
    assert (form["Direction"], form["From"], form["To"]) == ("inbound", OTHER, CALLED)
    [called, _] = await sdk.do(lambda client: client.calls.list())
    assert called.direction == "inbound"
