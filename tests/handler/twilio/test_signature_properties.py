"""handler/twilio/signature.py and Twilio's own SDK, each on what the other has signed."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import FormData
from twilio.request_validator import RequestValidator

from handler.twilio import signature

LABELS = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,10}[a-zA-Z0-9])?", fullmatch=True)
HOSTS = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
PORTS = st.one_of(st.none(), st.sampled_from([80, 443, 8080]), st.integers(1, 65535))
# As they come: what needs it is percent-encoded, and stays as it is written.
SEGMENTS = st.from_regex(r"([a-zA-Z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2}){1,12}", fullmatch=True)
PATHS = st.lists(SEGMENTS, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
QUERIES = st.one_of(
    st.just(""),
    st.from_regex(r"([a-zA-Z0-9._~!$'()*+,;:@/?=&-]|%[0-9A-Fa-f]{2}){1,40}", fullmatch=True),
)
TEXTS = st.text(max_size=20)
FORMS = st.lists(st.tuples(TEXTS, TEXTS), max_size=12)
TOKENS = st.from_regex(r"[0-9a-f]{32}", fullmatch=True)


@dataclass(frozen=True)
class Request:
    """Something that Twilio signs."""

    token: str
    scheme: str
    host: str
    port: int | None
    base: str
    path: str
    slash: str
    query: str
    form: list[tuple[str, Any]]

    def url(self, *, port: bool = True) -> str:
        place = self.host if self.port is None or not port else f"{self.host}:{self.port}"
        query = f"?{self.query}" if self.query else ""
        return f"{self.scheme}://{place}{self.base}{self.path}{self.slash}{query}"

    def candidates(self, path: str | None = None) -> list[str]:
        """Return what we look for, knowing our public address and what came."""
        public_url = f"https://{self.host}" + ("" if self.port is None else f":{self.port}")
        streams = self.scheme == "wss"
        return signature.candidates(
            public_url + self.base,
            (self.path if path is None else path) + self.slash,
            self.host,
            query=self.query,
            schemes=signature.STREAM_SCHEMES if streams else signature.WEBHOOK_SCHEMES,
        )


def requests(scheme: str, queries, forms):
    return st.builds(
        Request,
        token=TOKENS,
        scheme=st.just(scheme),
        host=HOSTS,
        port=PORTS,
        base=st.one_of(st.just(""), PATHS),
        path=PATHS,
        slash=st.sampled_from(["", "/"]),
        query=queries,
        form=forms,
    )


WEBHOOKS = requests("https", QUERIES, FORMS)
STREAMS = requests("wss", st.just(""), st.just([]))  # a handshake brings neither


def prove(rounds, requests_, holds) -> None:
    """Let a property hold for few requests or many; the same ones each time."""
    few_or_many = settings(
        max_examples=len(rounds(sample=50, full=1000)),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    few_or_many(given(requests_)(holds))()


def agree(request: Request) -> None:
    """What either signs the other takes, with the port written or not; nothing else is taken."""
    sdk, form, url = RequestValidator(request.token), FormData(request.form), request.url()
    ours = signature.sign(request.token, url, request.form)
    assert ours == sdk.compute_signature(url, form)
    assert sdk.validate(url, form, ours)
    for written in (True, False):
        signed = sdk.compute_signature(request.url(port=written), form)
        tokens = ["another", request.token]
        assert signature.matching_url(signed, request.candidates(), tokens, request.form)
        assert not signature.matching_url(signed, request.candidates(), tokens[:1], request.form)
        more = [*request.form, ("x" * 21, "")]  # longer than any name that is made up
        assert not signature.matching_url(signed, request.candidates(), tokens, more)
        elsewhere = request.candidates(request.path + "x")
        assert not signature.matching_url(signed, elsewhere, tokens, request.form)


@pytest.mark.proof
def test_twilios_sdk_and_we_take_what_the_other_signs_of_a_webhook(rounds):
    prove(rounds, WEBHOOKS, agree)


@pytest.mark.proof
def test_twilios_sdk_and_we_take_what_the_other_signs_of_a_media_stream(rounds):
    prove(rounds, STREAMS, agree)
