"""The tests themselves: each of them can fail, and none of them judges how fast a machine is."""

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import units

HERE = Path(__file__).parent
MODULES = sorted(HERE.rglob("test_*.py"))
# What raises by itself when the world is not as it should be.
EXPECTING = {"raises", "expect", "until", "check"}
CLOCKS = {"monotonic", "perf_counter", "process_time", "thread_time", "time"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
ROOT = HERE.parent
GROUP = "xdist_" + "group"


def called(node: ast.AST) -> set[str]:
    """Return the names of what is called or passed on somewhere below a node."""
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return names | {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}


def expects(node: ast.AST, helpers: dict[str, ast.AST]) -> bool:
    """Whether something is asserted there, or in a function of the module that it uses."""
    if any(isinstance(n, ast.Assert) for n in ast.walk(node)) or called(node) & EXPECTING:
        return True
    others = {name: helper for name, helper in helpers.items() if helper is not node}
    return any(expects(others[name], others) for name in called(node) & set(others))


def always_true(test: ast.expr) -> str | None:
    """Say why an assertion holds too easily, if it does."""
    match test:
        case ast.BoolOp(op=ast.Or()):
            return "one of two things will be true"
        case ast.Tuple() | ast.Constant():
            return "a constant"
        case ast.Compare(
            left=ast.Call(func=ast.Name("len")),
            ops=[ast.GtE()],
            comparators=[ast.Constant(0)],
        ):
            return "a length is never negative"
    return None


def of_nothing(function: ast.AST) -> Iterator[ast.Assert]:
    """Yield each ``assert all(…)`` over what may be empty: nothing else is asserted of it."""
    asserts = [n for n in ast.walk(function) if isinstance(n, ast.Assert)]
    for one in asserts:
        match one.test:
            case ast.Call(
                func=ast.Name("all"), args=[ast.GeneratorExp(generators=[generator, *_])]
            ) if not isinstance(generator.iter, ast.Tuple | ast.List):
                said = set().union(*(called(other) for other in asserts if other is not one))
                if not called(generator.iter) & said:
                    yield one


def hasty(node: ast.Call) -> bool:
    """Whether a number of seconds is written down as a deadline."""
    numbers = [
        argument
        for argument in (*node.args[-1:], *(k.value for k in node.keywords if k.arg == "timeout"))
        if isinstance(argument, ast.Constant) and isinstance(argument.value, int | float)
    ]
    match node.func:
        case ast.Attribute(ast.Name("asyncio"), "timeout" | "wait_for"):
            return bool(numbers)
        case ast.Attribute(_, "wait" | "communicate"):
            return bool(numbers)
    return any(k.arg == "timeout" and k.value in numbers for k in node.keywords)


def measured(node: ast.AST) -> bool:
    """Whether an expression is what a clock says, or says less what it said before."""
    match node:
        case ast.BinOp(left, ast.Sub() | ast.Div()):
            return measured(left)
        case ast.Call(ast.Attribute(_, name) | ast.Name(name)):
            return name in CLOCKS
    return False


def fast(function: ast.AST) -> Iterator[ast.Assert]:
    """Yield each assertion that no more time has passed, or was computed in, than so much."""
    spans = {
        target.id
        for n in ast.walk(function)
        if isinstance(n, ast.Assign) and measured(n.value)
        for target in n.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(function):
        match node:
            case ast.Assert(ast.Compare(left, [ast.Lt() | ast.LtE(), *_])) if measured(left) or (
                isinstance(left, ast.Name) and left.id in spans
            ):
                yield node


def left_running(function: ast.AST) -> Iterator[ast.Call]:
    """
    Yield each ``task.cancel()`` after which nobody waits for the task.

    What it uses may be gone before it is; and on Python 3.11 a cancellation can be forgotten: see
    ``broker.supervise.end``, which does both.
    """
    waits = [n for n in ast.walk(function) if isinstance(n, ast.Await)]
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Attribute(ast.Name(task), "cancel"), args=[]) if not any(
                wait.lineno > node.lineno and called(wait) & {task, "wait", "gather", "end"}
                for wait in waits
            ):
                yield node


def problems(source: str) -> list[str]:
    """Return what is wrong with a module of tests, with the lines."""
    module = ast.parse(source)
    functions = [node for node in ast.walk(module) if isinstance(node, FUNCTIONS)]
    helpers: dict[str, ast.AST] = {function.name: function for function in functions}
    found = [
        (function.lineno, "expects nothing")
        for function in functions
        if function.name.startswith("test_") and not expects(function, helpers)
    ]
    for node in ast.walk(module):
        if isinstance(node, ast.Assert) and (why := always_true(node.test)):
            found.append((node.lineno, why))
        if isinstance(node, ast.Call) and hasty(node):
            found.append((node.lineno, "a deadline in seconds; see support/timing.py"))
    for function in functions:
        found += [(one.lineno, "true of nothing too") for one in of_nothing(function)]
        found += [(one.lineno, "cancelled, not awaited") for one in left_running(function)]
        found += [(one.lineno, "a speed: bench/ measures it") for one in fast(function)]
    return [f"{line}: {why}" for line, why in sorted(set(found))]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(HERE)))
def test_each_test_can_fail_and_none_is_hasty(path):
    assert problems(path.read_text()) == []


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("run()", "1: expects nothing"),
        ("assert a == b or c", "2: one of two things will be true"),
        ("assert (a, b)", "2: a constant"),
        ("assert len(a) >= 0", "2: a length is never negative"),
        ("assert all(a for a in found)", "2: true of nothing too"),
        ("check(a)\n    task.cancel()", "3: cancelled, not awaited"),
        ("assert time.monotonic() - begun < WITHIN", "2: a speed: bench/ measures it"),
        ("took = process_time() - begun\n    assert took < CPU", "3: a speed: bench/ measures it"),
        (
            "assert await asyncio.wait_for(a(), 5) == 1",
            "2: a deadline in seconds; see support/timing.py",
        ),
        (
            "assert a.wait(timeout=5) == 1",
            "2: a deadline in seconds; see support/timing.py",
        ),
    ],
)
def test_one_that_cannot_fail_or_is_hasty_is_found(body, found):
    assert problems(f"async def test_a():\n    {body}") == [found]


@pytest.mark.parametrize(
    "body",
    [
        "assert a == b",
        "assert found\nassert all(a for a in found)",
        "assert all(a for a in (1, 2))",
        "helper()\ndef helper():\n    assert a",
        "with pytest.raises(ValueError, match='no'):\n    run()",
        "async with asyncio.timeout(QUIET):\n    assert a",
        "assert time.monotonic() - begun >= WAIT",
    ],
)
def test_one_that_can_fail_is_let_pass(body):
    assert problems("async def test_a():\n" + textwrap.indent(body, "    ")) == []


def test_the_modules_that_come_first_are_there():
    assert units.FIRST
    assert [name for name in units.FIRST if not (ROOT / name).is_file()] == []


def test_a_module_is_one_unit_and_what_keeps_a_processor_busy_another():
    named = [f"{module}::test_{number}" for module in units.FIRST for number in (1, 2)]
    found = {units.unit_of(nodeid) for nodeid in named}
    assert found == {"busy", *units.FIRST} - set(units.BUSY)
    named += ["tests/system/test_memory.py::test_1", "tests/test_tests.py::test_1"]
    assert sorted(named, key=units.turn_of) == named


def test_no_module_asks_for_a_group_that_nobody_heeds():
    """Which run one after the other is said in support/units.py."""
    assert [str(path) for path in MODULES if GROUP in path.read_text()] == []
