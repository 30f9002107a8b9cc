"""handler/twilio/rest.py: Twilio's REST API, asked over real sockets; its own SDK as the oracle."""

import asyncio
import subprocess
import sys

import pytest
from starlette.responses import Response
from structlog.testing import capture_logs
from support.processes import ENVIRON
from support.sids import account_sid, call_sid, stream_sid
from support.timing import PATIENCE, patience, until
from support.twilio_api import Api, Asked, said, serving
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from handler.errors import TwilioApiError
from handler.twilio.accounts import Account, Accounts
from handler.twilio.api_connection import MAX_ANSWER
from handler.twilio.pace import IN_FLIGHT
from handler.twilio.rest import RestClient

AC, CA, MZ = account_sid(1), call_sid(1), stream_sid(1)
PN = "PN" + "0" * 32
NUMBER = "+15551230000"
KEY = ("SK" + "0" * 32, "secret-of-the-key")
SHORT = 0.5  # seconds: the patience of a wish that is to fail
REFUSED_WITHIN = 3  # and of one that is to have an answer before, and not another one
STREAM = {"sid": MZ, "account_sid": AC, "call_sid": CA, "name": "tr-1", "status": "in-progress"}
CALL = {
    "sid": CA,
    "account_sid": AC,
    "parent_call_sid": None,
    "status": "in-progress",
    "direction": "inbound",
    "from": "+15557650000",
    "to": NUMBER,
    "start_time": "Thu, 30 Jul 2015 20:00:00 +0000",
    "end_time": None,
    "duration": None,
    "subresource_uris": {"streams": "/…"},
}
PHONE_NUMBER = {
    "sid": PN,
    "account_sid": AC,
    "phone_number": NUMBER,
    "friendly_name": "Sales",
    "voice_url": "https://old.example.com/voice",
    "voice_method": "GET",
    "voice_fallback_url": "",
    "voice_application_sid": "",
    "trunk_sid": None,
    "status_callback": "",
    "status_callback_method": "POST",
    "capabilities": {"voice": True},
}


class Redirected(TwilioHttpClient):
    """The SDK's own client, asking another host."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def request(self, method, url, **options):
        return super().request(method, url.replace("https://api.twilio.com", self._url), **options)


@pytest.fixture
async def api():
    api = Api()
    async with serving(api) as api.url:
        yield api


@pytest.fixture
async def rest(api):
    accounts = Accounts(Account(sid=AC, auth_tokens=("token",)))
    async with RestClient(accounts, api.url, patience=PATIENCE) as client:
        yield client


async def sdk(api: Api, ask):
    """Ask with Twilio's SDK; returns what it was asked, and what it understood."""
    before = len(api.asked)
    client = Client(AC, "token", http_client=Redirected(api.url))
    understood = await asyncio.to_thread(ask, client)
    return api.asked[before], understood


def in_order(asked: Asked) -> tuple[object, ...]:
    """Return a request without the order of its fields, which says nothing."""
    return (
        asked.method,
        asked.path,
        asked.query.items() - {("PageSize", "50")},
        sorted(asked.form),
        asked.user,
        asked.password,
    )


async def test_a_stream_is_begun_and_stopped_as_by_twilios_sdk(api, rest):
    api.answer = lambda _: said(201, STREAM)
    url, callback = "wss://calls.example.com/twilio", "https://calls.example.com/twilio/status"
    stream = await rest.start_stream(
        AC,
        CA,
        url=url,
        name="tr-1",
        status_callback=callback,
        parameters={"ticket": "a+b=&c", "name": "Zoë"},
    )
    theirs, understood = await sdk(
        api,
        lambda client: client.calls(CA).streams.create(
            url=url,
            name="tr-1",
            track="both_tracks",
            status_callback=callback,
            status_callback_method="POST",
            parameter1_name="ticket",
            parameter1_value="a+b=&c",
            parameter2_name="name",
            parameter2_value="Zoë",
        ),
    )
    assert in_order(api.asked[0]) == in_order(theirs)
    assert (stream.sid, stream.name, stream.status) == (
        understood.sid,
        understood.name,
        understood.status,
    )
    await rest.stop_stream(AC, CA, "tr-1")
    theirs, _ = await sdk(
        api, lambda client: client.calls(CA).streams("tr-1").update(status="stopped")
    )
    assert in_order(api.asked[2]) == in_order(theirs)


