"""handler/deepgram_options.py: what Deepgram would refuse each call for is refused at the start."""

import re
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.deepgram_options import (
    DEFAULTS,
    FIXED,
    FORBIDDEN,
    REPEATED,
    CallOptions,
    call_options,
    deepgram_options,
    option_names,
)


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


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", set()),
        ("language", {"language"}),
        ("language,model, keyterm\ntag", {"language", "model", "keyterm", "tag"}),
        (",language,,language,", {"language"}),
        ("new_option", {"new_option"}),
    ],
)
def test_what_calls_may_set_is_a_list_of_names(text, names):
    assert option_names(text) == names


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("*", "name each option that a call may set, as in language,model,keyterm"),
        ("language,*", "name each option"),
        ("Language", "'Language' is no name of an option; say language"),
        ("language=de", "'language=de' is no name of an option. Names are in lower case"),
        ("language;model", "is no name of an option"),
        ("language,encoding,callback", "callback, encoding: set by the service itself"),
        ("summarize", "summarize: for recordings only; leave it out"),
    ],
)
def test_what_no_call_may_set_is_refused_at_the_start(text, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        option_names(text)


OWN = deepgram_options("")
ALLOWED = option_names("language,model,keyterm,keywords,diarize,diarize_model,tag,language_hint")


def over(own: str, **changed: str | list[str]) -> set[tuple[str, str]]:
    kept = [pair for pair in deepgram_options(own) if pair[0] not in changed]
    new = [
        (name, value)
        for name, values in changed.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    return {*kept, *new}


@pytest.mark.parametrize(
    ("query", "own", "changed"),
    [
        ("language=de", "", {"language": "de"}),
        ("?language=de", "", {"language": "de"}),
        ("language=de&keyterm=a+b&keyterm=c", "", {"language": "de", "keyterm": ["a b", "c"]}),
        # In place of the service's, not beside them.
        ("keyterm=c", "keyterm=a&keyterm=b", {"keyterm": "c"}),
        ("model=nova-2&keywords=a:2", "", {"model": "nova-2", "keywords": "a:2"}),
        ("keywords=a:2&model=nova-2", "", {"model": "nova-2", "keywords": "a:2"}),
        ("language=multi&language_hint=de", "", {"language": "multi", "language_hint": "de"}),
    ],
)
def test_a_call_has_options_of_its_own_over_those_of_the_service(query, own, changed):
    found = call_options(query, deepgram_options(own), ALLOWED)
    assert found.problems == ()
    assert found.pairs is not None
    assert set(found.pairs) == over(own, **changed)
    assert len(found.pairs) == len(set(found.pairs))


@pytest.mark.parametrize("query", ["", " "])
def test_a_call_that_asks_for_nothing_has_those_of_the_service(query):
    assert call_options(query, OWN, ALLOWED) == CallOptions(None, ())


@pytest.mark.parametrize(
    ("query", "own", "problem"),
    [
        ("punctuate=true", "", "punctuate: not among the options that a call may set"),
        ("encoding=linear16", "", "encoding: set by the service itself"),
        ("language", "", "language: has no value"),
        ("Language=de", "", "'Language' is no name of an option; say language"),
        ("language=Deutsch", "", "language: 'Deutsch' is no code of a language"),
        ("language=de&language=fr", "", "language: given twice; say it once"),
        ("model=flux-general-en", "", "model: 'flux-general-en' hears one channel"),
        ("keyterm=%00", "", "keyterm: holds characters that cannot be shown"),
        ("keyterm=\ud800", "", "keyterm: holds characters that cannot be shown"),
        ("keyterm=%E2%80%AE", "", "keyterm: holds characters that cannot be shown"),
        ("<b>=1", "", "'<b>' is no name of an option"),
        ("keywords=a:1", "", "keywords: not with a nova-3 model"),
        # The service's own are good: it is the call's that does not fit.
        ("model=nova-3", "model=nova-2&keywords=a:1", "keywords: not with a nova-3 model"),
        ("model=nova-2", "keyterm=a", "keyterm: only with a nova-3 model"),
        ("keyterm=a", "model=nova-2", "keyterm: only with a nova-3 model"),
        ("language=de", "language=multi&language_hint=fr", "language_hint: only with"),
        ("language=de", "model=nova-2-phonecall", "nova-2-phonecall knows en and en-US alone"),
        ("model=nova-2-phonecall", "language=de", "nova-2-phonecall knows en and en-US alone"),
        ("diarize=true", "diarize_model=v1", "diarize and diarize_model: set one of them"),
        ("diarize_model=v1", "diarize=true", "diarize and diarize_model: set one of them"),
        ("keyterm=" + "+".join(["a"] * 501), "", "keyterm: more than 500 words in all"),
    ],
)
@pytest.mark.parametrize("beside", ["", "tag=x"])
def test_an_option_that_cannot_be_changes_nothing_and_is_told(query, own, problem, beside):
    """What the call asks for besides stands."""
    service = deepgram_options(own)
    found = call_options("&".join(filter(None, (query, beside))), service, ALLOWED)
    if beside:
        assert found.pairs is not None
        assert set(found.pairs) == {*service, ("tag", "x")}
    else:
        assert found.pairs is None
    [told] = found.problems
    assert problem in told


def test_what_is_told_is_bounded_and_may_be_shown():
    query = "&".join(f"{'x' * 400}{number}=1" for number in range(9)) + "&\x1b[2J\u202e=1"
    found = call_options(query, OWN, ALLOWED)
    assert found.pairs is None
    assert len(found.problems) == 6
    assert found.problems[-1] == "and 5 more"
    assert all(len(problem) <= 200 and problem.isprintable() for problem in found.problems)


NAMES = sorted({*ALLOWED, "encoding", "punctuate", "Model"})
VALUES = ["de", "multi", "nova-2", "nova-3", "nova-2-phonecall", "true", "v1", "a b", "", "\x00"]
PAIRS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=8)


@given(PAIRS, st.sampled_from(["", "model=nova-2&keywords=a:1", "language=multi&diarize=true"]))
def test_whatever_a_call_asks_for_deepgram_is_asked_for_what_it_takes(asked, own):
    service = deepgram_options(own)
    found = call_options(urlencode(asked), service, ALLOWED)
    pairs = found.pairs or service
    assert deepgram_options(urlencode([pair for pair in pairs if pair[0] not in FORBIDDEN]))
    names = [name for name, _ in pairs]
    assert {name for name in names if names.count(name) > 1} <= REPEATED
    assert set(FIXED) <= set(pairs)
    assert set(pairs) - set(service) <= {pair for pair in asked if pair[0] in ALLOWED}
    assert call_options(urlencode(asked), service, ()).pairs is None
