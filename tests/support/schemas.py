"""The contract of `docs/schemas`, for every message that a test gets to see."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

DIRECTORY = Path(__file__).parents[2] / "docs" / "schemas"
VALIDATORS = {
    path.stem: Draft202012Validator(json.loads(path.read_text()))
    for path in sorted(DIRECTORY.glob("*.json"))
}


def check(message: dict[str, Any]) -> None:
    """Raise ValidationError if a published message is not as the schema of its type says."""
    VALIDATORS[message["type"]].validate(message)
