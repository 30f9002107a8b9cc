"""
What the answers of a service, or of what stands before it, mean: in words, with what to do. Pure.

Asked from outside, a proxy that cuts a header off and a setting that differs look alike at first;
the service's own words tell them apart.
"""

import re
from http import HTTPStatus
from typing import NamedTuple

from broker.printable import shown

MAX_SAID = 200
IS_IT_PARTYLINE = "is it Partyline that answers there, and is the address right?"
READY = "ready"
# What /readyz says; nothing else says it so.
NOT_READY = {
    "draining": "the container that answered is leaving: ask again once the deploy is over",
    "full": "raise MAX_CALLS, or start another container: this one takes no more calls",
    "waiting for NATS": "let NATS be reached: see the checks of NATS, and the line `nats` in the "
    "service's log",
    "NATS is not as it must be: the log says why": "run `partyline provision` with a user that "
    "may, or `partyline doctor` where the service runs, which names what is wrong",
}
SIGNATURES = (
    "let TWILIO_AUTH_TOKEN and TWILIO_ACCOUNT_SID be the same here and for the service (it reads "
    "its settings only when it starts), and PUBLIC_URL the address that this was sent to; the "
    "service's log says what it tried (`wrong X-Twilio-Signature`), or that a proxy before it cuts "
    "the header off (`no X-Twilio-Signature`)"
)
STRIPPED = (
    "let the proxy before the service pass the header X-Twilio-Signature on: without it every call "
    "of Twilio's is refused"
)
BY_STATUS = {
    401: "something before the service asks for credentials, which Twilio does not have: let "
    "everybody reach it there; signatures and tokens keep strangers out",
    404: f"nothing of ours is there: {IS_IT_PARTYLINE}",
    405: f"nothing of ours takes that there: {IS_IT_PARTYLINE}",
    426: "a proxy before the service takes Upgrade away: docs/deploy.md says what to set",
    429: "something before the service limits requests: raise that limit",
    502: "the proxy is there, but not the service behind it: is it running, and on that port?",
    503: "the service is full or draining, or the proxy has none to send to: /readyz says which",
    504: "the proxy is there, but the service behind it does not answer: is it running?",
}


class Fault(NamedTuple):
    """What is wrong, and what to do about it."""

    said: str
    advice: str


def of_readyz(status: int, text: str) -> Fault | None:
    """Say what keeps a service from taking calls, by its ``/readyz``; None if nothing does."""
    word = text.strip()
    if status == 200 and word == READY:
        return None
    if status == 503 and word in NOT_READY:
        return Fault(f"it answers, but takes no calls: {word}", NOT_READY[word])
    if status == 200:
        return Fault(
            f"something answers, but not as the service does: {first_line(text) or 'nothing'}",
            f"let PUBLIC_URL lead to Partyline: {IS_IT_PARTYLINE}",
        )
    return of_status(status, text)


def of_status(status: int, text: str, location: str = "") -> Fault:
    """Say what a refusal means."""
    line = first_line(text)
    said = f"HTTP {status} ({phrase(status)}){': ' if line else ''}{line}"
    if 300 <= status < 400:
        return Fault(f"{said}{location}", "give the address that it leads to: Twilio signs that")
    if is_unsigned(status, text):
        return Fault(said, STRIPPED)
    if status == 403 and "X-Twilio-Signature" in text:
        return Fault(said, SIGNATURES)
    if status == 403:
        return Fault(said, "something before the service lets nobody in from here: let it")
    return Fault(said, BY_STATUS.get(status, IS_IT_PARTYLINE))


def is_unsigned(status: int, text: str) -> bool:
    """Whether the service says that no signature came with what was signed."""
    return status == 403 and "no X-Twilio-Signature" in text


def of_close(code: int, reason: str) -> Fault:
    """Say why a media stream was closed before its time."""
    said = f"closed with {code}{': ' if reason else ''}{shown(reason)[:MAX_SAID]}"
    if code == 1008 and reason.startswith("ticket missing"):
        return Fault(
            said,
            "the service asks for a ticket, which its voice webhook gives: leave --stream out, and "
            "let calls come by the webhook; or set REQUIRE_TICKET=0 for the service",
        )
    if code == 1008 and "ticket" in reason:
        return Fault(
            said,
            "let all containers have the same TWILIO_AUTH_TOKEN, which tickets are made with, and "
            "the same clock",
        )
    if code == 1008:
        return Fault(said, "the service's log has a line `media stream refused` with the reason")
    if code in (1001, 1012):
        return Fault(said, "the container is leaving: ask again once the deploy is over")
    if code == 1006:
        return Fault(
            "the connection broke, without a word",
            "look for a time limit of the proxy before the service (docs/deploy.md), or an end of "
            "the process in its log",
        )
    return Fault(said, "the service's log says why")


def of_subscriber(status: int, text: str) -> Fault:
    """Say why a viewer was not let in."""
    if status == 401:
        return Fault(
            f"HTTP 401: {first_line(text) or 'the token is refused'}",
            "let TOKEN_SECRET be the same here and for the service, and TOKEN_AUDIENCE too; or "
            "give a token that the service takes with --token; and let both clocks be right",
        )
    if status == 403:
        return Fault(
            f"HTTP 403: {first_line(text)}", "give a token that may read every call (calls: [*])"
        )
    return of_status(status, text)


def first_line(text: str, longest: int = MAX_SAID) -> str:
    """Return the first line of an answer; pages for a browser have none for a terminal."""
    text = text.strip()
    return "" if re.match(r"[<{]", text) else shown(text.partition("\n")[0])[:longest]


def phrase(status: int) -> str:
    """Return what a status is called."""
    try:
        return HTTPStatus(status).phrase.lower()
    except ValueError:
        return "which is no status"