async def test_a_call_is_read_as_by_twilios_sdk(api, rest):
    api.answer = lambda _: said(200, CALL)
    call = await rest.fetch_call(AC, CA)
    theirs, understood = await sdk(api, lambda client: client.calls(CA).fetch())
    assert in_order(api.asked[0]) == in_order(theirs)
    assert call is not None
    assert (call.sid, call.status, call.direction, call.from_number, call.to_number) == (
        understood.sid,
        understood.status,
        understood.direction,
        understood._from,
        understood.to,
    )
    assert not call.over


async def test_a_call_that_twilio_does_not_know_is_none(api, rest):
    api.answer = lambda _: said(404, {"code": 20404, "message": "not found", "status": 404})
    assert await rest.fetch_call(AC, CA) is None
    with pytest.raises(TwilioRestException):
        await sdk(api, lambda client: client.calls(CA).fetch())


async def test_a_number_is_found_and_set_as_by_twilios_sdk(api, rest):
    longer = {**PHONE_NUMBER, "sid": "PN" + "1" * 32, "phone_number": NUMBER + "1"}
    api.answer = lambda asked: said(
        200,
        PHONE_NUMBER
        if asked.method == "POST"
        else {"incoming_phone_numbers": [longer, PHONE_NUMBER], "page": 0},
    )
    number = await rest.find_number(AC, NUMBER)
    theirs, _ = await sdk(
        api, lambda client: client.incoming_phone_numbers.list(phone_number=NUMBER)
    )
    assert in_order(api.asked[0]) == in_order(theirs)
    assert number is not None
    assert (number.sid, number.voice_url, number.trunk_sid) == (
        PN,
        "https://old.example.com/voice",
        None,
    )
    await rest.set_number(AC, PN, {"VoiceUrl": "https://a.example/b#rc=3", "StatusCallback": ""})
    theirs, understood = await sdk(
        api,
        lambda client: client.incoming_phone_numbers(PN).update(
            voice_url="https://a.example/b#rc=3", status_callback=""
        ),
    )
    assert in_order(api.asked[2]) == in_order(theirs)
    assert understood.voice_url == number.voice_url


async def test_a_number_of_which_there_are_only_longer_ones_is_none(api, rest):
    api.answer = lambda _: said(
        200, {"incoming_phone_numbers": [{**PHONE_NUMBER, "phone_number": NUMBER + "1"}]}
    )
    assert await rest.find_number(AC, NUMBER) is None


async def test_an_api_key_is_asked_with_where_there_is_one(api):
    api.answer = lambda _: said(200, CALL)
    accounts = Accounts(Account(sid=AC, auth_tokens=("token",), api_key=KEY))
    async with RestClient(accounts, api.url) as client:
        await client.fetch_call(AC, CA)
    assert [(asked.user, asked.password) for asked in api.asked] == [KEY]


async def test_of_two_auth_tokens_the_one_that_twilio_takes_is_used(api):
    api.answer = lambda asked: (
        said(200, CALL) if asked.password == "new" else said(401, {"code": 20003})
    )
    accounts = Accounts(Account(auth_tokens=("old", "new")))
    async with RestClient(accounts, api.url, patience=PATIENCE) as client:
        assert await client.fetch_call(AC, CA) is not None
    assert [(asked.user, asked.password) for asked in api.asked] == [(AC, "old"), (AC, "new")]


async def test_another_account_is_not_asked_for_with_our_credentials(api, rest):
    with pytest.raises(TwilioApiError, match="no credentials for AC"):
        await rest.fetch_call(account_sid(2), CA)
    assert api.asked == []


async def test_no_more_are_on_their_way_than_may_be_however_many_wish(api, rest):
    api.answer = lambda _: said(201, STREAM)
    api.gate = asyncio.Event()
    async with patience(), asyncio.TaskGroup() as wishes:
        for number in range(5 * IN_FLIGHT):
            wishes.create_task(rest.start_stream(AC, call_sid(number), url="wss://a.example/t"))
        await until(lambda: len(api.asked) == IN_FLIGHT)
        api.gate.set()
    assert api.most_at_once == IN_FLIGHT
    assert {asked.path.split("/")[5] for asked in api.asked[:IN_FLIGHT]} == {
        call_sid(number) for number in range(IN_FLIGHT)
    }
    assert len(api.asked) == 5 * IN_FLIGHT


