"""handler/cli/setup.py: a number is set up, shown, put back; against a REST API on real sockets."""

import asyncio
import io
import json
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.sids import account_sid
from support.twilio_api import Api, Asked, said, serving

from handler.cli.setup import DONE, FAILED, LEFT_AS_IT_IS, MISUSED, main

AC, SUB = account_sid(1), account_sid(2)
NUMBER, PN = "+15551230000", "PN" + "0" * 32
VOICE = "https://calls.example.com/twilio/voice#rc=3&rp=all"
STATUS = "https://calls.example.com/twilio/status#rc=3&rp=all"
OLD = {
    "voice_url": "https://old.example.com/voice",
    "voice_method": "GET",
    "voice_fallback_url": "https://old.example.com/fallback",
    "status_callback": "",
    "status_callback_method": "POST",
    "voice_application_sid": "",
    "trunk_sid": None,
}
KEY = {"TWILIO_API_KEY": f"SK{'0' * 32}:hush"}
ENVIRON = {"TWILIO_ACCOUNT_SID": AC, "PUBLIC_URL": "https://calls.example.com", **KEY}
NAMES = {
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
    "VoiceApplicationSid": "voice_application_sid",
    "TrunkSid": "trunk_sid",
}


@dataclass
class Number:
    """One number of one account, as the REST API has it."""

    api: Api
    now: dict[str, Any]
    account: str = AC
    password: str = "hush"

    def answer(self, asked: Asked):
        _, _, _, account, what, *_ = asked.path.split("/")
        assert what.startswith("IncomingPhoneNumbers")
        if asked.password != self.password:
            return said(401, {"code": 20003, "message": "Authenticate", "status": 401})
        if asked.method == "POST":
            self.now |= {NAMES[name]: value for name, value in asked.form}
            return said(200, self.shown)
        asked_for = account == self.account and asked.query["PhoneNumber"] == NUMBER
        return said(200, {"incoming_phone_numbers": [self.shown] if asked_for else []})

    @property
    def shown(self) -> dict[str, Any]:
        return {"sid": PN, "account_sid": self.account, "phone_number": NUMBER, **self.now}

    @property
    def set(self) -> list[list[tuple[str, str]]]:
        return [asked.form for asked in self.api.asked if asked.method == "POST"]


@pytest.fixture
async def number():
    api = Api()
    number = Number(api, dict(OLD))
    api.answer = number.answer
    async with serving(api) as api.url:
        yield number


@pytest.fixture
def setup(number, monkeypatch, capsys, tmp_path):
    """Return what runs the command: exit code, output, errors."""

    async def run(*arguments: str, said: str = "", **environ: str) -> tuple[int, str, str]:
        for name in ("TWILIO_AUTH_TOKEN", "TWILIO_ACCOUNTS", *ENVIRON):
            monkeypatch.delenv(name, raising=False)
        settings = {**ENVIRON, "TWILIO_API_URL": number.api.url, **environ}
        for name, value in {**settings, "XDG_STATE_HOME": str(tmp_path)}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdin", io.StringIO(said))
        code = await asyncio.to_thread(main, [NUMBER, *arguments])
        printed = capsys.readouterr()
        assert "hush" not in printed.out + printed.err
        return code, printed.out, printed.err

    return run


async def test_what_will_change_is_shown_and_done_when_somebody_agrees(number, setup):
    code, out, _ = await setup(said="y\n")
    assert code == DONE
    assert f"https://old.example.com/voice\n                  → {VOICE}" in out
    assert "if that fails      https://old.example.com/fallback\n" in out
    assert out.index(STATUS) < out.index("Change it? [y/N]") < out.index("Done. To take it back:")
    changed = [("VoiceUrl", VOICE), ("VoiceMethod", "POST"), ("StatusCallback", STATUS)]
    assert number.set == [changed]


