"""The official SDK, led to the stand-in for Twilio."""

import asyncio
from collections.abc import Callable
from typing import Any, Self

from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

CALLED, CALLER, OTHER = "+15550100002", "+15550100001", "+15550100003"


class Led(TwilioHttpClient):
    """Asks the stand-in what is asked of Twilio."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        return super().request(
            method, url.replace("https://api.twilio.com", self._url), *args, **kwargs
        )

    def close(self) -> None:
        if self.session is not None:
            self.session.close()


class Sdk:
    """A client of the SDK: its calls block, so each is made in a thread. A context manager."""

    def __init__(self, url: str, user: str, password: str, account_sid: str | None = None) -> None:
        self._led = Led(url)
        self.client = Client(user, password, account_sid, http_client=self._led)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._led.close()

    async def do(self, work: Callable[[Client], Any]) -> Any:
        return await asyncio.to_thread(work, self.client)
