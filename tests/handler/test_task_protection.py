"""handler/task_protection.py, handler/ecs_agent.py: a task is kept exactly while it is needed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response
from structlog.testing import capture_logs
from support.ecs_agent import TASK, EcsAgent, denied, failure
from support.timing import until
from support.twilio_api import serving

from handler.task_protection import TaskProtection

ON, OFF = (True, 60), (False, None)


@dataclass
class Task:
    """A task with some calls, and the agent beside it."""

    agent: EcsAgent
    calls: int = 0
    protection: TaskProtection | None = None

    def carry(self, calls: int) -> None:
        self.calls = calls
        assert self.protection is not None
        self.protection.note()


@contextlib.asynccontextmanager
async def a_task(agent: EcsAgent, **times: float) -> AsyncIterator[Task]:
    async with serving(agent) as url:
        task = Task(agent)
        task.protection = TaskProtection(f"{url}{TASK}", lambda: task.calls > 0, **times)
        async with task.protection:
            yield task


async def test_it_is_on_from_the_first_call_to_the_end_of_the_last_one_and_renewed_meanwhile():
    async with a_task(EcsAgent(), renew=0.3) as task:
        assert await task.agent.is_asked(1) == [OFF]  # who was here before may have left it on
        await until(lambda: task.protection.on is False)
        for calls in (1, 2, 1):
            task.carry(calls)
        assert await task.agent.is_asked(2) == [OFF, ON]
        await until(lambda: task.protection.on is True)
        task.carry(2)
        assert await task.agent.is_asked(3) == [OFF, ON, ON]  # renewed
        task.carry(0)
        assert await task.agent.is_asked(4) == [OFF, ON, ON, OFF]
    assert task.agent.protected is False
    assert task.protection.failed == 0


ANSWERS = (
    (denied(), "AccessDeniedException: User is not authorized to perform: "),
    (failure(), "TASK_NOT_VALID: the task is being stopped"),
    (JSONResponse({"protection": {"ProtectionEnabled": False}}), "the agent left it as it was"),
    (JSONResponse({"requestID": "1"}), "the answer says nothing"),
    (Response("bad gateway", 502), "HTTP 502, and nothing that ECS says"),
    (Response("x" * 20_000), "more than 16384 bytes came"),
)


async def test_what_fails_is_counted_said_once_for_each_reason_and_tried_again():
    agent = EcsAgent()
    with capture_logs() as lines:
        async with a_task(agent, first_pause=0.001) as task:
            await until(lambda: task.protection.on is False)
            agent.answers.extend(answer for answer, _ in (*ANSWERS, ANSWERS[-1]))
            task.carry(1)
            await until(lambda: task.protection.on)
    assert agent.asked == [OFF, *[ON] * (len(ANSWERS) + 2)]
    assert task.protection.failed == len(ANSWERS) + 1
    failed = [line for line in lines if line["event"] == "task protection fails"]
    for line, (_, words) in zip(failed, ANSWERS, strict=True):
        assert line["reason"].startswith(words)
        assert "ecs:UpdateTaskProtection" in line["advice"]


async def test_an_agent_that_is_not_there_is_tried_again_and_holds_up_nobody():
    with capture_logs() as lines:
        protection = TaskProtection("http://127.0.0.1:1", lambda: True, first_pause=0.01)
        async with protection:
            await until(lambda: protection.failed > 1)
    [line] = lines
    assert line["reason"] == "connection refused: is a server running there?"
    assert protection.on is None


async def test_a_call_that_is_over_before_the_agent_answers_leaves_the_task_unprotected():
    agent = EcsAgent()
    async with a_task(agent) as task:
        await until(lambda: task.protection.on is False)
        agent.gate = asyncio.Event()
        task.carry(1)
        await agent.is_asked(2)
        task.carry(0)
        agent.gate.set()
        assert await agent.is_asked(3) == [OFF, ON, OFF]
        await until(lambda: task.protection.on is False)


async def test_an_end_while_the_agent_does_not_answer_is_an_end():
    agent = EcsAgent(gate=asyncio.Event())
    async with a_task(agent) as task:
        await agent.is_asked(1)
        await task.protection.__aexit__()
        agent.gate.set()
    assert task.protection.on is None


async def test_elsewhere_than_on_ecs_nobody_is_asked():
    before = asyncio.all_tasks()
    async with TaskProtection(None, lambda: True) as protection:
        assert asyncio.all_tasks() == before
        protection.note()
    assert (protection.on, protection.failed) == (None, 0)
