"""What the tests of the stand-ins share."""

import random
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.steady import STEADY

from rehearsal.recogniser import Moonshine

SPEECH = Path(__file__).parent.parent / "speech"


@pytest.fixture
def anyio_backend() -> object:
    return STEADY


def noise(seconds: float, seed: int = 1) -> bytes:
    source = random.Random(seed)
    return bytes(source.randrange(1, 127) for _ in range(int(seconds * 8000)))


@pytest.fixture
def sound() -> SimpleNamespace:
    """Audio that is no speech: bytes that are never silence."""
    return SimpleNamespace(noise=noise)


@pytest.fixture(scope="session")
def moonshine() -> Moonshine:
    """Make recognisers with one model, loaded once."""
    factory = Moonshine()
    factory.load()
    return factory


@pytest.fixture
def speech() -> Path:
    """Return the directory of recorded utterances."""
    return SPEECH
