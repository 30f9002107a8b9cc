"""This process's own copy of the registry's bucket: which calls live, and which processes. Pure."""

from collections.abc import Mapping

from broker.entries import CallEntry, has_expired, is_gone, read_entry
from broker.subjects import TICKETS_REQUIRED

# What the keys begin with that say which calls live, and which processes.
KINDS = ("call.", "pod.")


class View:
    """
    What the bucket says, as far as it is known here.

    A call counts while its owner's lease lives, so the calls of a process that died leave the view
    by themselves. Changes may come twice, and older after newer: the newest revision stands. Keys
    of other kinds are not kept: what is asked for one by one, and what later versions write.

    Attributes:
        tickets_required: Some process has said that media streams need a ticket.
    """

    def __init__(self) -> None:
        self.tickets_required = False
        self._calls: dict[str, CallEntry] = {}
        self._leases: set[str] = set()
        self._lease_seen: dict[str, int] = {}  # Unix ms of a process's last sign of life
        self._revisions: dict[str, int] = {}

    @property
    def newest(self) -> int:
        """The newest revision that is known, of any key."""
        return max(self._revisions.values(), default=0)

    def calls(self) -> dict[str, CallEntry]:
        """Return the live calls by callSid."""
        return {sid: call for sid, call in self._calls.items() if call.owner in self._leases}

    def get(self, call_sid: str) -> CallEntry | None:
        """Return a call if it is live."""
        call = self._calls.get(call_sid)
        return call if call is not None and call.owner in self._leases else None

    def entry(self, call_sid: str) -> CallEntry | None:
        """Return what the bucket says of a call, be its owner alive or not."""
        return self._calls.get(call_sid)

    def orphans(self) -> list[CallEntry]:
        """Return the calls whose owner gives no sign of life."""
        return [call for call in self._calls.values() if call.owner not in self._leases]

    def has_lease(self, instance: str) -> bool:
        """Whether a process gives signs of life."""
        return instance in self._leases

    def lease_seen(self, instance: str) -> int | None:
        """Return the Unix time in ms of a process's last sign of life, if it is known."""
        return self._lease_seen.get(instance)

    def revision(self, key: str) -> int:
        """Return the newest known revision of a key; 0 if it was never seen."""
        return self._revisions.get(key, 0)

    def apply(
        self, key: str, revision: int, headers: Mapping[str, str], data: bytes, alive_at: int
    ) -> bool:
        """
        Take what a key holds since ``revision``; returns whether anybody would see a change.

        Args:
            key: ``call.<callSid>``, ``pod.<instance>``; most others say nothing here.
            revision: Its place in the bucket's stream.
            headers: They say whether the key is gone.
            data: What it holds.
            alive_at: Unix ms of the sign of life that a lease is, or was.

        Raises:
            msgspec.MsgspecError, BadName: it is no entry of ours, and the one before it stands.
        """
        if not _is_kept(key) or revision <= self.revision(key):
            return False
        self._revisions[key] = revision
        changed = self._set(key, None if is_gone(headers) else data, alive_at)
        if has_expired(headers) and (instance := _instance(key)) is not None:
            # Of a process that was never seen alive here, this is all there is to know.
            self._lease_seen.setdefault(instance, alive_at)
        return changed

    def keep_only(self, present: Mapping[str, int]) -> bool:
        """
        Forget what a snapshot of the whole bucket lacks; returns whether anybody sees a change.

        Args:
            present: The keys of the snapshot, and their revisions.
        """
        newest = max(present.values(), default=0)
        changed = False
        for key, revision in list(self._revisions.items()):
            if revision <= newest and key not in present:
                del self._revisions[key]
                changed = self._set(key, None) or changed
        return changed

    def distrust(self) -> None:
        """Take whatever comes next for newer: the bucket is another one, or has lost its tail."""
        self._revisions = dict.fromkeys(self._revisions, 0)

    def _set(self, key: str, data: bytes | None, alive_at: int = 0) -> bool:
        if (instance := _instance(key)) is not None:
            return self._set_lease(instance, data is not None, alive_at)
        if key == TICKETS_REQUIRED:
            self.tickets_required = data is not None
            return False  # no list of calls says so
        name = key.partition(".")[2]
        before = self._calls.get(name)
        if data is None:
            self._calls.pop(name, None)
        else:
            self._calls[name] = read_entry(name, data)
        return before != self._calls.get(name)

    def _set_lease(self, instance: str, alive: bool, alive_at: int) -> bool:
        before = instance in self._leases
        if alive:
            self._leases.add(instance)
            self._lease_seen[instance] = alive_at
        else:
            self._leases.discard(instance)
        # Times are kept of processes that live, or own a call; those of others are never asked for.
        wanted = self._leases | {call.owner for call in self._calls.values()}
        self._lease_seen = {name: at for name, at in self._lease_seen.items() if name in wanted}
        return before != alive


def _is_kept(key: str) -> bool:
    return key.startswith(KINDS) or key == TICKETS_REQUIRED


def _instance(key: str) -> str | None:
    """Return the process whose lease a key is; None if it is a call's."""
    kind, _, name = key.partition(".")
    return name if kind == "pod" else None
