"""Running text out of catalogues, pages and lists of messages."""

import gzip
import json
import struct

import pytest

from spacy_segment.training import prose, running
from spacy_segment.training.formats import read_records

ENGLISH = "The old king looked at the army and was silent for a long time."
FIRST = "Der alte König sah auf das Heer und schwieg eine lange Zeit."
SECOND = "Niemand wagte ein Wort zu sagen. Dann hob der König die Hand und lächelte."


def catalogue(messages):
    """The bytes of a .mo file."""
    pairs = sorted({"": "Content-Type: text/plain; charset=UTF-8\n", **messages}.items())
    tables, strings = [b"", b""], b""
    start = 28 + 16 * len(pairs)
    for column in (0, 1):
        for pair in pairs:
            text = pair[column].encode()
            tables[column] += struct.pack("<II", len(text), start + len(strings))
            strings += text + b"\0"
    return struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0) + b"".join(tables) + strings


@pytest.fixture
def packages(tmp_path):
    folder = tmp_path / "packages" / "game"
    messages = folder / "usr" / "share" / "locale" / "de" / "LC_MESSAGES"
    messages.mkdir(parents=True)
    (messages / "game.mo").write_bytes(
        catalogue({ENGLISH: FIRST, "a": SECOND, "b": "Die Datei %s wurde von dem alten König nicht gelesen."})
    )
    page = folder / "usr" / "share" / "help" / "zh_CN" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text(
        f"<html><p>国王看着军队，<b>沉默</b>了很久很久。</p><pre>国王看着军队，沉默了很久。</pre><p>{ENGLISH}</p></html>"
    )
    return tmp_path / "packages"


def test_paragraphs_of_every_language_are_clean(packages):
    found = running.collect(sorted(packages.iterdir()), {"game": "games"})
    assert found == {
        ("de", "games"): [FIRST, SECOND],
        ("en", "games"): [ENGLISH],
        ("zh-Hans", "games"): ["国王看着军队，沉默了很久很久。"],
    }


def test_records_are_read_again_and_paragraphs_start_sentences(packages, tmp_path):
    running.write(running.collect(sorted(packages.iterdir()), {"game": "games"}), tmp_path / "out", smallest=1)
    path = tmp_path / "out" / "games" / "de.train.jsonl.gz"
    record = json.loads(gzip.decompress(path.read_bytes()))
    first, second, third = (record["text"][start:end] for start, end in record["sents"])
    assert (first, f"{second} {third}") == (FIRST, SECOND)
    assert [read.text for read in read_records(path)] == [record["text"]]


@pytest.mark.parametrize(
    ("locale", "lang"),
    [
        ("zh_CN", "zh-Hans"),
        ("de_DE.UTF-8", "de"),
        ("sr@latin", "sr-Latn"),
        ("pt_BR", "pt-BR"),
        ("C", "en"),
        ("share", ""),
        ("no", "nb"),
    ],
)
def test_languages_are_named_as_in_the_gold_data(locale, lang):
    assert prose.language(locale) == lang


@pytest.mark.parametrize(
    "text",
    [
        "Kurz.",
        ENGLISH,
        "Öffnen Sie die Datei <b>jetzt</b> und lesen Sie alles.",
        "Siehe https://example.org und die Seiten danach noch.",
    ],
)
def test_what_is_no_prose_of_the_language_is_left_out(text):
    assert not prose.is_prose(text, "de")


def test_packages_are_named_as_they_are_downloaded(tmp_path):
    names = [
        "wesnoth-1.16-data_1%3a1.16.9-1_all.deb",
        "scratch-l10n-6.1.116.tgz",
        "kolibri-0.19.5-py2.py3-none-any.whl",
    ]
    assert [running.package_name(tmp_path / name) for name in names] == ["wesnoth-1.16-data", "scratch-l10n", "kolibri"]
