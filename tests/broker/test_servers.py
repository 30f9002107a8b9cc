"""broker/server: what each user may do, and what `partyline provision` and `purge` do."""

import asyncio
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nats
import nats.errors
import pytest
from nats.js.api import RePublish
from support.brokers import ENDED
from support.forwarders import QUICK, forwarding
from support.processes import ENVIRON, partyline, running
from support.receivers import Receiver
from support.servers import nats_server
from support.timing import PATIENCE, patience, until

import broker as package
from broker import moves
from broker.broker import Broker
from broker.ended_calls import EndedCalls
from broker.ended_index import Wanted
from broker.errors import OwnerSilent
from broker.server.embedded import find_binary
from broker.settings import BrokerSettings
from broker.stream import last_stored, read_history
from broker.subjects import Subjects

SERVERS = Path(package.__file__).parent / "server"
PASSWORDS = {f"{user.upper()}_PASSWORD": f"pw-{user}" for user in ("admin", "handler", "tap")}
PASSWORDS |= {"HISTORY_PASSWORD": "pw-history", "ROUTE_PASSWORD": "pw-route"}
PASSWORDS |= {"FORWARD_PASSWORD": "pw-forward"}


@pytest.fixture
def port(tmp_path) -> Iterator[int]:
    """Run a server with the configuration for one server, on loopback and a free port."""
    with serving(tmp_path, (SERVERS / "users.conf").read_text()) as number:
        yield number


@contextmanager
def serving(tmp_path: Path, users: str) -> Iterator[int]:
    configuration = (SERVERS / "single.conf").read_text()
    for there, here in (
        ("/data/jetstream", str(tmp_path)),
        ("0.0.0.0:4222", "127.0.0.1:-1"),
        ("127.0.0.1:8222", "127.0.0.1:-1"),
    ):
        assert there in configuration
        configuration = configuration.replace(there, here)
    (tmp_path / "single.conf").write_text(configuration)
    (tmp_path / "users.conf").write_text(users)
    with nats_server(tmp_path, f"--config={tmp_path / 'single.conf'}", **PASSWORDS) as number:
        yield number


def url(user: str, port: int) -> str:
    return f"nats://{user}:pw-{user}@127.0.0.1:{port}"


async def connect_as(
    user: str, port: int, problems: list[str] | None = None, inbox: bytes | None = None
):
    async def on_error(error: Exception) -> None:
        if problems is not None:
            problems.append(str(error).lower())

    prefix = inbox or f"_INBOX_{user}".encode()
    return await nats.connect(url(user, port), inbox_prefix=prefix, error_cb=on_error)


