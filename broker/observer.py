"""What is told of records on their way, for those who count or trace them."""

from typing import Protocol

from broker.records import Record

# The header of a record that is followed.
TRACEPARENT = "traceparent"


class Journey(Protocol):
    """A record's way into the stream, as somebody follows it."""

    @property
    def traceparent(self) -> str:
        """
        What the record carries, by which its readers find where they belong.

        Source: https://www.w3.org/TR/trace-context/#traceparent-header
        """

    def note_stored(self) -> None:
        """Take it that the record is stored."""


class Observer:
    """
    Is told what becomes of records; this one does nothing with it.

    Nothing here may wait or raise: it is a part of the way that it is told of.
    """

    def begin(self, call_sid: str, record: Record) -> Journey | None:
        """Begin to follow a record of ours, which is to be published now; None: it is not."""

    def note_stored(self, record: Record) -> None:
        """Take it that a record of ours is known to be stored."""

    def note_delivered(self, published_at: float, traceparent: str | None) -> None:
        """
        Take it that a live record was written to those here who wait for it.

        Args:
            published_at: Unix time in seconds, by the clock of the container that published it.
            traceparent: What it carries, if anything.
        """


class Observers(Observer):
    """Several, who are told one after the other; one of them may follow records."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def begin(self, call_sid: str, record: Record) -> Journey | None:
        """Have a record followed by the first who does."""
        journeys = (observer.begin(call_sid, record) for observer in self._observers)
        return next((journey for journey in journeys if journey is not None), None)

    def note_stored(self, record: Record) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.note_stored(record)

    def note_delivered(self, published_at: float, traceparent: str | None) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.note_delivered(published_at, traceparent)


NOBODY = Observer()
