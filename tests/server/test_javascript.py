"""JavaScript read as tokens and written short: what goes, and above all what does not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from antiphon.server.javascript import Kind, ScriptError, minified, tokens
from antiphon.server.page_texts import packaged_page

SCRIPTS = sorted(packaged_page().rglob("*.js"))


def short(source: str) -> str:
    return minified(list(tokens(source)))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("/** Says so. */\nconst a = 1;\n", "const a=1;"),
        ("  // a whole line\n  const a = 1; // and a part\n", "const a=1;"),
        ("const a = /** @type {any} */ (b);", "const a=(b);"),
        ("return a\n  ? b\n  : c;", "return a?b:c;"),
        ("f(\n  a,\n  b,\n);", "f(a,b,);"),
        ("a = b\n  .map((c) => c)\n  .join();", "a=b.map((c)=>c).join();"),
        ("if (a) return b;\nelse c();", "if(a)return b;else c();"),
        ("x in y; typeof z;", "x in y;typeof z;"),
        (
            "class A {\n  #held = 1;\n  get held() { return this.#held; }\n}",
            "class A{#a=1;get held(){return this.#a;}}",
        ),
        ("const { held } = this.#held ?? other.#other;", "const{held}=this.#a??other.#b;"),
        ("static async *all() {}", "static async*all(){}"),
    ],
)
def test_what_only_people_read_goes(source: str, expected: str) -> None:
    assert short(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        'const url="https://example.org/a//b";',
        "const a=`http://${host}/ // no comment`;",
        "const a=b.replace(/\\/\\*[/*]/g,'');",
        'say("a  // b");',
        "const rest=a/b/c;",
        "const half=(a+b)/2/c[0]/d;",
        "a=+ +b- -c;",
        "a=b++ +c;",
        "const text=`a ${b.map((c)=>`${c.d} }`).join('`')} e  ${{f:1}.f}\n  kept`;",
        "x=1..toFixed();",
        "x=a?.[0]??b?.5:c;",
        "`a`\nlet b",
        "return\na",
        "a\n++b",
        "const d=/[`'\"]/u;",
        "'#held'in a",
    ],
)
def test_what_has_a_meaning_stays(source: str) -> None:
    assert short(source) == source


@pytest.mark.parametrize(("source", "line"), [('a\n"b\nc"', 2), ("a;\n\n`b", 3), ("let a = /b\n/", 1), ("a \\ b", 1)])
def test_what_cannot_be_read_is_named_by_its_line(source: str, line: int) -> None:
    with pytest.raises(ScriptError, match=f"^line {line}: "):
        list(tokens(source))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.relative_to(packaged_page()).as_posix())
def test_a_script_of_the_page_keeps_every_token(path: Path) -> None:
    source = path.read_text()
    before, after = list(tokens(source)), list(tokens(short(source)))
    assert [token.kind for token in after] == [token.kind for token in before]
    public = [token.text for token in before if token.kind is not Kind.PRIVATE]
    assert [token.text for token in after if token.kind is not Kind.PRIVATE] == public
    # Of the private names, those that were one are one, and those that were two are two.
    pairs = {(a.text, b.text) for a, b in zip(before, after, strict=True) if a.kind is Kind.PRIVATE}
    assert len(pairs) == len({long for long, _ in pairs}) == len({written for _, written in pairs})


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine to parse scripts with")
def test_every_script_of_the_page_is_still_one(tmp_path: Path) -> None:
    written = [tmp_path / f"{number}-{path.stem}.mjs" for number, path in enumerate(SCRIPTS)]
    for file, path in zip(written, SCRIPTS, strict=True):
        file.write_text(short(path.read_text()))
    assert parsed_by_node(written) == ""


def parsed_by_node(files: list[Path]) -> str:
    """What node says against these modules."""
    program = (
        "import vm from 'node:vm'; import { readFileSync } from 'node:fs';"
        "for (const file of process.argv.slice(1)) new vm.SourceTextModule(readFileSync(file, 'utf8'));"
    )
    command = ["node", "--experimental-vm-modules", "--no-warnings", "--input-type=module", "-e", program]
    return subprocess.run([*command, *map(str, files)], capture_output=True, text=True, timeout=60, check=False).stderr
