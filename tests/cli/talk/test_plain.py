"""`antiphon talk` through pipes and files, the real process against a real server with the embedded engine."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from antiphon.audio.wav import read_wav
from antiphon.engine import Engine, Stages
from antiphon.engine.llm.embedded import open_model
from antiphon.engine.stages import StageOptions
from antiphon.errors import ConfigurationError
from antiphon.server import ServerSettings
from antiphon_process import SECONDS, antiphon, clean_environment
from antiphon_server import antiphon_server
from engine_bench import Detector, Recognizer, Voice
from fakes.hosted import KEY, hosted_fake
from live_server import live_server
from speech_samples import say, write_wav

AGENT = """
from antiphon.agent import Agent, tool

@tool
async def add(first: int, second: int) -> int:
    \"\"\"Add two numbers.\"\"\"
    return first + second

agent = Agent(name="adder", tools=[add])
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "app.py").write_text(AGENT)
    with antiphon_server("app.py:agent", "--upstream", "local", folder=folder) as url:
        yield url


async def test_a_line_in_is_the_answers_words_out_and_nothing_else(server: str, tmp_path: Path) -> None:
    ended = await antiphon("talk", server, stdin="hello\n", folder=tmp_path)
    assert (ended.code, ended.out.count("\n")) == (0, 1)
    assert ended.out.startswith("Hello. I am Antiphon")
    assert "Connected to" in ended.err


async def test_several_lines_are_several_turns_and_tools_at_the_server_are_waited_for(
    server: str, tmp_path: Path
) -> None:
    ended = await antiphon("talk", server, "--text", stdin="hello\n\nadd two and five", folder=tmp_path)
    assert ended.code == 0
    hello, added = ended.out.splitlines()
    assert hello.startswith("Hello.")
    assert "7" in added


async def test_events_come_as_lines_of_json(server: str, tmp_path: Path) -> None:
    ended = await antiphon("talk", server, "--json", stdin="add two and five\n", folder=tmp_path)
    events = [json.loads(line) for line in ended.out.splitlines()]
    types = [event["type"] for event in events]
    assert types[0] == "session.created"
    assert types.count("assistant.completed") == 2
    (output,) = [event for event in events if event["type"] == "tool.output"]
    assert output["output"] == "7"


async def test_a_recording_is_spoken_transcribed_and_answered_aloud(server: str, tmp_path: Path) -> None:
    write_wav(tmp_path / "question.wav", await say("ten of clubs"))
    ended = await antiphon(
        "talk", server, "--file", "question.wav", "--save", "answer.wav", "--trace", "call.jsonl", folder=tmp_path
    )
    assert ended.code == 0, ended.err
    mine, theirs = ended.out.splitlines()
    assert mine.startswith("You: ")
    assert len(mine.split()) > 1
    assert theirs.startswith("Antiphon: ")
    answer = read_wav(tmp_path / "answer.wav")
    assert len(answer.pcm) / 2 / answer.sample_rate > 1.0

    shown = await antiphon("replay", "call.jsonl", folder=tmp_path)
    assert shown.code == 0
    assert mine.removeprefix("You: ") in shown.out
    assert "answers began after" in shown.out
    assert "over websocket" in shown.out


async def test_over_webrtc_the_server_finds_the_turns_end_by_itself(server: str, tmp_path: Path) -> None:
    write_wav(tmp_path / "question.wav", await say("hello"))
    ended = await antiphon("talk", server, "--file", "question.wav", "--transport", "webrtc", folder=tmp_path)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[-1].startswith("Antiphon: ")


@pytest.fixture
def photo(tmp_path: Path) -> str:
    path = tmp_path / "red.png"
    Image.new("RGB", (48, 32), "#c0392b").save(path)
    return str(path)


async def test_a_picture_is_shown_with_the_first_line(server: str, photo: str, tmp_path: Path) -> None:
    ended = await antiphon("talk", server, "--photo", photo, stdin="what is this picture", folder=tmp_path)
    assert ended.code == 0, ended.err
    assert "48 by 32" in ended.out


