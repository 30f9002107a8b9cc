"""handler/forward/signing.py, held against the package of Standard Webhooks itself."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError
from support.receivers import KEY, SECRET

from handler.forward import signing

OTHER = bytes(range(1, 33))
KEYS = st.binary(min_size=24, max_size=64)


def test_the_headers_are_those_of_the_specification():
    found = signing.headers([KEY], "CA1:7", 1_674_087_231.9, b"{}")
    signature = found.pop("webhook-signature")
    assert found == {"webhook-id": "CA1:7", "webhook-timestamp": "1674087231"}
    assert len(base64.b64decode(signature.removeprefix("v1,"))) == 32


def test_while_a_secret_is_replaced_either_is_enough():
    found = signing.headers([OTHER, KEY], "CA1:7", time.time(), b"{}")
    assert found["webhook-signature"].count("v1,") == 2
    assert Webhook(SECRET).verify(b"{}", found) == {}
    assert Webhook(OTHER).verify(b"{}", found) == {}
    with pytest.raises(WebhookVerificationError):
        Webhook(bytes(32)).verify(b"{}", found)


def test_without_a_key_there_is_no_signature():
    assert "webhook-signature" not in signing.headers([], "CA1:7", 1.0, b"{}")


@given(KEYS, st.from_regex(r"CA[0-9a-f]{32}:[1-9][0-9]{0,5}", fullmatch=True), st.text())
def test_what_is_signed_here_is_verified_there(key, name, text):
    body = text.encode(errors="replace")
    found = signing.headers([key], name, time.time(), body)
    assert Webhook(key).verify(body, found, json_parse=False) is None
    with pytest.raises(WebhookVerificationError):
        Webhook(key).verify(body + b".", found, json_parse=False)
