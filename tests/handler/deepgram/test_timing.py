"""handler/deepgram/timing.py: what is said into a pause, and when a connection is given up."""

import pytest

from handler.deepgram.timing import FINALIZE, KEEPALIVE, Pause, StallWatch, Timing


@pytest.mark.parametrize(
    ("keep_alive", "finalize", "after_audio", "said"),
    [
        (4.0, 5.0, True, [(4.0, KEEPALIVE), (1.0, FINALIZE), (4.0, KEEPALIVE), (4.0, KEEPALIVE)]),
        (4.0, 2.0, True, [(2.0, FINALIZE), (4.0, KEEPALIVE)]),
        (4.0, 4.0, True, [(4.0, FINALIZE), (4.0, KEEPALIVE)]),
        (4.0, 5.0, False, [(4.0, KEEPALIVE), (4.0, KEEPALIVE)]),
    ],
)
def test_the_last_words_are_asked_for_once_and_the_line_is_kept_open(
    keep_alive, finalize, after_audio, said
):
    now = 100.0
    pause = Pause(Timing(keep_alive=keep_alive, finalize=finalize), now, after_audio=after_audio)
    heard = []
    for _ in said:
        waited = pause.due - now
        now = pause.due
        heard.append((waited, pause.go_on(now)))
    assert heard == said


def test_a_timer_that_is_early_by_a_little_says_what_was_due():
    pause = Pause(Timing(keep_alive=4.0, finalize=4.0), 0.0, after_audio=True)
    assert pause.go_on(3.9995) == FINALIZE


def test_time_counts_while_audio_flows_is_stuck_or_the_end_is_waited_for():
    watch = StallWatch(4.0)
    watch.tick(1.0, waiting=False)  # nothing is sent: nothing is owed
    assert watch.unanswered == 0
    watch.flowing = True
    watch.tick(1.0, waiting=False)
    watch.tick(1.0, waiting=False)  # flows no more
    assert watch.unanswered == 1
    watch.sending = True
    watch.tick(1.0, waiting=False)
    watch.sending = False
    watch.tick(1.0, waiting=True)
    assert (watch.unanswered, watch.stalled, watch.has_results) == (3, False, False)
    watch.tick(1.0, waiting=True)
    assert watch.stalled


def test_results_begin_the_count_anew():
    watch = StallWatch(1.0, unanswered=0.9)
    watch.note_results()
    assert (watch.unanswered, watch.has_results) == (0, True)
