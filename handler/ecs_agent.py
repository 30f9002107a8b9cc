"""
The agent of Amazon ECS beside a task: it keeps the task from being stopped, or lets it go.

It knows the HTTP client, which costs memory and time when it is imported: only where there is an
agent is that done.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html
"""

import httpx
import msgspec

from handler.errors import TaskProtectionFailed
from handler.http_words import said

PATH = "/task-protection/v1/state"
# The agent itself waits 4 s for ECS.
ANSWER_SECONDS = 10.0
# An answer has some 300 bytes.
MAX_ANSWER = 16 * 1024


class _Protection(msgspec.Struct):
    enabled: bool = msgspec.field(name="ProtectionEnabled")


class _Failure(msgspec.Struct):
    reason: str = msgspec.field(name="Reason", default="")
    detail: str = msgspec.field(name="Detail", default="")


class _Error(msgspec.Struct):
    code: str = msgspec.field(name="Code", default="")
    message: str = msgspec.field(name="Message", default="")


class _Answer(msgspec.Struct):
    """One of them is there; a failure has status 200 all the same."""

    protection: _Protection | None = None
    failure: _Failure | None = None
    error: _Error | None = None


class EcsAgent:
    """Asks the agent at one address, a link-local one: it knows by itself which task asks."""

    def __init__(self, uri: str) -> None:
        self._url = uri + PATH
        self._client = httpx.AsyncClient(
            trust_env=False,  # a proxy could not reach it
            headers={"Accept-Encoding": "identity"},  # nothing that grows when it is unpacked
            timeout=ANSWER_SECONDS,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def protect(self, minutes: int | None) -> None:
        """
        Have the task protected for so many minutes from now on; with None, no longer.

        Raises:
            TaskProtectionFailed: it was refused, or there was no answer.
        """
        wish: dict[str, object] = {"ProtectionEnabled": minutes is not None}
        if minutes is not None:
            wish["ExpiresInMinutes"] = minutes
        try:
            async with self._client.stream("PUT", self._url, json=wish) as response:
                answer = _read(response.status_code, await _body(response))
        except (httpx.HTTPError, OSError) as exc:
            raise TaskProtectionFailed(said(exc)) from exc
        if answer.protection is None:
            raise TaskProtectionFailed(_why(answer))
        if answer.protection.enabled is not wish["ProtectionEnabled"]:
            raise TaskProtectionFailed("the agent left it as it was")


async def _body(response: httpx.Response) -> bytes:
    whole = bytearray()
    async for piece in response.aiter_raw():
        whole += piece
        if len(whole) > MAX_ANSWER:
            raise TaskProtectionFailed(f"more than {MAX_ANSWER} bytes came")
    return bytes(whole)


def _read(status: int, body: bytes) -> _Answer:
    try:
        return msgspec.json.decode(body, type=_Answer)
    except msgspec.MsgspecError as exc:
        raise TaskProtectionFailed(f"HTTP {status}, and nothing that ECS says") from exc


def _why(answer: _Answer) -> str:
    match answer:
        case _Answer(error=_Error(code, message)):
            return f"{code}: {message}"
        case _Answer(failure=_Failure(reason, detail)):
            return f"{reason}: {detail}".removesuffix(": ")
    return "the answer says nothing"
