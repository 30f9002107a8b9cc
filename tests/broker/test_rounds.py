"""broker/rounds.py: readers who are due have their visit, and the loop its turns in between."""

import asyncio
from collections.abc import Callable

from broker.rounds import TURN_SECONDS, VISITS_IN_A_ROW, Behind, Rounds, Writing


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

    def visit(self) -> Writing | None:
        self._seen.append(self._name)
        self._then()
        return None


class Writer(Reader):
    """One whose visit brings something; ``then`` happens when it is written."""

    def visit(self) -> Writing:
        self._seen.append(self._name)
        return self._write, b"."

    def _write(self, data: bytes) -> None:
        self._seen.append(data.decode())
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


async def test_what_visits_bring_is_written_after_some_of_them_and_before_the_turn_ends():
    seen: list[str] = []
    rounds = Rounds(Hours())
    rounds.add([Writer("v", seen) for _ in range(VISITS_IN_A_ROW + 2)])
    asyncio.get_running_loop().call_soon(seen.append, "|")
    await turns()
    most = VISITS_IN_A_ROW
    assert "".join(seen) == "v" * most + "." * most + "vv..|"


async def test_a_turn_that_is_over_writes_what_its_visits_brought():
    clock, seen = Hours(), list[str]()

    class Slow(Writer):
        def visit(self) -> Writing:
            clock.now += TURN_SECONDS
            return super().visit()

    Rounds(clock).add([Slow(name, seen) for name in "abc"])
    await turns()
    assert "".join(seen) == "a.b.c."


async def test_a_defect_in_one_write_takes_no_other_reader_what_it_is_to_have():
    seen: list[str] = []
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: problems.append(context["exception"])
    )

    def fail() -> None:
        raise LookupError("a defect")

    Rounds(Hours()).add([Writer("a", seen), Writer("b", seen, fail), Writer("c", seen)])
    await turns()
    assert "".join(seen) == "abc..."
    assert len(problems) == 1


async def test_who_stands_behind_readers_hears_when_all_that_they_had_is_written():
    seen: list[str] = []
    rounds = Rounds(Hours())
    rounds.add([Writer(name, seen) for name in "abc"])
    rounds.add([Behind(lambda: seen.append("!"))])
    await turns()
    assert seen == ["a", "b", "c", ".", ".", ".", "!"]
