"""Recorded telephone audio: files in, mu-law samples out. Pure, but for reading the file."""

import struct
from pathlib import Path

from rehearsal.errors import BadAudio

SAMPLE_RATE = 8000  # samples a second, which are bytes a second: mu-law takes one byte each
SILENCE = b"\xff"
# An hour of one track; more is taken for a mistake.
MAX_SAMPLES = 3600 * SAMPLE_RATE

RAW_SUFFIXES = (".ulaw", ".mulaw", ".ul")
WAVE_PCM, WAVE_MULAW = 1, 7
# A PCM sample is two bytes; a header is far below this.
MAX_FILE = 2 * MAX_SAMPLES + 65_536


def read(path: str | Path) -> bytes:
    """
    Return the mu-law samples of a file, 8000 a second, one byte each.

    Reads WAV with mu-law (format 7) or 16-bit PCM, mono, 8 kHz, and raw mu-law (``.ulaw``).

    Raises:
        BadAudio: it cannot be read, is something else, is empty, or is longer than an hour.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
        samples = data if path.suffix.lower() in RAW_SUFFIXES else decode_wav(data)
    except OSError as exc:
        raise BadAudio(f"{path}: {exc.strerror or exc}") from exc
    except BadAudio as exc:
        raise BadAudio(f"{path}: {exc}") from exc
    if not samples:
        raise BadAudio(f"{path}: no audio in it")
    if len(data) > MAX_FILE or len(samples) > MAX_SAMPLES:
        raise BadAudio(f"{path}: longer than an hour")
    return samples


def decode_wav(data: bytes) -> bytes:
    """
    Return the mu-law samples of a WAV file.

    Reads the chunks by hand, because the standard library's ``wave`` knows no mu-law.

    Raises:
        BadAudio: it is no WAV file, or one in another format.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise BadAudio("not a WAV file (raw mu-law is taken from files named .ulaw)")
    form: tuple[int, ...] | None = None
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + size]
        if name == b"fmt " and len(body) >= 16:
            form = struct.unpack_from("<HHIIHH", body)
        elif name == b"data":
            return _to_mulaw(form, body)
        at += 8 + size + size % 2  # chunks are padded to even sizes
    raise BadAudio("a WAV file without audio")


def _to_mulaw(form: tuple[int, ...] | None, body: bytes) -> bytes:
    if form is None:
        raise BadAudio("a WAV file that does not say its format")
    tag, channels, rate, _, _, bits = form
    if (channels, rate) != (1, SAMPLE_RATE):
        raise BadAudio(f"{channels} channel(s) at {rate} Hz; needed: one at {SAMPLE_RATE} Hz")
    if (tag, bits) == (WAVE_MULAW, 8):
        return body
    if (tag, bits) == (WAVE_PCM, 16):
        samples = struct.unpack_from(f"<{len(body) // 2}h", body)
        return bytes(map(encode_sample, samples))
    raise BadAudio(f"format {tag} with {bits} bits; needed: mu-law (7) or 16-bit PCM (1)")


def encode_sample(sample: int) -> int:
    """Encode one 16-bit sample as mu-law. Source: ITU-T G.711."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 0x84
    exponent = magnitude.bit_length() - 8
    mantissa = magnitude >> (exponent + 3) & 0x0F
    return ~(sign | exponent << 4 | mantissa) & 0xFF


def decode_sample(code: int) -> int:
    """Decode one mu-law sample to 16 bits. Source: ITU-T G.711."""
    code = ~code & 0xFF
    magnitude = ((code & 0x0F) << 3) + 0x84 << (code >> 4 & 0x07)
    return 0x84 - magnitude if code & 0x80 else magnitude - 0x84


_AMPLITUDES = bytes(min(255, abs(decode_sample(code)) >> 7) for code in range(256))


def amplitude(samples: bytes) -> int:
    """Return the largest amplitude of mu-law samples, of 32767, in steps of 128."""
    return max(samples.translate(_AMPLITUDES), default=0) << 7
