"""broker/connection.py: a connection that cannot be made is said in words, and ends nothing."""

import pytest
from support.timing import until

from broker.broker import Broker
from broker.connection import identity
from broker.settings import BrokerSettings


@pytest.mark.parametrize("address", ["nats://127.0.0.1:42x2", "nats://[::1"])
async def test_whatever_opening_a_client_raises_is_said_and_the_process_can_leave(address):
    async with Broker(BrokerSettings(servers=(address,), instance="i1")) as broker:
        await until(lambda: broker.problem is not None)
        assert not broker.ready


@pytest.mark.parametrize(
    ("url", "credentials", "options"),
    [
        ("nats://h", None, {}),
        ("nats://u:p%40%2F@h", None, {"user": "u", "password": "p@/"}),
        ("nats://s%2Ft@h", None, {"token": "s/t"}),
    ],
)
def test_a_client_says_who_it_is_as_the_address_does(url, credentials, options):
    assert identity([url], credentials) == options
