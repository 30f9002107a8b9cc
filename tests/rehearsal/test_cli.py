"""The stand-ins as programs."""

import asyncio
import base64
import itertools
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from starlette.responses import Response
from support.processes import run, running
from support.sids import account_sid
from support.timing import PATIENCE
from support.twiml_server import twiml_server
from websockets.asyncio.server import ServerConnection, serve

from rehearsal import audio, sample
from rehearsal.cli.__main__ import main
from rehearsal.scripted import names


def rehearse(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return run("rehearsal.cli", *arguments, **environ)


@contextmanager
def deepgram(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a scripted stand-in for Deepgram, and say where it is."""
    with running("rehearsal.cli", "deepgram", *arguments) as program:
        yield program, program.stdout.readline().strip()


def test_recognise_prints_what_is_said_and_when(speech, tmp_path, sound):
    path = tmp_path / "call.ulaw"
    path.write_bytes(b"\xff" * 8000 + sound.noise(0.25) + b"\xff" * 8000)
    ended = rehearse("recognise", "--recogniser", "scripted", str(path))
    [word] = names(path.read_bytes())
    assert (ended.returncode, ended.stdout) == (0, f"   1.00    1.25  {word}\n")


def test_recognise_prints_json(tmp_path, sound):
    path = tmp_path / "call.ulaw"
    path.write_bytes(sound.noise(0.25))
    ended = rehearse("recognise", "--recogniser", "scripted", "--json", str(path))
    said = json.loads(ended.stdout)
    [word] = names(path.read_bytes())
    assert (said["file"], said["transcript"]) == (str(path), word)
    [final] = said["finals"]
    assert (final["start"], final["end"], final["words"][0]["word"]) == (0, 0.25, word)


def test_a_file_that_is_no_audio_ends_it_in_words(tmp_path):
    path = tmp_path / "notes.wav"
    path.write_text("no sound at all")
    ended = rehearse("recognise", str(path))
    assert ended.returncode == 1
    assert ended.stderr == (
        f"partyline rehearse: {path}: not a WAV file (raw mu-law is taken from files named .ulaw)\n"
    )


def test_without_the_demo_extra_it_says_what_to_install(tmp_path):
    (tmp_path / "webrtcvad.py").write_text("raise ModuleNotFoundError(name='webrtcvad')")
    (tmp_path / "call.ulaw").write_bytes(b"\xff")
    ended = rehearse("recognise", str(tmp_path / "call.ulaw"), PYTHONPATH=str(tmp_path))
    assert ended.returncode == 1
    assert ended.stderr == (
        "partyline rehearse: webrtcvad is not installed; in a checkout of the project: make demo, "
        "or pip install '.[demo]'\n"
    )


def test_scripted_mode_needs_no_recogniser():
    code = (
        "import sys; import rehearsal.cli.__main__; "
        "print({'numpy', 'onnxruntime', 'webrtcvad'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"


def test_deepgram_ends_with_its_supervisor():
    with deepgram("--recogniser", "scripted", "--stop-at-eof") as (program, line):
        assert line.startswith("DEEPGRAM_URL=ws://127.0.0.1:")
        program.stdin.close()
        assert program.wait(PATIENCE) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_deepgram_ends_with_a_signal(number):
    with deepgram("--recogniser", "scripted") as (program, _):
        program.send_signal(number)
        assert program.wait(PATIENCE) == 0


def test_a_bad_script_is_refused(tmp_path):
    path = tmp_path / "script.json"
    path.write_text("[]")
    ended = rehearse("deepgram", "--script", str(path))
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"partyline rehearse: {path}: needed: ")


def test_a_call_that_is_refused_exits_with_1_and_says_why():
    with deepgram("--recogniser", "scripted") as (_, line):
        url = line.removeprefix("DEEPGRAM_URL=") + "/twilio"
        ended = rehearse("call", url, "--calls", "2", TWILIO_AUTH_TOKEN="secret")
    assert ended.returncode == 1
    assert ended.stderr.count("31920 Handshake Error: the server answered HTTP 404") == 2
    assert "secret" not in ended.stderr


async def test_calls_are_placed_and_reported(tmp_path, capsys, monkeypatch):
    started = []

    async def take(ws: ServerConnection) -> None:
        async for text in ws:
            message = json.loads(text)
            if message["event"] == "start":
                started.append((message["start"], "x-twilio-signature" in ws.request.headers))

    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "new,old")
    path = tmp_path / "side.ulaw"
    path.write_bytes(b"\xfe" * 8000)
    async with serve(take, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/twilio"
        sides = ["--caller", str(path), "--callee", str(path), "--outbound-delay", "0.2"]
        names = ["--from", "+15550100009", "--direction", "outbound-api"]
        code = await asyncio.to_thread(
            main, ["call", url, *sides, *names, "--calls", "2", "--speed", "20"]
        )
    assert code == 0
    assert capsys.readouterr().err.count("100 frames sent, closed with 1000") == 2
    assert len({start["callSid"] for start, _ in started}) == 2
    assert all(signed for _, signed in started)
    assert started[0][0]["customParameters"] == {
        "from": "+15550100009",
        "to": sample.CALLEE,
        "direction": "outbound-api",
    }


@pytest.mark.parametrize("way", ["stream", "webhook"])
async def test_a_call_is_of_the_account_in_the_environment_and_what_refuses_it_is_told(
    way, tmp_path, capsys, monkeypatch
):
    accounts = []
    path = tmp_path / "side.ulaw"
    path.write_bytes(b"\xfe" * 8000)

    async def take(ws: ServerConnection) -> None:
        await ws.recv()
        accounts.append(json.loads(await ws.recv())["start"]["accountSid"])
        await ws.close(1008, "another account\x1b[2J")

    monkeypatch.setenv("TWILIO_ACCOUNT_SID", account_sid(7))
    async with serve(take, "127.0.0.1", 0) as socket, twiml_server("any") as server:
        url = f"ws://127.0.0.1:{next(iter(socket.sockets)).getsockname()[1]}/twilio"
        server.answers["/voice"] = lambda _: TWIML.format(url=url)
        by = [url] if way == "stream" else ["--webhook", f"{server.url}/voice"]
        code = await asyncio.to_thread(
            main, ["call", *by, "--caller", str(path), "--callee", str(path)]
        )
    assert (code, accounts) == (1, [account_sid(7)])
    assert "closed with 1008: another account?[2J" in capsys.readouterr().err


async def test_a_call_on_a_bad_path(tmp_path, monkeypatch, capsys):
    sizes, times = [], []

    async def take(ws: ServerConnection) -> None:
        async for text in ws:
            message = json.loads(text)
            if message["event"] == "media":
                sizes.append(len(base64.b64decode(message["media"]["payload"])) // 8)
                times.append(asyncio.get_running_loop().time())

    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "any")
    path = tmp_path / "side.ulaw"
    path.write_bytes(b"\x10" * 4000 + b"\xff" * 8000)
    async with serve(take, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/twilio"
        faults = ["--suppress-silence", "--frame-ms", "30,10", "--lost", "10", "--stall", "0.1,4"]
        code = await asyncio.to_thread(
            main, ["call", url, "--caller", str(path), "--only", "inbound", *faults]
        )
    assert code == 0
    assert set(sizes) == {30, 10}
    assert sum(sizes) < 720  # of 500 ms of sound and 200 ms behind it, less the lost ones
    assert max(after - before for before, after in itertools.pairwise(times)) > 1


TWIML = (
    '<Response><Start><Stream url="{url}" track="both_tracks"/></Start>'
    "<Dial><Number>+15550100003</Number></Dial></Response>"
)


async def test_calls_come_in_by_a_voice_webhook(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "new,old")
    path = tmp_path / "side.ulaw"
    path.write_bytes(b"\xfe" * 8000)
    async with twiml_server("new") as server:
        server.answers["/voice"] = lambda _: TWIML.format(url=server.stream_url)
        webhook = ["call", "--webhook", f"{server.url}/voice", "--calls", "2", "--speed", "20"]
        sides = ["--caller", str(path), "--callee", str(path)]
        status = ["--status-callback", f"{server.url}/status"]
        code = await asyncio.to_thread(main, [*webhook, *sides, *status])
        await server.stopped(2)
    assert (code, capsys.readouterr().err.count(": completed after ")) == (0, 2)
    assert all(asked.signed for asked in server.asked)
    assert [len(server.forms(path)) for path in ("/voice", "/status")] == [2, 2]
    assert len({start["callSid"] for start in server.started()}) == 2


async def test_a_call_that_gets_no_twiml_exits_with_1_and_says_why(capsys):
    async with twiml_server("any") as server:
        server.answers["/voice"] = lambda _: Response("another account\n", 403)
        code = await asyncio.to_thread(main, ["call", "--webhook", f"{server.url}/voice"])
    assert code == 1
    said = capsys.readouterr().err
    assert f"11200 HTTP retrieval failure: {server.url}/voice answered HTTP 403 Forbidden: " in said
    assert "403 Forbidden: another account\n" in said
    assert "no media stream was asked for" in said


async def test_an_account_says_where_it_is_and_has_a_call_come_in(tmp_path):
    path = tmp_path / "side.ulaw"
    path.write_bytes(b"\xfe" * 1600)
    async with twiml_server("unknown") as server:
        server.answers["/voice"] = lambda _: TWIML.format(url=server.stream_url)
        arguments = ["--voice-url", f"{server.url}/voice", "--number", "+15550100009"]
        sides = ["--caller", str(path), "--callee", str(path)]
        with running(
            "rehearsal.cli", "twilio", *arguments, *sides, "--at-once", "--stop-at-eof"
        ) as program:
            lines = [program.stdout.readline().strip().partition("=") for _ in range(3)]
            said = {name: value for name, _, value in lines}
            [form] = await server.told("/voice", 1)
            await server.stopped(1)
            program.stdin.close()
            assert await asyncio.to_thread(program.wait, PATIENCE) == 0
    assert (form["To"], form["AccountSid"]) == ("+15550100009", said["TWILIO_ACCOUNT_SID"])
    assert said["TWILIO_API_URL"].startswith("http://127.0.0.1:")
    assert len(said["TWILIO_AUTH_TOKEN"]) == 32


def test_an_unsigned_call_says_so():
    ended = rehearse("call", "ws://127.0.0.1:1/", "--only", "inbound")
    assert ended.returncode == 1
    assert "TWILIO_AUTH_TOKEN is not set" in ended.stderr
    assert "31902 Connection Refused" in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["call"],
        ["call", "ws://x/", "--webhook", "http://x/"],
        ["call", "ws://x/", "--speed", "0"],
        ["call", "--webhook", "http://x/", "--reach", "https://x"],
        ["twilio", "--number"],
        ["twilio", "--reach", "https://x/voice=http://127.0.0.1:1"],
        ["twilio", "--callbacks-lost", "101"],
        ["call", "ws://x/", "--speed", "nan"],
        ["call", "ws://x/", "--calls", "0"],
        ["call", "ws://x/", "--call-sid", "CA1"],
        ["call", "ws://x/", "--hang-up", "politely"],
        ["call", "ws://x/", "--stall", "3"],
        ["call", "ws://x/", "--stall", "3,1,both"],
        ["call", "ws://x/", "--frame-ms", "20,0"],
        ["call", "ws://x/", "--lost", "101"],
        ["deepgram", "--port", "65536"],
        ["deepgram", "--refuse", "200"],
        ["deepgram", "--drop-code", "99"],
        ["deepgram", "--mute-after", "-1"],
        ["deepgram", "--script", "x", "--recogniser", "scripted"],
    ],
)
def test_bad_arguments_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("partyline rehearse")


def test_the_packaged_call_has_two_sides_of_one_length():
    caller, callee = (audio.read(sample.SPEECH / f"{side}.wav") for side in ("caller", "callee"))
    assert len(caller) == len(callee) > 100 * 8000
