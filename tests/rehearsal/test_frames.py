"""The frames of a call, and what becomes of them on their way."""

from itertools import islice

from rehearsal.audio import SILENCE, amplitude, decode_sample, encode_sample
from rehearsal.frames import Course, Stall, live, schedule

SECOND = bytes(range(1, 101)) * 80


def of(track: str, frames):
    return [frame for frame in frames if frame.track == track]


def test_frames_of_any_size_hold_all_of_the_audio():
    course = Course(frame_ms=(20, 7, 40), jitter_ms=0)
    frames = list(schedule(SECOND, SECOND[:999], course))
    for track, audio in (("inbound", SECOND), ("outbound", SECOND[:999])):
        assert b"".join(frame.payload for frame in of(track, frames)) == audio
    assert [len(frame.payload) // 8 for frame in of("inbound", frames)[:4]] == [20, 7, 40, 20]
    assert [frame.timestamp for frame in of("inbound", frames)[:4]] == [155, 175, 182, 222]
    assert [frame.at for frame in frames] == sorted(frame.at for frame in frames)


def test_lost_frames_are_the_same_ones_each_time():
    course = Course(lost=0.3, seed=7)
    frames = list(schedule(SECOND * 10, b"", course))
    assert 300 < len(frames) < 400
    assert list(schedule(SECOND * 10, b"", course)) == frames


def test_a_stall_holds_back_one_track_or_both_and_ends_in_a_burst():
    for stalled, track in ((("inbound", "outbound"), None), (("outbound",), "outbound")):
        frames = list(schedule(SECOND, SECOND, Course(stalls=(Stall(0.2, 0.5, track),))))
        assert len(frames) == 100
        for name in ("inbound", "outbound"):
            held = [frame for frame in of(name, frames) if 0.2 <= frame.at < 0.7]
            assert (held == []) == (name in stalled)
            burst = [frame.timestamp for frame in of(name, frames) if frame.at == 0.7]
            assert burst == sorted(burst)
            assert len(burst) == (26 if name in stalled else 1)


def test_silence_is_not_sent_but_for_a_little_behind_sound():
    audio = SILENCE * 8000 + SECOND + SILENCE * 8000
    frames = list(schedule(audio, b"", Course(suppress_silence=True, jitter_ms=0)))
    times = [frame.timestamp - 155 for frame in frames]
    assert times == list(range(1000, 2200, 20))


def test_amplitudes_are_those_of_the_samples():
    for sample in (0, 100, -100, 5_000, -32_000):
        decoded = decode_sample(encode_sample(sample))
        assert abs(decoded - sample) <= max(4, abs(sample) / 16)
        assert (
            abs(amplitude(bytes([encode_sample(sample)])) - abs(sample)) <= 128 + abs(sample) / 16
        )


def test_a_live_track_is_read_a_frame_ahead_and_what_is_not_sent_takes_its_time():
    asked = []

    def read(position: int, size: int) -> bytes | None:
        asked.append(position)
        return b"\x10" * size if position >= 320 else None

    frames = live({"inbound": read}, Course(jitter_ms=0))
    assert [(round(f.at * 1000), len(f.payload)) for f in islice(frames, 4)] == [
        (20, 0),
        (40, 0),
        (60, 160),
        (80, 160),
    ]
    assert max(asked) <= 4 * 160


def test_a_live_track_that_stalls_is_not_read_ahead_either():
    asked = []

    def read(position: int, size: int) -> bytes | None:
        asked.append(position)
        return bytes([position // 160]) * size

    frames = live({"inbound": read}, Course(jitter_ms=0, stalls=(Stall(0.04, 0.04),)))
    first = list(islice(frames, 3))
    assert [frame.payload[:1] for frame in first] == [b"\x00", b"", b""]
    assert max(asked) <= 3 * 160
    assert [frame.payload[:1] for frame in islice(frames, 3)] == [b"\x01", b"\x02", b"\x03"]


def test_what_is_coded_again_differs_by_a_step_in_some_samples():
    plain = list(schedule(SECOND, b"", Course()))
    again = list(schedule(SECOND, b"", Course(noise=0.2)))
    pairs = zip(plain, again, strict=True)
    apart = [a ^ b for one, other in pairs for a, b in zip(one.payload, other.payload, strict=True)]
    assert set(apart) == {0, 1}
    assert 0.15 < sum(apart) / len(apart) < 0.25
    assert [frame.timestamp for frame in again] == [frame.timestamp for frame in plain]
