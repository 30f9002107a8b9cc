"""The marks in the audio of the measurements: each thing that can go wrong with a frame is told."""

import pytest

from bench.load.marks import FILLER, FRAME, FRAME_MS, MAGIC, Ear, mark

SILENCE = b"\xff"
FIRST = 60


def spoken(track: int, numbers: range, call: int = 1) -> bytes:
    return b"".join(
        mark(call, track, number, FIRST + number * FRAME_MS) + FILLER for number in numbers
    )


def mixed(inbound: bytes, outbound: bytes) -> bytes:
    length = max(len(inbound), len(outbound))
    audio = bytearray(2 * length)
    audio[0::2] = inbound.ljust(length, SILENCE)
    audio[1::2] = outbound.ljust(length, SILENCE)
    return bytes(audio)


def heard(inbound: bytes, outbound: bytes, piece: int = 960) -> dict[str, int]:
    """Return what is counted, without what is zero."""
    ear = Ear()
    audio = mixed(inbound, outbound)
    for at in range(0, len(audio), piece):
        ear.hear(audio[at : at + piece])
    return {name: count for name, count in vars(ear.tally).items() if count}


def test_the_filler_is_no_mark_and_no_silence():
    assert MAGIC[0] not in FILLER
    assert not set(FILLER) & {0x7F, 0xFF}


@pytest.mark.parametrize("piece", [2, 34, 320, 960, 100_000])
def test_whole_audio_is_found_whole_in_pieces_of_any_length(piece):
    told = heard(spoken(0, range(10)), spoken(1, range(10)), piece)
    assert told == {"received": 20}


def test_a_hole_that_was_filled_with_silence_moves_nothing():
    inbound = spoken(0, range(3)) + SILENCE * 2 * FRAME + spoken(0, range(5, 8))
    told = heard(inbound, spoken(1, range(8)))
    assert told == {"received": 14, "silence": 2 * FRAME}


def test_a_hole_that_was_not_filled_misplaces_what_follows():
    told = heard(spoken(0, range(3)) + spoken(0, range(5, 8)), spoken(1, range(8)))
    assert told["misplaced"] == 3


def test_tracks_that_do_not_begin_together_are_misplaced():
    told = heard(spoken(0, range(4)), SILENCE * FRAME + spoken(1, range(4)))
    assert told["misplaced"] == 4


def test_audio_in_the_other_channel_is_foreign():
    told = heard(spoken(1, range(4)), spoken(0, range(4)))
    assert told["foreign"] == 8


def test_audio_of_another_call_is_foreign():
    inbound = spoken(0, range(2)) + spoken(0, range(2, 3), call=2) + spoken(0, range(3, 4))
    told = heard(inbound, spoken(1, range(4)))
    assert told == {"received": 8, "foreign": 1}


def test_a_frame_that_comes_twice_or_late_is_disordered():
    told = heard(spoken(0, range(3)) + spoken(0, range(1, 3)), spoken(1, range(5)))
    assert told["disordered"] == 2


@pytest.mark.parametrize("at", [20, FRAME - 1])
def test_a_sample_that_was_changed_damages_its_frame(at):
    inbound = bytearray(spoken(0, range(4)))
    inbound[FRAME + at] ^= 1
    told = heard(bytes(inbound), spoken(1, range(4)))
    assert (told["received"], told["damaged"]) == (7, 1)


def test_a_frame_that_was_cut_is_not_received():
    inbound = spoken(0, range(2))[:-10] + SILENCE * 10 + spoken(0, range(2, 4))
    told = heard(inbound, spoken(1, range(4)))
    assert (told["received"], told["damaged"]) == (7, 1)


def test_each_frame_is_told_by_name():
    names: list[tuple[int, int, int]] = []
    ear = Ear(lambda *name: names.append(name))
    ear.hear(mixed(spoken(0, range(2), call=7), spoken(1, range(2), call=7)))
    assert names == [(7, 0, 0), (7, 0, 1), (7, 1, 0), (7, 1, 1)]
