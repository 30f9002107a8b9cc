"""handler/calls/mixed_stream.py: what one media stream brings, or two, and who may follow."""

import asyncio

import pytest
from support.peers import Peer
from support.sids import stream_sid

from handler.audio.loss import Loss
from handler.audio.mixer import Chunk
from handler.audio.mulaw import SAMPLE_RATE, TRACKS, Track, interleave
from handler.calls.media_stream import ASK_SECONDS, TAKEOVER_SECONDS, End, MediaStream
from handler.calls.mixed_stream import (
    MAX_STREAMS,
    MAX_WAITING,
    PAIR_SECONDS,
    Activity,
    MixedStream,
    StreamQueue,
    Tick,
)
from handler.calls.ticker import Ticker
from handler.errors import StreamRefused
from handler.twilio.messages import Frame

IN, OUT = TRACKS


def media_stream(
    number: int = 0, now: float = 0.0, tracks: tuple[Track, ...] = TRACKS, peer: Peer | None = None
) -> MediaStream:
    received_at = 1_800_000_000_000 + round(now * 1000)
    return MediaStream(stream_sid(number), received_at, peer or Peer(), now=now, tracks=tracks)


def mixed(now: float = 0.0) -> tuple[MixedStream, MediaStream]:
    media = media_stream(now=now)
    return MixedStream(media, mix_wait=0.2), media


def pair(later: float = 0.0, *peers: Peer) -> tuple[MixedStream, MediaStream, MediaStream]:
    """Two media streams of one track each, the second so much later."""
    here, there = peers or (Peer(), Peer())
    one, other = media_stream(1, 0.0, (IN,), here), media_stream(2, later, (OUT,), there)
    both = MixedStream(one, mix_wait=0.2)
    assert both.takes(other, later)
    both.join(other)
    return both, one, other


def frame(track: Track, timestamp: int = 0, byte: bytes = b"a") -> Frame:
    return Frame(track, timestamp, byte * 160)


def both_tracks(timestamp: int) -> list[Frame]:
    return [frame(track, timestamp) for track in TRACKS]


def say(media: MediaStream, track: Track, begins: int, ends: int, byte: bytes = b"a") -> None:
    for timestamp in range(begins, ends, 20):
        media.feed([frame(track, timestamp, byte)])


async def pumped(stream: MixedStream) -> tuple[bytes, list[Loss]]:
    """What a mixed stream that is over brings: audio and losses."""
    ticks: list[Tick] = []
    await stream.pump(Ticker(0.01), ticks.append)
    audio = b"".join(chunk.audio for tick in ticks for chunk in tick.chunks)
    return audio, [loss for tick in ticks for loss in tick.losses]


def test_chunks_and_losses_come_out_on_the_call_clock():
    stream, media = mixed()
    stream.offset = 8000
    media.feed([frame(IN)])
    assert stream.tick(0.0) == Tick(0.0, None, [], [])
    assert stream.tick(0.2).chunks == [Chunk(8000, interleave(b"a" * 160, b"\xff" * 160))]
    media.feed([frame(OUT)])
    assert stream.tick(0.3).losses == [Loss(8000, 8160, OUT, "late-audio")]
    for step in (*both_tracks(20), *both_tracks(40)):
        media.feed([step])
    assert stream.tick(0.4) == Tick(0.4, None, [Chunk(8160, b"a" * 640)], [])


def test_how_far_it_lags_behind_is_told_wherever_it_lies_on_the_call_clock():
    stream, media = mixed()
    stream.offset = 8000
    assert stream.late(5.0) == 0  # nothing came
    for timestamp in range(0, 1000, 20):
        media.feed(both_tracks(timestamp))
    stream.tick(1.0)
    assert stream.late(1.0) == 0
    stream.tick(4.0)
    assert stream.late(4.0) == 3 * SAMPLE_RATE


def test_a_clock_that_begins_anew_where_the_call_is_makes_nothing_late():
    stream, media = mixed()
    for timestamp in range(0, 10_000, 20):
        media.feed(both_tracks(timestamp))
    stream.tick(10.0)
    for step in range(100):  # behind three seconds without anything
        media.feed(both_tracks(20 * step))
        stream.tick(13.02 + step / 50)
    assert stream.counts.restarts > 0
    assert stream.late(15.0) < SAMPLE_RATE // 2


