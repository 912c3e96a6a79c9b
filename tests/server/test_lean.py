"""What styles and markup lose on their way, and above all what they do not."""

from __future__ import annotations

import re

import pytest

from antiphon.server.lean import compressed, lean_markup, lean_style, whole_style
from antiphon.server.page_texts import packaged_page


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("/* why */\na {\n  color: red; /* so */\n  top: 0;\n}\n", "a{color:red;top:0}\n"),
        ("a :hover, b > c {\n  margin: 0 auto;\n}\n", "a :hover,b>c{margin:0 auto}\n"),
        ("a { width: calc(100% - 2px * (3 + 4)); }", "a{width:calc(100% - 2px * (3 + 4))}\n"),
        ('a::before { content: "a ; b { /* no */ }"; }', 'a::before{content:"a ; b { /* no */ }"}\n'),
        (
            "@media (min-width: 960px) and (hover) {\n  a { top: 0 }\n}\n",
            "@media (min-width:960px) and (hover){a{top:0}}\n",
        ),
        ("a { color: red/* so */; }", "a{color:red}\n"),
    ],
)
def test_a_style_loses_what_means_nothing(source: str, expected: str) -> None:
    assert lean_style(source) == expected


def test_an_imported_style_stands_where_it_is_imported() -> None:
    sources = {"a/all.css": '@import "b.css";\n@import "c.css";\n', "a/b.css": "b\n", "a/c.css": "c\n", "c.css": "no\n"}
    assert whole_style("a/all.css", sources) == "b\nc\n"


def test_an_import_of_what_is_not_there_is_no_style() -> None:
    with pytest.raises(KeyError):
        whole_style("all.css", {"all.css": '@import "b.css";\n'})


def test_markup_loses_its_indentation() -> None:
    assert lean_markup("<p>\n    <b>a</b>\n\n  c  d\n</p>\n") == "<p>\n<b>a</b>\nc  d\n</p>\n"


def test_no_markup_of_the_page_keeps_white_space() -> None:
    for path in packaged_page().rglob("*.html"):
        assert not re.search(r"<(pre|textarea)[^>]*>(?!</)", path.read_text()), path


def test_compression_depends_on_the_content_alone() -> None:
    assert compressed(b"a" * 100) == compressed(b"a" * 100)
