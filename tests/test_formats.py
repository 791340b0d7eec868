import gzip
import json
import zlib

import pytest
import spacy
import srsly
from spacy.tokens import DocBin

from spacy_segment.align import reference_doc
from spacy_segment.training.formats import corpus_name, find_files, read_records, tile

CONLLU = """# newdoc id = one
# newpar
# text = It rains.
1\tIt\t_\t_\t_\t_\t_\t_\t_\t_
2\trains\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No
3\t.\t_\t_\t_\t_\t_\t_\t_\t_

# text = vámonos ya
1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tvamos\t_\t_\t_\t_\t_\t_\t_\t_
2\tnos\t_\t_\t_\t_\t_\t_\t_\t_
2.1\tempty\t_\t_\t_\t_\t_\t_\t_\t_
3\tya\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No

# newpar
# text = Yes
1\tYes\t_\t_\t_\t_\t_\t_\t_\t_

# newdoc id = two
# text = No
1\tNo\t_\t_\t_\t_\t_\t_\t_\t_
"""


def write(path, text):
    data = text.encode("utf-8") if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    return path


def sentences(record):
    ends = [*record.starts[1:], len(record.text)]
    return [record.text[a:b].strip() for a, b in zip(record.starts, ends, strict=True)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_read_jsonl(tmp_path, name):
    line = json.dumps({"id": "x", "lang": "de", "text": "Ja. Nein.", "sents": [[0, 3], [4, 9]]})
    (record,) = read_records(write(tmp_path / name, line + "\n\n"))
    assert (record.id, record.lang, sentences(record)) == ("x", "de", ["Ja.", "Nein."])


def test_tile_gives_text_between_spans_its_own_start():
    assert tile("head: One. 12 Two. tail", [(6, 10), (14, 18)]) == [0, 6, 11, 14, 19]


@pytest.mark.parametrize("name", ["en_x-ud-dev.conllu", "en_x-ud-dev.conllu.gz"])
def test_read_conllu(tmp_path, name):
    one, two = read_records(write(tmp_path / name, CONLLU))
    assert (one.id, one.lang) == ("one", "en")
    assert one.text == "It rains. vámonos ya\nYes"
    assert sentences(one) == ["It rains.", "vámonos ya", "Yes"]
    assert (two.id, two.text) == ("two", "No")


def test_read_conllu_joins_without_a_space_where_the_treebank_says_so(tmp_path):
    text = "1\t私\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No\n\n1\t彼\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No\n"
    (record,) = read_records(write(tmp_path / "ja_x.conllu", text))
    assert (record.text, record.starts) == ("私彼", [0, 1])


def test_read_conllu_takes_text_and_tokens_that_are_composed_differently(tmp_path):
    text = "# text = cafe\u0301\n1\tcaf\u00e9" + "\t_" * 8 + "\n"
    (record,) = read_records(write(tmp_path / "fr_x.conllu", text))
    assert record.text == "cafe\u0301"


def test_read_lines(tmp_path):
    one, two = read_records(write(tmp_path / "a.txt", "First one.\nSecond.\n\n我来了。\n你呢？\n"))
    assert one.text == "First one. Second."
    assert two.text == "我来了。你呢？"
    assert two.starts == [0, 4]


def test_read_docbin(tmp_path):
    nlp = spacy.blank("en")
    docs = [reference_doc(nlp.tokenizer, "One. Two.", [0, 5])]
    DocBin(docs=docs, attrs=["SENT_START", "SPACY"]).to_disk(tmp_path / "a.spacy")
    write(tmp_path / "b.spacy.gz", (tmp_path / "a.spacy").read_bytes())
    for name in ("a.spacy", "b.spacy.gz"):
        (record,) = read_records(tmp_path / name, nlp.vocab)
        assert sentences(record) == ["One.", "Two."]


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("a.jsonl", '{"text": "A b", "sents": [[0, 1]]}\nno json', "line 2"),
        ("a.jsonl", '{"text": "A b"}', "line 1: no key 'sents'"),
        ("a.jsonl", '{"text": "A b", "sents": [[0, 9]]}', "leaves the text"),
        ("a.jsonl", '{"text": "A b", "sents": [[2, 3], [0, 1]]}', "overlaps"),
        ("a.jsonl", '{"text": "A b", "sents": [[0, 2], [1, 3]]}', "overlaps"),
        ("a.jsonl", '{"text": ["A", "b"], "sents": [[0, 1]]}', 'line 1: "text" is not a string'),
        ("a.jsonl", '{"text": "A\\ud800", "sents": [[0, 2]]}', "surrogates not allowed"),
        ("a.jsonl", b"\xff\xfe{}", "line 1"),
        ("a.txt", b"good\nb\xe4d\n", "line 2"),
        ("a.conllu", "1\tword\n", "line 1: a token line has 10 columns"),
        ("a.conllu", "# text = other\n1\tword" + "\t_" * 8 + "\n", "does not match"),
        ("a.spacy", b"\x00\x01", "not a DocBin"),
        ("a.spacy.gz", b"\x00\x01", "not a DocBin"),
    ],
)
def test_bad_records_are_named(tmp_path, name, content, place):
    path = write(tmp_path / name, content)
    with pytest.raises(ValueError, match="SEG111") as error:
        list(read_records(path))
    assert str(path) in str(error.value)
    assert place in str(error.value)


@pytest.mark.parametrize("form", ["", " ", "\u00a0"])
def test_issue_a_token_without_a_form_was_a_sentence(tmp_path, form):
    row = "\t_" * 8 + "\n"
    path = write(tmp_path / "a.conllu", f"1\t{form}{row}\n1\tHi{row}2\tthere.{row}")
    with pytest.raises(ValueError, match=r"SEG111.*line 1: token 1 has no form"):
        list(read_records(path))


