"""The embedded model, on texts of our own."""

import re
import socket

import pytest
import spacy

TEXTS = {
    "en": ["The ferry leaves at nine.", "Dr. Miller missed it by a minute.", "Will there be another one?"],
    "de": ["Der Bäcker öffnet um sechs Uhr.", "Heute kam niemand.", "Warum eigentlich?"],
    "fr": ["Le train est en retard.", "Nous attendons depuis une heure.", "Que faire ?"],
    "es": ["El mercado abre temprano.", "¿Quieres venir conmigo?", "Mañana no puedo."],
    "ru": ["Поезд опоздал на час.", "Мы ждали на перроне.", "Никто ничего не сказал."],
    "hi": ["दुकान सुबह खुलती है।", "आज बहुत भीड़ थी।", "हम घर लौट आए।"],
    "zh": ["商店早上九点开门。", "今天人很多。", "我们什么也没买。"],
    "ja": ["電車が一時間遅れました。", "駅でずっと待っていました。", "誰も来ませんでした。"],
}


@pytest.fixture(scope="module")
def nlp():
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentence_segmenter")
    return nlp


@pytest.mark.parametrize("lang", TEXTS)
def test_clean_text(nlp, lang):
    gap = "" if lang in ("zh", "ja") else " "
    doc = nlp(gap.join(TEXTS[lang]))
    assert [sent.text for sent in doc.sents] == TEXTS[lang]


def test_text_without_punctuation_case_and_newlines(nlp):
    sentences = [
        "we went to the market in the morning",
        "it was closed because of the holiday",
        "so we walked back along the river",
        "my brother was angry but i did not mind",
    ]
    doc = nlp(" ".join(sentences))
    found = {sent.start_char for sent in doc.sents}
    gold = {doc.text.index(sentence) for sentence in sentences}
    assert len(found & gold) >= 3
    assert len(found) <= 6


def test_headings_and_lists_on_lines_of_their_own(nlp):
    doc = nlp("Opening hours\n\nWe open at nine.\nWe close at five.")
    assert [sent.text.strip() for sent in doc.sents] == ["Opening hours", "We open at nine.", "We close at five."]


TURNS = [
    "00:00:01 SPEAKER 1: so um welcome everybody to the call",
    "00:00:04 SPEAKER 2: thanks for having me",
    "00:00:06 SPEAKER 1: okay let's begin with the roadmap",
]
CLAUSES = [
    "2. FEES.",
    "2.1 Client shall pay Provider the fees set forth in Exhibit B.",
    "2.2 Late payments bear interest.",
]


@pytest.mark.parametrize("lines", [TURNS, CLAUSES])
def test_turns_and_clauses_keep_what_opens_them(nlp, lines):
    assert [sent.text.strip() for sent in nlp("\n".join(lines)).sents] == lines


def test_works_without_network_and_cache(monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    nlp = spacy.blank("en")
    nlp.add_pipe("sentence_segmenter")
    assert len(list(nlp("It rained. We left.").sents)) == 2
    assert not list(tmp_path.iterdir())


def test_precision_changes_almost_nothing(nlp):
    text = " ".join(sentence for sentences in TEXTS.values() for sentence in sentences)
    shim = nlp.get_pipe("sentence_segmenter").model.layers[0].shims[0]
    found = {}
    for dtype in ("float32", "bfloat16"):
        shim.dtype = dtype
        found[dtype] = [token.is_sent_start for token in nlp(text)]
    shim.dtype = "auto"
    same = sum(a == b for a, b in zip(*found.values(), strict=True))
    assert same / len(found["float32"]) > 0.98


def test_initialize_keeps_the_pretrained_weights(nlp):
    other = spacy.blank("xx")
    other.add_pipe("sentence_segmenter")
    other.initialize()
    text = " ".join(TEXTS["en"])
    assert [s.text for s in other(text).sents] == [s.text for s in nlp(text).sents]


HEADED = """Rules of the Community Garden

1. Opening Hours

The garden is open from sunrise to sunset on every day of the year. In winter the gate on the north side stays closed.

The shed closes an hour before the gate. Tools that are brought back later go into the box beside the door.

2. Membership and Fees

Anybody who lives in the district can become a member. The fee is thirty euros a year, and fifteen for students.

Whoever does not pay by the end of March loses the right to a bed. The board may grant a longer time in cases of hardship.

3. Water

Rain is collected in the barrels along the fence. Please use it before you turn on the tap. The pump must not run at night.

Hoses are rolled up after use. A leaking hose is reported to the keeper, who has spare parts.

4. Dogs and Other Animals

Dogs stay on a leash. They are not allowed on the beds or near the pond, where frogs and newts live.

Bees belong to the school next door. Do not open the hives, and keep children away from them.
"""


@pytest.mark.parametrize("mark", ["", "## "])
def test_topics_start_at_their_headings(mark):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentence_segmenter")
    nlp.add_pipe("topic_segmenter")
    doc = nlp(re.sub(r"(?m)^(?=\d)", mark, HEADED))
    starts = [span.text.split("\n")[0] for span in doc.spans["topics"]]
    assert starts[-4:] == [
        f"{mark}{heading}"
        for heading in ("1. Opening Hours", "2. Membership and Fees", "3. Water", "4. Dogs and Other Animals")
    ]
    assert len(starts) <= 5  # the title may stand alone
