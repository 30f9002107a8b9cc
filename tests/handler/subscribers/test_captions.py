"""handler/subscribers/captions.py: a call as turns, as captions, as a text."""

import html
from itertools import pairwise
from typing import Any

import pytest
from support.sids import call_sid

from handler.subscribers import captions
from handler.subscribers.lines import width
from handler.subscribers.speakers import Speakers

NAMES = Speakers("Caller", "Callee")
SID = call_sid(1)


def final(text: str, start: float, duration: float, track: str = "inbound", seq: int = 2) -> dict:
    step = duration / len(text.split())
    words = [
        {
            "word": word.lower(),
            "punctuated_word": word,
            "start": start + step * number,
            "end": start + step * (number + 1),
            "confidence": 0.9,
        }
        for number, word in enumerate(text.split())
    ]
    return {
        "type": "Results",
        "callSid": SID,
        "seq": seq,
        "track": track,
        "start": start,
        "duration": duration,
        "channel": {"alternatives": [{"transcript": text, "words": words}]},
    }


STARTED = {
    "type": "CallStarted",
    "callSid": SID,
    "seq": 1,
    "from": "+15550001111",
    "to": "+15550002222",
    "direction": "inbound",
    "startedAt": 5,
}
GAP = {
    "type": "Gap",
    "callSid": SID,
    "seq": 5,
    "start": 10.0,
    "end": 12.5,
    "track": None,
    "reason": "owner-lost",
}
ENDED = {"type": "CallEnded", "callSid": SID, "seq": 6, "duration": 13.0, "reason": "completed"}
CALL = [
    STARTED,
    final("Good morning.", 1.0, 1.0),
    final("Who is there?", 1.5, 1.0, "outbound", 3),
    final("It is <me> & you.", 3.0, 2.0, seq=4),
    GAP,
    ENDED,
]


def written_text(*of: Any, **known: Any) -> str:
    return "".join(captions.text(*of, **known))


def written_vtt(*of: Any, **known: Any) -> str:
    return "".join(captions.vtt(*of, **known))


def written_srt(*of: Any) -> str:
    return "".join(captions.srt(*of))


def test_a_text_has_a_line_for_each_turn_and_says_what_is_missing():
    assert written_text(CALL, NAMES) == (
        "[00:01] Caller: Good morning.\n"
        "[00:01] Callee: Who is there?\n"
        "[00:03] Caller: It is <me> & you.\n"
        "[00:10] [no transcript until 00:12: owner-lost]\n"
    )


def test_a_text_and_captions_say_that_their_beginning_is_no_longer_kept():
    assert written_text(CALL[3:], NAMES, expired=True).startswith(
        "[the beginning is no longer kept]\n[00:03] Caller: It is"
    )
    assert written_vtt([], expired=True) == "WEBVTT\n\nNOTE [the beginning is no longer kept]\n\n"


def test_web_captions_name_the_speaker_and_hold_no_markup_of_his():
    assert written_vtt(captions.all_captions(CALL, NAMES)) == (
        "WEBVTT\n\n"
        "00:00:01.000 --> 00:00:02.000\n<v Caller>Good morning.\n\n"
        "00:00:01.500 --> 00:00:02.500\n<v Callee>Who is there?\n\n"
        "00:00:03.000 --> 00:00:05.000\n<v Caller>It is &lt;me&gt; &amp; you.\n\n"
        "00:00:10.000 --> 00:00:12.500\n[no transcript: owner-lost]\n\n"
    )


def test_subtitles_are_numbered_and_have_commas():
    assert written_srt(captions.all_captions(CALL[:3], NAMES)) == (
        "1\n00:00:01,000 --> 00:00:02,000\nCaller: Good morning.\n\n"
        "2\n00:00:01,500 --> 00:00:02,500\nCallee: Who is there?\n\n"
    )


def test_a_document_has_everything():
    document = captions.document(CALL, NAMES)
    assert [(turn["speaker"], turn["text"]) for turn in document["turns"]] == [
        ("Caller", "Good morning."),
        ("Callee", "Who is there?"),
        ("Caller", "It is <me> & you."),
    ]
    assert len(document["turns"][2]["words"]) == 5
    gap = {"start": 10.0, "end": 12.5, "track": None, "reason": "owner-lost"}
    assert document["gaps"] == [gap]
    assert (document["from"], document["startedAt"], document["ended"]) == ("+15550001111", 5, True)
    assert (document["first"], document["last"], document["reason"]) == (1, 6, "completed")
    assert captions.document([], NAMES)["turns"] == []


