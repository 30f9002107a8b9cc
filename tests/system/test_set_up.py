"""Numbers that are set up by command alone, of two accounts: their calls come in, and are read."""

import asyncio
import json

from support.processes import partyline
from support.sids import account_sid
from support.timing import patience

from rehearsal.twilio.account import Account
from rehearsal.twilio.behaviour import Behaviour
from rehearsal.twilio.reach import Reach
from rehearsal.twilio.stand_in import TwilioStandIn

PUBLIC = "https://calls.example.com"
CALLER = "+15557650000"


async def test_what_is_said_at_numbers_of_two_accounts_is_read_after_set_up_alone(
    serve, deepgram, sound, read, token, tmp_path
):
    """One account is the settings', the other is in the file; each signs by itself."""
    quick = Behaviour(letter_seconds=0.0)
    ours, theirs = (Account(sid=account_sid(number), behaviour=quick) for number in (1, 2))
    file = tmp_path / "accounts.json"
    file.write_text(json.dumps({theirs.sid: {"auth_tokens": [theirs.auth_token]}}))
    environ = {
        "PUBLIC_URL": PUBLIC,
        "TWILIO_ACCOUNT_SID": ours.sid,
        "TWILIO_AUTH_TOKEN": ours.auth_token,
        "TWILIO_ACCOUNTS": str(file),
    }
    service = serve(DEEPGRAM_URL=deepgram.url, FORWARD_TO="+15551230009", **environ)
    reach = Reach({PUBLIC: service.url})
    async with TwilioStandIn(ours, theirs, reach=reach) as twilio:
        for number, account in enumerate((ours, theirs)):
            called = account.add_number(f"+1555123000{number}")
            command = ["setup", called.phone_number, "--account", account.sid, "--yes"]
            command += ["--file", str(tmp_path / f"{number}.json")]
            done = await asyncio.to_thread(
                partyline, *command, **environ, TWILIO_API_URL=twilio.url
            )
            assert done.returncode == 0, done.stderr
            inbound = sound.bursts(number, 1)
            call = twilio.exchange.call_in(
                account, called.phone_number, CALLER, recordings=(inbound, b"")
            )
            async with patience():
                reader = await read(service, call.leg.sid, token=token)
            assert reader.words("inbound") == sound.words_of(inbound)
            assert reader.messages[0]["accountSid"] == account.sid
            assert (reader.messages[0]["from"], reader.messages[0]["to"]) == (
                CALLER,
                called.phone_number,
            )
            assert not account.alerts
    assert service.stop() == 0
    assert theirs.auth_token not in service.text
