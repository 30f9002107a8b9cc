"""The programs in the documentation do what they say."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.async_api import expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from support.cable import Cable
from support.credentials import TOKEN_SECRET
from support.node import NODE, needs_node
from support.page import needs_chromium, opened, shares_browser
from support.processes import ENVIRON
from support.timing import LOOK, PATIENCE, patience, until
from support.twilio_api import serving

from bench.processes import free_port
from handler.tokens import grants, tokens

DOCS = Path(__file__).parents[2] / "docs"


def example(page: str, language: str, holds: str) -> str:
    """Return the one program of a page that holds some text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    [found] = [block for block in blocks if holds in block]
    return found


READ = """async ({ name, code, url, callSid, token }) => {
  const texts = (window.said = []);
  const note = (message) => { if (message.seq) texts.push(`${message.seq} ${message.type}`); };
  const given = name === "readOverWebSocket" ? async () => token : token;
  const read = eval(`(${code})`);
  await read(url, callSid, given, note).catch((error) => texts.push(error.message));
  return texts;
}"""


def of_clients(language: str, holds: str, *, url: str, call_sid: str = "") -> str:
    """Return a program of docs/clients.md, of this service and this call."""
    program = example("clients.md", language, holds).replace("https://calls.example.com", url)
    return program.replace("CA00000000000000000000000000000000", call_sid)


@asynccontextmanager
async def site(token: str, html: str):
    """Serve somebody's own page, and the tokens that it gets from there; yields its address."""

    async def give_token(_: Request) -> Response:
        return PlainTextResponse(token)

    async def give_page(_: Request) -> Response:
        return HTMLResponse(html)

    routes = [Route("/token", give_token), Route("/", give_page)]
    async with serving(Starlette(routes=routes)) as url:
        yield url


async def said_over_a_break(page, cable, call, line: str) -> None:
    """Say something, before and behind a break; the page shows each of it, once."""
    call.say("Good morning.", 1.0)
    await expect(page.locator(line)).to_have_text(["Good morning."])
    cable.cut()
    cable.mend()
    call.say("Still there?", 5.0, "outbound")
    await expect(page.locator(line)).to_have_text(["Good morning.", "Still there?"])


@needs_chromium
@shares_browser
async def test_somebodys_own_page_reads_a_call_by_our_client(serve, token, tell):
    service = serve()
    call = await tell(service)
    async with Cable(service.port) as cable:
        url = f"http://127.0.0.1:{cable.port}"
        html = of_clients("html", "new Partyline", url=url, call_sid=call.sid)
        async with site(token, html) as own, opened(own) as page:
            await expect(page.locator("#state")).to_have_text("live")
            await said_over_a_break(page, cable, call, "#said li")
            await call.end()
            await expect(page.locator("#state")).to_have_text("over")


UMD = Path("/usr/share/nodejs")
REACT_PAGE = """<!doctype html><title>A call</title><div id="call"></div>
<script>{react}</script><script>{dom}</script>
<script type="importmap">{imports}</script>
<script type="module">{program}</script>"""
NAMED = {
    "react": "export const { createElement, useEffect, useState } = React;",
    "react-dom/client": "export const { createRoot } = ReactDOM;",
}


@needs_chromium
@shares_browser
@pytest.mark.skipif(
    not (UMD / "react-dom").exists() and not os.environ.get("CI"),
    reason="needs React; on Debian and Ubuntu: apt install node-react-dom",
)
async def test_a_component_of_react_shows_a_call(serve, token, tell):
    """Debian's React, as it is for pages without a bundler: an import map stands for one."""
    service = serve()
    call = await tell(service)
    async with Cable(service.port) as cable:
        url = f"http://127.0.0.1:{cable.port}"
        program = of_clients("js", "useCall", url=url, call_sid=call.sid)
        assert len(program.splitlines()) < 20
        modules = {name: f"data:text/javascript,{quote(text)}" for name, text in NAMED.items()}
        html = REACT_PAGE.format(
            react=(UMD / "react/umd/react.production.min.js").read_text(),
            dom=(UMD / "react-dom/umd/react-dom.production.min.js").read_text(),
            imports=json.dumps({"imports": modules}),
            program=program.replace("./partyline/", f"{url}/partyline/"),
        )
        # As a bundler does, the client's own modules find React by its name: so does an import map.
        async with site(token, html) as own, opened(own) as page:
            await expect(page.locator("section.live")).to_be_attached()
            await said_over_a_break(page, cable, call, "li")


