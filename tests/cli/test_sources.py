"""Settings from `.env` and `antiphon.toml`: the parsers, and what they say of a file that is wrong."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from antiphon.cli.sources import parse_env, parse_toml, read_sources
from antiphon.errors import ConfigurationError

KEYS = {"port": "port", "allow_origin": "allow_origins", "azure_endpoint": "azure_endpoint"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A=1", {"A": "1"}),
        ("export A = 1 ", {"A": "1"}),
        ("\ufeffA=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("# a comment\n\n  # another\nA=1 # why\nB=a#b", {"A": "1", "B": "a#b"}),
        ("A=\nB=''\nC=\"\"", {"A": "", "B": "", "C": ""}),
        ("A='$B \\n # x' # y", {"A": "$B \\n # x"}),
        ('A="x\\ny \\"z\\" \\$1 # w"', {"A": 'x\ny "z" $1 # w'}),
        ('A="one\ntwo"\nB=3', {"A": "one\ntwo", "B": "3"}),
        ("A=1\nA=2", {"A": "2"}),
        ("A=sk-x=y==", {"A": "sk-x=y=="}),
        ("A=$HOME ${B} `ls`", {"A": "$HOME ${B} `ls`"}),
        ("A=#not a value", {"A": ""}),
        ("a.b-c=1", {"a.b-c": "1"}),
        ("", {}),
    ],
)
def test_what_an_env_file_holds(text: str, found: dict[str, str]) -> None:
    assert parse_env(text) == found


@pytest.mark.parametrize(
    ("text", "line"), [("A=1\nsecret words", 2), ("1A=x", 1), ("A='sk-secret", 1), ('A="x" sk-secret', 1)]
)
def test_a_wrong_line_is_named_and_its_value_is_not_told(text: str, line: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"\.env, line {line}: ") as caught:
        parse_env(text)
    assert "secret" not in str(caught.value)


@given(st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,9}", fullmatch=True), st.text(st.characters(codec="utf-8"))))
@example({"A": " \n"})
def test_whatever_is_written_in_double_quotes_is_read_again(values: dict[str, str]) -> None:
    values = {name: value.replace("\r", "") for name, value in values.items()}
    quoted = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in values.items()}
    text = "\n".join(f'{name}="{value}"' for name, value in quoted.items())
    assert parse_env(text) == values


@given(st.text())
def test_no_text_does_anything_worse_than_a_configuration_error(text: str) -> None:
    with contextlib.suppress(ConfigurationError):
        parse_env(text)


def test_a_table_is_the_first_part_of_its_keys() -> None:
    text = 'port = 1\nallow-origin = ["https://a.example"]\n[azure]\nendpoint = "https://x"'
    assert parse_toml(text, KEYS) == {
        "port": 1,
        "allow_origins": ["https://a.example"],
        "azure_endpoint": "https://x",
    }


def test_an_unknown_setting_is_named_with_what_is_meant_or_allowed() -> None:
    with pytest.raises(ConfigurationError, match=r"no setting 'prot'. Did you mean 'port'\?"):
        parse_toml("prot = 1", KEYS)
    with pytest.raises(ConfigurationError, match="Allowed are: allow_origin, azure_endpoint, port"):
        parse_toml("zzz = 1", KEYS)
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        parse_toml("port =", KEYS)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=file\nB=file")
    environment = {"A": "shell"}
    sources = read_sources(tmp_path, environment, KEYS)
    assert environment == {"A": "shell", "B": "file"}
    assert sources.env_file == {"B": "file"}
    assert "file" not in repr(sources)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff")
    with pytest.raises(ConfigurationError, match=r"\.env cannot be read"):
        read_sources(tmp_path, {}, KEYS)
    (tmp_path / ".env").write_bytes(b"A" * 2_000_000)
    with pytest.raises(ConfigurationError, match="too large"):
        read_sources(tmp_path, {}, KEYS)


def test_no_files_are_no_settings(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    assert read_sources(tmp_path, environment, KEYS).toml == {}
    assert environment == {}
