"""handler/audio/mulaw.py: the facts of the audio."""

from handler.audio.mulaw import SAMPLE_RATE, TRACKS, Track, interleave, samples, seconds


def test_the_tracks_are_interleaved_inbound_first():
    assert interleave(b"abc", b"xyz") == b"axbycz"
    assert interleave(bytearray(b"ab"), bytearray(b"xy")) == b"axby"
    assert interleave(b"", b"") == b""


def test_the_channel_of_a_track_is_its_place_among_the_tracks():
    assert [track.channel for track in TRACKS] == [0, 1]
    assert [Track("inbound").channel, Track("outbound").channel] == [0, 1]


def test_samples_and_seconds_are_one_position():
    assert seconds(SAMPLE_RATE // 4) == 0.25
    assert samples(0.25) == SAMPLE_RATE // 4
    positions = list(range(0, 10**7, 99_991))
    assert [samples(seconds(position)) for position in positions] == positions
    # To the nearest: Deepgram's floats are a little off.
    assert samples(1.5800000429153442) == 12_640
    assert samples(1.5799999) == 12_640