async def delivered(port: int, count: int) -> None:
    """Wait until a service has sent so many messages, by its metrics."""
    async with httpx.AsyncClient(trust_env=False) as client, patience():
        while True:
            text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
            told = re.search(r"^partyline_deliveries_total ([0-9.e+]+)$", text, re.MULTILINE)
            if told and float(told[1]) >= count:
                return
            await asyncio.sleep(LOOK)


@needs_node
async def test_a_service_in_node_follows_a_number(serve, token, tell):
    """What it has seen of a call it reads to the end; one that is over before is not told."""
    number, metrics = "+15551230000", free_port()
    service = serve(METRICS_PORT=str(metrics))
    program = of_clients("js", "client.number", url=service.url)
    assert len(program.splitlines()) < 20
    root = DOCS.parent.as_uri()
    async with Cable(service.port) as cable:
        environ = {
            **ENVIRON,
            "PARTYLINE_URL": f"http://127.0.0.1:{cable.port}",
            "PARTYLINE_TOKEN": token,
            "NUMBER": number,
        }
        assert NODE is not None
        process = await asyncio.create_subprocess_exec(
            *NODE,
            "--input-type=module",
            "--eval",
            program.replace("./clients/", f"{root}/clients/"),
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        async with patience():
            while await process.stderr.readline() != b"live\n":
                pass
            call = await tell(service, to=number)
            call.say("Good morning.", 1.0)
            await delivered(metrics, 2)
            cable.cut()
            cable.mend()
            while await process.stderr.readline() != b"live\n":
                pass
            call.say("Still there?", 20.0, "outbound")
            await delivered(metrics, 3)
            await call.end()
            told = json.loads(await process.stdout.readline())
            process.kill()
            await process.communicate()
    lines = ["Good morning.", "Still there?"]
    assert told == {"callSid": call.sid, "reason": "completed", "lines": lines}


@needs_chromium
@shares_browser
@pytest.mark.parametrize("name", ["readOverWebSocket", "readOverEventSource"])
async def test_a_browser_reads_a_call_over_connections_that_break(serve, token, tell, name):
    service = serve()
    call = await tell(service)
    lines = example("protocol.md", "js", name).splitlines(keepends=True)
    asked = {"name": name, "code": "".join(lines[1:]), "callSid": call.sid, "token": token}
    async with (
        Cable(service.port) as cable,
        opened(f"http://127.0.0.1:{cable.port}/healthz") as page,
    ):
        asked["url"] = f"http://127.0.0.1:{cable.port}"
        reading = asyncio.create_task(page.evaluate(READ, asked))
        for number, text in enumerate(("Good morning.", "Still there?"), 2):
            call.say(text, number)
            await page.wait_for_function(f"window.said?.length === {number}")
            cable.cut()
            cable.mend()
        await call.end()
        told = await asyncio.wait_for(reading, PATIENCE)
        assert told == ["1 CallStarted", "2 Results", "3 Results", "4 CallEnded"]
        refused = await page.evaluate(READ, {**asked, "token": "none"})
        assert refused == ["refused: is the token good?"]


async def test_the_python_subscriber_reads_a_live_call(serve, token, tell):
    service = serve()
    call = await tell(service)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        example("protocol.md", "python", "COME_BACK"),
        service.ws,
        call.sid,
        env={**ENVIRON, "PARTYLINE_TOKEN": token},
        stdout=subprocess.PIPE,
    )
    call.say("Good morning.")
    assert await asyncio.wait_for(process.stdout.readline(), PATIENCE) == b"inbound Good morning.\n"
    call.say("")  # as utterances end
    await call.end()
    assert await asyncio.wait_for(process.communicate(), PATIENCE) == (b"", None)
    assert process.returncode == 0


