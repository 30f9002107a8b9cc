"""
Which calls one socket follows, and why. Pure: it decides, the socket acts.

A call is followed because it was asked for by its callSid, because a number of its was, or both.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from handler.errors import EndCode, SubscriberError

MAX_SUBSCRIPTIONS = 100


@dataclass(slots=True)
class _Followed:
    """Why a call is followed."""

    asked_for: bool = False
    numbers: set[str] = field(default_factory=set)


class Subscriptions:
    """What a socket has asked for, and the calls that follow from it."""

    def __init__(self) -> None:
        self._calls: dict[str, _Followed] = {}
        # The calls of each number that were seen, until they leave the list: one that was refused,
        # or unsubscribed by itself, does not begin again meanwhile.
        self._numbers: dict[str, set[str]] = {}
        self._has_list = False

        # Calls that have ended and may go on: they take no room.
        self.ended: Collection[str] = frozenset()

    def __contains__(self, call_sid: str) -> bool:
        return call_sid in self._calls

    @property
    def empty(self) -> bool:
        """Whether nothing is followed, and nothing is to come."""
        return not self._calls and not self._numbers and not self._has_list

    def ask_call(self, call_sid: str) -> None:
        """
        Follow a call that is asked for by name; from now on it needs no number.

        Raises:
            SubscriberError: with 4429.
        """
        followed = self._calls.get(call_sid, _Followed())
        if not followed.asked_for:
            self._check_room()
            followed.asked_for = True
            self._calls[call_sid] = followed

    def ask_number(self, number: str) -> bool:
        """
        Follow the calls of a number; returns whether it was not followed before.

        Raises:
            SubscriberError: with 4429.
        """
        if number in self._numbers:
            return False
        self._check_room()
        self._numbers[number] = set()
        return True

    def ask_list(self) -> bool:
        """
        Follow the list; returns whether it was not followed before.

        Raises:
            SubscriberError: with 4429.
        """
        if self._has_list:
            return False
        self._check_room()
        self._has_list = True
        return True

    def see(self, number: str, changed: Collection[str], allowed: Collection[str]) -> list[str]:
        """
        Look at calls of a number that may be others than they were; returns those that begin.

        Args:
            number: Whose calls they are, or were.
            changed: The calls.
            allowed: Those of them that are live and may be read; another may begin again later.
        """
        if number not in self._numbers:
            return []
        seen = self._numbers[number]
        seen.difference_update(call_sid for call_sid in changed if call_sid not in allowed)
        begun = []
        for call_sid in allowed:
            if call_sid in self._calls:
                self._calls[call_sid].numbers.add(number)
            elif call_sid not in seen:
                self._calls[call_sid] = _Followed(numbers={number})
                begun.append(call_sid)
            seen.add(call_sid)
        return begun

    def drop(self, target: str) -> list[str]:
        """Follow a call, or a number, no longer; returns the calls that end by it."""
        if target in self._calls:
            del self._calls[target]
            return [target]
        if self._numbers.pop(target, None) is None:
            return []
        for followed in self._calls.values():
            followed.numbers.discard(target)
        ended = [sid for sid, why in self._calls.items() if not why.asked_for and not why.numbers]
        for call_sid in ended:
            del self._calls[call_sid]
        return ended

    def end(self, call_sid: str) -> None:
        """Note that a call is followed no longer: it was refused, or is over and forgotten."""
        self._calls.pop(call_sid, None)

    def _check_room(self) -> None:
        """Calls of a number that is followed do not count, nor those that have ended."""
        asked = sum(
            why.asked_for and not why.numbers and call_sid not in self.ended
            for call_sid, why in self._calls.items()
        )
        if asked + len(self._numbers) + self._has_list >= MAX_SUBSCRIPTIONS:
            raise SubscriberError(EndCode.TOO_MUCH, f"more than {MAX_SUBSCRIPTIONS} subscriptions")
