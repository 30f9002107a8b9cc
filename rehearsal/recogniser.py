"""
A real recogniser: Moonshine tiny-en on onnxruntime, with WebRTC's voice detector for the pauses.

The model (27 M parameters, MIT) is plain data inside the wheel of moonshine-voice 0.0.73; its own
code is not used. Needs the ``demo`` extra.
"""

import importlib.util
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import webrtcvad

from rehearsal.audio import SAMPLE_RATE, SILENCE
from rehearsal.errors import MissingExtra
from rehearsal.segments import ChannelRecogniser, Segment, Word

Samples = npt.NDArray[np.float32]  # -1 to 1
Frame = npt.NDArray[np.int16]  # 20 ms

FRAME = 160  # 20 ms: what the voice detector takes
FRAME_MS = 20
FRAMES_PER_SECOND = SAMPLE_RATE // FRAME

# Model
BEGIN_TOKEN, END_TOKEN = 1, 2
LAYERS_HEADS, HEAD_SIZE = 8, 36
TOKENS_PER_SECOND = 6.5  # more than anybody says; stops a decoder that repeats itself
SHORTEST_INPUT = SAMPLE_RATE  # the model dislikes less

# Endpointing, in frames
VOICE_MODE = 2  # of 0 (lenient) to 3
VOICED_OF = 5  # speech begins when most of so many frames are voiced
VOICED_NEEDED = 3
PREROLL = 16
SILENCE_FINAL = 150  # a final in silence, every 3 s
INTERIM_EVERY = 30
LONGEST_PHRASE = 450  # the model is best below 9 s
CUT_WITHIN = 125  # a longer phrase is cut at the quietest point of its last 2.5 s
SHORTEST_ENDPOINT = 15  # below 300 ms phrases fall to pieces
# Voiced frames of a phrase. A detector that is new takes the first noise for a voice, for a moment,
# and of that the model makes "you".
SHORTEST_PHRASE = 6

# What the model gets of a phrase, in samples and shares of full scale
QUIETEST_SPEECH = 0.004
LEVEL_WINDOW = 80
QUIET_SHARE = 0.04
MARGIN = 800

_INVERTED = np.arange(256, dtype=np.int32) ^ 0xFF
_MAGNITUDE = ((((_INVERTED & 0x0F) << 3) + 0x84) << ((_INVERTED & 0x70) >> 4)) - 0x84
_PCM = np.where(_INVERTED & 0x80, -_MAGNITUDE, _MAGNITUDE).astype(np.int16)
# Half-band filter for 8 to 16 kHz: what lies between two samples, of the 16 on either side.
REACH = 16
_BETWEEN = (np.sinc(np.arange(-REACH, REACH) + 0.5) * np.kaiser(4 * REACH + 1, 8.0)[1::2]).astype(
    np.float32
)


def _model_directory() -> Path:
    found = importlib.util.find_spec("moonshine_voice")
    if found is None or not found.submodule_search_locations:
        raise MissingExtra("moonshine-voice is not installed")
    directory = Path(found.submodule_search_locations[0]) / "assets" / "tiny-en"
    if not (directory / "encoder_model.ort").exists():
        raise MissingExtra("this release of moonshine-voice carries no model")
    return directory


