"""handler/audio/counts.py: what is counted of the audio."""

from handler.audio.counts import AudioCounts


def test_each_count_is_added_to_its_own():
    one = AudioCounts(1, 2, 3, 4, 5, 6, 7, 8)
    assert one + AudioCounts(10, 20, 30, 40, 50, 60, 70, 80) == AudioCounts(
        11, 22, 33, 44, 55, 66, 77, 88
    )
    assert one == AudioCounts(1, 2, 3, 4, 5, 6, 7, 8)
    assert sum([one, one], AudioCounts()) == AudioCounts(2, 4, 6, 8, 10, 12, 14, 16)


def test_what_found_no_place_was_late_or_where_audio_was():
    assert AudioCounts(late_samples=3, overlap_samples=4, filled_samples=9).unplaced_samples == 7
