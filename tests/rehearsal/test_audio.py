"""Files in, mu-law samples out."""

import struct

import pytest

from rehearsal import audio
from rehearsal.errors import BadAudio


def wav(body: bytes, *, tag=7, channels=1, rate=8000, bits=8, before=b"") -> bytes:
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * channels * bits // 8, 1, bits)
    chunks = before + b"fmt " + struct.pack("<I", 16) + form
    chunks += b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def test_mulaw_wav_is_taken_byte_for_byte():
    assert audio.decode_wav(wav(b"\x00\x7f\x80\xff")) == b"\x00\x7f\x80\xff"


def test_other_chunks_are_skipped_with_their_padding():
    listing = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    assert audio.decode_wav(wav(b"hello", before=listing)) == b"hello"


def test_pcm_wav_is_encoded():
    body = struct.pack("<5h", 0, 32767, -32768, 1000, -1000)
    assert audio.decode_wav(wav(body, tag=1, bits=16)) == b"\xff\x80\x00\xce\x4e"


def test_encoding_undoes_the_decoding_of_every_byte():
    def decode(byte: int) -> int:
        byte ^= 0xFF
        magnitude = ((byte & 0x0F) << 3) + 0x84 << ((byte & 0x70) >> 4)
        return 0x84 - magnitude if byte & 0x80 else magnitude - 0x84

    # 0x7F is the other zero; there is only one in PCM.
    bytes_ = [byte for byte in range(256) if byte != 0x7F]
    assert [audio.encode_sample(decode(byte)) for byte in bytes_] == bytes_


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not a WAV file"),
        (b"ID3 something else", "not a WAV file"),
        (wav(b"x", rate=44100), r"1 channel\(s\) at 44100 Hz"),
        (wav(b"xx", channels=2), r"2 channel\(s\) at 8000 Hz"),
        (wav(b"xxxx", tag=3, bits=32), "format 3 with 32 bits"),
        (wav(b"x")[:36], "without audio"),
        (b"RIFF\0\0\0\0WAVEdata\1\0\0\0x", "does not say its format"),
    ],
)
def test_what_is_no_telephone_audio_is_refused_in_words(data, problem):
    with pytest.raises(BadAudio, match=problem):
        audio.decode_wav(data)


def test_raw_files_are_known_by_their_name(tmp_path):
    path = tmp_path / "call.ulaw"
    path.write_bytes(b"RIFF is sound too")
    assert audio.read(path) == b"RIFF is sound too"


def test_errors_name_the_file(tmp_path):
    for name, content in (("empty.ulaw", b""), ("long.ulaw", bytes(audio.MAX_SAMPLES + 1))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadAudio, match=name):
            audio.read(tmp_path / name)
    with pytest.raises(BadAudio, match=r"missing\.wav: No such file"):
        audio.read(tmp_path / "missing.wav")
