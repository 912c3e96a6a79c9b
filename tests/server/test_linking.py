"""Modules that travel together: which with which, that they do what they did apart, and what is refused by name."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from antiphon.server.linking import Linked, LinkError, link
from antiphon.server.page_texts import packaged_page

HOUSE = {
    "main.js": (
        'import { one, say } from "./shared/one.js";\n'
        'import { Two } from "./two.js";\n'
        'import "./effect.js";\n'
        'say("main", one(), new Two().held);\n'
        'const { late } = await import("./late.js");\n'
        "late();\n"
    ),
    "other.js": 'import { one } from "./shared/one.js";\nexport { one };\nexport const name = "other";\n',
    "two.js": (
        'import { one, say } from "./shared/one.js";\n'
        'say("two");\n'
        "export class Two {\n  #held = one();\n  get held() { return this.#held; }\n}\n"
    ),
    "effect.js": 'import { say } from "./shared/one.js";\nsay("effect");\n',
    "shared/one.js": (
        'export { say } from "../said.js";\nlet times = 0;\nexport function one() {\n  return (times += 1);\n}\n'
    ),
    "said.js": "export const say = (...words) => console.log(...words);\n",
    "late.js": (
        'import { one, say } from "./shared/one.js";\n'
        'import { only } from "./only-late.js";\n'
        'export const late = () => say("late", one(), only);\n'
    ),
    "only-late.js": 'const only = "only";\nexport { only };\n',
}


def test_modules_travel_with_those_that_need_them() -> None:
    linked = link(HOUSE)
    assert linked.heads == {"main.js", "other.js", "late.js", "shared/one.js"}
    texts = linked.texts()
    assert 'say("effect")' in texts["main.js"]
    assert "only" in texts["late.js"]
    assert texts["two.js"].count("\n") == 1  # where it is, and no more


def test_a_module_that_is_loaded_later_takes_nothing_that_is_there_already() -> None:
    assert "times" not in link(HOUSE).texts()["late.js"]


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine to run scripts with")
@pytest.mark.parametrize(
    "program",
    [
        pytest.param('import "./main.js";', id="as a page"),
        pytest.param(
            'import { one } from "./other.js";\nconsole.log(one());\nawait import("./main.js");', id="as a module"
        ),
        pytest.param(
            'import { Two } from "./two.js";\nconsole.log(new Two().held);\nimport "./main.js";', id="from inside"
        ),
    ],
)
def test_linked_modules_do_what_they_did(tmp_path: Path, program: str) -> None:
    assert said(tmp_path / "linked", link(HOUSE).texts(), program) == said(tmp_path / "apart", HOUSE, program)


def said(folder: Path, files: dict[str, str], program: str) -> str:
    """What these modules print in node; each has to be there once, or their counting differs."""
    for path, text in {**files, "program.js": program, "package.json": '{"type": "module"}'}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    ran = subprocess.run(["node", "program.js"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stderr == ""
    assert "main" in ran.stdout
    return ran.stdout


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"two.js": 'import one from "./shared/one.js";\n'}, "two.js: cannot link its 'import'"),
        ({"two.js": "export default class {}\n"}, "two.js: cannot link its 'export'"),
        ({"two.js": 'export * from "./said.js";\n'}, "two.js: cannot link its 'export'"),
        ({"two.js": 'import { one as first } from "./said.js";\n'}, "two.js: cannot link the name 'one as first'"),
        ({"effect.js": "const Two = 2;\nexport { Two };\n"}, "Two is also declared in (two|effect).js"),
        ({"effect.js": "const { a, b: one } = {};\n"}, "effect.js: one is also declared in shared/one.js"),
        ({"two.js": 'import { a } from "./missing.js";\n'}, "two.js: imports missing.js, which is not there"),
        ({"two.js": 'void import("./missing.js");\n'}, "two.js: loads missing.js, which is not there"),
        ({"said.js": 'import { Two } from "./two.js";\nexport const say = Two;\n'}, "a ring"),
        ({"two.js": 'const a = "\n";\n'}, "two.js: line 1: cannot read"),
        ({"shared/one.js": "export const here = import.meta.url;\n"}, None),
        (
            {"effect.js": 'export { a } from "./shared/a.js";\n', "shared/a.js": "export const a = import.meta.url;\n"},
            "uses import.meta",
        ),
    ],
)
def test_what_cannot_be_linked_is_named(changed: dict[str, str], complaint: str | None) -> None:
    house = {**HOUSE, **changed}
    if complaint is None:
        assert link(house).texts()
        return
    with pytest.raises(LinkError, match=complaint):
        link(house).texts()


def test_two_things_of_one_name_from_different_files_are_named() -> None:
    house = {
        "a.js": 'import { x } from "./one.js";\nimport { y } from "./with-a.js";\n',
        "b.js": 'import { x } from "./one.js";\n',
        "c.js": 'import { x } from "./two.js";\n',
        "with-a.js": 'import { x } from "./two.js";\nexport const y = x;\n',
        "one.js": "export const x = 1;\n",
        "two.js": "export const x = 2;\n",
    }
    with pytest.raises(LinkError, match=r"x is also declared in (one|two)"):
        link(house).texts()


@pytest.fixture(scope="module")
def page() -> Linked:
    folder = packaged_page()
    alone = {"worklet.js", "service-worker.js"}
    return link(
        {
            path.relative_to(folder).as_posix(): path.read_text()
            for path in folder.rglob("*.js")
            if path.name not in alone
        }
    )


def test_the_page_is_a_handful_of_files(page: Linked) -> None:
    assert {"main.js", "antiphon.js", "realtime-call.js", "inspect/inspect.js"} <= page.heads
    # What is fetched when it is needed is a file of its own; tests/web/test_size.py bounds what is fetched at once.
    assert len(page.heads) * 2 < len(page.texts())


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine to parse scripts with")
def test_the_linked_page_is_javascript(page: Linked, tmp_path: Path) -> None:
    program = (
        "import vm from 'node:vm'; import { readFileSync } from 'node:fs';"
        "for (const file of process.argv.slice(1)) new vm.SourceTextModule(readFileSync(file, 'utf8'));"
    )
    files = [tmp_path / f"{number}.mjs" for number, _ in enumerate(page.texts())]
    for file, text in zip(files, page.texts().values(), strict=True):
        file.write_text(text)
    command = ["node", "--experimental-vm-modules", "--no-warnings", "--input-type=module", "-e", program]
    parsed = subprocess.run([*command, *map(str, files)], capture_output=True, text=True, timeout=60, check=False)
    assert parsed.stderr == ""