def test_one_without_frames_and_answers_falls_silent_and_may_be_replaced():
    peer = Peer(unanswered_since=0.0)
    media = media_stream(now=100.0, peer=peer)
    stream = MixedStream(media, mix_wait=0.2)
    media.feed([frame(IN)])
    assert stream.tick(101.0).changed is None
    silent = 101.0 + TAKEOVER_SECONDS
    assert stream.tick(silent - 0.1).changed is None
    assert not stream.may_be_replaced(silent - 0.1)
    assert stream.tick(silent).changed is Activity.SILENT
    assert stream.may_be_replaced(silent)
    assert stream.tick(silent + 1).changed is None
    peer.unanswered_since = None
    assert stream.tick(silent + 2).changed is Activity.ACTIVE  # it answers again
    assert stream.tick(silent + 3).changed is None


async def test_the_pump_forwards_at_each_tick_and_the_tail_at_the_end():
    stream, media = mixed(asyncio.get_running_loop().time())
    ticks: list[Tick] = []
    first = asyncio.Event()

    def forward(tick: Tick) -> None:
        ticks.append(tick)
        if tick.chunks:
            first.set()

    pumping = asyncio.create_task(stream.pump(Ticker(0.01), forward))
    for step in both_tracks(0):
        media.feed([step])
    await first.wait()
    media.feed([frame(IN, 20)])
    media.finish(End.STOPPED)
    await pumping
    assert [chunk for tick in ticks for chunk in tick.chunks] == [
        Chunk(0, b"a" * 320),
        Chunk(160, interleave(b"a" * 160, b"\xff" * 160)),
    ]
    assert ticks[-1].chunks
    assert [over for tick in ticks for over in tick.over] == [media]
    times = [tick.now for tick in ticks]
    assert times == sorted(times)


async def test_one_that_is_over_before_its_turn_gives_what_it_has():
    stream, media = mixed()
    for step in both_tracks(0):
        media.feed([step])
    media.finish(End.LOST)
    ticks: list[Tick] = []
    await stream.pump(Ticker(0.01), ticks.append)
    assert [(tick.chunks, tick.over) for tick in ticks] == [([Chunk(0, b"a" * 320)], (media,))]


class Unread(Peer):
    """A socket on which something has come that nobody has read."""

    def __init__(self) -> None:
        super().__init__()
        self.media: MediaStream | None = None
        self.unread: list[Frame] = []

    def poll(self) -> None:
        frames, self.unread = self.unread, []
        if self.media is not None and frames:
            self.media.feed(frames)


@pytest.mark.parametrize("end", [End.DRAINED, End.REPLACED])
async def test_what_has_come_is_heard_before_we_end_a_stream(end):
    peer = Unread()
    media = peer.media = media_stream(peer=peer)
    stream = MixedStream(media, mix_wait=0.2)
    peer.unread = both_tracks(0)
    stream.finish(end)
    assert await pumped(stream) == (b"a" * 320, [])


async def test_what_has_come_of_a_track_is_heard_before_another_stream_carries_it():
    peer = Unread()
    peer.unanswered_since = 0.0
    both, one, _ = pair(0.0, peer, Peer())
    peer.media = one
    peer.unread = [frame(IN, 0)]
    later = media_stream(3, 2 * TAKEOVER_SECONDS, (IN,))
    assert both.takes(later, 2 * TAKEOVER_SECONDS)
    both.join(later)
    assert one.end is End.REPLACED
    assert (one.frames, peer.unread) == (1, [])


def test_the_summary_is_what_was_counted():
    stream, media = mixed()
    for step in (frame(IN, 0), frame(OUT, 20), frame(OUT, 20), frame(IN, 90_000)):
        media.feed([step])
    media.finish(End.STOPPED)
    asyncio.run(stream.pump(Ticker(1), lambda tick: None))
    assert stream.summary() == {
        "filled_ms": 40,
        "late_ms": 0,
        "overlap_ms": 20,
        "slipped_samples": 0,
        "leaps": 0,
        "restarts": 0,
        "refused_frames": 1,
    }


async def test_two_of_one_track_each_are_the_two_tracks_of_the_call():
    stream, one, other = pair()
    say(one, IN, 0, 1000, b"a")
    say(other, OUT, 0, 1000, b"b")
    ends = []
    for media in (one, other):
        media.finish(End.STOPPED)
        ends.append(stream.end)
    assert ends == [None, End.STOPPED]
    assert await pumped(stream) == (b"ab" * 8000, [])


async def test_one_that_begins_later_lies_where_it_began():
    stream, one, other = pair(later=0.4)
    say(one, IN, 0, 1000, b"a")
    say(other, OUT, 0, 600, b"b")
    stream.finish(End.LOST)
    assert (one.end, other.end, stream.end) == (End.LOST, End.LOST, End.LOST)
    audio, losses = await pumped(stream)
    assert (audio[0::2], audio[1::2]) == (b"a" * 8000, b"\xff" * 3200 + b"b" * 4800)
    assert losses == []


