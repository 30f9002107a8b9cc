"""clients/python/partyline_client/connection.py: where a service takes its subscribers."""

import pytest

from partyline_client.connection import client_url


@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("http://h:8080", "ws://h:8080/client"),
        ("https://h", "wss://h/client"),
        ("wss://h/base/", "wss://h/base/client"),
        ("ws://h/client", "ws://h/client"),
        ("https://user:secret@h/?a=1", "wss://user:secret@h/client"),
    ],
)
def test_the_address_of_a_service_leads_to_its_clients(url, there):
    assert client_url(url) == there


@pytest.mark.parametrize("url", ["h:8080", "ftp://h", "https://", "", "http://[h"])
def test_what_is_no_address_of_a_service_is_refused(url):
    with pytest.raises(ValueError, match=r"like https://calls\.example\.com|Invalid IPv6"):
        client_url(url)
