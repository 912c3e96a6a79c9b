"""The page's texts: whole, made once, and anew when a file has changed."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from antiphon.server.linking import LinkError
from antiphon.server.page_texts import PageTexts, packaged_page, packaged_texts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "index.html": "<p>\n  <b></b>\n</p>\n",
        "main.js": 'import { part } from "./part.js";\nconsole.log(part);\n',
        "part.js": "/** Says so. */\nexport const part = 1;\n",
        "worklet.js": "registerProcessor(\n  1,\n);\n",
        "style.css": '@import "tokens.css";\na { top: 0 }\n',
        "tokens.css": ":root { --a: 1 }\n",
        "icon.svg": "<svg/>",
    }
    for path, text in files.items():
        (tmp_path / path).write_text(text)
    return tmp_path


def plain(texts: PageTexts, path: str) -> str:
    text = texts.at(path)
    assert text is not None
    assert gzip.decompress(text.packed) == text.plain
    return text.plain.decode()


def test_each_kind_travels_in_its_own_way(folder: Path) -> None:
    texts = PageTexts(folder)
    assert plain(texts, "index.html") == "<p>\n<b></b>\n</p>\n"
    assert "const part=1;" in plain(texts, "main.js")
    assert plain(texts, "part.js") == 'export{part}from"./main.js";\n'
    assert plain(texts, "worklet.js") == "registerProcessor(1,);\n"
    assert plain(texts, "style.css") == ":root{--a:1}a{top:0}\n"
    assert texts.at("icon.svg") is None
    assert texts.at("missing.js") is None
    assert texts.references() == {"part.js"}


def test_texts_are_made_once(folder: Path) -> None:
    texts = PageTexts(folder)
    assert texts.at("main.js") is texts.at("main.js")


def test_a_changed_part_changes_the_file_that_it_travels_in(folder: Path) -> None:
    texts = PageTexts(folder)
    before = texts.at("main.js")
    (folder / "part.js").write_text("export const part = 22;\n")
    after = texts.at("main.js")
    assert before is not None
    assert after is not None
    assert b"part=22" in after.plain
    assert after.etag != before.etag


def test_a_new_file_is_there_and_a_removed_one_is_not(folder: Path) -> None:
    texts = PageTexts(folder)
    assert texts.at("new.js") is None
    (folder / "new.js").write_text("export const a = 1;\n")
    assert texts.at("new.js") is not None
    (folder / "new.js").unlink()
    assert texts.at("new.js") is None


def test_a_page_that_is_being_written_is_named_and_served_again_when_it_is_whole(folder: Path) -> None:
    texts = PageTexts(folder)
    whole = (folder / "part.js").read_text()
    (folder / "part.js").write_text('export const part = "\n')
    with pytest.raises(LinkError, match=r"part\.js"):
        texts.at("main.js")
    (folder / "part.js").write_text(whole)
    assert texts.at("main.js") is not None


def test_a_link_out_of_the_folder_is_no_text(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "outside.js"
    outside.write_text("export const secret = 1;\n")
    (folder / "link.js").symlink_to(outside)
    assert PageTexts(folder).at("link.js") is None


def test_the_packaged_page_has_all_of_its_texts() -> None:
    for path in packaged_page().rglob("*"):
        if path.suffix in (".js", ".css", ".html"):
            assert packaged_texts().at(path.relative_to(packaged_page()).as_posix()) is not None, path
