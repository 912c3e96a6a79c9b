"""What applies and where it comes from: `antiphon config`, the choice of an upstream, and agents by their name."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from antiphon.agent import Agent
from antiphon.cli import main
from antiphon.cli.agents import load_agent
from antiphon.cli.upstream_options import SECRET_SETTINGS, SHOWN_DEFAULT_MODEL, choose_upstream
from antiphon.errors import ConfigurationError
from antiphon.upstream import DEFAULT_MODEL

OURS = ("ANTIPHON_", "OPENAI_", "AZURE_OPENAI_", "REALTIME_")
KEY = "sk-proj-SECRETsecret000000"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder and an environment without our names, both put back afterwards."""
    for name in list(os.environ):
        if name.startswith(OURS) or name == "PORT":
            monkeypatch.delenv(name)
    before = dict(os.environ)
    monkeypatch.setattr(os, "environ", _Environment(before))
    monkeypatch.chdir(tmp_path)
    return tmp_path


class _Environment(dict[str, str]):
    """What a `.env` adds stays in the test that wrote it."""


def run(*args: str, env: Mapping[str, str] | None = None) -> Result:
    os.environ.update(env or {})
    return CliRunner().invoke(main, list(args))


def rows(result: Result) -> dict[str, tuple[str, str]]:
    assert result.exit_code == 0, result.output
    found = {}
    for line in result.output.splitlines():
        if not line or line.startswith("Calls go"):
            continue
        name, value, origin = re.split(r"\s{2,}", line, maxsplit=2)
        found[name] = (value, origin)
    return found


def test_each_source_gives_way_to_the_one_before_it(folder: Path) -> None:
    (folder / "antiphon.toml").write_text('port = 1001\nvoice = "toml"\nmodel = "toml"\n[azure]\ndeployment = "toml"')
    (folder / ".env").write_text("PORT=1002\nREALTIME_VOICE=file\nREALTIME_MODEL=file")
    shown = rows(run("config", "--port", "1004", env={"PORT": "1003", "REALTIME_VOICE": "shell"}))
    assert shown["--port"] == ("1004", "command line")
    assert shown["--voice"] == ("shell", "REALTIME_VOICE in the environment")
    assert shown["--model"] == ("file", "REALTIME_MODEL in .env")
    assert shown["--azure-deployment"] == ("toml", "antiphon.toml")
    assert shown["--host"] == ("127.0.0.1", "default")


def test_no_secret_is_shown() -> None:
    env = {
        "OPENAI_API_KEY": KEY,
        "AZURE_OPENAI_API_KEY": KEY,
        "ANTIPHON_TOKEN": KEY,
        "ANTIPHON_LLM_KEY": KEY,
        "ANTIPHON_LLM": f"http://user:{KEY}@127.0.0.1:1/v1",
    }
    result = run("config", "--signing-key", KEY, "--turn-secret", KEY, env=env)
    assert rows(result)["--api-key"] == ("********", "OPENAI_API_KEY in the environment")
    assert "SECRET" not in result.output


def test_every_setting_that_sounds_like_a_secret_is_masked() -> None:
    from antiphon.cli.commands import serve

    named = {param.name for param in serve.params if re.search(r"key|token|secret|password", param.name or "")}
    assert named == SECRET_SETTINGS


def test_the_founding_names_and_azures_usual_ones_are_read() -> None:
    env = {
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
        "REALTIME_MODEL": "m",
        "REALTIME_INSTRUCTIONS": "Be brief.",
        "REALTIME_VOICE": "marin",
        "PORT": "4000",
        "AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com",
        "AZURE_OPENAI_API_KEY": KEY,
        "AZURE_OPENAI_DEPLOYMENT": "d",
        "OPENAI_API_VERSION": "2025-04-01-preview",
    }
    origins = {origin.partition(" ")[0] for _, origin in rows(run("config", env=env)).values()}
    assert set(env) <= origins


@pytest.mark.parametrize(
    ("args", "env", "toml", "words"),
    [
        (["--upstream", "bogus"], {}, "", ["--upstream", "'local', 'openai', 'azure', 'url'"]),
        ([], {"PORT": "99999"}, "", ["--port", "PORT", "0<=x<=65535"]),
        ([], {}, 'port = "many"', ["--port", "antiphon.toml sets it"]),
        ([], {}, "prot = 1", ["antiphon.toml", "prot", "port"]),
        (["--upstream", "openai"], {}, "", ["--upstream openai needs OPENAI_API_KEY"]),
        (["--upstream", "azure"], {}, "", ["AZURE_OPENAI_ENDPOINT"]),
        (["--upstream", "url"], {}, "", ["OPENAI_BASE_URL"]),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(
    folder: Path, args: list[str], env: dict[str, str], toml: str, words: list[str]
) -> None:
    (folder / "antiphon.toml").write_text(toml)
    result = run("config", *args, env=env)
    assert result.exit_code != 0
    for word in words:
        assert word in result.output


def test_a_wrong_env_file_is_named(folder: Path) -> None:
    (folder / ".env").write_text(f"OPENAI_API_KEY='{KEY}")
    result = run("config")
    assert result.exit_code != 0
    assert ".env, line 1" in result.output
    assert "SECRET" not in result.output


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "local"),
        ({"api_key": KEY}, "openai"),
        ({"api_key": KEY, "url": "https://api.openai.com/v1"}, "openai"),
        ({"url": "http://127.0.0.1:1/v1"}, "url"),
        ({"api_key": KEY, "url": "http://127.0.0.1:1/v1"}, "url"),
        ({"azure_endpoint": "https://x", "azure_deployment": "d", "api_key": KEY}, "azure"),
        ({"azure_endpoint": "https://x"}, "local"),
        ({"api_key": KEY, "wanted": "local"}, "local"),
    ],
)
def test_who_answers_follows_from_what_is_at_hand(given: dict[str, str], name: str) -> None:
    nothing = dict.fromkeys(("wanted", "api_key", "url", "azure_endpoint", "azure_deployment"))
    assert choose_upstream(**{**nothing, **given}).name == name