class Model:
    """The loaded network; one serves all channels, from several threads."""

    def __init__(self) -> None:
        directory = _model_directory()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")

        def load(name: str) -> Any:  # noqa: ANN401  onnxruntime has no types
            return onnxruntime.InferenceSession(
                str(directory / name), options, providers=["CPUExecutionProvider"]
            )

        self._encoder = load("encoder_model.ort")
        self._decoder = load("decoder_model_merged.ort")
        self._tokens = _read_tokens((directory / "tokenizer.bin").read_bytes())
        self._past_names = [
            entry.name for entry in self._decoder.get_inputs() if entry.name.startswith("past")
        ]
        self._output_names = [entry.name for entry in self._decoder.get_outputs()]

    def transcribe(self, samples: Samples) -> list[tuple[str, float]]:
        """Return (word, confidence) of a phrase at 8 kHz; greedy."""
        if len(samples) < SHORTEST_INPUT:
            samples = np.pad(samples, (0, SHORTEST_INPUT - len(samples)))
        return self._words(self._decode(_doubled(samples)[None]))

    def _decode(self, audio: Samples) -> list[tuple[int, float]]:
        """Return (token, log probability) until the model says that it is done."""
        mask = np.ones(audio.shape, np.int64)
        hidden = self._encoder.run(None, {"input_values": audio, "attention_mask": mask})[0]
        past = {
            name: np.zeros((1, LAYERS_HEADS, 0, HEAD_SIZE), np.float32) for name in self._past_names
        }
        token, found = BEGIN_TOKEN, list[tuple[int, float]]()
        for step in range(int(audio.shape[1] / 16000 * TOKENS_PER_SECOND) + 6):
            inputs = {
                # Per sample, not per encoder frame: the other works by chance for short audio.
                "encoder_attention_mask": mask,
                "input_ids": np.array([[token]], np.int64),
                "encoder_hidden_states": hidden,
                "use_cache_branch": np.array([step > 0]),
                **past,
            }
            outputs = dict(zip(self._output_names, self._decoder.run(None, inputs), strict=True))
            logits = outputs["logits"][0, -1]
            token = int(logits.argmax())
            if token == END_TOKEN:
                break
            found.append((token, float(-np.log(np.exp(logits - logits[token]).sum()))))
            for name in self._past_names:
                if step == 0 or ".encoder." not in name:  # that half is fixed after the first
                    past[name] = outputs[name.replace("past_key_values", "present")]
        return found

    def _words(self, tokens: list[tuple[int, float]]) -> list[tuple[str, float]]:
        """Join tokens to words; a word is as sure as the geometric mean of its tokens."""
        words: list[tuple[bytes, list[float]]] = []
        for token, probability in tokens:
            piece = self._tokens[token]
            if piece.startswith(b" ") or not words:
                words.append((piece, [probability]))
            else:
                text, probabilities = words[-1]
                words[-1] = (text + piece, [*probabilities, probability])
        joined = (
            (text.decode("utf-8", "replace").strip(), float(np.exp(np.mean(probabilities))))
            for text, probabilities in words
        )
        return [(text, confidence) for text, confidence in joined if text]


def _read_tokens(data: bytes) -> list[bytes]:
    """Read the tokenizer: length, bytes, length, bytes …; a length above 127 takes two bytes."""
    at, tokens = 0, []
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            length += data[at] * 128 - 128
            at += 1
        tokens.append(data[at : at + length].replace("▁".encode(), b" "))
        at += length
    return tokens


def _doubled(samples: Samples) -> Samples:
    """
    Bring audio from 8 to 16 kHz.

    Not by numpy's convolution: that is BLAS, which rounds in another way on each kind of processor,
    and the last bit may decide between two words.
    """
    padded = np.pad(samples, REACH)
    between = np.zeros_like(samples)
    for offset, weight in enumerate(_BETWEEN):
        # The filter is symmetric, so it may run in either direction.
        between += weight * padded[offset + 1 : offset + 1 + len(samples)]
    doubled = np.empty(2 * len(samples), np.float32)
    doubled[::2], doubled[1::2] = samples, between
    return doubled


