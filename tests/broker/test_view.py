"""broker/view.py: what the bucket says, whatever the order in which it is heard."""

import msgspec
import pytest
from support.sids import account_sid, call_sid

from broker.entries import CallEntry
from broker.errors import BadName
from broker.view import View

CALL = call_sid(1)
KEY = f"call.{CALL}"
GONE = {"KV-Operation": "DEL"}


def entry(owner: str = "i1", **changes: object) -> CallEntry:
    known = CallEntry(
        call_sid=CALL, account_sid=account_sid(1), started_at=1, epoch=f"{owner}-1", owner=owner
    )
    return msgspec.structs.replace(known, **changes)


def encoded(one: CallEntry) -> bytes:
    return msgspec.json.encode(one)


def holding(*leases: str) -> View:
    """A view with one call of i1, and leases."""
    view = View()
    view.apply(KEY, 1, {}, encoded(entry()), alive_at=0)
    for revision, instance in enumerate(leases, 2):
        view.apply(f"pod.{instance}", revision, {}, b"{}", alive_at=1000 * revision)
    return view


def test_a_call_is_live_while_its_owner_gives_signs_of_life():
    view = holding()
    assert (view.calls(), view.get(CALL), view.entry(CALL)) == ({}, None, entry())
    assert view.orphans() == [entry()]
    assert view.apply("pod.i1", 2, {}, b"{}", alive_at=5)
    assert (view.calls(), view.get(CALL), view.orphans()) == ({CALL: entry()}, entry(), [])
    assert (view.has_lease("i1"), view.lease_seen("i1")) == (True, 5)
    assert view.apply("pod.i1", 3, {"Nats-Marker-Reason": "MaxAge"}, b"", alive_at=9)
    assert (view.calls(), view.has_lease("i1"), view.lease_seen("i1")) == ({}, False, 5)


def test_a_renewal_is_no_change_and_its_time_is_kept():
    view = holding("i1")
    assert not view.apply("pod.i1", 9, {}, b"{}", alive_at=7)
    assert view.lease_seen("i1") == 7


def test_times_of_processes_that_own_nothing_are_forgotten():
    view = holding("i1", "i2")
    view.apply("pod.i2", 9, GONE, b"", alive_at=0)
    assert view.lease_seen("i2") is None


@pytest.mark.parametrize("key", ["ticket.abc", f"twilio.leg.{CALL}", "calls.x", ""])
def test_keys_of_other_kinds_say_nothing_and_are_not_kept(key):
    view = holding("i1")
    assert not view.apply(key, 99, {}, b"no entry", alive_at=0)
    assert (view.newest, view.revision(key), view.calls()) == (2, 0, {CALL: entry()})


@pytest.mark.parametrize("revision", [0, 1])
def test_what_is_older_changes_nothing(revision):
    view = holding("i1")
    assert not view.apply(KEY, revision, GONE, b"", alive_at=0)
    assert view.get(CALL) == entry()


def test_the_same_again_is_no_change_and_another_state_is():
    view = holding("i1")
    assert not view.apply(KEY, 5, {}, encoded(entry()), alive_at=0)
    assert view.apply(KEY, 6, {}, encoded(entry(state="waiting")), alive_at=0)
    assert view.apply(KEY, 7, GONE, b"", alive_at=0)
    assert not view.apply(KEY, 8, GONE, b"", alive_at=0)
    assert (view.revision(KEY), view.revision("pod.i9"), view.newest) == (8, 0, 8)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"{}", msgspec.ValidationError),
        (encoded(entry(call_sid=call_sid(2))), BadName),
        (encoded(entry(account_sid="*")), BadName),
    ],
)
def test_what_is_no_entry_of_ours_leaves_the_one_before_it(data, error):
    view = holding("i1")
    with pytest.raises(error):
        view.apply(KEY, 5, {}, data, alive_at=0)
    assert view.get(CALL) == entry()


def test_what_a_snapshot_lacks_is_gone_unless_it_is_newer():
    view = holding("i1")
    assert not view.keep_only({KEY: 1})  # the lease is newer than the snapshot
    assert view.keep_only({"pod.i1": 2})
    assert (view.entry(CALL), view.has_lease("i1")) == (None, True)


def test_once_distrusted_whatever_comes_next_is_newer():
    view = holding("i1")
    view.distrust()
    assert view.newest == 0
    assert view.apply(KEY, 1, {}, encoded(entry(state="waiting")), alive_at=0)


def test_of_a_process_that_was_never_seen_alive_the_end_of_its_lease_says_when_it_lived():
    view = holding()
    view.apply("pod.i1", 2, {"Nats-Marker-Reason": "MaxAge"}, b"", alive_at=7)
    assert (view.has_lease("i1"), view.lease_seen("i1")) == (False, 7)
    assert view.apply("pod.i1", 3, {}, b"{}", alive_at=9)
    assert view.lease_seen("i1") == 9


def test_keys_of_kinds_that_are_not_kept_leave_no_trace():
    view = holding("i1")
    for key in ("ticket." + "a" * 22, "later.x", "call", "x"):
        assert not view.apply(key, 99, {}, b"{}", alive_at=0)
    assert view.newest == 2
    assert view.calls() == {CALL: entry()}


def test_that_tickets_are_required_stands_until_it_is_gone():
    view = View()
    key, expired = "tickets.required", {"Nats-Marker-Reason": "MaxAge"}
    required = [view.tickets_required]
    for revision, headers in enumerate(({}, expired, {}), 1):
        assert not view.apply(key, revision, headers, b"{}", alive_at=0)  # no call has changed
        required.append(view.tickets_required)
    view.keep_only({KEY: 4})
    assert [*required, view.tickets_required] == [False, True, False, True, False]
