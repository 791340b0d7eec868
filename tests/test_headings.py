"""Markdown and plain text with headings, on short texts of our own."""

import pytest
from test_topic_formats import parts, write

from spacy_segment.training.topic_formats import read_topics

MARKDOWN = "# Bread\n\nMix the flour. Bake it.\n\n# Rain\n\nIt fell all night.\n"


def test_headings_become_boundaries_and_leave_the_text(tmp_path):
    (record,) = read_topics(write(tmp_path / "a.md", MARKDOWN))
    assert "#" not in record.text
    assert [s.title for s in record.sections if s.level == 1] == ["Bread", "Rain"]
    assert record.text[record.sections[1].start :].strip() == "It fell all night."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Bread\nMix it.\n# Rain #\nIt fell.", [("Mix it.", "Bread", "bread", 1), ("It fell.", "Rain", "rain", 1)]),
        (
            "1. Bread\n\nMix it.\n\n2. Rain\n\nIt fell.",
            [("Mix it.", "1. Bread", "bread", 1), ("It fell.", "2. Rain", "rain", 1)],
        ),
        (
            "Bread\n=====\nMix it.\n\nRain\n====\nIt fell.",
            [("Mix it.", "Bread", "bread", 1), ("It fell.", "Rain", "rain", 1)],
        ),
        (
            "# Home\n\nHello.\n\n## [Bread](b.html)\n\nMix it.\n\n## **Rain**\n\nIt fell.",
            [("Hello.", "Home", "", 1), ("Mix it.", "Bread", "bread", 1), ("It fell.", "Rain", "rain", 1)],
        ),
        ("---\ntitle: Home\ntags:\n- tea\n---\n# Bread\n\nMix it.", [("Mix it.", "Bread", "bread", 1)]),
        # Where headings have marks, lines without are none; with a row of dashes below, they have.
        (
            "# Bread\n\n1. Flour\n\n2. Water\n\nMIX IT\n\n# Rain\n\nIt fell.",
            [("1. Flour\n\n2. Water\n\nMIX IT", "Bread", "bread", 1), ("It fell.", "Rain", "rain", 1)],
        ),
        (
            "1\\. BREAD\n---------\n\n1. Flour\n\n2\\. RAIN\n--------\n\nIt fell.",
            [("1. Flour", "1\\. BREAD", "bread", 1), ("It fell.", "2\\. RAIN", "rain", 1)],
        ),
        # Without marks, several numbers of one kind in a row are a list.
        (
            "I. BREAD\n\n1. Dough\n\n1.1 Mixing\n\n1. flour,\n\n2. water and\n\n10. salt.\n\n1.2 Oven\n\nHot.",
            [
                ("1. flour,\n\n2. water and\n\n10. salt.\n\nHot.", "1. Dough", "dough", 1),
                ("1. flour,\n\n2. water and\n\n10. salt.", "1.1 Mixing", "mixing", 2),
                ("Hot.", "1.2 Oven", "oven", 2),
            ],
        ),
        ("---\nTea.\n---\n# Bread\n\nMix it.", [("---\nTea.\n---", "", "", 1), ("Mix it.", "Bread", "bread", 1)]),
    ],
)
def test_headings_are_boundaries_titles_and_labels(tmp_path, text, expected):
    (record,) = read_topics(write(tmp_path / "a.md", text))
    assert parts(record) == expected


@pytest.mark.parametrize(
    "code",
    [
        "```\nls\n\n# comment\n```",
        "```ls``` says what is there",
        "\n```yaml\n---\na: 1\n```",
        "~~~\n# comment\n\nls\n~~~",
        "````\n```\n\n# comment\n````",
        "~~~sh\n```\n\n# comment\n~~~",
    ],
)
def test_code_has_no_headings(tmp_path, code):
    (record,) = read_topics(write(tmp_path / "a.md", f"# Bread\n\nMix it:\n{code}\n\n# Rain\n\nIt fell."))
    assert [text for text, *_ in parts(record)] == [f"Mix it:\n{code}", "It fell."]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_line_ends_of_any_system(tmp_path, line_end):
    path = tmp_path / "a.md"
    path.write_bytes(MARKDOWN.replace("\n", line_end).encode())
    (record,) = read_topics(path)
    assert record.text == "Mix the flour. Bake it.\n\nIt fell all night."


def test_indented_code_has_no_headings(tmp_path):
    (record,) = read_topics(write(tmp_path / "a.md", "# Bread\n\n    # comment\n\nMix it."))
    assert parts(record) == [("# comment\n\nMix it.", "Bread", "bread", 1)]


@pytest.mark.parametrize("item", ["- item", "* item", "1. item", "> quoted"])
def test_issue_an_item_above_a_rule_was_a_heading(tmp_path, item):
    (record,) = read_topics(
        write(tmp_path / "a.md", f"# Bread\n\nMix it.\n\n{item}\n---\nBake it.\n\n# Rain\n\nIt fell.")
    )
    assert [section.title for section in record.sections] == ["Bread", "Rain"]
    assert item in record.text
