"""bench/processes.py: what servers are started with."""

import contextlib
import socket

import pytest

from bench.processes import LEAST_PORT, free_ports


def test_no_connection_is_given_the_port_that_a_server_is_to_have_later():
    ports = free_ports(50)
    assert len(set(ports)) == 50
    with contextlib.ExitStack() as stack:
        listeners = (socket.create_server(("127.0.0.1", 0)) for _ in ports)
        given = [stack.enter_context(one).getsockname()[1] for one in listeners]
    if min(given) < 2 * LEAST_PORT:
        pytest.skip("this system gives nearly all ports to connections")
    assert max(ports) < min(given)
