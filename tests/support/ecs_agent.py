"""The agent of Amazon ECS, as far as it protects a task: it answers as the real one does."""

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from support.timing import patience

TASK = "/api/0a1b2c3d-17"
PATH = f"{TASK}/task-protection/v1/state"
ARN = "arn:aws:ecs:eu-west-1:123456789012:task/calls/0a1b2c3d"


def denied() -> Response:
    """Answer as where the task's role may not."""
    words = "User is not authorized to perform: ecs:UpdateTaskProtection"
    return _error(400, "AccessDeniedException", words)


def failure() -> Response:
    """Answer as where ECS refuses for this task: the status is 200."""
    body = {"Arn": ARN, "Reason": "TASK_NOT_VALID", "Detail": "the task is being stopped"}
    return JSONResponse({"failure": body})


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"Arn": ARN, "Code": code, "Message": message}}, status)


@dataclass
class EcsAgent:
    """
    What it was asked, and what holds.

    Attributes:
        asked: Each request that was understood: whether to protect, and for how many minutes.
        protected: Whether the task is.
        answers: What is answered instead, in order.
        gate: Requests are held until it is set.
    """

    asked: list[tuple[bool, int | None]] = field(default_factory=list)
    protected: bool | None = None
    answers: deque[Response] = field(default_factory=deque)
    gate: asyncio.Event | None = None
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        answer = self._answer(request.method, request.url.path, await request.body())
        async with self.news:
            self.news.notify_all()
        if self.gate is not None:
            await self.gate.wait()
        await answer(scope, receive, send)

    async def is_asked(self, times: int) -> list[tuple[bool, int | None]]:
        """Wait until it was asked so many times; returns what for."""
        async with patience(), self.news:
            await self.news.wait_for(lambda: len(self.asked) >= times)
        return self.asked

    def _answer(self, method: str, path: str, body: bytes) -> Response:
        if (method, path) != ("PUT", PATH):
            return Response("404 page not found\n", 404)
        wish = json.loads(body)
        enabled, minutes = wish.pop("ProtectionEnabled", None), wish.pop("ExpiresInMinutes", None)
        if wish or not isinstance(enabled, bool) or not (minutes is None or 1 <= minutes <= 2880):
            return _error(400, "InvalidParameterException", "failed to decode request")
        self.asked.append((enabled, minutes))
        if self.answers:
            return self.answers.popleft()
        self.protected = enabled
        told: dict[str, object] = {"ProtectionEnabled": enabled, "TaskArn": ARN}
        if enabled:
            told["ExpirationDate"] = "2026-11-28T04:00:00Z"
        return JSONResponse({"protection": told})
