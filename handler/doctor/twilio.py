"""Does Twilio take the credentials, and do the numbers lead here?"""

import secrets
from collections.abc import Awaitable, Callable

from handler.config import Settings
from handler.doctor import numbers
from handler.doctor.accounts import SETTING, Tried
from handler.doctor.numbers import Ours
from handler.errors import TwilioApiError
from handler.findings import Findings
from handler.twilio.accounts import Account, Accounts
from handler.twilio.rest import RestClient

AUTH_TOKEN, API_KEY = "twilio.auth-token", "twilio.api-key"
# For an answer with all that is tried again.
ANSWER_SECONDS = 8.0
# What is answered so was not judged.
TOO_MANY, BROKEN = 429, 500


class Twilio:
    """
    An account of Twilio's, as the settings and the file of accounts have it.

    It is asked for a call that nobody ever made, not for the account itself: that an API key may
    not see, whatever else it may.
    """

    settings: tuple[str, ...] = (
        "TWILIO_ACCOUNT_SID",
        "TWILIO_AUTH_TOKEN",
        "TWILIO_API_KEY",
        "TWILIO_API_URL",
        SETTING,
    )

    def __init__(self, settings: Settings, tried: Tried, wanted: tuple[str, ...]) -> None:
        """
        Prepare to look.

        Args:
            settings: Of the service.
            tried: The account.
            wanted: Numbers that are to lead here.
        """
        self.names: tuple[str, ...] = (AUTH_TOKEN, API_KEY, *map(_name, wanted))
        self._settings = settings
        self._tried = tried
        self._account = tried.account
        self._sid = tried.account.sid or ""
        self._wanted = wanted

    async def look(self, findings: Findings) -> None:
        """Ask Twilio's API, with each of the credentials."""
        if not self._sid:
            why = "TWILIO_ACCOUNT_SID is not set, so Twilio cannot be asked"
            for number in self._wanted:  # which is to be looked at, as somebody has said
                findings.failed(_name(number), why, "set TWILIO_ACCOUNT_SID: the number's account")
            findings.skip_rest(self.names, why)
            return
        await self._auth_tokens(findings)
        await self._api_key(findings)
        for number in self._wanted:
            await self._number(number, findings)

    async def _auth_tokens(self, findings: Findings) -> None:
        """Signatures are made with one of them, so each that is Twilio's own must be right."""
        found = self._account.auth_tokens
        if not found:
            findings.skipped(AUTH_TOKEN, "none is set")
            return
        problems = [
            problem
            for token in found
            if (problem := await self._problem(Account(sid=self._sid, auth_tokens=(token,))))
        ]
        taken = len(found) - len(problems)
        if not taken:
            _fail(
                findings,
                AUTH_TOKEN,
                problems[0],
                "copy the Auth Token of the account from the Console's front page; one that was "
                "replaced signs nothing any more",
            )
        elif len(found) == 1:
            findings.ok(AUTH_TOKEN, f"is that of {self._sid}")
        else:
            findings.ok(AUTH_TOKEN, f"{taken} of {len(found)} are of {self._sid}")

    async def _api_key(self, findings: Findings) -> None:
        key = self._account.api_key
        if key is None:
            findings.skipped(API_KEY, "none is set: the API is asked with the auth token")
            return
        problem = await self._problem(Account(sid=self._sid, api_key=key))
        if problem is None:
            findings.ok(API_KEY, f"may see calls of {self._sid}")
        else:
            _fail(
                findings,
                API_KEY,
                problem,
                "make another in the Console (Account → API keys & tokens) and set TWILIO_API_KEY "
                "to SK…:secret; a restricted one needs the right to read calls and to change them",
            )

    async def _problem(self, account: Account) -> TwilioApiError | None:
        """Return why an account's credentials are not taken, if so."""
        nobody = f"CA{secrets.token_hex(16)}"
        return await self._ask(account, lambda api: api.fetch_call(self._sid, nobody))

    async def _number(self, number: str, findings: Findings) -> None:
        settings = self._settings
        # The API is asked with the key where there is one.
        asked_with = AUTH_TOKEN if self._account.api_key is None else API_KEY
        if not findings.holds(asked_with):
            findings.skipped(_name(number), f"{asked_with} must be set right first")
            return

        async def judge(api: RestClient) -> None:
            found = await api.find_number(self._sid, number)
            url = settings.public_url
            if url is None:
                findings.skipped(_name(number), "PUBLIC_URL is not set: where is it to lead?")
            else:
                rings = bool(settings.forward_to.of([number]).dial)
                ours = Ours(url, self._sid, self._tried.named, rings)
                numbers.judge(findings, _name(number), found, ours)

        problem = await self._ask(self._account, judge)
        if problem:
            advice = "the credentials must have the right to read numbers"
            _fail(findings, _name(number), problem, advice)

    async def _ask(
        self, account: Account, ask: Callable[[RestClient], Awaitable[object]]
    ) -> TwilioApiError | None:
        api = RestClient(Accounts(account), self._settings.twilio_api_url, patience=ANSWER_SECONDS)
        async with api:
            try:
                await ask(api)
            except TwilioApiError as exc:
                return exc
        return None


def _fail(findings: Findings, name: str, problem: TwilioApiError, advice: str) -> None:
    """Say what failed; of an API that has judged nothing, nothing of ours is to be changed."""
    if problem.status is None:
        advice = "let this machine reach Twilio's API: the network, and TWILIO_API_URL"
    elif problem.status == TOO_MANY or problem.status >= BROKEN:
        advice = "Twilio's API is crowded or out of order: ask again later (status.twilio.com)"
    findings.failed(name, str(problem), advice)


def _name(number: str) -> str:
    return f"number {number}"