async def test_a_picture_alone_is_a_turn_too(server: str, photo: str, tmp_path: Path) -> None:
    ended = await antiphon("talk", server, "--photo", photo, folder=tmp_path)
    assert ended.code == 0, ended.err
    assert "48 by 32" in ended.out


async def test_the_servers_voice_says_what_it_is_told(server: str, tmp_path: Path) -> None:
    ended = await antiphon("say", "Good morning.", "--url", server, "--save", "a.wav", folder=tmp_path)
    assert ended.code == 0, ended.err
    assert len(read_wav(tmp_path / "a.wav").pcm) > 20_000


async def test_settings_come_from_antiphon_toml_beside_those_of_serve(server: str, tmp_path: Path) -> None:
    (tmp_path / "antiphon.toml").write_text(f'port = 4000\n[talk]\nurl = "{server}"\n')
    ended = await antiphon("talk", stdin="hello", folder=tmp_path)
    assert ended.code == 0, ended.err
    (tmp_path / "antiphon.toml").write_text(f'[talk]\nulr = "{server}"\n')
    ended = await antiphon("talk", stdin="hello", folder=tmp_path)
    assert ended.code == 1
    assert "Did you mean 'talk_url'?" in ended.err


# ── OpenAI and Azure, as strict as they are ───────────────────────────────────────────────────────────────────────────


async def test_openai_by_name_with_the_key_of_the_environment(tmp_path: Path) -> None:
    async with hosted_fake() as fake:
        env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": fake.base_url}
        ended = await antiphon("talk", "openai", env=env, stdin="hello\n", folder=tmp_path)
        assert ended.code == 0, ended.err
        assert ended.out.startswith("Hello.")
        wrong = {**env, "OPENAI_API_KEY": "sk-proj-" + "0" * 40}
        ended = await antiphon("talk", "openai", env=wrong, stdin="hello\n", folder=tmp_path)
    assert (ended.code, ended.out) == (1, "")
    assert "does not accept the key" in ended.err
    assert "OPENAI_API_KEY" in ended.err
    assert "0000" not in ended.err


async def test_azure_by_name_with_its_usual_variables(tmp_path: Path) -> None:
    async with hosted_fake(azure=True) as fake:
        env = {
            "AZURE_OPENAI_ENDPOINT": fake.base_url,
            "AZURE_OPENAI_DEPLOYMENT": "voice",
            "AZURE_OPENAI_API_KEY": KEY,
        }
        ended = await antiphon("talk", "azure", env=env, stdin="hello\n", folder=tmp_path)
    assert ended.code == 0, ended.err
    assert ended.out.startswith("Hello.")


async def test_openais_key_is_not_sent_to_another_server(tmp_path: Path) -> None:
    async with hosted_fake() as fake:
        ended = await antiphon("talk", fake.base_url, env={"OPENAI_API_KEY": KEY}, stdin="hello\n", folder=tmp_path)
        assert ended.code == 1
        assert fake.seen
        assert all(KEY not in str(headers) for _, _, headers in fake.seen)