@pytest.mark.parametrize(
    ("forward_to", "rings"),
    [
        ("", "nobody, unless FORWARD_TO is set where the service runs"),
        ("+15551239999,sip:desk@example.com", "+15551239999, sip:desk@example.com"),
        ('{"+15550001111": "+15551239999"}', "nobody, as FORWARD_TO has it"),
        ('{"*": {"notice": "Hello."}}', "nobody, as FORWARD_TO has it"),
    ],
)
async def test_who_will_ring_is_shown_before_anything_is_changed(number, setup, forward_to, rings):
    _, out, _ = await setup(said="n\n", FORWARD_TO=forward_to)
    assert f"  who rings          {rings}\n" in out
    _, out, _ = await setup("--undo", said="n\n", FORWARD_TO=forward_to)
    assert "who rings" not in out


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yes please\n"])
async def test_nothing_is_changed_when_nobody_agrees(number, setup, answer):
    code, out, _ = await setup(said=answer)
    assert (code, number.now, number.set) == (LEFT_AS_IT_IS, OLD, [])
    assert out.endswith("Nothing was changed.\n")
    assert ("--yes changes it unasked" in out) == (answer == "")


async def test_it_is_put_back_as_it_was(number, setup, tmp_path):
    assert (await setup("--yes"))[0] == DONE
    (kept,) = (tmp_path / "partyline").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    code, out, _ = await setup("--undo", said="y\n")
    assert (code, number.now) == (DONE, OLD)
    assert out.endswith("It is as it was before.\n")
    code, _, err = await setup("--undo", "--yes")
    assert (code, f"nothing is known of what {NUMBER} was before" in err) == (FAILED, True)


async def test_it_is_put_back_to_what_was_before_we_ever_came(number, setup):
    """The service has moved since, and the number with it."""
    await setup("--yes")
    moved = "https://moved.example.com"
    assert (await setup("--yes", PUBLIC_URL=moved))[0] == DONE
    assert number.now["voice_url"] == f"{moved}/twilio/voice#rc=3&rp=all"
    assert (await setup("--yes"))[0] == DONE
    assert (await setup("--undo", "--yes"))[0] == DONE
    assert number.now == OLD


async def test_what_others_have_set_since_is_what_it_is_put_back_to(number, setup):
    await setup("--yes")
    number.now |= {"voice_url": "https://other.example.com/"}
    await setup("--yes")
    await setup("--undo", "--yes")
    assert number.now["voice_url"] == "https://other.example.com/"


async def test_what_others_have_set_since_is_told_before_it_is_put_back(number, setup):
    await setup("--yes")
    _, out, _ = await setup("--undo", said="n\n")
    assert "Changed since by others" not in out
    number.now |= {"voice_url": "https://other.example.com/"}
    _, out, _ = await setup("--undo", said="n\n")
    told = "Changed since by others, and not as setup had left it: a call comes in.\n"
    assert out.index(told) < out.index("Change it? [y/N]")


async def test_an_address_that_twilio_opens_no_stream_to_is_remarked_on_before_the_question(setup):
    _, out, _ = await setup(said="n\n", PUBLIC_URL="http://calls.example.com")
    assert out.index("\nPUBLIC_URL ") < out.index("Change it? [y/N]")
    _, out, _ = await setup(said="n\n")
    assert "\nPUBLIC_URL " not in out


async def test_what_is_so_already_is_left_alone(number, setup):
    await setup("--yes")
    code, out, _ = await setup()
    assert (code, len(number.set)) == (DONE, 1)
    assert out.endswith("It is so already: nothing to change.\n")
    assert "Change it?" not in out


async def test_programs_read_json_and_nothing_is_changed_without_a_word(number, setup, tmp_path):
    code, out, _ = await setup("--json")
    told = json.loads(out)
    assert (code, told["changed"], told["kept"]) == (LEFT_AS_IT_IS, False, None)
    assert told["before"]["VoiceUrl"] == OLD["voice_url"]
    assert told["changes"] == {
        "VoiceUrl": VOICE,
        "VoiceMethod": "POST",
        "StatusCallback": STATUS,
    }
    assert number.set == []
    code, out, _ = await setup("--json", "--yes")
    told = json.loads(out)
    assert (code, told["changed"]) == (DONE, True)
    assert Path(told["kept"]).is_relative_to(tmp_path)
    code, out, _ = await setup("--json", "--undo", "--yes")
    assert (code, json.loads(out)["changed"], number.now) == (DONE, True, OLD)


