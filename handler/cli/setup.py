"""``partyline setup``: let a number of Twilio's bring its calls here, or put it back."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from broker.cli.arguments import Parser
from handler import addresses, logs
from handler.cli import number_file, number_setup
from handler.cli.arguments import read_account_sid, read_number
from handler.cli.number_setup import OVERRIDES, TITLES, Fields, Plan
from handler.config import Settings, doubts
from handler.errors import SettingsError, SetupError, TwilioApiError
from handler.twilio.accounts import Accounts
from handler.twilio.accounts_watch import read_accounts
from handler.twilio.resources import PhoneNumber
from handler.twilio.rest import RestClient

DONE, FAILED, MISUSED, LEFT_AS_IT_IS = range(4)
PUBLIC_URL = "PUBLIC_URL"
# Somebody waits: what is not there soon is told.
PATIENCE_SECONDS = 10.0


def main(argv: list[str], prog: str = "partyline setup") -> int:
    """Set a number up, or put it back; returns the exit code."""
    arguments = _parser(prog).parse_args(argv)
    logs.apart()
    try:
        settings = Settings.of_twilio(os.environ)
        return asyncio.run(_run(arguments, settings))
    except KeyboardInterrupt:
        print(f"\n{prog}: broken off; the same without --yes shows what is set", file=sys.stderr)
        return FAILED
    except (SetupError, TwilioApiError, SettingsError, OSError) as exc:
        if arguments.json:
            print(json.dumps({"error": str(exc)}))
        print(f"{prog}: {exc}", file=sys.stderr)
        return MISUSED if isinstance(exc, SettingsError) else FAILED


async def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    public_url = "" if arguments.undo else _public_url(settings)
    accounts = await read_accounts(settings)
    account_sid = _account_sid(arguments.account, settings, accounts)
    path = arguments.file or number_file.place(arguments.number, os.environ)
    async with RestClient(accounts, settings.twilio_api_url, patience=PATIENCE_SECONDS) as rest:
        number = await rest.find_number(account_sid, arguments.number)
        if number is None:
            raise SetupError(
                f"{account_sid} has no number {arguments.number}: is it another account's, such as "
                "a subaccount's (--account AC…)?"
            )
        kept = number_file.read(path)
        if arguments.undo:
            plan = _undoing(number, account_sid, kept, path)
        else:
            wanted = number_setup.ours(public_url, accounts.name_in_path(account_sid))
            plan = _doing(number, account_sid, wanted, clear=arguments.clear)
        rings = number_setup.ringing(settings.forward_to, arguments.number)
        told = number_setup.told(plan, "" if arguments.undo else rings)
        if arguments.undo:
            remarks = [number_setup.changed_since(plan, kept["set"])]
        else:
            remarks = [f"{name} {doubt}" for name, doubt in doubts(settings) if name == PUBLIC_URL]
        told = "\n".join([told, *filter(None, remarks)])
        done = not plan.changes
        if not done and _agreed(told, arguments):
            if not arguments.undo:
                number_file.keep(path, plan, kept)
            await rest.set_number(account_sid, plan.number_sid, plan.changes)
            done = True
        if done and arguments.undo:
            path.unlink(missing_ok=True)
    _tell(plan, told, arguments, path, done=done)
    return DONE if done else LEFT_AS_IT_IS


def _account_sid(given: str | None, settings: Settings, accounts: Accounts) -> str:
    account_sid = given or settings.twilio_account_sid
    if account_sid is None:
        raise SettingsError(
            "TWILIO_ACCOUNT_SID",
            "missing: set the Account SID of Twilio's Console (its front page), or say --account "
            "AC…",
        )
    account = accounts.find(account_sid)
    if account is None or not (account.auth_tokens or account.api_key):
        raise SettingsError(
            "TWILIO_API_KEY",
            f"there are no credentials for {account_sid}: set TWILIO_API_KEY (SK…:secret) or "
            "TWILIO_AUTH_TOKEN, or name the account in TWILIO_ACCOUNTS",
        )
    return account_sid


def _public_url(settings: Settings) -> str:
    url = settings.public_url
    if url is None:
        raise SettingsError(
            "PUBLIC_URL",
            "missing: set the service's own, such as https://calls.example.com: Twilio is told to "
            "ask there",
        )
    here, api = (addresses.read(text).hostname or "" for text in (url, settings.twilio_api_url))
    if addresses.is_loopback(here) and not addresses.is_loopback(api):
        raise SettingsError("PUBLIC_URL", "is an address of this machine, where Twilio never comes")
    return url


def _doing(number: PhoneNumber, account_sid: str, wanted: Fields, *, clear: bool) -> Plan:
    """Plan what lets calls come to us."""
    found = number_setup.fields(number)
    overrides = [name for name in OVERRIDES if found[name]]
    if overrides and not clear:
        what = " and ".join(f"the {TITLES[name]} {found[name]}" for name in overrides)
        raise SetupError(
            f"{number.phone_number} has {what}, which Twilio asks instead of the number's own URL: "
            f"take it off with --clear (--undo puts it back), or set the URL there: "
            f"{wanted['VoiceUrl']}"
        )
    return number_setup.plan(number, account_sid, {**wanted, **dict.fromkeys(overrides, "")})


def _undoing(number: PhoneNumber, account_sid: str, kept: Mapping[str, Fields], path: Path) -> Plan:
    """Plan what puts a number back."""
    if not kept:
        raise SetupError(f"nothing is known of what {number.phone_number} was before: {path}")
    return number_setup.plan(number, account_sid, kept["before"])


def _agreed(told: str, arguments: argparse.Namespace) -> bool:
    if arguments.yes:
        return True
    if arguments.json:
        return False
    print(told)
    print("Change it? [y/N] ", end="", flush=True)
    answer = sys.stdin.readline() if sys.stdin is not None else ""
    if not answer:
        print("(nobody answers: --yes changes it unasked)")
    return answer.strip().lower() in ("y", "yes")


def _tell(plan: Plan, told: str, arguments: argparse.Namespace, path: Path, *, done: bool) -> None:
    changed = done and bool(plan.changes)
    if arguments.json:
        print(
            json.dumps(
                {
                    "number": plan.number,
                    "sid": plan.number_sid,
                    "account": plan.account_sid,
                    "before": plan.before,
                    "changes": plan.changes,
                    "changed": changed,
                    "kept": str(path) if path.exists() else None,
                }
            )
        )
        return
    if arguments.yes or not plan.changes:
        print(told)
    if not plan.changes:
        print("It is so already: nothing to change.")
    elif not done:
        print("Nothing was changed.")
    elif arguments.undo:
        print("It is as it was before.")
    else:
        print(f"Done. To take it back: partyline setup {plan.number} --undo (it is kept in {path})")


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        description="Let a number of Twilio's bring its calls to the service at PUBLIC_URL: sets "
        "the number's voice URL and its status callback, shows first what will change, and asks.",
        epilog="From the environment: PUBLIC_URL, TWILIO_ACCOUNT_SID, and TWILIO_API_KEY or "
        "TWILIO_AUTH_TOKEN (or TWILIO_ACCOUNTS); FORWARD_TO, if it is set, says who rings. What "
        "the number was before is kept in "
        "~/.local/state/partyline (XDG_STATE_HOME). Exit code: 0 it is so now, 1 it could not be "
        "done, 2 something is missing or wrong in the arguments or the environment, 3 nobody "
        "agreed and nothing was changed.",
    )
    parser.add_argument("number", type=read_number, metavar="+1555…", help="the number")
    parser.add_argument(
        "--account",
        type=read_account_sid,
        metavar="AC…",
        help="whose it is (default TWILIO_ACCOUNT_SID)",
    )
    parser.add_argument("--yes", action="store_true", help="change it without asking")
    parser.add_argument(
        "--clear",
        action="store_true",
        help="also take off a TwiML application or a SIP trunk that gets the number's calls now",
    )
    parser.add_argument("--undo", action="store_true", help="put it back to what it was before")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print what is and what will be as JSON; changes nothing without --yes",
    )
    parser.add_argument(
        "--file", type=Path, metavar="FILE", help="where to keep what the number was before"
    )
    return parser