@pytest.mark.parametrize("bears", [2, 5])
async def test_what_an_account_bears_is_found_and_nothing_is_asked_in_vain_or_twice(api, bears):
    """Each stream is begun once, whatever was refused with 429 before."""
    begun: list[str] = []

    def answer(asked: Asked) -> Response:
        counted = {"Twilio_Concurrent_Requests": str(api.at_once)}
        if api.at_once > bears:
            return said(429, {"code": 20429, "message": "Too Many Requests"}, **counted)
        begun.append(asked.path)
        return said(201, STREAM, **counted)

    class Busy(Api):
        """Works on each request for a while, as they would meet nowhere else."""

        async def __call__(self, scope, receive, send):
            self.gate = asyncio.Event()
            asyncio.get_running_loop().call_later(0.02, self.gate.set)
            await super().__call__(scope, receive, send)

    api = Busy(answer=answer)
    accounts = Accounts(Account(sid=AC, auth_tokens=("token",)))
    async with serving(api) as url, RestClient(accounts, url, patience=PATIENCE) as client:
        wishes = [
            client.start_stream(AC, call_sid(number), url="wss://a.example/t")
            for number in range(2 * IN_FLIGHT)
        ]
        async with patience():
            await asyncio.gather(*wishes)
        assert len(begun) == len(set(begun)) == 2 * IN_FLIGHT
        assert client.throttled == len(api.asked) - len(begun)
        assert client.most_concurrent > bears
        # Of a crowd that came at once each may be refused once; then they are few.
        assert client.throttled < 4 * IN_FLIGHT


async def test_we_wait_as_long_as_twilio_says(api, rest):
    api.answers.append(said(429, {"code": 20429}, Retry_After="1"))
    api.answer = lambda _: said(200, CALL)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    assert await rest.fetch_call(AC, CA) is not None
    assert loop.time() - begun > 1
    assert (rest.requests, rest.throttled, rest.failed) == (2, 1, 0)


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_question_that_failed_there_is_asked_again(api, rest, status):
    api.answers.append(said(status))
    api.answer = lambda _: said(200, CALL)
    assert await rest.fetch_call(AC, CA) is not None
    assert len(api.asked) == 2


@pytest.mark.parametrize("status", [500, 503])
async def test_what_changes_something_and_failed_there_is_made_once(api, rest, status):
    api.answer = lambda _: said(status, {"message": "oops"})
    with pytest.raises(TwilioApiError) as caught:
        await rest.start_stream(AC, CA, url="wss://a.example/t")
    assert (caught.value.status, caught.value.retry, len(api.asked)) == (status, False, 1)


async def test_what_breaks_off_is_asked_again_only_if_it_is_a_question(rest, api):
    broken = Response("")
    broken.raw_headers = [(b"content-length", b"10")]
    api.answers.append(broken)
    api.answer = lambda _: said(200, CALL)
    assert await rest.fetch_call(AC, CA) is not None
    api.answers.append(broken)
    with pytest.raises(TwilioApiError) as caught:
        await rest.stop_stream(AC, CA, MZ)
    assert (caught.value.status, caught.value.retry, len(api.asked)) == (None, False, 3)


async def test_what_was_never_sent_is_made_when_the_api_is_back(api):
    """Whatever it is: nothing can have come of it."""
    api.answer = lambda _: said(201, STREAM)
    accounts = Accounts(Account(sid=AC, auth_tokens=("token",)))
    async with serving(api) as url:
        pass  # and is gone
    async with RestClient(accounts, url, patience=PATIENCE) as client:
        wish = asyncio.create_task(client.start_stream(AC, CA, url="wss://a.example/t"))
        async with patience():
            await until(lambda: client.requests == 2)
            async with serving(api, port=int(url.rpartition(":")[2])):
                assert (await wish).sid == MZ
    assert len(api.asked) == 1


async def test_who_is_not_answered_in_time_learns_whether_to_ask_again(api):
    api.gate = asyncio.Event()
    accounts = Accounts(Account(sid=AC, auth_tokens=("token",)))
    async with RestClient(accounts, api.url, patience=SHORT) as client:
        await client._connected()  # else it may still be loading, and nothing was sent
        with pytest.raises(TwilioApiError, match=r"no answer within 0\.5 s") as caught:
            await client.start_stream(AC, CA, url="wss://a.example/t")
        assert not caught.value.retry  # it may have begun
        with pytest.raises(TwilioApiError) as caught:
            await client.fetch_call(AC, CA)
        assert caught.value.retry
        assert client.failed == 2
    api.gate.set()
    api.answer = lambda _: said(429, {"code": 20429}, Retry_After="60")
    async with RestClient(accounts, api.url, patience=REFUSED_WITHIN) as client:
        with pytest.raises(TwilioApiError, match="the last time: too many requests") as caught:
            await client.start_stream(AC, CA, url="wss://a.example/t")
        assert (caught.value.status, caught.value.code, caught.value.retry) == (429, 20429, True)
        assert client.failed == 1


