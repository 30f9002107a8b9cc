"""broker/cli/connect.py: every command reaches NATS in the same way, and says the same of it."""

import argparse

import pytest
from support.processes import partyline
from support.servers import nats_server
from support.sids import call_sid

from broker.cli import connect, provision, purge, tap
from broker.errors import BadSetting
from broker.settings import NatsSettings

CREDENTIALS = "-----BEGIN NATS USER JWT-----\nseed"
COMMANDS = {"tap": (tap, ()), "provision": (provision, ()), "purge": (purge, (call_sid(1),))}
AWAY = "nats://user:secret@127.0.0.1:1"


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    connect.add_arguments(parser)
    return parser.parse_args(arguments)


@pytest.fixture(params=COMMANDS)
def command(request, monkeypatch, capsys):
    """Return what runs a command in this process: its name, exit code and errors."""
    for name in ("NATS_URL", "NATS_CREDS", "SUBJECT_PREFIX", "NATS_REPLICAS"):
        monkeypatch.delenv(name, raising=False)
    module, needed = COMMANDS[request.param]

    def run(*arguments: str, **environ: str) -> tuple[str, int, str]:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        try:
            code = module.main([*needed, *arguments])
        except SystemExit as exc:
            code = exc.code
        return request.param, code, capsys.readouterr().err

    return run


def test_an_argument_wins_over_its_variable_which_is_not_even_read(tmp_path):
    file = tmp_path / "a.creds"
    file.write_text(CREDENTIALS)
    environ = {
        "NATS_URL": "malformed",
        "NATS_CREDS": "malformed",
        "SUBJECT_PREFIX": "malformed.",
        "NATS_REPLICAS": "3",
    }
    arguments = parse("--url", "nats://a,nats://b", "--creds", str(file), "--prefix", "p")
    assert connect.read_settings(arguments, environ) == NatsSettings(
        servers=("nats://a", "nats://b"), credentials=CREDENTIALS, prefix="p", replicas=3
    )


def test_without_arguments_the_environment_says_it_all():
    environ = {"NATS_URL": "nats://a, nats://b", "NATS_CREDS": CREDENTIALS}
    settings = connect.read_settings(parse(), environ)
    assert settings == NatsSettings.from_environ(environ)
    assert settings.servers == ("nats://a", "nats://b")
    assert settings.credentials == CREDENTIALS
    with pytest.raises(BadSetting, match="NATS_CREDS"):
        connect.read_settings(parse(), {"NATS_CREDS": "/etc/nats.creds"})


@pytest.mark.parametrize(
    "variable",
    [
        {"NATS_URL": "nats://user:secret@h:42x2"},
        {"NATS_CREDS": "/etc/secret.creds"},
        {"SUBJECT_PREFIX": "a.b"},
        {"NATS_REPLICAS": "9"},
    ],
)
def test_a_malformed_variable_is_refused_by_every_command_with_its_name(command, variable):
    name, code, errors = command(**variable)
    assert code == 2
    assert errors.startswith(f"partyline {name}: {next(iter(variable))}: ")
    assert errors.count("\n") == 1
    assert "secret" not in errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--url", "nats://user:secret@h:42x2"], "argument --url: its port is not a number"),
        (["--url", "http://secret@h"], "argument --url: must begin with nats:// or tls://"),
        (["--creds", "/nowhere"], "argument --creds: cannot read /nowhere"),
        (["--creds", "/dev/null"], "/dev/null is not the text of a .creds file"),
        (["--prefix", "a.b"], "argument --prefix: 'a.b' is not one token"),
    ],
)
def test_a_malformed_argument_is_refused_by_every_command(command, arguments, words):
    _, code, errors = command(*arguments)
    assert code == 2
    assert words in errors
    assert "secret" not in errors


def test_a_server_that_is_away_is_said_so_without_the_password(command):
    name, code, errors = command(NATS_URL=AWAY)
    assert code == 1
    assert errors.startswith(f"partyline {name}: cannot reach NATS at nats://127.0.0.1:1: ")
    assert errors.count("\n") == 1
    assert "secret" not in errors


@pytest.mark.parametrize(
    ("flags", "login"),
    [
        (["--user=u@x", "--pass=p/ss"], "u%40x:p%2Fss"),
        (["--auth=to/ken"], "to%2Fken"),
    ],
)
def test_who_we_are_is_read_from_the_url_as_the_service_reads_it(tmp_path, flags, login):
    store = f"--store_dir={tmp_path}"
    with nats_server(tmp_path, "--addr=127.0.0.1", "--port=-1", "-js", store, *flags) as port:
        done = partyline("provision", NATS_URL=f"nats://{login}@127.0.0.1:{port}")
        assert (done.returncode, done.stderr) == (0, "")
        refused = partyline("provision", NATS_URL=f"nats://wrong:secret@127.0.0.1:{port}")
    assert refused.returncode == 1
    assert "authorization violation" in refused.stderr.lower()
    assert "secret" not in refused.stderr
