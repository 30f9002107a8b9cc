"""broker/rounds.py: readers who are due have their visit, and the loop its turns in between."""

import asyncio
from collections.abc import Callable

from broker.rounds import TURN_SECONDS, Rounds


class Hours:
    """A clock that goes on only when somebody is visited."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Reader:
    def __init__(self, name: str, seen: list[str], then: Callable[[], None] = lambda: None) -> None:
        self.due = False
        self._name = name
        self._seen = seen
        self._then = then

    def visit(self) -> None:
        self._seen.append(self._name)
        self._then()


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_long_round_lets_the_loop_have_its_turns():
    clock, seen = Hours(), list[str]()

    def take_half_a_turn() -> None:
        clock.now += TURN_SECONDS / 2

    rounds = Rounds(clock)
    rounds.add([Reader(name, seen, take_half_a_turn) for name in "abcde"])
    loop = asyncio.get_running_loop()

    def between(left: int) -> None:  # as a call's audio: whatever else the loop has to do
        seen.append("|")
        if left:
            loop.call_soon(between, left - 1)

    loop.call_soon(between, 1)
    await turns()
    assert "".join(seen) == "ab|cd|e"


async def test_a_visit_that_takes_a_whole_turn_is_one_all_the_same():
    clock, seen = Hours(), list[str]()

    def take_long() -> None:
        clock.now += 10 * TURN_SECONDS

    Rounds(clock).add([Reader(name, seen, take_long) for name in "abc"])
    await turns()
    assert seen == ["a", "b", "c"]


async def test_one_who_is_due_is_not_due_twice_and_may_become_so_again():
    seen: list[str] = []
    rounds = Rounds(Hours())
    first, second = Reader("a", seen), Reader("b", seen, lambda: rounds.add([first]))
    rounds.add([first, second])
    rounds.add([second, first])
    await turns()
    assert seen == ["a", "b", "a"]
    rounds.add([first])
    await turns()
    assert seen == ["a", "b", "a", "a"]


async def test_a_defect_in_one_visit_takes_no_other_reader_its_own():
    seen: list[str] = []
    problems: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: problems.append(str(context["exception"]))
    )

    def fail() -> None:
        raise LookupError("a defect")

    rounds = Rounds()
    readers = [Reader("one", seen), Reader("two", seen, fail), Reader("three", seen)]
    rounds.add(readers)
    await turns()
    rounds.add(readers[:1])
    await turns()
    assert (seen, problems) == (["one", "two", "three", "one"], ["a defect"])
