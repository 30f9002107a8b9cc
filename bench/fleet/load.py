"""
The load, as processes of its own: writers as containers are, of 400 calls each, and their readers.

Each call plays the trace of a recorded call from a place of its own, with what ``broker/append.py``
sends: the same subjects and headers, one record in flight, tried again until it is stored.
"""

import argparse
import asyncio
import base64
import heapq
import itertools
import json
import random
import sys
import time
from collections import deque
from dataclasses import dataclass, field

import msgspec
import uvloop

from bench.fleet.rates import TRACE
from bench.fleet.trace import Message, load
from bench.fleet.wire import Wire
from broker.append import ACK_SECONDS, FIRST_RETRY, LONGEST_RETRY
from broker.stream import WRONG_LAST_SEQUENCE
from broker.subjects import Address, Subjects

CALLS_A_CONTAINER = 400
ACCOUNT = f"AC{'0' * 32}"
LOOK_SECONDS = 0.1
TICK_SECONDS = 0.005
FILLING, TAIL = b"x" * 65_536, b'"}'
MADE, DIGITS = b'{"made":"', 19
EPOCH = "fleet-1"
TYPES = {"event": "CallStarted", "final": "Results", "interim": "Results"}
SUBJECTS = Subjects()


class _Problem(msgspec.Struct):
    err_code: int = 0


class _Ack(msgspec.Struct):
    seq: int = 0
    error: _Problem | None = None


_decode_ack = msgspec.json.Decoder(_Ack).decode


@dataclass(frozen=True, slots=True)
class Times:
    """
    Of a run, on the machine's monotonic clock.

    Attributes:
        begin: The first call begins.
        quiet: From here on all run and nothing fails; what is measured begins.
        trouble: Until here; a node may fail from then on.
        end: Nothing more is said.
    """

    begin: float
    quiet: float
    trouble: float
    end: float


def call_sid(number: int) -> str:
    """Name a call."""
    return f"CA{number:032x}"


def number_of(call: bytes) -> int:
    """Read the name of a call."""
    return int(call.removeprefix(b"CA").decode(), 16)


def payload(message: Message, after: int) -> bytes:
    """Return what is as long as a message, is read as one, and says when it was made."""
    now = time.monotonic_ns()
    head = (
        f'{{"made":"{now:0{DIGITS}d}","type":"{TYPES[message.kind]}","epoch":"{EPOCH}",'
        f'"track":"{message.track}","at":{time.time_ns() // 1_000_000},"after":{after},'
        f'"start":{now / 1e9:.3f},"filling":"'
    ).encode()
    return head + FILLING[: max(0, message.size - len(head) - len(TAIL))] + TAIL


def made(data: bytes) -> float:
    """Return when a message was made, on the machine's monotonic clock."""
    return int(data[len(MADE) : len(MADE) + DIGITS]) / 1e9


@dataclass(slots=True)
class Call:
    """
    A call as its writer has it.

    Attributes:
        position: In the trace, of what it says next.
        offset: What is to be added to the trace's seconds.
        acked: How many records are stored.
        last: The place of the newest in the stream.
        waiting: Records that are not stored; the first may be in flight.
        sent_at: When that was sent last; 0 if none is in flight.
        first_sent: When it was sent first.
        backoff: After a refusal, in seconds.
    """

    number: int
    position: int = 0
    offset: float = 0.0
    acked: int = 0
    last: int = 0
    waiting: deque[Message] = field(default_factory=deque)
    sent_at: float = 0.0
    first_sent: float = 0.0
    backoff: float = FIRST_RETRY


