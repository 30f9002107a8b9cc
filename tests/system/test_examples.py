"""The programs in the documentation do what they say."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.cable import Cable
from support.credentials import TOKEN_SECRET
from support.page import needs_chromium, opened, shares_browser
from support.processes import ENVIRON
from support.timing import PATIENCE, until

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
