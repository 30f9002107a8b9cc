"""The JavaScript client: what is read together shares a connection, and each gets all of it."""

import asyncio
import json
import subprocess

from deno import find_deno_bin
from support.breaker import Breaker
from support.clients import PROGRAMS
from support.processes import ENVIRON
from support.timing import patience
from websockets.asyncio.server import serve as serving_websockets

NUMBER = "+15550003333"
RECORDS = 1500


async def test_readings_share_a_connection_and_the_slow_one_is_sent_the_rest_again(
    serve, token, tell
):
    """
    One that does not keep up, one that begins late, one of the newest records, one from behind a
    record, and one of the call's number; then nothing keeps the program alive.
    """
    service = serve()
    call = await tell(service, to=NUMBER)
    await call.say_much("x", RECORDS)
    async with Breaker(service.port) as breaker, patience():
        url = f"http://127.0.0.1:{breaker.port}"
        program = str(PROGRAMS / "together.mjs")
        process = await asyncio.create_subprocess_exec(
            *(find_deno_bin(), "run", "--no-check", "--allow-net", program),
            *(url, token, call.sid, NUMBER),
            env={**ENVIRON, "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            limit=1024 * 1024,
        )
        assert json.loads(await process.stdout.readline()) == "reading"
        await call.end()
        told = json.loads(await process.stdout.readline())
        assert await process.wait() == 0
    last = RECORDS + 2
    everything = list(range(1, last + 1))
    assert told["seqs"]["slow"] == told["seqs"]["late"] == told["seqs"]["number"] == everything
    assert told["seqs"]["behind"] == list(range(1491, last + 1))
    # The three newest when it began, and what came then.
    assert told["seqs"]["newest"] == list(range(RECORDS - 1, last + 1))
    assert told["refused"] == "more than 100 subscriptions"
    assert told["state"] == "idle"
    assert breaker.connections == 1


async def test_of_calls_that_were_let_go_as_many_are_remembered_as_are_read_at_once():
    """Something may be under way of those: it begins none of them for who follows their number."""
    count = 120
    sids = [f"CA{number:032}" for number in range(1, count + 1)]

    def said(kind: str, call_sid: str, **more) -> str:
        return json.dumps({"type": kind, "callSid": call_sid, **more})

    async def serve(socket) -> None:
        await socket.send("[]")
        await socket.recv()  # the number
        begins = {"seq": 1, "v": 1, "at": 0, "from": NUMBER, "to": None, "startedAt": 0}
        first = f"CA{'f' * 32}"
        await socket.send(said("CallStarted", first, **begins))
        left = 0
        while left < count:
            left += "unsubscribe" in json.loads(await socket.recv())
        for call_sid in (sids[0], sids[-1]):
            await socket.send(said("Expired", call_sid, first=2))
        await socket.send(said("CallEnded", first, seq=2, v=1, at=0))
        await socket.wait_closed()

    async with serving_websockets(serve, "127.0.0.1", 0) as server, patience():
        url = "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
        process = await asyncio.create_subprocess_exec(
            *(find_deno_bin(), "run", "--no-check", "--allow-net"),
            *(str(PROGRAMS / "let_go.mjs"), url, str(count)),
            env={**ENVIRON, "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
        )
        output, _ = await process.communicate()
    told = [json.loads(line) for line in output.splitlines()]
    assert told == [["Expired", sids[0]], ["CallEnded", f"CA{'f' * 32}"]]
