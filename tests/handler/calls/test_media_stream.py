"""handler/calls/media_stream.py: one websocket, its end, and whether another may replace it."""

import pytest
from support.peers import Peer
from support.sids import stream_sid

from handler.audio.mulaw import TRACKS, Track
from handler.calls.media_stream import ASK_SECONDS, TAKEOVER_SECONDS, End, MediaStream
from handler.twilio.messages import Frame


def stream(peer: Peer | None = None, now: float = 0.0) -> MediaStream:
    return MediaStream(stream_sid(7), 1_800_000_000_000, peer or Peer(), now=now)


def frame(timestamp: int = 0) -> Frame:
    return Frame(Track.INBOUND, timestamp, b"a" * 160)


def test_frames_and_the_end_are_handed_on():
    media = stream()
    taken: list[list[Frame]] = []
    ends: list[End | None] = []
    media.take = taken.append
    media.on_end = lambda: ends.append(media.end)
    media.feed([frame()])
    assert media.end is None
    media.finish(End.LOST)
    assert taken == [[frame()]]
    assert ends == [End.LOST]


def test_once_it_is_let_go_nobody_takes_its_frames_and_its_socket_ends_by_itself():
    peer = Peer()
    media = stream(peer)
    taken: list[list[Frame]] = []
    media.take = taken.append
    media.finish(End.MOVED)
    assert not peer.released
    media.let_go()
    media.feed([frame()])
    assert (taken, peer.released) == ([], True)


@pytest.mark.parametrize("end", End)
def test_the_first_end_stands_and_another_may_follow_at_once(end):
    media = stream()
    media.finish(end)
    media.finish(End.LOST)
    assert media.end is end
    assert media.may_be_replaced(0.0)


def test_a_silent_socket_is_asked_for_a_sign_of_life_again_and_again():
    peer = Peer()
    media = stream(peer, now=100.0)
    media.look(100.0 + ASK_SECONDS - 0.1)
    assert peer.pings == 0
    media.look(100.0 + ASK_SECONDS)
    media.look(100.1 + ASK_SECONDS)
    assert peer.pings == 1
    media.look(100.0 + 2 * ASK_SECONDS)
    assert peer.pings == 2
    media.feed([frame()])
    media.look(100.0 + 4 * ASK_SECONDS)
    media.look(100.0 + 5 * ASK_SECONDS - 0.1)
    assert peer.pings == 2


def test_only_one_that_is_silent_and_does_not_answer_may_be_replaced():
    peer = Peer()
    media = stream(peer, now=100.0)
    silent = 100.0 + TAKEOVER_SECONDS
    assert (media.is_silent(silent), media.is_silent(silent - 0.1)) == (True, False)
    assert not media.may_be_replaced(silent + 3600)  # it answers: it has nothing to say
    peer.unanswered_since = silent - ASK_SECONDS
    assert media.may_be_replaced(silent)
    assert not media.may_be_replaced(silent - 0.1)
    peer.unanswered_since = silent - ASK_SECONDS + 0.1
    assert not media.may_be_replaced(silent)  # it may still answer
    media.feed([frame()])
    media.look(silent + 60)
    peer.unanswered_since = silent
    assert not media.is_silent(silent + 61)
    assert not media.may_be_replaced(silent + 61)  # it does not answer, and sends


def test_the_summary_is_what_is_known_of_it():
    media = stream()
    media.faults["binary"] += 2
    media.feed([frame()])
    assert media.summary()["end"] is None
    media.finish(End.STOPPED)
    assert media.summary() == {
        "stream_sid": stream_sid(7),
        "end": "completed",
        "tracks": list(TRACKS),
        "frames": 1,
        "faults": {"binary": 2},
    }