@pytest.mark.parametrize("field", ["voice_application_sid", "trunk_sid"])
async def test_what_gets_the_calls_in_place_of_the_url_is_taken_off_only_if_that_is_said(
    number, setup, field
):
    number.now[field] = "XX1"
    code, _, err = await setup("--yes")
    assert (code, number.set) == (FAILED, [])
    assert "XX1, which Twilio asks instead" in err
    assert f"--clear (--undo puts it back), or set the URL there: {VOICE}" in err
    code, out, _ = await setup("--clear", said="y\n")
    assert (code, number.now[field], "XX1" in out) == (DONE, "", True)
    await setup("--undo", "--yes")
    assert number.now[field] == "XX1"


async def test_an_account_of_the_file_has_its_name_in_the_path(number, setup, tmp_path):
    file = tmp_path / "accounts.json"
    file.write_text(json.dumps({SUB: {"auth_tokens": ["hush-of-sub"]}}))
    number.account, number.password = SUB, "hush-of-sub"
    code, out, _ = await setup("--account", SUB, "--yes", TWILIO_ACCOUNTS=str(file))
    assert (code, "accounts read" in out) == (DONE, False)
    assert number.now["voice_url"] == f"https://calls.example.com/twilio/{SUB}/voice#rc=3&rp=all"
    assert (
        number.now["status_callback"]
        == f"https://calls.example.com/twilio/{SUB}/status#rc=3&rp=all"
    )


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "words"),
    [
        ([], {"TWILIO_API_KEY": f"SK{'1' * 32}:hush-wrong"}, FAILED, "takes no such credentials"),
        (["--account", SUB], {"TWILIO_ACCOUNT_SID": ""}, FAILED, f"{SUB} has no number {NUMBER}"),
        (["--account", SUB], {}, MISUSED, f"TWILIO_API_KEY: there are no credentials for {SUB}"),
        ([], {"TWILIO_API_KEY": ""}, MISUSED, f"there are no credentials for {AC}"),
        ([], {"TWILIO_ACCOUNT_SID": ""}, MISUSED, "TWILIO_ACCOUNT_SID: missing: set"),
        ([], {"PUBLIC_URL": ""}, MISUSED, "PUBLIC_URL: missing: set the service's own"),
        ([], {"PUBLIC_URL": "https://h:0"}, MISUSED, "PUBLIC_URL: "),
        ([], {"TWILIO_API_URL": "https://nobody.invalid"}, FAILED, "no such host"),
        ([], {"TWILIO_ACCOUNTS": "/nowhere"}, MISUSED, "TWILIO_ACCOUNTS: No such file"),
    ],
)
async def test_what_stands_in_the_way_is_said_in_words(
    number, setup, arguments, environ, code, words
):
    found, out, err = await setup("--yes", "--json", *arguments, **environ)
    assert (found, number.set) == (code, [])
    assert words in json.loads(out)["error"]
    assert err.startswith("partyline setup: ")
    assert words in err


async def test_twilio_is_not_sent_to_this_machine(number, setup):
    code, _, err = await setup(
        "--yes", PUBLIC_URL="http://127.0.0.1:8080", TWILIO_API_URL="https://nobody.invalid"
    )
    assert (code, "where Twilio never comes" in err) == (MISUSED, True)
    code, _, _ = await setup("--yes", PUBLIC_URL="http://127.0.0.1:8080")  # the stand-in comes
    assert (code, number.now["voice_url"]) == (
        DONE,
        "http://127.0.0.1:8080/twilio/voice#rc=3&rp=all",
    )


async def test_what_is_kept_and_malformed_is_not_written_over(number, setup, tmp_path):
    kept = tmp_path / "kept.json"
    for text in ("nonsense", "[]", '{"before": 1, "set": {}}'):
        kept.write_text(text)
        code, _, err = await setup("--yes", "--file", str(kept))
        assert (code, number.set, kept.read_text()) == (FAILED, [], text)
        assert f"{kept} is not as this command writes it" in err


@pytest.mark.parametrize("text", ["5551230000", "+1555123000x", "CA1", ""])
def test_a_number_that_is_none_is_refused_in_words(text, capsys):
    with pytest.raises(SystemExit) as caught:
        main([text])
    assert (caught.value.code, "such as +15551230000" in capsys.readouterr().err) == (2, True)