@pytest.mark.parametrize("name", ["embedded.conf", "single.conf", "cluster.conf"])
def test_the_server_takes_its_configurations(name):
    environ = {**ENVIRON, **PASSWORDS, "CLUSTER_ROUTE": "nats://a:b@127.0.0.1:1"}
    checked = subprocess.run(
        [find_binary(), "-t", f"--config={SERVERS / name}"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def provisioned(port: int) -> None:
    done = partyline("provision", "--url", url("admin", port), "--retention", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "stream TRANSCRIPTS and bucket TRANSCRIPTS_CALLS" in done.stdout


def test_the_service_does_not_provision_where_it_may_not(port):
    refused = partyline("provision", "--url", url("handler", port))
    assert refused.returncode == 1
    assert refused.stderr == (
        'partyline provision: this user may not subscribe to "_INBOX_admin.>": use one who may, '
        "as admin in broker/server/users.conf, which deploy/ sets up, or give this one that "
        "permission\n"
    )


KEEP = "$JS.API.STREAM.CREATE.KV_TRANSCRIPTS_CALLS"


@pytest.mark.parametrize(
    ("command", "refused", "permission"),
    [
        (["provision"], "$JS.API.STREAM.INFO.>", 'publish to "$JS.API.STREAM.INFO.TRANSCRIPTS"'),
        (["provision"], KEEP, f'publish to "{KEEP}"'),
        (["purge", f"CA{0:032}"], "$JS.API.STREAM.MSG.GET.>", "publish to"),
        (["tap"], None, 'subscribe to "transcripts.>"'),
    ],
)
def test_a_permission_that_is_missing_is_told_with_its_subject(
    tmp_path, command, refused, permission
):
    deny = f"publish: {{ deny: {json.dumps(refused)} }}" if refused else "subscribe: { deny: '>' }"
    (tmp_path / "conf").write_text(
        f'listen: "127.0.0.1:-1"\njetstream {{ store_dir: "{tmp_path}" }}\n'
        f"authorization {{ users: [ {{ user: u, password: pw, permissions: {{ {deny} }} }} ] }}\n"
    )
    with nats_server(tmp_path, f"--config={tmp_path / 'conf'}") as port:
        ended = partyline(*command, "--url", f"nats://u:pw@127.0.0.1:{port}")
    assert ended.returncode == 1
    assert f"partyline {command[0]}: this user may not {permission}" in ended.stderr
    assert "in broker/server/users.conf" in ended.stderr
    assert "no answer" not in ended.stderr


async def test_the_service_needs_no_more_than_it_may_and_a_call_can_be_purged(
    port, facts, make_final
):
    provisioned(port)
    tap = await connect_as("tap", port)
    heard: list[str] = []

    async def note(message) -> None:
        heard.append(message.subject)

    await tap.subscribe("transcripts.>", cb=note)
    await tap.flush()
    call = facts()
    purge = ["purge", call.call_sid, "--url", url("admin", port)]
    settings = BrokerSettings(servers=(url("handler", port),), instance="i1")
    async with Broker(settings) as broker:
        writer = broker.writer(call, broker.next_epoch())
        running = asyncio.create_task(writer.run())
        await until(lambda: broker.registry.get(call.call_sid) is not None)
        writer.put(make_final(1))
        writer.interim("inbound", {"type": "Results", "start": 5.0})
        early = await asyncio.to_thread(partyline, *purge)
        assert (early.returncode, "is live" in early.stderr) == (1, True)
        writer.put(ENDED)
        writer.finish()
        await running
        async with broker.replicas.follow(call.call_sid) as follower, patience():
            got = [item.type async for item in follower if item.seq is not None]
    assert got == ["CallStarted", "Results", "CallEnded"]
    await until(
        lambda: (
            [subject.split(".")[3] for subject in heard if ".interim." not in subject]
            == ["event", "final", "event"]
        )
    )
    await tap.close()
    history = await connect_as("history", port)
    stored = await read_history(history, "TRANSCRIPTS", "transcripts.>")
    assert [json.loads(message.data)["type"] for message in stored] == got
    await history.close()
    purged = partyline(*purge)
    assert (purged.returncode, purged.stdout) == (0, f"{call.call_sid}: 3 records deleted\n")
    again = partyline(*purge)
    assert (again.returncode, "nothing is stored" in again.stderr) == (1, True)


def for_each_stream(users: str, streams: tuple[str, ...]) -> str:
    """Give each right that names the stream once for each of several."""
    right = re.compile(r'"(\$JS\.API\.[A-Z.]+\.)TRANSCRIPTS((?:\.[^"]*)?)"')
    return right.sub(
        lambda found: ", ".join(f'"{found[1]}{stream}{found[2]}"' for stream in streams), users
    )


async def test_rights_for_several_streams_are_those_for_one_with_each_name(tmp_path, facts):
    subjects = Subjects(shards=2)
    users = for_each_stream((SERVERS / "users.conf").read_text(), subjects.streams)
    assert users.count("TRANSCRIPTS_1_OF_2") == 17
    with serving(tmp_path, users) as port:
        made = partyline("provision", "--url", url("admin", port), "--shards=2")
        assert (made.returncode, made.stderr) == (0, "")
        settings = BrokerSettings(servers=(url("handler", port),), instance="i1", shards=2)
        calls = [facts() for _ in range(4)]
        async with Broker(settings) as broker, patience():
            for call in calls:
                writer = broker.writer(call, broker.next_epoch())
                writer.put(ENDED)
                writer.finish()
                await writer.run()
                async with broker.replicas.follow(call.call_sid) as follower:
                    assert [item.type async for item in follower] == ["CallStarted", "CallEnded"]
            async with EndedCalls(broker.connection, broker.subjects, 2**20) as ended:
                await until(lambda: ended.complete)
                gone = calls.pop(0)
                await asyncio.to_thread(
                    partyline, "purge", gone.call_sid, "--shards=2", "--url", url("admin", port)
                )
                page = await ended.find(Wanted(frozenset({"*"}), 50))
                assert {call.call_sid for call in page.calls} == {call.call_sid for call in calls}
            assert broker.problem is None
        history = await connect_as("history", port)
        kept = [await read_history(history, stream, "transcripts.>") for stream in subjects.streams]
        assert sorted(map(len, kept)) != [0, 6]
        assert sum(map(len, kept)) == 6
        await history.close()


@pytest.mark.parametrize("user", ["tap", "history", "handler", "forward"])
async def test_no_reader_can_write_and_nobody_but_the_admin_can_delete(port, facts, user):
    provisioned(port)
    call = facts()
    record = f"transcripts.{call.account_sid}.{call.call_sid}.final.inbound"
    heard: list[str] = []
    problems: list[str] = []

    async def note(message) -> None:
        heard.append(message.subject)

    listener = await connect_as("handler", port, inbox=b"_INBOX_partyline")
    await listener.subscribe("transcripts.>", cb=note)
    await listener.subscribe("registry.transcripts.>", cb=note)
    await listener.flush()
    client = await connect_as(user, port, problems)
    forbidden = {
        record,  # forged: the stream alone publishes there
        "$JS.API.STREAM.PURGE.TRANSCRIPTS",
        "$JS.API.STREAM.DELETE.TRANSCRIPTS",
        "$JS.API.STREAM.CREATE.MINE",
    }
    if user != "handler":
        forbidden |= {f"ingest.{record}", "$KV.TRANSCRIPTS_CALLS.pod.i1"}
    for subject in forbidden:
        await client.publish(subject, b"{}")
    await client.subscribe(">", cb=note)
    await client.flush()
    await listener.flush()
    expected = [f'publish to "{subject.lower()}"' for subject in forbidden]

    def unsaid() -> list[str]:
        said = [text for text in problems if "permissions violation" in text]
        words = [*expected, 'subscription to ">"']
        return [one for one in words if not any(one in text for text in said)]

    # The server says so after the publish, and not always before it answers the flush.
    await until(lambda: not unsaid())
    assert heard == []
    assert (await listener.jetstream().stream_info("TRANSCRIPTS")).state.messages == 0
    await client.close()
    await listener.close()


async def test_the_admin_can_read_redirect_and_empty_as_the_operator_is_told(port, facts):
    """As docs/operations.md says of its password: to provision and to purge is to reach so far."""
    provisioned(port)
    call = facts()
    settings = BrokerSettings(servers=(url("handler", port),), instance="i1")
    async with Broker(settings) as broker:
        writer = broker.writer(call, broker.next_epoch())
        writer.put(ENDED)
        writer.finish()
        async with patience():
            await writer.run()
    admin = await connect_as("admin", port)
    newest = await last_stored(admin, "TRANSCRIPTS", f"transcripts.*.{call.call_sid}.>")
    assert newest is not None
    stream = await admin.jetstream().stream_info("TRANSCRIPTS")
    redirected = stream.config.evolve(
        republish=RePublish(src="transcripts.>", dest="_INBOX_admin.stolen.>")
    )
    await admin.jetstream().update_stream(redirected)
    await admin.jetstream().purge_stream("TRANSCRIPTS")
    assert (await admin.jetstream().stream_info("TRANSCRIPTS")).state.messages == 0
    await admin.close()


TO_NOBODY = {**QUICK, "FORWARD_URL": "http://127.0.0.1:1"}


async def test_a_forwarder_needs_no_more_than_it_may(port, facts, make_final):
    made = partyline("provision", "--url", url("admin", port), "--forward")
    assert (made.returncode, made.stderr) == (0, "")
    assert "bucket TRANSCRIPTS_FORWARD, for `partyline forward`" in made.stdout
    call = facts()
    async with Broker(service(port)) as broker, Receiver() as receiver, patience():
        writer = broker.writer(call, broker.next_epoch())
        running = asyncio.create_task(writer.run())
        writer.put(make_final(1))
        receiver.answer = lambda one: 422 if one.name.endswith(":2") else 200
        async with forwarding(url("forward", port), receiver.url) as forwarder:
            await until(lambda: forwarder.counts.given_up["refused"] == 1)
            writer.put(ENDED)
            writer.finish()
            await running
            await until(lambda: receiver.seqs(call.call_sid) == [1, 3])
        assert forwarder.counts.failed == 0
    to = {"NATS_URL": url("forward", port), **TO_NOBODY}
    told = await asyncio.to_thread(partyline, "forward", "--given-up", **to)
    letter = json.loads(told.stdout)
    assert (letter["callSid"], letter["reason"]) == (call.call_sid, "refused")


@pytest.mark.parametrize(
    "subject",
    [
        "ingest.transcripts.a",
        "$KV.TRANSCRIPTS_CALLS.call.a",
        "$JS.API.STREAM.PURGE.KV_TRANSCRIPTS_FORWARD",
        "$JS.API.STREAM.MSG.GET.KV_TRANSCRIPTS_CALLS",
        "$JS.API.CONSUMER.CREATE.TRANSCRIPTS.a.transcripts.>",
    ],
)
async def test_a_forwarder_may_touch_nothing_else(port, subject):
    problems: list[str] = []
    client = await connect_as("forward", port, problems)
    await client.publish(subject, b"{}")
    await client.flush()
    await until(lambda: any(f'publish to "{subject.lower()}"' in text for text in problems))
    await client.close()
    assert len(problems) == 1


def test_who_may_only_tap_reads_with_our_own_command(port):
    with running("handler.cli", "tap", "--url", url("tap", port)) as tap:
        assert tap.stderr.readline() == "listening on transcripts.>\n"
        tap.send_signal(signal.SIGTERM)
        assert tap.wait(PATIENCE) == 0


def service(port: int, user: str = "handler") -> BrokerSettings:
    return BrokerSettings(servers=(url(user, port),), instance="i1")


async def test_the_service_may_talk_about_calls_that_move_and_move_them_by_hand(port, monkeypatch):
    monkeypatch.setattr(moves, "ANSWER_SECONDS", PATIENCE)
    await asyncio.to_thread(provisioned, port)
    call = f"CA{'1' * 32}"
    async with patience(), Broker(service(port)) as broker:
        await broker.wait_ready()
        async with broker.moves.answering(call, lambda question: question):
            assert await broker.moves.ask(call, b"where") == b"where"
    moved = await asyncio.to_thread(partyline, "move", call, "--url", url("handler", port))
    assert (moved.returncode, moved.stderr) == (3, f"partyline move: {call} is not live\n")
    refused = await asyncio.to_thread(partyline, "move", call, "--url", url("tap", port))
    assert refused.returncode == 1
    assert "as handler in broker/server/users.conf" in refused.stderr


async def test_a_service_whose_user_may_not_talk_about_moves_is_told_so(tmp_path):
    """As with users that were set up before calls moved: they stay."""
    users = (SERVERS / "users.conf").read_text()
    assert users.count('"moves.transcripts.>", ') == 2
    (tmp_path / "users.conf").write_text(users.replace('"moves.transcripts.>", ', ""))
    (tmp_path / "conf").write_text(
        f'listen: "127.0.0.1:-1"\njetstream {{ store_dir: "{tmp_path}" }}\ninclude users.conf\n'
    )
    with nats_server(tmp_path, f"--config={tmp_path / 'conf'}", **PASSWORDS) as port:
        await asyncio.to_thread(provisioned, port)
        async with patience(), Broker(service(port)) as broker:
            await broker.wait_ready()
            with pytest.raises(OwnerSilent, match=r"let the service's user .* moves\."):
                async with broker.moves.answering(f"CA{'1' * 32}", bytes):
                    pass