def test_the_help_shows_the_real_default() -> None:
    assert SHOWN_DEFAULT_MODEL == DEFAULT_MODEL


APP = """
from antiphon.agent import Agent
import beside
agent = Agent(name="one")
def make(): return Agent(name="two")
number = 3
def broken(): raise ValueError("no")
"""


def test_an_agent_by_file_and_name(folder: Path) -> None:
    (folder / "app.py").write_text(APP)
    (folder / "beside.py").write_text("")
    assert load_agent("app.py:agent").name == "one"
    assert load_agent("app.py").name == "one"
    assert load_agent(f"{folder / 'app.py'}:make").name == "two"


def test_an_agent_by_module(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "mod_of_test.py").write_text("from antiphon.agent import Agent\nagent = Agent(name='three')")
    monkeypatch.syspath_prepend(str(folder))
    assert load_agent("mod_of_test:agent").name == "three"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("none.py:agent", "no file none.py"),
        ("no_such_module:agent", "no module 'no_such_module'"),
        ("app.py:other", r"no 'other' in it\. It has: agent"),
        ("app.py:number", "'number' is a int, not an antiphon.agent.Agent"),
        ("app.py:broken", r"broken\(\) failed: ValueError: no"),
        ("bad.py:agent", r"cannot be imported: ZeroDivisionError: .*\(line 2 of bad.py\)"),
        ("syntax.py:agent", r"cannot be imported: SyntaxError: .*line 1"),
        ("exits.py:agent", "cannot be imported: SystemExit"),
        (":agent", "names no file or module"),
    ],
)
def test_what_is_wrong_with_an_agents_name_is_said(folder: Path, spec: str, words: str) -> None:
    (folder / "app.py").write_text(APP)
    (folder / "beside.py").write_text("")
    (folder / "bad.py").write_text("\n1 / 0")
    (folder / "syntax.py").write_text("def (")
    (folder / "exits.py").write_text("raise SystemExit(3)")
    with pytest.raises(ConfigurationError, match=words):
        load_agent(spec)


def test_options_fill_what_the_agent_leaves_open(folder: Path) -> None:
    from antiphon.cli.answering import agent_of
    from antiphon.cli.commands import serve
    from antiphon.cli.serve import ServeOptions

    (folder / "app.py").write_text("from antiphon.agent import Agent\nagent = Agent(voice='ash')")
    with serve.make_context("serve", ["--instructions", "Be brief.", "--voice", "marin"]) as context:
        options = ServeOptions(**context.params)
    plain = agent_of(options)
    assert isinstance(plain, Agent)
    assert (plain.instructions, plain.voice) == ("Be brief.", "marin")
    own = agent_of(replace(options, agent="app.py:agent"))
    assert own is not None
    assert (own.instructions, own.voice) == ("Be brief.", "ash")
    assert agent_of(replace(options, instructions=None)) is None


def test_azure_without_a_key_says_which_package_signs_in() -> None:
    from antiphon.cli.answering import make_upstream
    from antiphon.cli.commands import serve
    from antiphon.cli.serve import ServeOptions
    from antiphon.cli.upstream_options import choice_of

    if importlib.util.find_spec("azure") and importlib.util.find_spec("azure.identity"):
        pytest.skip("azure-identity is installed here")
    arguments = ["--azure-endpoint", "https://x.openai.azure.com", "--azure-deployment", "d"]
    with serve.make_context("serve", arguments) as context:
        options = ServeOptions(**context.params)
    assert choice_of(options).name == "azure"
    with pytest.raises(ConfigurationError, match="pip install azure-identity"):
        make_upstream(choice_of(options), options)


def test_a_wrong_address_names_its_setting(folder: Path) -> None:
    result = run("serve", "--port", "0", env={"OPENAI_BASE_URL": "localhost:8000"})
    assert result.exit_code == 1
    assert "--upstream-url (OPENAI_BASE_URL): " in result.output


def test_a_wrong_file_does_not_keep_the_help_away(folder: Path) -> None:
    (folder / ".env").write_text("what is this")
    assert run("serve", "--help").exit_code == 0
    assert run("config").exit_code != 0


@pytest.mark.parametrize(
    ("arguments", "minutes"),
    [
        ([], 60),
        (["--upstream", "openai", "--api-key", "sk-x"], 240),
        (["--upstream", "openai", "--api-key", "sk-x", "--max-call-minutes", "5"], 5),
    ],
)
def test_a_call_before_a_hosted_service_may_outlast_one_session_of_it(arguments: list[str], minutes: float) -> None:
    from antiphon.cli.commands import serve
    from antiphon.cli.serve import ServeOptions, server_settings

    with serve.make_context("serve", list(arguments)) as context:
        options = ServeOptions(**context.params)
    assert server_settings(options, None).max_call_seconds == minutes * 60
