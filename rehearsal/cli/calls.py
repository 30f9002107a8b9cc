"""Calls as Twilio places them: loaded for the commands alone that need an account."""

import argparse
import asyncio
import os
from collections.abc import Callable
from dataclasses import replace

from rehearsal import keyboard
from rehearsal.cli.credentials import auth_token
from rehearsal.cli.stopping import told_to_stop
from rehearsal.cli.tell import tell
from rehearsal.errors import RehearsalError
from rehearsal.sample import CALLEE
from rehearsal.twilio import Options
from rehearsal.twilio.account import Account
from rehearsal.twilio.behaviour import Behaviour, usual_stream
from rehearsal.twilio.delivery import Delivery
from rehearsal.twilio.reach import Reach
from rehearsal.twilio.running_call import RunningCall
from rehearsal.twilio.stand_in import TwilioStandIn


async def serve(arguments: argparse.Namespace, inbound: bytes, outbound: bytes) -> int:
    """Be an account, until told to stop."""
    stop = told_to_stop(at_eof=arguments.stop_at_eof)
    behaviour = Behaviour(delivery=_delivery(arguments), recordings=(inbound, outbound))
    account = _account(arguments, behaviour)
    async with TwilioStandIn(
        account,
        host=arguments.host,
        port=arguments.port,
        reach=Reach(dict(arguments.reach)),
        report=tell,
    ) as twilio:
        twilio.load.latency, twilio.load.most = arguments.latency, arguments.concurrency
        numbers = arguments.number or [CALLEE]
        for phone_number in numbers:
            account.add_number(
                phone_number,
                voice_url=arguments.voice_url,
                status_callback=arguments.status_callback,
            )

        def call() -> RunningCall:
            return twilio.call(numbers[0], arguments.from_, inbound=inbound, outbound=outbound)

        print(f"TWILIO_API_URL={twilio.url}")
        print(f"TWILIO_ACCOUNT_SID={account.sid}", flush=True)
        if not os.environ.get("TWILIO_AUTH_TOKEN"):
            print(f"TWILIO_AUTH_TOKEN={account.auth_token}", flush=True)
        if arguments.at_once:
            call()
        calling = asyncio.create_task(_call_at_enter(call, supervised=arguments.stop_at_eof))
        await stop.wait()
        calling.cancel()
        await asyncio.wait({calling})
    return 0


async def _call_at_enter(call: Callable[[], object], *, supervised: bool) -> None:
    if supervised:
        return  # standard input is the supervisor's
    entered = keyboard.enters()
    while True:
        await entered.wait()
        entered.clear()
        call()


async def place(
    arguments: argparse.Namespace, common: Options, inbound: bytes, outbound: bytes
) -> int:
    """Have calls come in at a number with this voice URL; returns the exit code."""

    def stream(number: int) -> Options:
        usual = usual_stream(number)
        return replace(common, first_timestamp_ms=usual.first_timestamp_ms, seed=usual.seed)

    account = _account(
        arguments,
        Behaviour(speed=arguments.speed, streams=stream, delivery=_delivery(arguments)),
    )
    account.add_number(
        arguments.to, voice_url=arguments.webhook, status_callback=arguments.status_callback
    )
    async with TwilioStandIn(account, reach=Reach(dict(arguments.reach)), report=tell) as twilio:
        calls = [
            twilio.call(
                arguments.to,
                arguments.from_,
                inbound=inbound,
                outbound=outbound,
                call_sid=arguments.call_sid,
            )
            for _ in range(arguments.calls)
        ]
        for call in calls:
            await call.over.wait()
    codes = [_judge(call) for call in calls]
    return 1 if account.alerts else max(codes)


def _judge(call: RunningCall) -> int:
    """Say what became of a call, and return its exit code."""
    if not call.forks.all:
        tell(f"{call.leg.sid}: no media stream was asked for")
        return 1
    tell(f"{call.leg.sid}: {call.leg.status} after {call.leg.duration or 0} s")
    return 0


def _delivery(arguments: argparse.Namespace) -> Delivery:
    return Delivery(
        delay=arguments.callbacks_late,
        out_of_order=arguments.callbacks_out_of_order,
        lost=arguments.callbacks_lost / 100,
        repeated=arguments.callbacks_twice / 100,
    )


def _account(arguments: argparse.Namespace, behaviour: Behaviour) -> Account:
    """
    Make an account with the credentials in the environment.

    Raises:
        RehearsalError: TWILIO_API_KEY is none.
    """
    account = Account(behaviour=behaviour)
    if arguments.account_sid:
        account.sid = arguments.account_sid
    if token := auth_token():
        account.auth_token = token
    if key := os.environ.get("TWILIO_API_KEY", "").strip():
        sid, colon, secret = key.partition(":")
        if not (colon and sid.startswith("SK") and secret):
            raise RehearsalError("TWILIO_API_KEY is not like SK…:secret")
        account.api_keys[sid] = secret
    return account
