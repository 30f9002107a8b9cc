"""broker/subjects.py: names on NATS."""

import pytest

from broker.errors import BadName
from broker.subjects import LEG, STATUS, Address, Subjects

ACCOUNT, CALL = "AC" + "a" * 32, "CA" + "b" * 32


def test_names_derive_from_the_prefix():
    subjects = Subjects("calls-eu")
    assert subjects.streams[0] == "CALLS-EU"
    assert subjects.bucket == "CALLS-EU_CALLS"
    address = Address(ACCOUNT, CALL, "final", "inbound")
    assert subjects.record(address) == f"calls-eu.{ACCOUNT}.{CALL}.final.inbound"
    assert subjects.ingested(address) == f"ingest.calls-eu.{ACCOUNT}.{CALL}.final.inbound"
    assert subjects.parse(subjects.record(address)) == address
    assert subjects.call(CALL) == f"calls-eu.*.{CALL}.>"
    assert subjects.call(CALL, ACCOUNT) == f"calls-eu.{ACCOUNT}.{CALL}.>"
    assert subjects.key_of(subjects.call_key(CALL)) == f"call.{CALL}"


@pytest.mark.parametrize(
    "sid", ["*", ">", "", CALL + ".x", CALL + "\n", CALL.upper(), "CA" + "b" * 31]
)
def test_a_sid_is_matched_whole_before_it_becomes_part_of_a_subject(sid):
    subjects = Subjects()
    for build in (subjects.call, subjects.call_key, subjects.leg_key):
        with pytest.raises(BadName):
            build(sid)
    for names in ((CALL, sid), (sid, ACCOUNT)):
        with pytest.raises(BadName):
            subjects.status_key(*names)
    with pytest.raises(BadName):
        subjects.record(Address(ACCOUNT, sid, "final", "inbound"))
    with pytest.raises(BadName):
        subjects.record(Address(sid, CALL, "final", "inbound"))


@pytest.mark.parametrize("prefix", ["", "a.b", "*", ">", "a b", "x" * 33])
def test_a_prefix_is_one_token(prefix):
    with pytest.raises(BadName):
        Subjects(prefix)


@pytest.mark.parametrize(
    ("kind", "track"), [("final", "call"), ("event", "inbound"), ("other", "inbound"), ("*", ">")]
)
def test_kinds_and_tracks_are_those_of_the_protocol(kind, track):
    with pytest.raises(BadName):
        Subjects().record(Address(ACCOUNT, CALL, kind, track))


def test_a_foreign_subject_is_not_parsed():
    for subject in ("a", f"other.{ACCOUNT}.{CALL}.final.inbound", f"transcripts.{ACCOUNT}.{CALL}"):
        with pytest.raises(BadName):
            Subjects().parse(subject)


def test_what_the_stream_and_the_bucket_keep_and_tell():
    subjects = Subjects("eu")
    assert (subjects.live, subjects.ingest("EU")) == ("eu.>", "ingest.eu.>")
    assert (subjects.registry, subjects.bucket_keys) == ("registry.eu.>", "$KV.EU_CALLS.>")
    assert subjects.lease_key("i_1") == "$KV.EU_CALLS.pod.i_1"
    assert subjects.key_of("registry.eu.pod.i_1") == "pod.i_1"


def test_what_is_asked_for_one_by_one_is_not_among_what_every_process_knows():
    subjects = Subjects("eu")
    assert subjects.listed_keys == "$KV.EU_CALLS.*.*"
    assert subjects.call_key(CALL).count(".") == subjects.listed_keys.count(".")
    status, leg = subjects.status_key(CALL, ACCOUNT), subjects.leg_key(CALL, ACCOUNT)
    assert status == f"$KV.EU_CALLS.twilio.status.{ACCOUNT}.{CALL}"
    assert leg == f"$KV.EU_CALLS.twilio.leg.{ACCOUNT}.{CALL}"
    assert subjects.leg_key(CALL) == f"$KV.EU_CALLS.twilio.leg.*.{CALL}"
    assert subjects.key_of(f"registry.eu.twilio.leg.{CALL}") == LEG + CALL
    assert subjects.key_of(status) == f"{STATUS}{ACCOUNT}.{CALL}"


