"""Whole transcripts of ended calls: to a webhook, or into a directory."""

import json
import os

import pytest
from structlog.testing import capture_logs
from support.brokers import ENDED
from support.forwarders import forwarding, write
from support.timing import until

from broker.records import Record
from handler.errors import SettingsError
from handler.forward.answers import TAKEN, Verdict
from handler.forward.directory import Directory
from handler.forward.parcels import Parcel

PARCEL = Parcel("CA1:7:transcript", "CA1", b'{"type":"Transcript"}', b"WEBVTT\n\n")


async def test_a_call_is_sent_whole_once_it_has_ended_and_again_when_it_goes_on(
    server, broker, receiver, facts, make_final
):
    call = facts()
    async with forwarding(server.url, receiver.url, FORWARD="ended") as forwarder:
        await write(broker, call, make_final(1), ENDED)
        await until(lambda: forwarder.counts.sent == 1)
        await write(broker, call, make_final(2), ENDED)
        await until(lambda: forwarder.counts.sent == 2)
    first, second = receiver.came
    assert [one.name for one in (first, second)] == [
        f"{call.call_sid}:3:transcript",
        f"{call.call_sid}:6:transcript",
    ]
    assert (first.json["type"], first.json["last"], first.json["ended"]) == ("Transcript", 3, True)
    assert [turn["text"] for turn in second.json["turns"]] == ["word 1 word 2"]


async def test_a_record_that_cannot_be_read_is_left_out_of_its_transcript(
    server, broker, receiver, facts, make_final
):
    call, other = facts(), facts()
    async with forwarding(server.url, receiver.url, FORWARD="ended") as forwarder:
        odd = Record("final", "inbound", {"type": "Results", "start": 1.0, "duration": 1.0})
        await write(broker, call, make_final(1), odd, ENDED)
        await write(broker, other, make_final(1), ENDED)
        await until(lambda: forwarder.counts.sent == 2)
        assert forwarder.counts.failed == 0
    (came,) = (one for one in receiver.came if one.call_sid == call.call_sid)
    assert [turn["text"] for turn in came.json["turns"]] == ["word 1"]
    assert (came.json["first"], came.json["last"]) == (1, 4)


async def test_a_defect_in_one_call_holds_up_no_other(server, broker, receiver, facts, make_final):
    """By times that can be read, and that no caption can have."""
    broken, other = facts(), facts()
    odd = make_final(1)
    odd.body["start"] = odd.body["duration"] = 1e308
    with capture_logs() as lines:
        async with forwarding(server.url, receiver.url, FORWARD="ended") as forwarder:
            await write(broker, broken, odd, ENDED)
            await until(lambda: forwarder.counts.failed >= 2)
            await write(broker, other, make_final(1), ENDED)
            await until(lambda: receiver.seqs(other.call_sid) == [3])
            assert forwarder.counts.waiting() == 1
    (told,) = (line for line in lines if line["event"] == "defect: a call cannot be forwarded")
    assert (told["log_level"], told["call_sid"]) == ("error", broken.call_sid)


async def test_records_and_the_whole_may_be_had_both(server, broker, receiver, facts):
    call = facts()
    async with forwarding(server.url, receiver.url, FORWARD="event,ended") as forwarder:
        await write(broker, call, ENDED)
        await until(lambda: forwarder.counts.sent == 3)
    names = [one.name.partition(":")[2] for one in receiver.came]
    assert names == ["1", "2", "2:transcript"]


async def test_a_directory_gets_each_ended_call_as_json_and_captions(
    server, broker, facts, make_final, tmp_path
):
    (tmp_path / f".CA1.json.x{os.getpid()}.part").write_text("left by who was killed")
    calls = [facts(), facts()]
    for call in calls:
        await write(broker, call, make_final(1), ENDED)
    async with forwarding(server.url, f"file://{tmp_path}") as forwarder:
        await until(lambda: forwarder.counts.sent == 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"{call.call_sid}.{form}" for call in calls for form in ("json", "vtt")
    )
    for call in calls:
        document = json.loads((tmp_path / f"{call.call_sid}.json").read_bytes())
        assert document["turns"][0]["text"] == "word 1"
        captions = (tmp_path / f"{call.call_sid}.vtt").read_text()
        assert captions.startswith("WEBVTT\n\n")
        assert "<v Caller>word 1" in captions


async def test_a_transcript_that_is_written_again_takes_the_place_of_the_former(tmp_path):
    directory = Directory(str(tmp_path), "i1")
    assert await directory.deliver(PARCEL) is TAKEN
    assert await directory.deliver(PARCEL) is TAKEN
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CA1.json", "CA1.vtt"]
    assert (tmp_path / "CA1.json").read_bytes() == PARCEL.body
    assert (tmp_path / "CA1.vtt").read_bytes() == PARCEL.captions


async def test_a_disk_that_takes_nothing_is_a_failure_that_leaves_nothing_behind(tmp_path):
    directory = Directory(str(tmp_path), "i1")
    (tmp_path / "CA1.json").mkdir()  # nothing can be renamed to that
    outcome = await directory.deliver(PARCEL)
    assert (outcome.verdict, "Is a directory" in outcome.detail) == (Verdict.FAILED, True)
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_directory_that_is_not_there_is_told_at_the_start(tmp_path):
    with pytest.raises(SettingsError, match="FORWARD_URL: cannot write to the directory"):
        Directory(str(tmp_path / "none"), "i1")
