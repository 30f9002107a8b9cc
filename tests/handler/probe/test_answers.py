"""handler/probe/answers.py: what an answer means, and what to do about it."""

import pytest

from handler.probe import answers
from handler.probe.answers import (
    SIGNATURES,
    STRIPPED,
    of_close,
    of_readyz,
    of_status,
    of_subscriber,
)


def test_a_service_that_is_ready_has_no_fault():
    assert of_readyz(200, "ready\n") is None


@pytest.mark.parametrize(
    ("status", "text", "said", "advice"),
    [
        (503, "draining\n", "it answers, but takes no calls: draining", "the container that"),
        (503, "full\n", "it answers, but takes no calls: full", "raise MAX_CALLS"),
        (503, "waiting for NATS\n", "it answers, but takes no calls: waiting", "let NATS be"),
        (200, "<html>", "something answers, but not as the service does: nothing", "let PUBLIC"),
        (200, "Hello!", "something answers, but not as the service does: Hello!", "let PUBLIC"),
        (502, "<html>", "HTTP 502 (bad gateway)", "the proxy is there, but not the service"),
        (503, "no server\n", "HTTP 503 (service unavailable): no server", "the service is full"),
    ],
)
def test_one_that_is_not_has_one(status, text, said, advice):
    fault = of_readyz(status, text)
    assert fault is not None
    assert fault.said.startswith(said)
    assert fault.advice.startswith(advice)


@pytest.mark.parametrize(
    ("status", "text", "advice"),
    [
        (403, "forbidden: no X-Twilio-Signature came with this", STRIPPED),
        (403, "forbidden: webhooks must be signed by Twilio (X-Twilio-Signature)", SIGNATURES),
        (403, "<html>", "something before the service lets nobody in from here: let it"),
        (301, "", "give the address that it leads to: Twilio signs that"),
        (426, "", answers.BY_STATUS[426]),
        (418, "", answers.IS_IT_PARTYLINE),
        (799, "", answers.IS_IT_PARTYLINE),
    ],
)
def test_a_refusal_is_told_by_the_services_own_words_and_by_its_status(status, text, advice):
    assert of_status(status, text).advice == advice


def test_what_others_say_is_shown_up_to_a_line():
    assert of_status(500, " oh\nno ").said == "HTTP 500 (internal server error): oh"
    assert of_status(799, "x" * 999).said == f"HTTP 799 (which is no status): {'x' * 200}"


@pytest.mark.parametrize(
    ("code", "reason", "said", "advice"),
    [
        (1008, "ticket missing: ask", "closed with 1008: ticket missing", "the service asks for a"),
        (1008, "no ticket", "closed with 1008: no ticket", "let all containers have the same"),
        (1008, "", "closed with 1008", "the service's log has a line `media stream refused`"),
        (1012, "draining", "closed with 1012: draining", "the container is leaving"),
        (1006, "", "the connection broke", "look for a time limit of the proxy"),
        (1011, "", "closed with 1011", "the service's log says why"),
    ],
)
def test_why_a_stream_was_closed(code, reason, said, advice):
    fault = of_close(code, reason)
    assert fault.said.startswith(said)
    assert fault.advice.startswith(advice)


@pytest.mark.parametrize(
    ("status", "text", "said", "advice"),
    [
        (401, "", "HTTP 401: the token is refused", "let TOKEN_SECRET be the same here"),
        (403, "the token can never", "HTTP 403: the token can never", "give a token that may"),
        (503, "full", "HTTP 503 (service unavailable): full", "the service is full"),
    ],
)
def test_why_a_reader_was_not_let_in(status, text, said, advice):
    fault = of_subscriber(status, text)
    assert fault.said.startswith(said)
    assert fault.advice.startswith(advice)