def test_when_streams_were_started_again_is_asked_for_call_by_call():
    subjects = Subjects("eu")
    assert subjects.restart_key(CALL) == f"$KV.EU_CALLS.twilio.restart.{CALL}"
    with pytest.raises(BadName):
        subjects.restart_key("*")


def test_tickets_have_keys_and_no_ticket_has_the_name_of_another_key():
    subjects = Subjects("eu")
    assert subjects.ticket_key("a" * 22) == f"$KV.EU_CALLS.twilio.ticket.{'a' * 22}"
    assert subjects.tickets_required == "$KV.EU_CALLS.tickets.required"
    for nonce in ("", "*", "a.b" * 8, "required"):
        with pytest.raises(BadName):
            subjects.ticket_key(nonce)


@pytest.mark.parametrize("instance", ["", "a.b", "*", "x" * 65])
def test_the_name_of_a_process_is_one_token(instance):
    with pytest.raises(BadName):
        Subjects().lease_key(instance)


def test_a_call_that_moves_is_asked_for_by_its_name_and_a_process_by_its_own():
    subjects = Subjects("eu")
    assert subjects.move(CALL) == f"moves.eu.{CALL}"
    assert subjects.wishes("i_1") == "moves.eu.by.i_1"
    for ask, name in ((subjects.move, "*"), (subjects.wishes, "a.b"), (subjects.wishes, ">")):
        with pytest.raises(BadName):
            ask(name)


def test_of_several_streams_each_call_has_one_and_its_records_are_published_for_that():
    subjects = Subjects("eu", 3)
    assert subjects.streams == ("EU_0_OF_3", "EU_1_OF_3", "EU_2_OF_3")
    assert subjects.ingest("EU_1_OF_3") == "ingest.eu.1.>"
    calls = [f"CA{number:032x}" for number in range(300)]
    kept = [subjects.stream_of(call) for call in calls]
    assert [90 < kept.count(stream) < 110 for stream in subjects.streams] == [True] * 3
    for call, stream in zip(calls, kept, strict=True):
        ingested = subjects.ingested(Address(ACCOUNT, call, "final", "inbound"))
        assert ingested == f"{subjects.ingest(stream)[:-1]}{ACCOUNT}.{call}.final.inbound"


def test_which_stream_has_a_call_is_the_same_in_every_release():
    names = [Subjects(shards=4).stream_of(f"CA{number:032x}")[-6] for number in range(8)]
    assert "".join(names) == "02021313"


def test_readers_see_no_shards():
    one, four = Subjects(), Subjects(shards=4)
    address = Address(ACCOUNT, CALL, "final", "inbound")
    assert (four.live, four.call(CALL), four.record(address), four.bucket) == (
        one.live,
        one.call(CALL),
        one.record(address),
        one.bucket,
    )


@pytest.mark.parametrize("name", ["*", "", CALL.upper()])
def test_no_stream_has_what_is_no_call(name):
    with pytest.raises(BadName):
        Subjects(shards=2).stream_of(name)


def test_what_forwarders_keep_has_a_bucket_of_its_own():
    subjects = Subjects("eu")
    assert (subjects.forward_bucket, subjects.forward_keys) == ("EU_FORWARD", "$KV.EU_FORWARD.>")
    assert subjects.ledger_key("crm", "EU") == "$KV.EU_FORWARD.ledger.crm.EU"
    assert subjects.given_up_key("crm", CALL) == f"$KV.EU_FORWARD.dead.crm.{CALL}"
    assert subjects.given_up_keys("crm") == "$KV.EU_FORWARD.dead.crm.*"
    assert subjects.stored == ("eu.*.*.final.*", "eu.*.*.event.*")
    for name in ("", "a.b", "*", "x" * 33):
        with pytest.raises(BadName):
            subjects.ledger_key(name, "EU")
    with pytest.raises(BadName):
        subjects.given_up_key("crm", "*")
