"""handler/twilio_credentials.py: how credentials of the REST API are written."""

import pytest

from handler.twilio_credentials import read_api_key

SID = "SK" + "0a" * 16


def test_an_api_key_is_its_sid_and_its_secret():
    assert read_api_key(f"{SID}:secret:with:colons") == (SID, "secret:with:colons")


@pytest.mark.parametrize("text", [SID, f"{SID}:", f"{SID}:a b", f"AC{SID[2:]}:secret", "secret"])
def test_what_is_none_is_not_repeated(text):
    with pytest.raises(ValueError, match="is not like SK…:secret") as caught:
        read_api_key(text)
    assert "secret:with" not in str(caught.value)
    assert SID not in str(caught.value)
