"""What the page's files lose on their way, and above all what they do not."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from antiphon.server.lean import compressed, lean, lean_script, lean_style
from antiphon.server.page import packaged_page


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("/** Says so. */\nconst a = 1;\n", "const a = 1;\n"),
        ("  // a whole line\n  const a = 1; // and a part\n", "const a = 1;\n"),
        ("/**\n * @typedef {object} A\n * @property {string} b\n */\n\n\nlet a;\n", "let a;\n"),
        ("const a = /** @type {any} */ (b);\n", "const a = (b);\n"),
        ("/** @type {Map<string, A>} */ #a = new Map();\n", "#a = new Map();\n"),
        ("/** @type {A} */ let a;\nlet b;\n/** Of b. */\nlet c;\n", "let a;\nlet b;\nlet c;\n"),
    ],
)
def test_comments_go(source: str, expected: str) -> None:
    assert lean_script(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        'const url = "https://example.org/a//b";\n',
        "const a = `http://${host}/ // no comment`;\n",
        "const a = b.replace(/\\/\\*/g, '');\n",
        'say("a  // b");\n',
        "const rest = a / b / c;\n",
    ],
)
def test_what_only_looks_like_a_comment_stays(source: str) -> None:
    assert lean_script(source) == source


def test_styles_lose_comments_and_indentation_only() -> None:
    assert lean_style("/* why */\na {\n  color: red; /* so */\n}\n") == "a {\ncolor: red;\n}\n"


def test_other_kinds_stay_as_they_are() -> None:
    assert lean(".svg", b"<svg>  <!-- x --> </svg>") == b"<svg>  <!-- x --> </svg>"


def test_compression_depends_on_the_content_alone() -> None:
    assert compressed(b"a" * 100) == compressed(b"a" * 100)


def test_no_string_of_the_page_spans_lines() -> None:
    """For then its indentation, and a line of it that looks like a comment, would be lost."""
    for file in packaged_page().rglob("*.js"):
        for number, line in enumerate(lean_script(file.read_text()).splitlines(), 1):
            without_regexes = re.sub(r"/(?:\\.|\[(?:\\.|[^\]])*\]|[^/\\\[\n])+/[a-z]*", "", line)
            assert without_regexes.count("`") % 2 == 0, f"{file.name}:{number}: {line}"


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine to parse scripts with")
def test_every_script_of_the_page_is_still_one(tmp_path: Path) -> None:
    scripts = []
    for number, file in enumerate(sorted(packaged_page().rglob("*.js"))):
        scripts.append(tmp_path / f"{number}-{file.stem}.mjs")
        scripts[-1].write_text(lean_script(file.read_text()))
    script = (
        "import vm from 'node:vm'; import { readFileSync } from 'node:fs';"
        "for (const file of process.argv.slice(1)) new vm.SourceTextModule(readFileSync(file, 'utf8'));"
    )
    command = [
        "node",
        "--experimental-vm-modules",
        "--no-warnings",
        "--input-type=module",
        "-e",
        script,
        *map(str, scripts),
    ]
    parsed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert parsed.returncode == 0, parsed.stderr
