"""Calls on their way to a webhook: real servers, real sockets, a receiver that misbehaves."""

from support.brokers import ENDED
from support.forwarders import forwarding, stored, write
from support.timing import until


async def test_each_record_comes_signed_and_in_order_as_it_was_stored(
    server, broker, receiver, facts, make_final
):
    call = facts()
    await write(broker, call, make_final(1), make_final(2), ENDED)
    async with forwarding(server.url, receiver.url) as forwarder:
        await until(lambda: receiver.seqs(call.call_sid) == [1, 2, 3, 4])
        live = facts()
        await write(broker, live, make_final(1), ENDED)
        await until(lambda: receiver.seqs(live.call_sid) == [1, 2, 3])
        assert forwarder.counts.sent == 7
    for one in (call, live):
        assert receiver.bodies(one.call_sid) == await stored(broker, one.call_sid)
    assert receiver.came[0].headers["content-type"] == "application/json"