@pytest.mark.parametrize("span", ["[false, true]", "[0, true]", "[0.0, 1.0]", '["0", "1"]', "[null, 1]"])
def test_issue_spans_that_are_no_numbers(tmp_path, span):
    path = write(tmp_path / "a.jsonl", f'{{"text": "A b", "sents": [{span}]}}')
    with pytest.raises(ValueError, match=r"SEG111.*line 1"):
        list(read_records(path))


def test_issue_null_was_a_name_and_a_language(tmp_path):
    lines = [{"id": None, "lang": None}, {}, {"id": 0, "lang": "de"}]
    records = read_records(
        write(tmp_path / "a.jsonl", "\n".join(json.dumps({"text": "A b", "sents": [], **line}) for line in lines))
    )
    assert [(record.id, record.lang) for record in records] == [("1", "xx"), ("2", "xx"), ("0", "de")]


@pytest.mark.parametrize(
    "damage", [lambda saved: {"lengths": saved["lengths"] * 3}, lambda _: {"attrs": []}, lambda _: {"flags": [None]}]
)
def test_issue_a_damaged_docbin_had_no_code(tmp_path, damage):
    nlp = spacy.blank("en")
    docs = [reference_doc(nlp.tokenizer, "One. Two.", [0, 5])]
    data = DocBin(docs=docs, attrs=["SENT_START", "SPACY"]).to_bytes()
    saved = srsly.msgpack_loads(zlib.decompress(data))
    write(tmp_path / "a.spacy", zlib.compress(srsly.msgpack_dumps({**saved, **damage(saved)})))
    with pytest.raises(ValueError, match=r"SEG111.*not a DocBin"):
        list(read_records(tmp_path / "a.spacy"))


def test_a_truncated_gz_is_named(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n" * 500)[:-20])
    with pytest.raises(ValueError, match="SEG111"):
        list(read_records(path))


def test_docs_without_sentence_starts_are_named(tmp_path):
    nlp = spacy.blank("en")
    DocBin(docs=[nlp("One. Two.")], attrs=["SPACY"]).to_disk(tmp_path / "a.spacy")
    with pytest.raises(ValueError, match=r"SEG111.*line 1: the Doc has no sentence starts"):
        list(read_records(tmp_path / "a.spacy", nlp.vocab))


def test_find_files(tmp_path):
    for name in ("b.txt", "a.jsonl.gz", "ignored.md"):
        write(tmp_path / name, "x")
    assert [path.name for path in find_files(tmp_path)] == ["a.jsonl.gz", "b.txt"]
    assert [path.name for path in find_files([str(tmp_path / "*.txt"), str(tmp_path / "b.txt")])] == ["b.txt"]


def test_issue_files_whose_names_look_like_patterns(tmp_path):
    for name in ("contract [2021].txt", "contract 2.txt", "what?.txt", "a*.txt"):
        write(tmp_path / name, "x")
    for name in ("contract [2021].txt", "what?.txt", "a*.txt"):
        assert [path.name for path in find_files(str(tmp_path / name))] == [name]
    assert [path.name for path in find_files(tmp_path / "contract [2021]*.txt")] == ["contract 2.txt"]


@pytest.mark.parametrize("name", ["nothing.txt", "*.jsonl"])
def test_find_files_says_when_nothing_is_there(tmp_path, name):
    with pytest.raises(ValueError, match="SEG110"):
        find_files(str(tmp_path / name))


@pytest.mark.parametrize("paths", ["", [], ["a.txt", ""]])
def test_issue_an_empty_path_was_the_whole_folder(tmp_path, monkeypatch, paths):
    write(tmp_path / "a.txt", "x")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="SEG110"):
        find_files(paths)


@pytest.mark.parametrize("name", ["{locked}", "x" * 5000 + ".txt"])
def test_issue_what_cannot_be_looked_at_had_no_code(locked, name):
    with pytest.raises(ValueError, match="SEG111"):
        find_files(name.format(locked=locked))


def test_hidden_files_do_not_count(tmp_path):
    (tmp_path / ".cache").mkdir()
    for name in (".cache/a.txt", ".b.txt", "c.txt"):
        write(tmp_path / name, "x")
    assert [path.name for path in find_files(tmp_path)] == ["c.txt"]
    assert [path.name for path in find_files(tmp_path / ".cache")] == ["a.txt"]


def test_read_records_says_when_the_format_is_unknown(tmp_path):
    with pytest.raises(ValueError, match="SEG110"):
        list(read_records(write(tmp_path / "a.md", "x")))


@pytest.mark.parametrize(
    ("name", "corpus"),
    [
        ("en_ewt.test.jsonl.gz", "en_ewt"),
        ("en_ewt-ud-dev.conllu", "en_ewt"),
        ("v1.0.test.jsonl", "v1.0"),
        ("v1.1.jsonl", "v1.1"),
        ("test.jsonl.gz", ""),
    ],
)
def test_a_corpus_is_named_without_split_and_format(tmp_path, name, corpus):
    assert corpus_name(tmp_path / "news" / name) == f"news/{corpus}"


def test_issue_a_space_was_lost_to_another_feature(tmp_path):
    token = "1\t{}\t_\t_\t_\t_\t0\troot\t_\t{}\n\n"
    file = write(
        tmp_path / "de_a.conllu",
        token.format("Hallo", "CorrectSpaceAfter=No") + token.format("Du", "A=b|SpaceAfter=No"),
    )
    assert [record.text for record in read_records(file)] == ["Hallo Du"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_any_system(tmp_path, end):
    (tmp_path / "en_a.txt").write_bytes(end.join(["It rained.", "We left.", "", "New."]).encode())
    assert [record.starts for record in read_records(tmp_path / "en_a.txt")] == [[0, 11], [0]]