def test_what_one_side_says_in_a_row_is_one_turn():
    records = [final("One two.", 0, 1), final("Three.", 1, 1), final("Yes?", 5, 1, "outbound")]
    assert [(turn.text, turn.start, turn.end) for turn in captions.turns(records)] == [
        ("One two. Three.", 0, 2),
        ("Yes?", 5, 6),
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_a_gap_of_one_side_neither_hides_nor_is_hidden_by_what_that_side_says(order):
    gap = {"type": "Gap", "seq": 3, "start": 3.0, "end": 4.0, "track": "inbound"}
    records = [
        final("Before.", 1, 1),
        gap | {"reason": "late-audio"},
        final("After.", 5, 1),
    ]
    assert written_text(records[::order], NAMES).splitlines()[-3:] == [
        "[00:01] Caller: Before.",
        "[00:03] [no transcript of Caller until 00:04: late-audio]",
        "[00:05] Caller: After.",
    ]


def test_subtitles_have_two_lines_with_the_longest_name_too():
    names = Speakers("A name of forty letters, with its commas", "Ben")
    text = "abcdefghijklmno " * 20
    found = captions.captions(final(text.strip(), 0, 30), names)
    blocks = written_srt(found).strip().split("\n\n")
    assert len(blocks) == len(found) > 5
    assert all(len(block.split("\n")) <= 2 + captions.MAX_LINES for block in blocks)


def test_finals_that_came_late_stand_where_they_were_said():
    records = [final("Later.", 5, 1), final("Sooner.", 1, 1, "outbound")]
    assert [turn.text for turn in captions.turns(records)] == ["Sooner.", "Later."]


def test_long_speech_is_cut_into_what_can_be_read():
    text = " ".join(f"word{number}" for number in range(60))
    found = captions.captions(final(text, 0, 40), NAMES)
    assert " ".join(caption.text for caption in found) == text
    for caption, following in pairwise(found):
        assert caption.end == pytest.approx(following.start)
        assert caption.end - caption.start <= captions.MAX_SECONDS
    check_lines(found)


def check_lines(found: list[captions.Caption]) -> None:
    """Check that each caption is two lines of 42 columns, in both forms."""
    written = written_vtt(found), written_srt(found)
    for block in (block for form in written for block in form.strip().split("\n\n")):
        rows = block.partition("-->")[2].split("\n")[1:]
        assert len(rows) <= captions.MAX_LINES
        for row in rows:
            assert width(html.unescape(row).removeprefix("<v Caller>")) <= captions.LINE


def spoken(text: str, written: list[str], start: float = 0.0, step: float = 0.5) -> dict:
    """Make a final whose words are not simply those between the blanks of its text."""
    words = [
        {"word": word, "start": start + step * number, "end": start + step * (number + 1)}
        for number, word in enumerate(written)
    ]
    whole = {"start": start, "duration": step * len(written), "track": "inbound"}
    alternative = {"transcript": text, "words": words}
    return {"type": "Results", "seq": 2, **whole, "channel": {"alternatives": [alternative]}}


CHINESE = (
    "您好\uff0c这里是北风银行的客户服务\uff0c请问您今天需要办理什么业务呢\uff1f"
    "我可以为您查询余额、转账或者挂失银行卡。"
)
JAPANESE = (
    "お電話ありがとうございます。カスタマーサポートの田中でございます。"
    "本日はどのようなご用件でしょうか。"
)
THAI = [
    "สวัสดี",
    "ครับ",
    "ศูนย์",
    "บริการ",
    "ลูกค้า",
    "ยินดี",
    "ต้อนรับ",
    "วันนี้",
    "มี",
    "อะไร",
    "ให้",
    "ช่วย",
    "ไหม",
]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (CHINESE, [one for one in CHINESE if one.isalnum()]),
        (JAPANESE, [one for one in JAPANESE if one.isalnum()]),
        ("".join(THAI) * 3, THAI * 3),
        (
            "안녕하세요 고객 센터입니다 무엇을 도와 드릴까요 " * 3,
            ["안녕하세요", "고객", "센터입니다"],
        ),
        ("Grüß Gott, " + "é́́" * 120, ["Grüß", "Gott,"]),
        ("x" * 300, ["x" * 300]),
        ("x" * 300, []),
        ("It costs $5.50 today. " * 8, ["it", "costs", "five", "fifty", "today"] * 8),
    ],
)
def test_captions_have_the_text_as_it_is_written_on_lines_that_are_no_wider_than_promised(
    text, written
):
    record = spoken(text.strip(), written)
    found = captions.captions(record, NAMES)
    whole = "".join(caption.text for caption in found)
    assert whole.replace(" ", "") == text.replace(" ", "")
    assert [caption.text for caption in found if caption.text not in text] == []
    check_lines(found)
    assert text.strip() in written_text([record], NAMES)


def test_a_line_of_a_script_without_blanks_breaks_where_a_word_begins():
    record = spoken("".join(THAI), THAI)
    blocks = written_vtt(captions.captions(record, NAMES)).split("\n\n")[1:-1]
    rows = [row for block in blocks for row in block.split("\n")[1:]]
    begun = [row.removeprefix("<v Caller>") for row in rows]
    assert len(begun) > 1
    starts = {"".join(THAI[number:]) for number in range(len(THAI))}
    assert {"".join(begun[number:]) for number in range(len(begun))} <= starts