class Container:
    """So many calls on one connection."""

    def __init__(self, numbers: range, urls: list[str], writers: "Writers") -> None:
        self.calls = {number: Call(number) for number in numbers}
        self.writers = writers
        self.inbox = f"_INBOX.w{numbers.start}"
        self.wire = Wire(urls, [f"{self.inbox}.>"], self.take)

    def put(self, call: Call, message: Message) -> None:
        """Say something of a call."""
        address = Address(ACCOUNT, call_sid(call.number), message.kind, message.track)
        if message.kind == "interim":
            self.writers.interims += 1
            self.wire.publish(SUBJECTS.record(address), payload(message, call.acked))
            return
        call.waiting.append(message)
        if not call.sent_at:
            call.first_sent = 0.0
            self.send(call)

    def send(self, call: Call) -> None:
        """Send the record that waits first, once more if it was sent before."""
        message, sid, seq = call.waiting[0], call_sid(call.number), call.acked + 1
        call.sent_at = time.monotonic()
        call.first_sent = call.first_sent or call.sent_at
        headers = (
            f"Nats-Msg-Id: {sid}:{EPOCH}:{seq}\r\nCall-Seq: {seq}\r\n"
            f"Nats-Expected-Last-Subject-Sequence-Subject: {SUBJECTS.call(sid, ACCOUNT)}\r\n"
            f"Nats-Expected-Last-Subject-Sequence: {call.last}\r\n"
        )
        self.wire.request(
            SUBJECTS.ingested(Address(ACCOUNT, sid, message.kind, message.track)),
            f"{self.inbox}.{call.number}.{seq}",
            headers,
            payload(message, call.acked),
        )

    def take(self, subject: bytes, _: bytes, data: bytes) -> None:
        """Take an answer."""
        number, what = subject.decode().split(".")[2:]
        call = self.calls[int(number)]
        if what == "newest":
            self.take_newest(call, data)
            return
        if int(what) != call.acked + 1 or not call.sent_at:
            return  # to a repetition
        ack = _Ack() if not data else _decode_ack(data)  # 503: nobody has the stream now
        if ack.seq and ack.error is None:
            self.note_stored(call, ack.seq)
        elif ack.error is not None and ack.error.err_code in WRONG_LAST_SEQUENCE:
            ask = json.dumps({"last_by_subj": SUBJECTS.call(call_sid(call.number), ACCOUNT)})
            leader = f"$JS.API.STREAM.MSG.GET.{SUBJECTS.streams[0]}"
            self.wire.request(leader, f"{self.inbox}.{number}.newest", "", ask.encode())
        else:
            self.writers.refused += 1
            asyncio.get_running_loop().call_later(call.backoff, self.send_again, call, int(what))
            call.backoff = min(2 * call.backoff, LONGEST_RETRY)

    def take_newest(self, call: Call, data: bytes) -> None:
        """Take the leader's word on a record that was refused: it may have been stored before."""
        message = json.loads(data).get("message") if data else None
        if message is None or not call.sent_at:
            return
        head = base64.b64decode(message.get("hdrs", "")).decode()
        if f":{call.acked + 1}\r\n" in head.partition("Nats-Msg-Id: ")[2][:100]:
            self.note_stored(call, message["seq"])

    def send_again(self, call: Call, seq: int) -> None:
        """Send what is not stored yet once more."""
        if call.sent_at and seq == call.acked + 1:
            self.send(call)

    def note_stored(self, call: Call, sequence: int) -> None:
        """The record in flight is stored."""
        self.writers.note(call.first_sent)
        call.acked += 1
        call.last, call.backoff = sequence, FIRST_RETRY
        call.waiting.popleft()
        call.sent_at = call.first_sent = 0.0
        if call.waiting:
            self.send(call)

    def look(self) -> None:
        """Send again what has no answer."""
        late = time.monotonic() - ACK_SECONDS
        if self.wire.connected:
            for call in self.calls.values():
                if 0 < call.sent_at < late:
                    self.writers.unanswered += 1
                    self.send(call)


