"""A real recogniser on recorded speech, its connection cut and its host away."""

import asyncio
import difflib
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from support.sids import call_sid

import rehearsal
from handler.audio.loss import Loss
from handler.audio.mixer import Chunk
from handler.audio.mulaw import TRACKS, Track, interleave
from handler.config import Settings
from handler.deepgram.messages import Result
from handler.deepgram.recogniser import Output, Recogniser
from handler.deepgram.retry import Backoff
from handler.deepgram.timing import Timing
from rehearsal import audio
from rehearsal.deepgram import DeepgramStandIn, Faults
from rehearsal.errors import Refusal
from rehearsal.recognise import recognise
from rehearsal.recogniser import Moonshine
from rehearsal.segments import Word

CALL = Path(rehearsal.__file__).parent / "speech" / "call-support"
SID = call_sid(1)
CHUNK = 800
NEAR = 1.0  # seconds: an edit belongs to a cut


@dataclass
class Disturbance:
    """
    Connections are cut at times of the call; behind the last cut the host may be away.

    In audio, the first connection is cut once it has heard so much, however late that came.
    """

    name: str
    cuts: list[float]
    away: float = 0.0
    faster: float = 1.0
    in_audio: bool = False
    begun: float = 0.0
    cut: list[float] = field(default_factory=list)

    def __call__(self, number: int) -> Faults:
        if self.in_audio:
            self.cut = self.cuts[:1]
            return Faults() if number else Faults(drop_after_audio=self.cuts[0])
        now = (asyncio.get_running_loop().time() - self.begun) * self.faster
        if self.away and self.cuts[-1] <= now < self.cuts[-1] + self.away:
            return Faults(refuse=Refusal(503))
        coming = [cut for cut in self.cuts if cut > now]
        if not coming:
            return Faults()
        self.cut.append(coming[0])
        return Faults(drop_after=(coming[0] - now) / self.faster)


async def transcribe(
    moonshine: Moonshine, sides: dict[Track, bytes], disturbance: Disturbance
) -> tuple[dict[Track, list[Word]], list[Loss]]:
    """Return the words of a call that is spoken in its own time, and what was lost."""
    outputs: list[Output] = []
    loop = asyncio.get_running_loop()
    faster = disturbance.faster
    usual = Timing()
    timing = replace(
        usual,
        replay_speed=usual.replay_speed * faster,
        backoff=Backoff(first=0.5 / faster, longest=5 / faster, good=5 / faster),
    )
    async with DeepgramStandIn(moonshine, faults=disturbance) as deepgram:
        settings = replace(
            Settings(deepgram_api_key="key"), deepgram_url=deepgram.url, close_seconds=30
        )
        recogniser = Recogniser(settings, outputs.append, SID, timing=timing)
        running = asyncio.create_task(recogniser.run())
        disturbance.begun = begun = loop.time()
        inbound, outbound = sides.values()
        for at in range(0, len(inbound), CHUNK):
            behind = at + CHUNK
            await asyncio.sleep(begun + behind / audio.SAMPLE_RATE / faster - loop.time())
            recogniser.send(Chunk(at, interleave(inbound[at:behind], outbound[at:behind])))
        recogniser.finish()
        await running
    words: dict[Track, list[Word]] = {track: [] for track in TRACKS}
    for output in outputs:
        if isinstance(output, Result) and output.is_final:
            said = output.body["channel"]["alternatives"][0]["words"]
            words[output.track] += [
                Word(w["punctuated_word"], w["start"], w["end"], w["confidence"]) for w in said
            ]
    return words, [output for output in outputs if isinstance(output, Loss)]


def check(disturbance: Disturbance, undisturbed: list[Word], heard: list[Word]) -> int:
    """Find the edits: each one word at most, and near a cut; returns how many there are."""
    before, after = ([word.plain for word in words] for words in (undisturbed, heard))
    edits = [
        edit
        for edit in difflib.SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes()
        if edit[0] != "equal"
    ]
    for kind, a, b, c, d in edits:
        at = undisturbed[min(a, len(undisturbed) - 1)]
        print(f"{disturbance.name}: {at.start:.2f} s: {kind} {before[a:b]} {after[c:d]}")
        assert max(b - a, d - c) <= 1, disturbance.name
        assert any(at.start - NEAR <= cut <= at.end + NEAR for cut in disturbance.cut)
    assert len(edits) <= len(disturbance.cut), disturbance.name
    return len(edits)


@pytest.mark.proof
async def test_the_words_are_those_of_the_undisturbed_run(rounds):
    """Cut every 20 s, cut in the middle of words, 25 s without a host: the same words."""
    full = len(rounds(sample=1, full=3)) == 3
    seconds, faster = (116, 1.0) if full else (24, 2.0)
    moonshine = Moonshine()
    sides = {
        track: audio.read(CALL / f"{name}.wav")[: seconds * audio.SAMPLE_RATE]
        for track, name in zip(TRACKS, ("caller", "callee"), strict=True)
    }
    alone = await asyncio.gather(
        *(asyncio.to_thread(recognise, samples, moonshine) for samples in sides.values())
    )
    undisturbed = {
        track: [word for segment in segments for word in segment.words]
        for track, segments in zip(TRACKS, alone, strict=True)
    }
    spoken = sorted((w for words in undisturbed.values() for w in words), key=lambda w: w.start)
    middles = [
        next((w.start + w.end) / 2 for w in spoken if w.start > at and w.end - w.start > 0.2)
        for at in range(10, seconds - 10, 25)
    ]
    disturbances = [Disturbance("cut in mid-word", middles, faster=faster, in_audio=not full)]
    if full:
        disturbances += [
            Disturbance("cut every 20 s", list(range(20, seconds, 20))),
            Disturbance("25 s without a host", [30.0], away=25.0),
        ]
    found = await asyncio.gather(*(transcribe(moonshine, sides, d) for d in disturbances))
    for disturbance, (words, lost) in zip(disturbances, found, strict=True):
        assert lost == [], disturbance.name
        edits = sum(check(disturbance, undisturbed[track], words[track]) for track in TRACKS)
        count = sum(map(len, undisturbed.values()))
        print(f"{disturbance.name}: {len(disturbance.cut)} cuts, {edits} edits in {count} words")
