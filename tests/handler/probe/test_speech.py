"""handler/probe/speech.py: what the canary call says."""

from handler.probe.speech import FRAME, recorded


def test_it_is_speech_of_both_sides_one_after_the_other():
    speech = recorded()
    assert set(speech.tracks) == set(speech.texts) == {"inbound", "outbound"}
    assert 8 < speech.seconds < 15
    inbound, outbound = speech.tracks["inbound"], speech.tracks["outbound"]
    assert len(inbound) == len(outbound)
    spoken = len(outbound.rstrip(b"\xff"))
    assert inbound[:spoken].strip(b"\xff") == b""


def test_its_frames_are_of_20_ms_and_none_begins_at_0():
    speech = recorded()
    frames = list(speech.frames())
    assert [frame.timestamp for frame in frames[:3]] == [20, 40, 60]
    assert frames[0].due == 0.04
    for track, audio in speech.tracks.items():
        assert b"".join(frame.payloads[track] for frame in frames) == audio[FRAME:]
