"""Recorded human speech, with a real recogniser at the end of the path."""

import asyncio
import json
import random
from pathlib import Path

import pytest

from rehearsal import audio
from rehearsal.compare import difference, error_rate
from rehearsal.deepgram import DeepgramStandIn
from rehearsal.recognise import recognise, transcript
from rehearsal.recogniser import Moonshine
from rehearsal.twilio import Options, place_call

SPEECH = Path(__file__).parent.parent / "speech"
PAUSE = audio.SILENCE * 8000


def shuffled(seed: int, share: int) -> tuple[str, bytes, bytes]:
    """Two tracks of utterances in an order that nobody knows beforehand, and what they say."""
    source = random.Random(seed)
    utterances = json.loads((SPEECH / "utterances.json").read_text())
    source.shuffle(utterances)
    del utterances[len(utterances) // share :]
    half = len(utterances) // 2

    def track(chosen: list[dict]) -> bytes:
        files = [audio.read(SPEECH / entry["file"]) for entry in chosen]
        return PAUSE + PAUSE.join(files) + PAUSE

    text = " ".join(entry["text"] for entry in utterances)
    return text, track(utterances[:half]), track(utterances[half:])


@pytest.mark.proof
async def test_a_call_has_the_words_of_its_files_alone(rounds, serve, read, token):
    moonshine = Moonshine()
    async with DeepgramStandIn(moonshine) as deepgram:
        # Until then a busy machine has recognised what was said last.
        service = serve(DEEPGRAM_URL=deepgram.url, CLOSE_SECONDS="60")
        seeds = rounds(sample=1, full=10)
        for _ in seeds:
            seed = random.SystemRandom().getrandbits(32)
            # The sample runs beside other tests, and a recogniser that cannot keep up is no news.
            speed, share = (3, 1) if len(seeds) > 1 else (1, 4)
            text, inbound, outbound = shuffled(seed, share)
            call = Options(
                auth_token="twilio-auth-token-of-the-tests",
                seed=seed,
                speed=speed,
                outbound_delay=1.0,
            )
            reader, report = await asyncio.gather(
                read(service, call.call_sid, token=token),
                place_call(f"{service.ws}/twilio", inbound, outbound, call),
            )
            assert report.ok
            assert reader.close_code == 1000
            heard = ""
            for track, samples in (("inbound", inbound), ("outbound", outbound)):
                alone = await asyncio.to_thread(recognise, samples, moonshine)
                read_of_it = " ".join(reader.texts(track))
                differs = difference(transcript(alone), read_of_it)
                heard += read_of_it + " "
                assert differs.rate <= 0.02, f"seed {seed}, {track}: {differs.places}"
            # By itself it hears some four of them wrong by a quarter, and all together by less.
            worst = 0.25 if share == 1 else 0.3
            assert error_rate(text, heard) < worst, f"seed {seed}"
