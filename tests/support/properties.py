"""What holds for all inputs: tried with a few in each run, with many where it is proved."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy


def prove(
    rounds: Callable[..., range],
    inputs: SearchStrategy[Any],
    holds: Callable[[Any], None],
    *,
    sample: int = 30,
    full: int = 2000,
) -> None:
    """Try some inputs, the same ones each time; all of them with ``--prove``."""
    few_or_many = settings(
        max_examples=len(rounds(sample=sample, full=full)),
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    few_or_many(given(inputs)(holds))()