@pytest.mark.parametrize("holds", ["asyncio.run", "partyline_client.sync"])
async def test_the_python_client_reads_a_live_call_over_a_break(serve, token, tell, holds):
    service = serve()
    call = await tell(service)
    async with Cable(service.port) as cable:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", example("clients_python.md", "python", holds)),
            *(f"http://127.0.0.1:{cable.port}", call.sid),
            env={**ENVIRON, "PARTYLINE_TOKEN": token},
            stdout=subprocess.PIPE,
        )
        for text in ("Good morning.", "Still there?"):
            call.say(text)
            line = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
            assert line.decode() == f"inbound {text}\n"
            cable.cut()
            cable.mend()
        await call.end()
        assert await asyncio.wait_for(process.communicate(), PATIENCE) == (b"", None)
    assert process.returncode == 0


async def test_the_python_client_shows_nothing_stale(serve, mint, tell, capsys):
    """The example of the page, called as a program would."""
    names: dict[str, Any] = {}
    exec(example("clients_python.md", "python", "being_said"), names)  # noqa: S102  our own
    service, number = serve(), "+15550001111"
    call = await tell(service, from_=number)
    async with Cable(service.port) as cable:
        url = f"http://127.0.0.1:{cable.port}"
        showing = asyncio.create_task(names["show"](url, number, lambda: mint(calls=["*"])))
        told = ""

        async def shown(line: str) -> None:
            def found() -> bool:
                nonlocal told
                told += capsys.readouterr().out
                return told.endswith(f"{line}\n")

            await until(found)

        await shown("live")
        cable.cut()
        await shown("not live: offline")
        cable.mend()
        await shown("live")
        call.say("Good morning.")
        await shown(f"{call.sid} inbound Good morning.")
        showing.cancel()
        await asyncio.wait([showing])


def run(*command: str) -> str:
    environ = {**ENVIRON, "TOKEN_SECRET": TOKEN_SECRET}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout


def check(token: str) -> None:
    grant = tokens.verify(token.strip(), [grants.secret_key(TOKEN_SECRET)], time.time())
    assert (grant.subject, grant.numbers) == ("agent-7", {"+15551230000"})
    assert 890 < grant.expires - time.time() <= 900


def test_tokens_are_minted_in_python():
    check(run(sys.executable, "-c", example("tokens.md", "python", "jwt.encode")))


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_tokens_are_minted_in_node():
    check(run("node", "-e", example("tokens.md", "js", "createHmac")))


@pytest.mark.skipif(shutil.which("go") is None, reason="needs Go")
def test_tokens_are_minted_in_go(tmp_path):
    (tmp_path / "main.go").write_text(example("tokens.md", "go", "hmac.New"))
    environ = {**ENVIRON, "TOKEN_SECRET": TOKEN_SECRET, "HOME": str(tmp_path)}
    check(subprocess.check_output(["go", "run", str(tmp_path / "main.go")], env=environ, text=True))


async def test_a_transcript_is_what_the_page_says(serve, token, tell):
    """Each key of the JSON form is named in the documentation, and there are no others."""
    service = serve()
    given = {"caller_name": "Ana", "callee_name": "Ben", "metadata": {"order": "7"}}
    call = await tell(service, from_="+15550001111", **given)
    call.say("Good morning.", 1.0)
    call.put(type="Gap", start=3.0, end=4.0, track=None, reason="owner-lost")
    await call.end()
    ask = f"{service.url}/calls/{call.sid}/transcript.json"
    curl = ["curl", "-s", "-H", f"Authorization: Bearer {token}", ask]
    process = await asyncio.create_subprocess_exec(*curl, stdout=subprocess.PIPE)
    document = json.loads((await process.communicate())[0])
    [row] = re.findall(r"\| `json` \| `(\{.*?\})`", (DOCS / "protocol.md").read_text())
    named = set(re.findall(r'"(\w+)"', row)) - {"Transcript"}
    [turn], [gap] = document["turns"], document["gaps"]
    assert named == set(document) | set(turn) | set(gap)
    assert (turn["speaker"], turn["text"], turn["start"]) == ("Ana", "Good morning.", 1.0)
    assert (document["from"], document["reason"]) == ("+15550001111", "completed")