# ── what is wrong ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_where_no_server_runs_it_says_how_to_start_one(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    ended = await antiphon("talk", f"http://127.0.0.1:{port}", stdin="hello", folder=tmp_path)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.strip() == (f"antiphon: No server answers at 127.0.0.1:{port}. Start one with `antiphon serve`.")


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("talk", "127.0.0.1:3000"), 1, "Did you mean http://127.0.0.1:3000?"),
        (("talk", "htp://127.0.0.1"), 1, "Did you mean http://127.0.0.1?"),
        (("talk", "opnai"), 1, "Did you mean 'openai'?"),
        (("talk", "openai"), 1, "set OPENAI_API_KEY"),
        (("talk", "azure"), 1, "set AZURE_OPENAI_ENDPOINT"),
        (("talk", "--save", "answer.mp3"), 1, "call the file answer.wav"),
        (("talk", "--file", "no.wav"), 2, "no.wav"),
        (("talk", "--file", "noise.wav"), 1, "noise.wav: not a WAV file"),
        (("talk", "--photo", "noise.wav"), 1, "noise.wav is no PNG or JPEG"),
        (("talk", "--txt"), 2, "--text"),
        (("tlk",), 2, "Did you mean 'talk'?"),
        (("replay", "noise.wav"), 1, "is no trace"),
        (("replay", "broken.jsonl"), 1, "broken.jsonl, line 2"),
        (("say",), 2, "nothing to say"),
        (("say", "x", "--save", "x.ogg"), 1, "call the file x.wav"),
        (("completion", "tcsh"), 2, "fish"),
    ],
)
def test_what_is_wrong_is_one_plain_sentence(
    args: tuple[str, ...], code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from antiphon.cli import main

    (tmp_path / "noise.wav").write_bytes(b"RIFFnonsense")
    lines = ['{"antiphon_trace": 1}', '{"t": 1}', '{"t": 2, "dir": "note", "decision": "trace_ended"}']
    (tmp_path / "broken.jsonl").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    kept = clean_environment()
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT", "ANTIPHON_URL"):
        assert name not in kept
        monkeypatch.delenv(name, raising=False)
    result = CliRunner().invoke(main, list(args), input="")
    assert result.exit_code == code, result.output
    assert words in result.output
    assert "Traceback" not in result.output


async def test_a_wrong_token_says_where_to_get_the_right_one(tmp_path: Path) -> None:
    engine = Engine(Stages(Detector(), Recognizer(), open_model(StageOptions()), Voice(seconds=0.05)))  # type: ignore[arg-type]
    async with live_server(engine, ServerSettings(access_token="a-token-of-our-own-1")) as server:
        url = server.base_url
        ended = await antiphon("talk", url, "--token", "another-token-0000", stdin="hello", folder=tmp_path)
        assert ended.code == 1
        assert "--token" in ended.err
        assert "another-token-0000" not in ended.err
        ended = await antiphon("talk", f"{url}/?token=a-token-of-our-own-1", stdin="hello", folder=tmp_path)
        assert ended.code == 0, ended.err


async def test_an_interrupt_is_told_to_the_shell(server: str, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "antiphon", "talk", server, "--text"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=clean_environment(),
        cwd=tmp_path,
        # A background job of a shell ignores it, and so would all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    async with asyncio.timeout(SECONDS):
        assert b"Connected to" in await process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert process.returncode == 130
    assert b"Traceback" not in err


def test_without_textual_it_says_how_to_install_it_and_what_works_without(monkeypatch: pytest.MonkeyPatch) -> None:
    from antiphon.cli.talk import start
    from antiphon.cli.targets import TargetOptions

    monkeypatch.setattr(start.importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    with pytest.raises(ConfigurationError, match=r"antiphon\[talk\].*antiphon talk --text"):
        start.start(start.TalkOptions(target=TargetOptions()))


async def test_the_embedded_voice_needs_no_server(tmp_path: Path) -> None:
    ended = await antiphon("say", "--save", "a.wav", stdin="Good morning.", folder=tmp_path)
    assert ended.code == 0, ended.err
    assert len(read_wav(tmp_path / "a.wav").pcm) > 20_000


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_the_completion_of_each_shell_is_printed(shell: str, tmp_path: Path) -> None:
    ended = await antiphon("completion", shell, folder=tmp_path)
    assert ended.code == 0, ended.err
    assert "_ANTIPHON_COMPLETE" in ended.out
    (tmp_path / ".env").write_text("this is wrong")
    env = {"_ANTIPHON_COMPLETE": f"{shell}_complete", "COMP_WORDS": "antiphon talk --tra", "COMP_CWORD": "2"}
    completed = await antiphon(env=env, folder=tmp_path)
    assert shell == "fish" or "--transport" in completed.out
    assert "Traceback" not in completed.err