async def test_one_that_is_stopped_earlier_is_silent_from_then_on():
    stream, one, other = pair()
    say(one, IN, 0, 400, b"a")
    say(other, OUT, 0, 1000, b"b")
    one.finish(End.STOPPED)
    other.finish(End.STOPPED)
    audio, losses = await pumped(stream)
    assert audio[0::2] == b"a" * 3200 + b"\xff" * 4800
    assert losses == []


async def test_one_that_is_lost_while_the_other_goes_on_is_told_to_the_end():
    stream, one, other = pair()
    say(one, IN, 0, 400, b"a")
    one.finish(End.LOST)
    say(other, OUT, 0, 1000, b"b")
    other.finish(End.STOPPED)
    _, losses = await pumped(stream)
    assert losses == [Loss(3200, 8000, IN, "media-lost")]


@pytest.mark.parametrize(
    ("end", "reason"), [(End.LOST, "media-lost"), (End.STOPPED, "paused"), (None, "media-lost")]
)
async def test_one_that_ended_is_followed_by_the_next_of_its_track(end, reason):
    peer = Peer()
    stream, one, other = pair(0.0, peer, Peer())
    say(one, IN, 0, 400, b"a")
    stream.tick(0.4)
    if end is None:  # it is dead, and did not close
        peer.unanswered_since = 0.4
    else:
        one.finish(end)
    say(other, OUT, 0, 6000, b"b")
    stream.tick(5.9)
    next_one = media_stream(3, 6.0, (IN,))
    assert stream.takes(next_one, 6.0)
    stream.join(next_one)
    assert one.end is (end or End.REPLACED)
    say(next_one, IN, 0, 400, b"c")
    say(other, OUT, 6000, 6400, b"b")
    stream.finish(End.STOPPED)
    ticks: list[Tick] = []
    await stream.pump(Ticker(0.01), ticks.append)
    losses = [loss for tick in ticks for loss in tick.losses]
    assert losses == [Loss(3200, 48_000, IN, reason)]
    audio = b"".join(chunk.audio for tick in ticks for chunk in tick.chunks)
    assert audio[0::2].endswith(b"c" * 3200)
    assert {over for tick in ticks for over in tick.over} >= {next_one, other}


def test_no_other_is_taken_beside_what_is_alive():
    stream, one, _ = pair()
    again = media_stream(3, 1.0, (IN,))
    assert not stream.takes(again, 1.0)  # its track is alive
    assert not stream.takes(media_stream(3, 1.0), 1.0)  # both of its tracks are
    one.finish(End.LOST)
    assert stream.takes(again, 1.0)
    whole, _ = mixed()
    assert not whole.takes(again, 1.0)
    alone = MixedStream(media_stream(1, 0.0, (IN,)), mix_wait=0.2)
    assert not alone.takes(again, 1.0)
    alone.finish(End.LOST)
    assert not alone.takes(media_stream(3, 1.0, (OUT,)), 1.0)  # nothing is left to join


def test_a_track_gets_only_so_many_media_streams():
    stream, one, _ = pair()
    one.finish(End.LOST)
    for number in range(3, MAX_STREAMS + 1):
        again = media_stream(number, 1.0, (IN,))
        assert stream.takes(again, 1.0)
        stream.join(again)
        again.finish(End.LOST)
    assert not stream.takes(media_stream(99, 1.0, (IN,)), 1.0)


def test_a_media_stream_too_many_is_told_so():
    streams, first = queue(1, (IN,))
    for number in range(2, MAX_STREAMS + 1):
        again = media_stream(number, 1.0, (OUT,))
        streams.attach(again, 1.0)
        again.finish(End.LOST)
    with pytest.raises(StreamRefused, match="too many media streams of this call"):
        streams.attach(media_stream(99, 1.0, (OUT,)), 1.0)
    assert first.end is None


BOTH = TRACKS


