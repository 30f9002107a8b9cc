"""Audio that was coded anew on its way."""

import numpy as np


def coded_anew(samples: bytes, seed: int = 1) -> bytes:
    """Return mu-law that differs by one step of the code, at random."""
    code = np.frombuffer(samples, np.uint8) ^ 0xFF
    noise = np.random.default_rng(seed).integers(-1, 2, len(code))
    size = np.clip((code & 0x7F).astype(int) + noise, 0, 0x7F)
    return bytes((((code & 0x80) | size) ^ 0xFF).astype(np.uint8))