class Writers:
    """
    All containers of this process.

    Attributes:
        quiet: Seconds from a record's first sending to its acknowledgement, of the quiet time.
        longest: The longest time without any acknowledgement behind its begin, and when it began.
        late: By how much a message was said too late, at most.
        behind: Records that waited when the quiet time ended.
    """

    def __init__(self, calls: range, urls: list[str], times: Times) -> None:
        self.times = times
        self.interims = self.refused = self.unanswered = 0
        self.quiet: list[float] = []
        self.last_ack, self.longest = 0.0, (0.0, 0.0)
        self.late = 0.0
        self.behind = 0
        self.containers = [
            Container(
                range(start, min(start + CALLS_A_CONTAINER, calls.stop)),
                urls[turn % len(urls) :] + urls[: turn % len(urls)],
                self,
            )
            for turn, start in enumerate(range(calls.start, calls.stop, CALLS_A_CONTAINER))
        ]

    def note(self, first_sent: float) -> None:
        """A record was stored that was first sent then."""
        now = time.monotonic()
        if self.times.quiet <= first_sent < self.times.trouble:
            self.quiet.append(now - first_sent)
        if now > self.times.quiet and self.last_ack:
            self.longest = max(self.longest, (now - self.last_ack, self.last_ack))
        self.last_ack = now

    async def run(self) -> dict[str, object]:
        """Say all that the calls say; returns the figures."""
        for container in self.containers:
            await container.wire.connect()
        trace = load(TRACE.read_text())
        said = trace.messages[1:-1]  # a call lasts as long as the run: it begins once
        due = self._plan(trace.messages[0], said)
        look_at = 0.0
        while (now := time.monotonic()) < self.times.end:
            while due and due[0][0] <= now:
                when, number, call, container = heapq.heappop(due)
                self.late = max(self.late, now - when) if now > self.times.quiet else 0.0
                if not call.acked and not call.waiting:
                    container.put(call, trace.messages[0])
                else:
                    container.put(call, said[call.position])
                    call.position += 1
                    if call.position == len(said):
                        call.position, call.offset = 0, call.offset + trace.seconds
                following = call.offset + said[call.position].at
                heapq.heappush(due, (max(following, when), number, call, container))
            if now > look_at:
                look_at = now + LOOK_SECONDS
                for container in self.containers:
                    container.look()
            if now < self.times.trouble:
                self.behind = self._depth()
            await asyncio.sleep(TICK_SECONDS)
        deadline = time.monotonic() + 30
        while self._depth() and time.monotonic() < deadline:
            await asyncio.sleep(LOOK_SECONDS)
            for container in self.containers:
                container.look()
        return self._figures()

    def _depth(self) -> int:
        return sum(
            len(call.waiting) for container in self.containers for call in container.calls.values()
        )

    def _plan(
        self, first: Message, said: tuple[Message, ...]
    ) -> list[tuple[float, int, Call, Container]]:
        """Let each call begin within half of the time before the quiet one, at its own place."""
        chance = random.Random(1)  # noqa: S311  no secret
        ramp = (self.times.quiet - self.times.begin) / 2
        due = []
        for container in self.containers:
            for call in container.calls.values():
                begin = self.times.begin + chance.random() * ramp
                call.position = chance.randrange(len(said))
                call.offset = begin - said[call.position].at + first.at
                due.append((begin, call.number, call, container))
        heapq.heapify(due)
        return due

    def _figures(self) -> dict[str, object]:
        calls = itertools.chain.from_iterable(
            container.calls.values() for container in self.containers
        )
        return {
            "latencies": sorted(self.quiet),
            "interims": self.interims,
            "refused": self.refused,
            "unanswered": self.unanswered,
            "gap": self.longest[0],
            "gap_at": self.longest[1],
            "late": self.late,
            "behind": self.behind,
            "waiting": self._depth(),
            "acked": {call.number: call.acked for call in calls},
            "cpu": time.process_time(),
        }


class Readers:
    """
    Those who read the calls: a subscription for each, so many calls on a connection.

    Attributes:
        got: The numbers of the records that came, by call.
        delays: Seconds from a record's last sending to its arrival, of the quiet time.
    """

    def __init__(self, calls: range, urls: list[str], times: Times) -> None:
        self.times = times
        self.got: dict[bytes, set[int]] = {}
        self.doubled = self.interims = self.bytes = 0
        self.delays: list[float] = []
        self.wires = [
            Wire(
                urls[turn % len(urls) :] + urls[: turn % len(urls)],
                [
                    SUBJECTS.call(call_sid(number))
                    for number in range(start, min(start + CALLS_A_CONTAINER, calls.stop))
                ],
                self.take,
            )
            # Another node than the writer's, as a reader's container is another one.
            for turn, start in enumerate(range(calls.start, calls.stop, CALLS_A_CONTAINER), 1)
        ]

    def take(self, subject: bytes, headers: bytes, data: bytes) -> None:
        """Take what a call says."""
        now = time.monotonic()
        in_quiet = self.times.quiet <= now < self.times.trouble
        self.bytes += len(data) + len(headers) + len(subject) if in_quiet else 0
        if not headers:
            self.interims += in_quiet
            return
        if in_quiet:
            self.delays.append(now - made(data))
        seq = int(headers.partition(b"Call-Seq: ")[2].partition(b"\r")[0])
        known = self.got.setdefault(subject.split(b".")[2], set())
        self.doubled += seq in known
        known.add(seq)

    async def run(self) -> dict[str, object]:
        """Read until the end; returns the figures."""
        for wire in self.wires:
            await wire.connect()
        await asyncio.sleep(self.times.end + 3 - time.monotonic())
        return {
            "delays": sorted(self.delays),
            "interims": self.interims,
            "bytes": self.bytes,
            "doubled": self.doubled,
            "got": {number_of(call): len(seqs) for call, seqs in self.got.items()},
            "cpu": time.process_time(),
        }


def main() -> None:
    """Run one half of the load; prints its figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.fleet.load", description=__doc__)
    parser.add_argument("half", choices=["writers", "readers"])
    parser.add_argument("urls", help="of the nodes, separated by commas")
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument(
        "--times", type=float, nargs=4, required=True, help="begin quiet trouble end"
    )
    arguments = parser.parse_args()
    half = Writers if arguments.half == "writers" else Readers
    running = half(range(arguments.calls), arguments.urls.split(","), Times(*arguments.times))
    json.dump(uvloop.run(running.run()), sys.stdout)


if __name__ == "__main__":
    main()