@pytest.mark.parametrize(
    ("first", "second", "heard", "refusal"),
    [
        ((IN,), (IN,), (b"a", b"\xff"), "inbound track is alive; .*both_tracks"),
        ((IN,), (OUT,), (b"a", b"d"), None),
        ((IN,), BOTH, (b"a", b"d"), None),
        ((OUT,), (IN,), (b"c", b"b"), None),
        ((OUT,), (OUT,), (b"\xff", b"b"), "outbound track is alive; .*both_tracks"),
        ((OUT,), BOTH, (b"c", b"b"), None),
        (BOTH, (IN,), (b"a", b"b"), "alive, and both sides are heard"),
        (BOTH, (OUT,), (b"a", b"b"), "alive, and both sides are heard"),
        (BOTH, BOTH, (b"a", b"b"), "alive, and both sides are heard"),
    ],
)
async def test_a_second_media_stream_beside_the_first_lets_every_side_be_heard_once(
    first, second, heard, refusal
):
    """Whatever tracks the two are of: what is sent of a side is heard, or the words say how."""
    streams, one = queue(1, first)
    other = media_stream(2, tracks=second)
    whole = streams.pop()
    if refusal is None:
        doubled = streams.attach(other, now=0.0)
        assert doubled == tuple(track for track in second if track in first)
    else:
        with pytest.raises(StreamRefused, match=refusal) as refused:
            streams.attach(other, now=0.0)
        assert len(refused.value.reason) <= 120  # Twilio's console shows no more
        doubled = ()
    for timestamp in range(0, 1000, 20):
        for media, words in ((one, (b"a", b"b")), (other, (b"c", b"d"))):
            for track in media.tracks:
                media.feed([frame(track, timestamp, words[TRACKS.index(track)])])
    whole.finish(End.STOPPED)
    assert other.faults["frame-of-a-doubled-track"] == 50 * len(doubled)
    assert await pumped(whole) == (interleave(heard[0] * 8000, heard[1] * 8000), [])
    assert (whole.counts.overlap_samples, one.faults) == (0, {})


@pytest.mark.parametrize("end", [End.STOPPED, End.LOST, None])
async def test_a_track_that_was_sent_twice_goes_on_where_it_is_still_sent(end):
    """The media stream that had it ends, or is dead: the other one has it, too."""
    peer = Peer()
    one, other = media_stream(1, 0.0, (IN,), peer), media_stream(2, 0.4)
    stream = MixedStream(one, mix_wait=0.2)
    assert stream.takes(other, 0.4)
    stream.join(other)
    say(one, IN, 0, 1000, b"a")
    for timestamp in range(0, 600, 20):
        for step in both_tracks(timestamp):
            other.feed([step])
    stream.tick(1.0)
    gone = 1.0 if end else 7.0
    if end is None:
        peer.unanswered_since = 1.0
        for timestamp in range(600, 6600, 20):
            for step in both_tracks(timestamp):
                other.feed([step])
        assert stream.tick(gone).over == (one,)
        assert one.end is End.REPLACED
    else:
        one.finish(end)
    for timestamp in range(round(gone * 1000) - 400, round(gone * 1000) + 600, 20):
        other.feed([frame(IN, timestamp, b"c")])
        other.feed([frame(OUT, timestamp, b"d")])
    other.finish(End.STOPPED)
    audio, losses = await pumped(stream)
    assert audio[0::2].endswith(b"c" * 8000)
    assert audio[1::2].endswith(b"d" * 8000)
    assert losses == ([] if end else [Loss(8000, 56_000, IN, "media-lost")])


def test_a_media_stream_of_both_tracks_brings_the_one_whose_own_is_gone():
    stream, one, other = pair()
    one.finish(End.LOST)
    again = media_stream(3, 1.0)
    assert stream.takes(again, 1.0)
    stream.join(again)
    assert not stream.takes(media_stream(4, 1.0, (OUT,)), 1.0)
    other.finish(End.STOPPED)
    assert not stream.takes(media_stream(4, 1.0, (OUT,)), 1.0)  # it is sent twice no longer
    say(again, OUT, 0, 100, b"d")
    assert again.faults == {}


async def test_what_comes_of_a_media_stream_that_was_replaced_is_not_heard():
    """Its socket is being closed, and still brings what was on its way."""
    peer = Peer(unanswered_since=0.0)
    stream, one, other = pair(0.0, peer, Peer())
    say(other, OUT, 0, 6000, b"b")
    stream.tick(5.9)
    again = media_stream(3, 6.0, (IN,))
    stream.join(again)
    again.finish(End.STOPPED)
    say(one, IN, 0, 400, b"a")
    stream.finish(End.STOPPED)
    audio, _ = await pumped(stream)
    assert b"a" not in audio


def test_a_frame_of_the_other_track_is_taken_only_as_long_as_nobody_else_sends_it():
    one = media_stream(1, 0.0, (IN,))
    stream = MixedStream(one, mix_wait=0.2)
    one.feed([frame(OUT)])
    assert stream.counts.frames == 1
    stream.join(media_stream(2, 0.0, (OUT,)))
    one.feed([frame(OUT, 20)])
    assert (stream.counts.frames, one.faults) == (1, {"frame-of-the-other-track": 1})


