"""Paragraphs, questions, quotations, lists, transcripts and defined terms, made of sentences that have none."""

import re

import numpy as np
import pytest
from test_corruption import join

from spacy_segment.training import restyling


def parts(changed):
    starts = changed.starts.tolist()
    return [changed.text[a:b] for a, b in zip(starts, [*starts[1:], len(changed.text)], strict=True)]


@pytest.mark.parametrize(
    ("before", "after"), [("One.", "One?"), ("我来了。", "我来了？"), ("جاء.", "جاء؟"), ("Yes!", "Yes!")]
)
def test_exchanged_takes_a_mark_of_the_script(before, after):
    text, starts = join([before, before])
    assert parts(restyling.exchanged(text, starts, AlwaysFirst(index=0))) == [f"{after} ", after]


def test_quoted_puts_whole_sentences_between_marks():
    text, starts = join(["One two.", "no mark", 'It says "no".', "Four!"])
    found = parts(restyling.quoted(text, starts, AlwaysFirst()))
    assert found == ["“One two.” ", "no mark ", 'It says "no". ', "“Four!”"]


@pytest.mark.parametrize(
    ("in_lines", "expected"),
    [(True, ["One.\n", "- Two\n", "- Three!"]), (False, ["One. ", "1. Two ", "2. Three!"])],
)
def test_listed_keeps_the_opening_of_an_item_with_it(in_lines, expected):
    text, starts = join(["One.", "Two.", "Three!"])
    assert parts(restyling.listed(text, starts, AlwaysFirst(in_lines))) == expected


def test_items_of_a_list_may_be_short():
    text, starts = join(["One.", "Two three four five six.", "Seven eight nine ten."])
    assert parts(restyling.listed(text, starts, AlwaysFirst(index=1))) == ["One.\n", "- Two\n", "- Seven"]


def test_terms_get_their_capital_wherever_they_stand():
    text, starts = join(["The client shall pay.", "If the client fails, it pays.", "Она платит."])
    seen = set()
    for seed in range(40):
        changed = restyling.terms(text, starts, np.random.default_rng(seed))
        assert changed.text.lower() == text.lower()
        assert changed.starts.tolist() == starts.tolist()
        assert changed.text.count("Client") in (0, 2)
        seen |= set(changed.text.split())
    assert {"Client", "client", "Pays.", "Платит."} <= seen
    assert "It" not in seen


def test_indented_folds_lines_and_keeps_the_words():
    text, starts = join(["One two three four.", "Five six seven eight nine ten eleven.", "Twelve!"])
    seen = set()
    for seed in range(60):
        changed = restyling.indented(text, starts, np.random.default_rng(seed))
        assert changed.text.lower().split() == text.lower().split()
        assert [part.split()[0].lower() for part in parts(changed)] == ["one", "five", "twelve!"]
        assert max(len(line) for line in changed.text.split("\n")) <= 90
        lines = changed.text.split("\n")
        seen |= {"capitals"} if changed.text.isupper() else set()
        seen |= {"margin"} if any(line.startswith("  ") for line in lines) else set()
        seen |= (
            {"list"}
            if changed.text.count("\n") >= 2 and all(changed.text[s - 1] == "\n" for s in changed.starts[1:])
            else set()
        )
    assert seen == {"capitals", "margin", "list"}


def test_a_turn_begins_with_its_time_and_its_speaker():
    text, starts = join(["One two.", "Three, four?", "Five."])
    seen = set()
    for seed in range(200):
        changed = restyling.transcribed(text, starts, np.random.default_rng(seed))
        found = [part.rstrip() for part in parts(changed)]
        has_marks = "?" in changed.text
        said = ["One two.", "Three, four?", "Five."] if has_marks else ["one two", "three four", "five"]
        assert all(part.endswith(words) for part, words in zip(found, said, strict=True))
        openings = [part.removesuffix(words) for part, words in zip(found, said, strict=True)]
        assert openings[0]
        assert len(changed.text.splitlines()) <= 1 + sum(map(bool, openings[1:]))
        times = [re.search(r"\d\d?(:\d\d)+", opening) for opening in openings if opening]
        assert len({time is None for time in times}) == 1
        clock = [tuple(map(int, time[0].split(":"))) for time in times if time]
        assert clock == sorted(set(clock))
        seen |= {("time", bool(clock)), ("marks", has_marks), ("lines", "\n" in changed.text)}
        seen |= {("word", any(word in openings[0] for word in ("One", "ONE", "FIVE")))}
        seen |= {("bare", "" in openings)}
    assert seen == {(name, value) for name in ("time", "marks", "lines", "word", "bare") for value in (True, False)}


class AlwaysFirst:
    """Random numbers that take the first of everything; a list of two sentences from the second on."""

    def __init__(self, in_lines=True, index=1):
        self.draws = iter([0.0 if in_lines else 0.9, 0.0])
        self.index = index

    def random(self):
        return next(self.draws, 0.0)

    def choice(self, options, p=None):
        return 0 if isinstance(options, int) else options[0]

    def integers(self, *bounds):
        return self.index

    def geometric(self, p):
        return 2


def test_paragraphs_stand_between_sentences():
    text, starts = join(["One.", "Two.", "Three!"])
    changed = restyling.paragraphs(text, starts, AlwaysFirst(in_lines=False))
    assert parts(changed) == ["One.\n\n", "Two.\n\n", "Three!"]
