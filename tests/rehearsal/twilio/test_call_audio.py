"""One timeline for all streams of a leg."""

from rehearsal.twilio.call_audio import LEAD, CallAudio


def test_inbound_is_silent_until_the_conversation_begins_and_after_its_end():
    audio = CallAudio(b"abcd", b"xyz")
    assert audio.read("inbound", 0, 4) == b"\xff" * 4
    audio.begin(100)
    begun = 100 + LEAD
    assert audio.read("inbound", begun - 2, 8) == b"\xff\xffabcd\xff\xff"
    assert audio.read("inbound", begun + 1, 2) == b"bc"
    assert audio.read("inbound", begun + 9, 2) == b"\xff\xff"
    assert audio.end == begun + 4


def test_outbound_sends_nothing_before_there_is_something_to_play():
    audio = CallAudio(b"abcd", b"xyz")
    assert audio.read("outbound", 0, 160) is None
    audio.play(320)
    audio.play(640)
    assert audio.read("outbound", 160, 160) is None
    assert audio.read("outbound", 240, 160) == b"\xff" * 160
    audio.begin(0)
    audio.begin(8000)
    assert audio.read("outbound", LEAD, 4) == b"xyz\xff"


def test_the_conversation_alone_has_outbound_begin():
    audio = CallAudio(b"abcd", b"xyz")
    audio.begin(0)
    assert audio.read("outbound", LEAD - 4, 4) is None
    assert audio.read("outbound", LEAD - 1, 4) == b"\xffxyz"


def test_a_side_without_a_recording_never_sends_beside_one_with():
    audio = CallAudio(b"abcd")
    audio.begin(0)
    assert audio.read("outbound", LEAD, 4) is None
    assert audio.read("inbound", LEAD, 4) == b"abcd"


def test_where_nobody_says_anything_both_are_silent_and_there_is_no_end():
    audio = CallAudio()
    audio.begin(0)
    assert (audio.read("inbound", LEAD, 2), audio.read("outbound", LEAD, 2)) == (b"\xff\xff",) * 2
    assert audio.end is None
    assert CallAudio(b"a").end is None  # it has not begun


def test_the_other_leg_hears_the_other_side():
    other = CallAudio(b"abcd", b"xyz").other_side()
    other.begin(0)
    assert other.read("inbound", LEAD, 3) == b"xyz"
    assert other.read("outbound", LEAD, 4) == b"abcd"