def test_a_half_is_one_whose_other_half_may_be_on_its_way():
    one = MixedStream(media_stream(1, 0.0, (IN,)), mix_wait=0.2)
    assert one.is_half(PAIR_SECONDS - 0.1)
    assert not one.is_half(PAIR_SECONDS)
    assert not mixed()[0].is_half(0.0)
    assert not pair()[0].is_half(0.0)
    one.finish(End.LOST)
    assert not one.is_half(0.0)


async def test_the_sockets_that_were_open_to_the_end_are_closed():
    here, there = Peer(), Peer()
    stream, one, _ = pair(0.0, here, there)
    one.finish(End.STOPPED)
    stream.finish(End.DRAINED)
    await stream.close(1012, "draining")
    assert (here.closed, there.closed) == ([], [(1012, "draining")])


def queue(
    number: int = 0, tracks: tuple[Track, ...] = TRACKS, peer: Peer | None = None
) -> tuple[StreamQueue, MediaStream]:
    media = media_stream(number, tracks=tracks, peer=peer)
    return StreamQueue(media, mix_wait=0.2), media


async def test_media_streams_come_one_after_the_other():
    streams, first = queue(1)
    second = media_stream(2)
    assert streams.current.first is first
    assert streams.pop() is streams.current
    first.feed([frame(IN)])
    first.finish(End.LOST)
    waiting = asyncio.create_task(streams.next(60))
    await asyncio.sleep(0)
    streams.attach(second, now=0.0)
    following = await waiting
    assert following is streams.current
    assert following.first is second
    second.feed([frame(IN)])
    second.feed([frame(OUT)])
    assert streams.counts.frames == 3


def test_a_media_stream_takes_the_place_of_one_that_is_gone_but_of_none_that_is_alive():
    peer = Peer()
    streams, first = queue(1, peer=peer)
    second = media_stream(2)
    with pytest.raises(StreamRefused, match="a media stream of this call is alive"):
        streams.attach(second, now=TAKEOVER_SECONDS)
    assert (streams.current.first, first.end) == (first, None)
    peer.unanswered_since = TAKEOVER_SECONDS - ASK_SECONDS
    streams.attach(second, now=TAKEOVER_SECONDS)
    assert (streams.current.first, first.end) == (second, End.REPLACED)
    assert [streams.pop().first, streams.pop().first] == [first, second]


def test_the_other_track_joins_and_the_same_track_is_turned_away():
    streams, first = queue(1, (IN,))
    with pytest.raises(StreamRefused, match="this call's inbound track is alive"):
        streams.attach(media_stream(2, tracks=(IN,)), now=1.0)
    assert streams.tracks == {IN}
    streams.attach(media_stream(3, tracks=(OUT,)), now=1.0)
    assert (streams.current.first, streams.tracks) == (first, {IN, OUT})
    with pytest.raises(StreamRefused, match="a media stream of this call is alive, and both"):
        streams.attach(media_stream(4), now=1.0)
    with pytest.raises(StreamRefused, match="a media stream of this call is alive, and both"):
        streams.attach(media_stream(5, tracks=(IN,)), now=1.0)
    streams.current.finish(End.LOST)
    streams.attach(media_stream(5, tracks=(OUT,)), now=1.0)
    assert streams.current.first is not first
    assert streams.tracks == {IN, OUT}  # both were sent


async def test_no_next_comes_in_time_or_after_the_close():
    streams, _ = queue()
    streams.pop()
    assert await streams.next(0.0) is None
    waiting = asyncio.create_task(streams.next(60))
    await asyncio.sleep(0)
    streams.close()
    assert await waiting is None
    assert await streams.next(60) is None


async def test_a_media_stream_that_was_attached_before_the_close_still_has_its_turn():
    streams, first = queue(1)
    streams.pop()
    first.finish(End.LOST)
    second = media_stream(2)
    streams.attach(second, now=0.0)
    streams.close()
    following = await streams.next(60)
    assert following is not None
    assert following.first is second
    assert await streams.next(60) is None


def test_only_so_many_media_streams_wait_for_their_turn():
    streams, _ = queue()
    for number in range(1, MAX_WAITING):
        streams.current.finish(End.LOST)
        streams.attach(media_stream(number), now=0.0)
    streams.current.finish(End.LOST)
    last = streams.current
    with pytest.raises(StreamRefused, match="too many"):
        streams.attach(media_stream(MAX_WAITING), now=0.0)
    assert streams.current is last
