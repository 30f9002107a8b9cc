"""The list of live calls as each token sees it: every call is encoded once. Pure."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from broker.entries import CallEntry
from broker.identifiers import E164
from broker.records import identity
from handler.tokens.grants import ANY_CALL, Grant


@dataclass(frozen=True, slots=True)
class Rights:
    """
    What decides which list a token sees; equal for all that see the same one.

    Attributes:
        names: callSids and numbers, or ``*`` alone.
    """

    names: frozenset[str]

    @classmethod
    def of(cls, grant: Grant) -> "Rights":
        """Return the rights of a token."""
        if ANY_CALL in grant.calls:
            return cls(frozenset({ANY_CALL}))
        return cls(grant.calls | grant.numbers)


class Listing:
    """The live calls, oldest first."""

    def __init__(self) -> None:
        self._entries: dict[str, CallEntry] = {}
        self._encoded: dict[str, bytes] = {}
        self._order: list[tuple[int, str]] = []
        self._by_number: dict[str, set[str]] = {}

    def update(self, live: Mapping[str, CallEntry]) -> dict[str, set[str]]:
        """
        Take the calls that live now.

        Returns:
            The calls of which something else is shown, or nothing any more; of each, whose list is
            another one by it: the call's callSid, its numbers, and ``*``.
        """
        changed: dict[str, set[str]] = {}
        for call_sid in self._entries.keys() - live.keys():
            changed[call_sid] = self._remove(call_sid)
        for call_sid, entry in live.items():
            former = self._entries.get(call_sid)
            if former is entry:
                continue
            encoded = _encode(entry)
            if encoded == self._encoded.get(call_sid):  # what changed is not shown
                self._entries[call_sid] = entry
                continue
            names = set() if former is None else self._remove(call_sid)
            changed[call_sid] = names | self._add(entry, encoded)
        return changed

    def get(self, call_sid: str) -> CallEntry | None:
        """Return a call if it is live."""
        return self._entries.get(call_sid)

    def visible(self, rights: Rights) -> list[CallEntry]:
        """Return the live calls that a token may see, oldest first."""
        return [self._entries[call_sid] for call_sid in self._call_sids(rights)]

    def message(self, rights: Rights) -> bytes:
        """Return the ``Calls`` message: what ``GET /calls`` answers."""
        calls = b",".join([self._encoded[call_sid] for call_sid in self._call_sids(rights)])
        return b'{"type":"Calls","calls":[%b]}' % calls

    def _call_sids(self, rights: Rights) -> Iterable[str]:
        if ANY_CALL in rights.names:
            return [call_sid for _, call_sid in self._order]
        found = rights.names & self._entries.keys()
        for name in rights.names:
            found |= self._by_number.get(name, set())
        return sorted(found, key=lambda call_sid: _place(self._entries[call_sid]))

    def _add(self, entry: CallEntry, encoded: bytes) -> set[str]:
        self._entries[entry.call_sid] = entry
        self._encoded[entry.call_sid] = encoded
        insort(self._order, _place(entry))
        for number in _numbers(entry):
            self._by_number.setdefault(number, set()).add(entry.call_sid)
        return _names(entry)

    def _remove(self, call_sid: str) -> set[str]:
        entry = self._entries.pop(call_sid)
        del self._encoded[call_sid]
        del self._order[bisect_left(self._order, _place(entry))]
        for number in _numbers(entry):
            calls = self._by_number[number]
            calls.discard(call_sid)
            if not calls:
                del self._by_number[number]
        return _names(entry)


def _names(entry: CallEntry) -> set[str]:
    return {ANY_CALL, entry.call_sid} | _numbers(entry)


def _numbers(entry: CallEntry) -> set[str]:
    """Return the call's numbers; what stands in their place may be any text, and grants nothing."""
    return {number for number in (entry.from_, entry.to) if number and E164.fullmatch(number)}


def _place(entry: CallEntry) -> tuple[int, str]:
    return entry.started_at, entry.call_sid


def _encode(entry: CallEntry) -> bytes:
    return msgspec.json.encode(
        {
            "callSid": entry.call_sid,
            "from": entry.from_,
            "to": entry.to,
            "direction": entry.direction,
            "startedAt": entry.started_at,
            "state": entry.state,
            **identity(entry.caller_name, entry.callee_name, entry.metadata),
        }
    )
