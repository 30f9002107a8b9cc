"""What a number was before ``partyline setup`` changed it, in a file of its own."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from handler.cli.number_setup import TITLES, Fields, Plan
from handler.errors import SetupError


def place(number: str, environ: Mapping[str, str]) -> Path:
    """Return where is kept what a number was before."""
    state = environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "partyline" / f"setup{number}.json"


def read(path: Path) -> dict[str, Fields]:
    """
    Read what is kept of a number; it is empty if nothing is.

    Raises:
        SetupError: it is malformed.
    """
    try:
        kept = json.loads(path.read_text("utf-8"))
        return {
            part: {str(name): str(kept[part][name]) for name in kept[part] if name in TITLES}
            for part in ("before", "set")
        }
    except FileNotFoundError:
        return {}
    except (ValueError, LookupError, TypeError) as exc:
        raise SetupError(f"{path} is not as this command writes it") from exc


def keep(path: Path, plan: Plan, kept: Mapping[str, Fields]) -> None:
    """
    Keep what a number was before, first of all: an answer may be lost.

    What it is now is our own doing if it is as this command has left it the last time: it is put
    back to what was there before that.
    """
    before = dict(plan.undoing)
    if kept and all(plan.before[name] == value for name, value in kept["set"].items()):
        before |= kept["before"]
    told = {
        "number": plan.number,
        "sid": plan.number_sid,
        "account": plan.account_sid,
        "before": before,
        "set": {name: plan.changes.get(name, plan.before[name]) for name in before},
    }
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(".new")
    # A URL may hold a password.
    with open(new, "w", encoding="utf-8", opener=_private) as file:
        json.dump(told, file, indent=2)
    new.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
