"""Who an address says we are is read one way, by the service and by every command."""

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from support.processes import partyline, running, serving
from support.servers import nats_server
from support.sids import call_sid

PASSWORD = "p@ss/w#rd%,:?"
SERVERS = {
    "an encoded password": (
        f"authorization {{ user: party, password: {json.dumps(PASSWORD)} }}",
        f"party:{quote(PASSWORD, safe='')}",
    ),
    "a token alone": ('authorization { token: "s3cr3t" }', "s3cr3t"),
    "an encoded token": ('authorization { token: "s3/cr+3t" }', "s3%2Fcr%2B3t"),
}


@pytest.fixture(params=SERVERS)
def url(request, tmp_path) -> Iterator[str]:
    """Run a server that asks; returns the address with which it lets in."""
    authorization, user = SERVERS[request.param]
    (tmp_path / "conf").write_text(
        f'listen: "127.0.0.1:-1"\njetstream {{ store_dir: "{tmp_path}" }}\n{authorization}\n'
    )
    with nats_server(tmp_path, f"--config={tmp_path / 'conf'}") as port:
        yield f"nats://{user}@127.0.0.1:{port}"


def test_every_command_and_the_service_are_let_in_by_the_same_address(url):
    provisioned = partyline("provision", NATS_URL=url)
    assert (provisioned.returncode, provisioned.stderr) == (0, "")
    purged = partyline("purge", call_sid(1), "--url", url)
    assert purged.stderr == f"partyline purge: {call_sid(1)}: nothing is stored in TRANSCRIPTS\n"
    with running("handler.cli", "tap", "--url", url) as tap:
        assert tap.stderr.readline() == "listening on transcripts.>\n"
    with serving() as serve:
        service = serve(NATS_URL=url)  # it says ready
        assert service.stop() == 0
    assert not [secret for secret in ("ss/w", "p%40", "s3") if secret in service.text]


def test_a_password_that_is_wrong_is_said_with_what_to_check(url):
    wrong = url.replace("party:", "party:x").replace("s3", "x")
    for command in (["provision"], ["purge", call_sid(1)]):
        ended = partyline(*command, NATS_URL=wrong)
        assert ended.returncode == 1
        assert "takes no such user, password or token: check NATS_URL" in ended.stderr
