"""handler/audio/wait.py: how long one track waits for the other."""

from handler.audio.wait import MAX_STALL, Wait


def overdue(wait: Wait, now: float, lead: int, *, fed: bool = True, in_step: bool = False) -> int:
    return wait.overdue(now, lead, fed=fed, in_step=in_step)


def test_audio_has_waited_once_the_wait_is_over_since_it_was_first_seen():
    wait = Wait(0.2)
    assert overdue(wait, 10.0, 160) == 0
    assert overdue(wait, 10.1, 320) == 0
    assert overdue(wait, 10.2, 480) == 160
    assert overdue(wait, 10.3, 640) == 320


def test_what_did_not_grow_is_seen_once():
    wait = Wait(0.2)
    overdue(wait, 0.0, 160)
    assert overdue(wait, 0.1, 160) == 0
    assert overdue(wait, 0.2, 160) == 160
    assert overdue(wait, 9.0, 160) == 160


def test_without_frames_the_time_runs_as_long_as_one_track_has_stopped():
    wait = Wait(0.2)
    overdue(wait, 0.0, 160)
    assert overdue(wait, 0.2, 160, fed=False) == 160


def test_while_both_tracks_stand_still_no_time_goes_by():
    wait = Wait(0.2)
    overdue(wait, 0.0, 160, in_step=True)
    for tenth in range(1, 50):
        assert overdue(wait, tenth / 10, 160, fed=False, in_step=True) == 0
    # The burst after it: what goes by counts for half the wait at most.
    assert overdue(wait, 5.0, 320, in_step=True) == 0
    assert overdue(wait, 5.1, 480, in_step=True) == 160


def test_a_stall_that_lasts_very_long_is_a_silence():
    wait = Wait(0.2)
    overdue(wait, 0.0, 160, in_step=True)
    assert overdue(wait, MAX_STALL - 0.1, 160, fed=False, in_step=True) == 0
    assert overdue(wait, MAX_STALL, 160, fed=False, in_step=True) == 160


def test_without_a_wait_all_is_overdue_at_once():
    wait = Wait(0.0)
    assert overdue(wait, 0.0, 160) == 160