def test_captions_of_a_script_without_blanks_are_cut_where_its_words_begin():
    written = [one for one in CHINESE if one.isalnum()]
    found = captions.captions(spoken(CHINESE, written, step=0.2), NAMES)
    assert len(found) > 1
    for caption, following in pairwise(found):
        assert caption.end == pytest.approx(following.start)
        at = CHINESE.index(following.text[0]), written.index(following.text[0])
        assert following.start == pytest.approx(0.2 * at[1])
    assert captions._placed("He said a lot", [{"word": word} for word in ("He", "a", "lot")]) == [
        (0, {"word": "He"}),
        (8, {"word": "a"}),
        (10, {"word": "lot"}),
    ]


def test_finals_in_chinese_are_joined_without_blanks_and_those_in_korean_with_them():
    records = [spoken("您好。", ["您"]), spoken("请问", ["请"], 2.0)]
    assert [turn.text for turn in captions.turns(records)] == ["您好。请问"]
    records = [spoken("안녕", ["안녕"]), spoken("고객", ["고객"], 2.0)]
    assert [turn.text for turn in captions.turns(records)] == ["안녕 고객"]


def test_words_out_of_the_order_of_their_times_bound_what_they_are_in():
    record = final("one two three four", 10, 4)
    words = record["channel"]["alternatives"][0]["words"]
    times = [(word["start"], word["end"]) for word in words]
    for word, (start, end) in zip(words, (times[2], times[0], times[3], times[1]), strict=True):
        word["start"], word["end"] = start, end
    [caption], [turn] = captions.captions(record, NAMES), captions.turns([record])
    assert (caption.start, caption.end, caption.text) == (10, 14, "one two three four")
    assert (turn.start, turn.end) == (10, 14)
    other = final("Meanwhile.", 10.5, 1, "outbound")
    assert [turn.text for turn in captions.turns([other, record])] == [turn.text, "Meanwhile."]


def test_captions_of_words_out_of_order_end_after_they_begin():
    record = final(" ".join(f"word{number}" for number in range(40)), 0, 40)
    words = record["channel"]["alternatives"][0]["words"]
    times = [(word["start"], word["end"]) for word in words]
    for word, (start, end) in zip(words, reversed(times), strict=True):
        word["start"], word["end"] = start, end
    for caption in captions.captions(record, NAMES):
        assert 0 < caption.end - caption.start <= captions.MAX_SECONDS


@pytest.mark.parametrize(
    "said", ["<font size=99>", "{\\an8}up", "<i>", "a --> b", "{\\b1}<b>", "<script>x</script>"]
)
def test_what_is_said_is_no_instruction_to_a_player(said):
    found = captions.captions(final(said, 0, 1), NAMES)
    subtitle = written_srt(found).partition("\n")[2].partition("\n")[2]
    assert not set(subtitle) & set("<>{}")
    cue = written_vtt(found).partition("<v Caller>")[2]
    assert not set(cue) & set("<>")
    assert html.unescape(cue).strip() == said


@pytest.mark.parametrize(
    "harm", ["\x1b[2J", "\x9b2J", "\x07", "\u202e", "\u2066", "\x7f", "\ud800"]
)
def test_what_is_said_moves_no_cursor_and_turns_no_line_around(harm):
    record = final(f"pay{harm}ment", 0, 1)
    gap = {**GAP, "reason": f"lost{harm}"}
    found = captions.all_captions([record, gap], NAMES)
    for written in (written_vtt(found), written_srt(found), written_text([record, gap], NAMES)):
        assert harm[0] not in written
        assert "pay\ufffd" in written
        assert "lost\ufffd" in written


def test_what_ends_lines_is_a_blank():
    record = spoken("one\r\ntwo\u2028three\x85four", ["one", "two", "three", "four"])
    [caption] = captions.captions(record, NAMES)
    assert caption.text == "one two three four"


def test_a_pause_begins_a_new_caption():
    record = final("one two three four", 0, 2)
    for word in record["channel"]["alternatives"][0]["words"][2:]:
        word["start"] += 3
        word["end"] += 3
    assert [caption.text for caption in captions.captions(record, NAMES)] == [
        "one two",
        "three four",
    ]


def test_a_final_without_words_is_shown_as_a_whole():
    record = final("No words known", 1, 2)
    record["channel"]["alternatives"][0]["words"] = []
    [caption] = captions.captions(record, NAMES)
    assert (caption.text, caption.start, caption.end) == ("No words known", 1, 3)


def test_an_empty_final_is_nothing():
    record = final("x", 1, 2)
    record["channel"]["alternatives"][0] = {"transcript": "", "words": []}
    assert captions.captions(record, NAMES) == []


def test_hours_are_told():
    cue = captions.vtt_cue(captions.Caption(3725.0419, 3726.0, "", "x"))
    assert cue.startswith("01:02:05.042 --> 01:02:06.000\n")
    assert written_text([final("x", 3725, 1, seq=1)], NAMES) == "[1:02:05] Caller: x\n"


def test_a_document_says_what_an_application_said_of_the_call_if_it_did():
    said = {"callerName": "Ana", "metadata": {"order": "7"}}
    document = captions.document([{"type": "CallStarted", "seq": 1, **said}], NAMES)
    assert document | said == document
    assert "calleeName" not in document