def _smoothed(levels: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    """Return the mean of the ``width`` levels around each; outside there is none."""
    before = width // 2
    sums = np.cumsum(np.pad(levels, (before + 1, width - before - 1)))
    return (sums[width:] - sums[:-width]) / width


class Phrases:
    """
    Recognises one channel: finds phrases by their pauses, and decodes each.

    Interims decode the phrase so far again. Finals tile, in silence too. Frames are counted from
    the first sound: what a mixer fills in before it shifts no frame, so that a recording is cut
    into the same phrases wherever on the stream it begins.
    """

    def __init__(self, model: Model, *, endpointing: int | None) -> None:
        self._model = model
        self._detector = webrtcvad.Vad(VOICE_MODE)
        # Without endpointing a phrase ends where it must: the pause decides nothing then.
        pause = LONGEST_PHRASE if endpointing is None else endpointing // FRAME_MS
        self._endpoint = max(SHORTEST_ENDPOINT, pause)
        self._rest = b""  # less than a frame
        self._origin: int | None = None  # the sample at which the first frame begins
        self._position = 0  # samples
        self._frames = 0  # so far
        self._tiled = 0  # samples: finals reach this far
        self._recent: list[bool] = []
        self._preroll: list[Frame] = []
        self._phrase: list[Frame] | None = None
        self._begun = 0  # the frame at which the phrase begins
        self._voiced = 0  # frames of it
        self._pause = 0
        self._since_interim = 0

    def feed(self, audio: bytes) -> list[Segment]:
        """Take the next samples."""
        said: list[Segment] = []
        if self._origin is None:
            sound = audio.lstrip(SILENCE)
            self._position += len(audio) - len(sound)
            while self._position - self._tiled >= SILENCE_FINAL * FRAME:
                said.append(self._silence(self._tiled + SILENCE_FINAL * FRAME))
            if not sound:
                return said
            self._origin, audio = self._position, sound
        self._position += len(audio)
        audio = self._rest + audio
        whole = len(audio) - len(audio) % FRAME
        self._rest = audio[whole:]
        for at in range(0, whole, FRAME):
            frame = _PCM[np.frombuffer(audio, np.uint8, FRAME, at)]
            self._frames += 1
            voiced = self._detector.is_speech(frame.tobytes(), SAMPLE_RATE)
            if self._phrase is None:
                said += self._in_silence(frame, voiced)
            else:
                said += self._in_phrase(self._phrase, frame, voiced)
        return said

    def finish(self) -> list[Segment]:
        """Return finals up to the last sample."""
        said = []
        if self._phrase is not None:
            said.append(self._final(self._phrase, speech_final=True))
            self._phrase = None
        if self._position > self._tiled:
            said.append(self._silence(self._position))
        # Of what is covered now, nothing may become part of the next phrase.
        self._preroll, self._recent = [], []
        return said

    def _in_silence(self, frame: Frame, voiced: bool) -> list[Segment]:
        self._recent = [*self._recent, voiced][-VOICED_OF:]
        self._preroll = [*self._preroll, frame][-PREROLL:]
        if sum(self._recent) >= VOICED_NEEDED:
            return self._begin_phrase()
        quiet_until = self._sample(self._frames - PREROLL)
        if quiet_until - self._tiled >= SILENCE_FINAL * FRAME:
            return [self._silence(quiet_until)]
        return []

    def _begin_phrase(self) -> list[Segment]:
        first = self._frames - len(self._preroll)
        while self._sample(first) < self._tiled:
            first += 1  # what finals have covered is not said twice
        self._phrase, self._begun = self._preroll[first - self._frames :], first
        self._voiced = sum(self._recent)
        self._preroll, self._recent = [], []
        self._pause = self._since_interim = 0
        begin = self._sample(first)
        return [self._silence(begin)] if begin > self._tiled else []

    def _in_phrase(self, phrase: list[Frame], frame: Frame, voiced: bool) -> list[Segment]:
        phrase.append(frame)
        self._since_interim += 1
        self._voiced += voiced
        self._pause = 0 if voiced else self._pause + 1
        if self._pause >= self._endpoint:
            self._phrase = None
            return [self._final(phrase, speech_final=True)]
        if len(phrase) >= LONGEST_PHRASE:
            return [self._cut(phrase)]
        if self._since_interim >= INTERIM_EVERY and self._pause < VOICED_OF:
            self._since_interim = 0
            if words := self._words(phrase):
                end = self._sample(self._begun + len(phrase))
                return [Segment(self._tiled, end, final=False, words=words)]
        return []

    def _cut(self, phrase: list[Frame]) -> Segment:
        """End a phrase that is too long for the model, and begin another with its rest."""
        cut = _quietest(phrase)
        final = self._final(phrase[:cut], speech_final=False)
        self._phrase = phrase[cut:]
        self._begun += cut
        self._since_interim = 0
        return final

    def _sample(self, frame: int) -> int:
        """Return the sample at which a frame begins."""
        return (self._origin or 0) + frame * FRAME

    def _final(self, phrase: list[Frame], *, speech_final: bool) -> Segment:
        start, self._tiled = self._tiled, self._sample(self._begun + len(phrase))
        return Segment(start, self._tiled, True, speech_final, self._words(phrase))

    def _silence(self, until: int) -> Segment:
        start, self._tiled = self._tiled, until
        return Segment(start, until, final=True)

    def _words(self, phrase: list[Frame]) -> tuple[Word, ...]:
        samples = np.concatenate(phrase).astype(np.float32) / 32768.0
        if self._voiced < SHORTEST_PHRASE or np.abs(samples).max() < QUIETEST_SPEECH:
            return ()
        start, end = _spoken(samples)
        samples = samples[start:end]
        begun = (self._sample(self._begun) + start) / SAMPLE_RATE
        return _placed(self._model.transcribe(samples), samples, begun)


def _spoken(samples: Samples) -> tuple[int, int]:
    """
    Find where speech begins and ends in a phrase, to the sample.

    Frames lie where the connection began, after a reconnect anywhere; the speech does not. What the
    model gets must not depend on that, as a few milliseconds more or less change its words.
    """
    level = _smoothed(np.abs(samples).astype(np.float64), LEVEL_WINDOW)
    loud = np.flatnonzero(level > QUIET_SHARE * level.max())
    return max(0, int(loud[0]) - MARGIN), min(len(samples), int(loud[-1]) + MARGIN)


def _quietest(phrase: list[Frame]) -> int:
    """Return the frame at which a long phrase is best cut."""
    energy = np.square(np.stack(phrase[-CUT_WITHIN:]).astype(np.float64)).mean(1)
    smooth = _smoothed(energy, 7)
    return len(phrase) - CUT_WITHIN + int(smooth[:-8].argmin())


def _placed(words: list[tuple[str, float]], samples: Samples, begun: float) -> tuple[Word, ...]:
    """
    Estimate when each word was said: by its length, over the voiced frames of the phrase.

    0.13 s off at the median against a recogniser that knows; good enough for a rehearsal.
    """
    if not words:
        return ()
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    loudness = np.sqrt(np.square(frames).mean(1))
    active = np.flatnonzero(loudness > max(loudness.max() * 0.06, 1e-4))
    if not len(active):
        active = np.arange(len(frames))
    weights = np.array([len(text.strip(".,?!")) + 1.5 for text, _ in words])
    edges = np.concatenate([[0.0], np.cumsum(weights)]) / weights.sum() * len(active)

    def at(edge: float) -> float:
        frame = active[min(int(edge), len(active) - 1)]
        return round(float(begun + (frame + edge - int(edge)) / FRAMES_PER_SECOND), 3)

    return tuple(
        Word(text, at(edges[place]), at(edges[place + 1] - 1e-6), round(confidence, 4))
        for place, (text, confidence) in enumerate(words)
    )


class Moonshine:
    """Makes recognisers that share one model; it is loaded when the first is made."""

    heavy = True

    def __init__(self) -> None:
        self._model: Model | None = None
        self._loading = threading.Lock()

    def load(self) -> Model:
        """Load the model, once: about a second of CPU and 180 MB."""
        with self._loading:
            if self._model is None:
                self._model = Model()
            return self._model

    def __call__(self, *, channel: int, endpointing: int | None) -> ChannelRecogniser:  # noqa: ARG002
        """Make the recogniser of one channel."""
        return Phrases(self.load(), endpointing=endpointing)
