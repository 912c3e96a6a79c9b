"""Clauses: nothing lost, nothing that depends on how the answer was cut, and pauses where a speaker would make them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.engine.clauses import Clause, ClauseLimits, ClauseSplitter
from antiphon.engine.spoken import spoken_form
from antiphon.errors import LocalProtocolError

FRAGMENTS = st.sampled_from(
    [
        "Hello", " there", ",", ".", "!", "?", " ", "\n", "\n\n", "3.14", "1,000", "$5.50", "5:30 p.m.", "e.g.", "U.S.",
        "Dr. ", "...", "…", "https://a.example/b,c.d?e=f!g", "me@mail.example", "**bold**", "*", "_", "`code`", "```",
        "```python\n", "- ", "1. ", "# ", "[a, b. c](https://x.example/y)", "[", "](", ")", "| a | b |", "|---|", "。",
        "你好", "，", "؟", "مرحبا", "।", "नमस्ते", "😀", "—", " - ", "“", "”", "«", " »", "'", "\t", "\u2028", "\r\n",
        "é", "word " * 30, "x" * 700, " " * 600,
    ]
)  # fmt: skip
ANSWERS = st.one_of(st.lists(FRAGMENTS, max_size=14).map("".join), st.text(max_size=60))


def clauses_of(*deltas: str, limits: ClauseLimits | None = None) -> list[Clause]:
    splitter = ClauseSplitter(limits)
    clauses = [clause for delta in deltas for clause in splitter.feed(delta)]
    return clauses + splitter.flush()


def texts_of(answer: str) -> list[str]:
    return [clause.text for clause in clauses_of(answer)]


@settings(max_examples=300, deadline=None)
@given(ANSWERS)
def test_the_clauses_are_the_answer(answer: str) -> None:
    clauses = clauses_of(answer)
    assert "".join(clause.text for clause in clauses) == answer
    place = 0
    for clause in clauses:
        assert (clause.start, clause.end) == (place, place + len(clause.text))
        assert clause.text
        place = clause.end


@settings(max_examples=300, deadline=None)
@given(ANSWERS, st.data())
def test_the_clauses_do_not_depend_on_how_the_answer_arrives(answer: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(answer)), max_size=12)))
    deltas = [answer[start:end] for start, end in zip([0, *cuts], [*cuts, len(answer)], strict=True)]
    assert clauses_of(*deltas) == clauses_of(answer)


@settings(max_examples=200, deadline=None)
@given(ANSWERS)
def test_no_clause_is_longer_than_the_limit(answer: str) -> None:
    limits = ClauseLimits(first_longest=20, longest=40, hard=60)
    assert all(len(clause.text) <= limits.hard for clause in clauses_of(answer, limits=limits))


@settings(max_examples=300, deadline=None)
@given(ANSWERS)
def test_every_spoken_character_is_told_where_it_was_written(answer: str) -> None:
    for clause in clauses_of(answer):
        assert len(clause.origins) == len(clause.spoken)
        assert list(clause.origins) == sorted(set(clause.origins))
        assert all(clause.start <= origin < clause.end for origin in clause.origins)
        assert clause.written_offset(len(clause.spoken)) == clause.end
        for place, (character, origin) in enumerate(zip(clause.spoken, clause.origins, strict=True)):
            written = answer[origin]
            assert clause.written_offset(place) == origin
            assert (
                character == written or (character == " " and written.isspace()) or (character, written) == (",", "|")
            )


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["alpha", "beta,", "gamma.", "3.14", "delta:", "(epsilon)"]), max_size=80).map(" ".join)
)
def test_plain_words_are_never_cut_or_dropped(answer: str) -> None:
    spoken = [word for clause in clauses_of(answer) for word in clause.spoken.split()]
    assert spoken == answer.split()


@pytest.mark.parametrize(
    ("answer", "first"),
    [
        ("Sure! I can do that for you.", "Sure! "),
        ("Well, I think that works, because it is late.", "Well, I think that works, "),
        ("The first thing to know: it is big.", "The first thing to know: "),
        ("That is a good one - let me see what I find.", "That is a good one - "),
        ("I thought so—and I was right.", "I thought so—"),
        ("你好。我是一个语音助手。", "你好。"),
        ("你好世界啊，我是一个语音助手。", "你好世界啊，"),
        ("مرحبا؟ كيف حالك", "مرحبا؟ "),
        ("नमस्ते। आप कैसे हैं", "नमस्ते। "),
        ("Here is a list\n- one\n- two", "Here is a list\n"),
        ("“Yes.” That is what he said.", "“Yes.” "),
        ("**Yes.** That is right.", "**Yes.** "),
        ("Well... maybe not, I would say", "Well... maybe not, "),
        ("Well... I am not sure", "Well... "),
    ],
)
def test_the_first_clause_goes_out_at_the_first_natural_pause(answer: str, first: str) -> None:
    assert texts_of(answer)[0] == first


def test_the_first_clause_is_ready_before_the_sentence_is_over() -> None:
    splitter = ClauseSplitter()
    assert splitter.feed("If you ask me, ") == []
    [first] = splitter.feed("t")
    assert first.text == "If you ask me, "


def test_without_any_mark_the_first_clause_ends_at_a_word() -> None:
    first, *rest = texts_of(
        "we go on and on without any mark at all because nobody ever told us how to stop and breathe"
    )
    assert 30 < len(first) <= 64
    assert first.endswith(" ")
    assert len(rest) == 1


@pytest.mark.parametrize(
    "whole",
    [
        "It is 3.14 and 1,000 and $5.50 or 1,234.56 now",
        "Come at 5:30 p.m. today",
        "Ask Dr. Smith or Mr. J. Doe",
        "In the U.S. it is e.g. here, i.e. there",
        "See https://example.com/a,b.c?d=e!f and a.b@mail.example.com",
        "Read [the docs, part one. And two](https://example.com/x)",
        "Fish vs. chips etc. are good",
        "Nos. 4 and approx. 5 of vol. 3",
        "Version 1.2.3-rc.1 is out",
    ],
)
def test_numbers_abbreviations_and_addresses_are_never_cut(whole: str) -> None:
    lead = "This is the first sentence. "
    assert texts_of(f"{lead}{whole}")[1:] == [whole]
    *early, last = texts_of(whole)  # as the first clause, which may end at a comma
    assert all(text.endswith((", ", ": ")) for text in early)
    assert last


def test_later_clauses_are_sentences_and_short_ones_go_together() -> None:
    answer = (
        "Yes. That is right, as far as I know, and there is more. Good. Fine. So we go on with the next thing then. End"
    )
    assert texts_of(answer) == [
        "Yes. ",
        "That is right, as far as I know, and there is more. ",
        "Good. Fine. So we go on with the next thing then. ",
        "End",
    ]


def test_a_long_later_sentence_ends_at_a_comma() -> None:
    long = "Then " + "we walked along the river and saw the boats, " * 5 + "and so on."
    clauses = texts_of("Yes. " + long)
    assert len(clauses) > 2
    assert all(len(clause) <= 240 for clause in clauses)
    assert clauses[1].endswith("boats, ")


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**Bold** and *thin* and __strong__ and _weak_", "Bold and thin and strong and weak"),
        ("# Title", "Title"),
        ("- one\n* two\n• three\n1. four\n- [x] five", "one two three 1. four five"),
        ("> said", "said"),
        ("`code` and ~~gone~~", "code and gone"),
        ("[docs](https://x.example/a_b_c) and ![a cat](http://c.example)", "docs and a cat"),
        ("<https://www.example.com/a_b_c>", "example.com/a_b_c"),
        ("see https://example.com/a_b*c*d.", "see example.com/a_b*c*d."),
        ("2 * 3 = 6 and 2*3 and a_b_c", "2 * 3 = 6 and 2*3 and a_b_c"),
        ("| a | b |\n|---|:-:|\n| 1 | 2 |", "a, b 1, 2"),
        ("a\n---\nb", "a b"),
        ("Nice 😀👍🏽 day ☀️", "Nice day"),
        ("```python\nprint(x)\n```\nDone", "print(x) Done"),
        ("  spaced \n out ", "spaced out"),
        ("C# and #tag", "C# and #tag"),
        ("-5 degrees", "-5 degrees"),
        ("", ""),
    ],
)
def test_markup_is_not_spoken(written: str, spoken: str) -> None:
    assert spoken_form(written)[0] == spoken


def test_code_keeps_its_characters_across_clauses() -> None:
    spoken = " ".join(
        clause.spoken for clause in clauses_of("Look here:\n```\na = b ** 2\n_x_ = '*y*'\n```\n*Done* now")
    )
    assert spoken == "Look here: a = b ** 2 _x_ = '*y*' Done now"


def test_list_entries_do_not_run_into_each_other() -> None:
    assert texts_of("Three:\n- one\n- two\n- three") == ["Three:\n", "- one\n", "- two\n", "- three"]


def test_a_clause_of_nothing_but_markup_says_nothing() -> None:
    [*_, last] = clauses_of("Yes. That is all that I can say about it.\n\n---\n")
    assert last.text.endswith("---\n")
    assert "---" not in last.spoken


def test_flushing_twice_is_flushing_once_and_feeding_after_it_is_a_mistake() -> None:
    splitter = ClauseSplitter()
    splitter.feed("Hi")
    assert [clause.text for clause in splitter.flush()] == ["Hi"]
    assert splitter.flush() == []
    with pytest.raises(LocalProtocolError):
        splitter.feed("more")
