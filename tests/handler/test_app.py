"""handler/app.py: the parts of a process are opened together, or not at all."""

import asyncio
import socket
from dataclasses import replace

import pytest

from handler.app import Service
from handler.config import Settings


async def test_what_was_opened_before_a_part_that_cannot_be_is_closed_again():
    before = asyncio.all_tasks()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = replace(
            Settings(deepgram_api_key="key"),
            host="127.0.0.1",
            metrics_port=port,
            nats_urls=("nats://127.0.0.1:1",),
        )
        with pytest.raises(OSError, match=rf"METRICS_PORT.* 127\.0\.0\.1 port {port}: "):
            await Service(settings).open()
    assert asyncio.all_tasks() == before
