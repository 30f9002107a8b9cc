"""handler/deepgram_options.py: what Deepgram would refuse each call for is refused at the start."""

import re

import pytest

from handler.deepgram_options import DEFAULTS, FIXED, deepgram_options


def test_ours_stand_where_nothing_is_given():
    assert deepgram_options("") == DEFAULTS + FIXED


def test_options_are_merged_over_ours():
    options = deepgram_options("model=nova-3-medical&keyterm=a&keyterm=b&endpointing=500")
    assert options == (
        ("utterance_end_ms", "1000"),
        ("smart_format", "true"),
        ("model", "nova-3-medical"),
        ("keyterm", "a"),
        ("keyterm", "b"),
        ("endpointing", "500"),
        *FIXED,
    )


@pytest.mark.parametrize(
    "query",
    [
        "language=de",
        "language=pt-BR&smart_format=False&endpointing=false",
        "language=multi&language_hint=en&language_hint=es",
        "model=nova-2-phonecall&language=en-US&keywords=Northwind:2",
        "keyterm=Data%20Dog&keyterm=a%3Db%26c&keyterm=Smith,+John",
        "model=0d2a5f3e-8c1b-4f6d-9a7e-1b2c3d4e5f60&version=latest",
        "redact=pci&redact=ssn&diarize_model=v1&tag=a&extra=team:sales&new_option=1",
    ],
)
def test_what_deepgram_takes_is_taken(query):
    assert set(FIXED) < set(deepgram_options(query))


def test_what_is_encoded_is_read_as_it_was_meant():
    assert ("keyterm", "a=b & c") in deepgram_options("keyterm=a%3Db+%26%20c")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?model=nova-2-phonecall", "begins with ?: leave that out"),
        ("Model=nova-2", "'Model' is no name of an option; say model"),
        (" model=nova-2", "; say model"),
        ('"model=nova-2"', "is no name of an option. It is like model="),
        ("language=en-US, model=nova-2", "language: options are joined by & alone"),
        ("language=en-US;model=nova-2", "language: options are joined by & alone"),
        ("model=", "model: has no value; say model=…, or leave it out"),
        ("model", "model: has no value"),
        ("model=nova-2&", "'' is no name of an option"),
        ("model=flux-general-en", "model: 'flux-general-en' hears one channel"),
        ("model=whisper-large", "cannot be streamed to: use a nova model"),
        ("model=Nova-3", "they are lower case, such as nova-3"),
        ("model=nova 3", "is no name of a model"),
        ("model=nova-2&model=nova-3", "model: given twice"),
        ("language=English", "language: 'English' is no code of a language, such as en-US"),
        ("language=en_US", "is no code of a language"),
        ("model=nova-2-phonecall&language=de", "nova-2-phonecall knows en and en-US alone"),
        ("smart_format=yes", "smart_format: 'yes' is not true or false"),
        ("endpointing=0.3", "endpointing: '0.3' is no number of milliseconds, nor false"),
        ("endpointing=\u0663", "is no number of milliseconds"),
        ("utterance_end_ms=999", "utterance_end_ms: '999' is not a number of milliseconds of at"),
        ("utterance_end_ms=false", "of at least 1000"),
        ("encoding=linear16", "encoding: set by the service itself; leave it out"),
        ("callback=https://example.com", "callback: set by the service itself"),
        ("summarize=true&topics=true", "summarize, topics: for recordings only"),
        ("keywords=a:1", "keywords: not with a nova-3 model; use keyterm"),
        ("model=nova-2&keyterm=a", "keyterm: only with a nova-3 model; use keywords"),
        ("&".join(["keyterm=a+b"] * 251), "keyterm: more than 500 words in all"),
        ("language_hint=en", "language_hint: only with a nova-3 model and language=multi"),
        ("diarize=true&diarize_model=latest", "diarize and diarize_model: set one of them"),
        ("diarize_model=v2", "diarize_model: 'v2' is not latest or v1"),
        (f"tag={'a' * 129}", "tag: longer than 128 characters"),
    ],
)
def test_what_deepgram_refuses_each_call_for_says_what_to_write_instead(query, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        deepgram_options(query)