async def test_who_waits_for_a_turn_and_leaves_takes_no_turn(api, rest):
    api.answer = lambda _: said(200, CALL)
    api.gate = asyncio.Event()
    wishes = [asyncio.create_task(rest.fetch_call(AC, CA)) for _ in range(3 * IN_FLIGHT)]
    async with patience():
        await until(lambda: len(api.asked) == IN_FLIGHT)
        for wish in wishes[:-1]:
            wish.cancel()
        await asyncio.wait(wishes[:-1])
        api.gate.set()
        assert await wishes[-1] is not None
    assert len(api.asked) == IN_FLIGHT + 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (said(401, {"code": 20003, "message": "Authenticate"}), "takes no such credentials"),
        (said(403, {"code": 20003}), "a restricted API key"),
        (said(400, {"code": 21220, "message": "Call is not in-progress"}), "not in-progress"),
        (said(301, Location="https://elsewhere.example/"), "HTTP 301"),
        (said(200, {"nothing": 1}), "is TWILIO_API_URL the address"),
        (said(200, "x" * MAX_ANSWER), "longer than"),
        (Response(b"\x1f\x8b", 200, {"Content-Encoding": "gzip"}), "compressed"),
    ],
)
async def test_what_went_wrong_is_said_in_words(api, rest, answer, words):
    api.answer = lambda _: answer
    with pytest.raises(TwilioApiError, match=words):
        await rest.stop_stream(AC, CA, MZ)
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [("http://nobody.invalid", "no such host"), ("https://127.0.0.1:{port}", "TLS failed")],
)
async def test_an_address_that_is_wrong_is_not_tried_again(api, url, words):
    accounts = Accounts(Account(sid=AC, auth_tokens=("token",)))
    port = api.url.rpartition(":")[2]
    async with RestClient(accounts, url.format(port=port), patience=PATIENCE) as client:
        with pytest.raises(TwilioApiError, match=words):
            await client.fetch_call(AC, CA)
        assert client.requests == 1


async def test_no_part_of_a_path_leads_elsewhere(api, rest):
    with pytest.raises(TwilioApiError):
        await rest.stop_stream(AC, CA, "../../a?b=c#d/e")
    assert api.asked[0].path.endswith(f"/Calls/{CA}/Streams/..%2F..%2Fa%3Fb%3Dc%23d%2Fe.json")


async def test_no_secret_is_said_whatever_goes_wrong(api, rest):
    api.answer = lambda asked: said(401, {"code": 20003, "message": asked.path})
    with capture_logs() as lines, pytest.raises(TwilioApiError) as caught:
        await rest.start_stream(AC, CA, url="wss://a.example/t")
    assert "token" not in f"{caught.value!r} {rest!r} {lines} {vars(rest)}".replace("TOKEN", "")


async def test_durations_and_twilios_own_count_are_noted(api):
    api.answers.extend(
        said(200, CALL, Twilio_Concurrent_Requests=count) for count in ("3", "7", "many", "2")
    )
    durations: list[float] = []
    accounts = Accounts(Account(sid=AC, auth_tokens=("token",)))
    async with RestClient(accounts, api.url) as client:
        client.note_duration = durations.append
        for _ in range(4):
            await client.fetch_call(AC, CA)
    assert (client.concurrent, client.most_concurrent, len(durations)) == (2, 7, 4)


async def test_nothing_is_asked_once_it_is_closed(api, rest):
    api.answer = lambda _: said(429, Retry_After="0")
    wish = asyncio.create_task(rest.fetch_call(AC, CA))
    async with patience():
        await until(lambda: api.asked)
        await rest.close()
        with pytest.raises(TwilioApiError):
            await wish
        with pytest.raises(TwilioApiError):
            await rest.fetch_call(AC, CA)


def test_the_http_client_is_not_imported_before_it_is_needed():
    program = "import handler.app, sys; print('httpx' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], env=ENVIRON, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
