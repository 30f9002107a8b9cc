"""Which log lines of warnings and errors there are: read from the code, also those of refusals."""

import ast
from collections.abc import Iterator
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Commands that print to whoever started them, and what they look with: their findings are no log.
APART = ("handler/doctor", "handler/probe", "broker/cli")
LEVELS = frozenset({"warning", "error", "exception", "critical"})
LOGGERS = frozenset({"_log", "log", "get_logger", "bind"})


def loud_events() -> dict[str, str]:
    """Return the events that may be logged as warnings or errors, and the module of each."""
    found: dict[str, str] = {}
    for package in ("broker", "handler"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if not name.startswith(APART):
                found |= dict.fromkeys(events_of(path.read_text()), name)
    return found


def refused_events() -> set[str]:
    """Return the events of refusals, of whatever level."""
    texts = [path.read_text() for path in (ROOT / "handler").rglob("*.py")]
    noting = [text for text in texts if "refusals.note" in text]
    return {event for text in noting for event in events_of(text, refusals=True)}


def events_of(source: str, *, refusals: bool = False) -> set[str]:
    """Return the loud events of a module, or those of all its refusals."""
    module = ast.parse(source)
    found: set[str] = set()
    for function in ast.walk(module):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for call in _calls(function):
                noted = _is_refusal(call) if refusals else _is_loud(call, function)
                event = call.args[0] if noted and call.args else None
                if event is None and not refusals:
                    event = _of_thread(call)
                if event is not None:
                    found |= _texts(event, function, module)
    return found


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _is_loud(call: ast.Call, function: ast.AST) -> bool:
    match call.func:
        case ast.Attribute(value, attr) if attr in LEVELS:
            return _name(value) in LOGGERS
        case ast.Name(chosen):  # tell = _log.warning if … else _log.info
            return any(
                isinstance(node, ast.Attribute) and node.attr in LEVELS
                for value in _assigned(chosen, function)
                for node in ast.walk(value)
            )
    return _is_refusal(call) and _is_loud_refusal(call)


def _of_thread(call: ast.Call) -> ast.expr | None:
    """Return the event of a line that a thread of its own is to log."""
    given = {word.arg: word.value for word in call.keywords}
    match given.get("target"), given.get("args"):
        case ast.Attribute(logger, attr), ast.Tuple([event, *_]) if attr in LEVELS:
            return event if _name(logger) in LOGGERS else None
    return None


def _name(logger: ast.expr) -> str:
    match logger:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func):
            return _name(func)
    return ""


def _is_refusal(call: ast.Call) -> bool:
    match call.func:
        case ast.Attribute(ast.Name("refusals"), "note"):
            return True
    return False


def _is_loud_refusal(call: ast.Call) -> bool:
    levels = [*call.args[2:3], *(word.value for word in call.keywords if word.arg == "level")]
    quiet = {"INFO", "DEBUG"}
    return any(not (isinstance(level, ast.Attribute) and level.attr in quiet) for level in levels)


def _texts(node: ast.expr, function: ast.AST, module: ast.Module) -> set[str]:
    """Return all that an expression may be, as far as that stands in the module."""
    match node:
        case ast.Constant(str(text)):
            return {text}
        case ast.IfExp(_, one, other):
            return _texts(one, function, module) | _texts(other, function, module)
        case ast.FormattedValue(value):
            return _texts(value, function, module)
        case ast.JoinedStr(parts):
            return set(map("".join, product(*(_texts(part, function, module) for part in parts))))
        case ast.Name(name):
            values = [*_assigned(name, function), *_given(name, function, module)]
            assert values, f"what is logged as {name}, line {node.lineno}?"
            return {text for value in values for text in _texts(value, function, module)}
    raise AssertionError(f"an event that cannot be read, line {node.lineno}")


def _assigned(name: str, function: ast.AST) -> list[ast.expr]:
    return [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]


def _given(name: str, function: ast.AST, module: ast.Module) -> list[ast.expr]:
    """Return what a function of the module is called with as its parameter of that name."""
    if not isinstance(function, ast.FunctionDef):
        return []
    names = [argument.arg for argument in function.args.args]
    return [
        call.args[names.index(name)]
        for call in _calls(module)
        if name in names and isinstance(call.func, ast.Name) and call.func.id == function.name
    ]
