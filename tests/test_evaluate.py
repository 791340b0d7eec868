"""`segment-evaluate`, `segment-plot`, `segment-card`: figures, pictures and cards, as a user would make them."""

import gzip
import itertools
import json

import pytest
import spacy
from conftest import TEXTS, make_tiny
from small_corpus import write_corpus
from spacy.cli._util import app
from typer.testing import CliRunner

from spacy_segment.card import Source, describe, read_sources
from spacy_segment.cli import card, data, evaluate, plot, sentence_benchmark, threshold, topic_benchmark  # noqa: F401 (their commands)
from spacy_segment.training.corruption import CONDITIONS

RUNNER = CliRunner()
SOURCES = """corpus\trepository\tcommit\tlicence
letters/*\tour/letters\tabc\tCC0
letters/*\tour/notes\tof each letter\tCC0
"""


def run(*arguments):
    result = RUNNER.invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def fail(*arguments):
    result = RUNNER.invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 1, result.output
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def work(trained, tmp_path_factory):
    """A folder with a corpus, a trained pipeline and its figures."""
    folder = tmp_path_factory.mktemp("work")
    write_corpus(folder)
    (folder / "gold").mkdir()
    (folder / "gold" / "en_known.test.txt").write_text("\n".join(s for sentences in TEXTS[:3] for s in sentences))
    trained.to_disk(folder / "model")
    cfg = folder / "model" / "sentence_segmenter" / "cfg"
    cfg.write_text(json.dumps({**json.loads(cfg.read_text()), "threshold": 0.25}))
    run("segment-evaluate", "sentences", folder / "gold", "-m", folder / "model", "-o", folder / "sentences.json")
    run("segment-evaluate", "topics", folder / "topics" / "*" / "test*", "--limit", 2, "-o", folder / "topics.json")
    return folder


def test_sentences_have_figures_per_corpus_and_condition(work):
    found = json.loads((work / "sentences.json").read_text())
    assert [(row["corpus"], row["condition"]) for row in found["rows"]] == [
        ("gold/en_known", condition) for condition in ("clean", "flat", "corrupted")
    ]
    clean = found["rows"][0]
    assert clean["boundary_f"] == found["macro"]["clean"]["boundary_f"] > 0.8
    at = {row["threshold"]: row for row in found["curves"]["clean"]["thresholds"]}
    assert at[found["threshold"]]["r"] == pytest.approx(clean["boundary_r"])
    assert sum(row["n"] for row in found["curves"]["clean"]["lengths"]) == 9
    assert str(work) not in (work / "sentences.json").read_text()


def test_tables_say_the_same_as_the_json(work):
    text = (work / "sentences.md").read_text()
    row = json.loads((work / "sentences.json").read_text())["rows"][2]
    assert text.count("| gold/en_known |") == 3
    assert f"| {row['boundary_p']:.3f} | {row['boundary_r']:.3f} | {row['boundary_f']:.3f} |" in text


@pytest.mark.parametrize(("kind", "text"), [("sentences", ""), ("topics", "One.")])
def test_nothing_to_measure_is_an_error(work, tmp_path, kind, text):
    (tmp_path / "a.txt").write_text(text)
    model = ["-m", work / "model"]
    assert "SEG115" in fail("segment-evaluate", kind, tmp_path / "a.txt", *model, "-o", tmp_path / "figures.json")
    assert not (tmp_path / "figures.json").exists()


def test_every_condition_has_a_speed_of_its_own(work, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("time.perf_counter", itertools.count().__next__)  # every batch takes a second
        found = evaluate.evaluate_sentences(spacy.load(work / "model"), [str(work / "gold")], 0)
    for row in found["rows"]:
        assert row["seconds"] == pytest.approx(1)
        assert found["macro"][row["condition"]]["speed"] == pytest.approx(row["characters"])
    assert found["rows"][0]["characters"] > found["rows"][2]["characters"]


def test_topics_have_figures_per_corpus_and_condition(work):
    found = json.loads((work / "topics.json").read_text())
    pairs = [(corpus, condition) for condition in CONDITIONS for corpus in ("days", "themes")]
    assert [(row["corpus"], row["condition"]) for row in found["rows"]] == pairs
    assert all(0 <= row["pk"] <= 1 and row["documents"] == 2 for row in found["rows"])
    assert list(found["macro"]) == list(found["curves"]) == list(CONDITIONS)
    assert all(mean["speed"] > 0 for mean in found["macro"].values())
    for curve in found["curves"].values():
        assert sum(row["n"] for row in curve["lengths"]) == 12
    assert found["macro"]["clean"]["f"] > found["macro"]["corrupted"]["f"]
    text = (work / "topics.md").read_text()
    assert all(f"## {condition}" in text for condition in CONDITIONS)


def test_a_pipeline_without_the_component_is_refused(work):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(work / "plain")
    output = fail("segment-evaluate", "sentences", work / "gold", "-m", work / "plain", "-o", work / "x.json")
    assert "SEG135" in output
    assert not (work / "x.json").exists()


def test_the_best_threshold_is_saved(work):
    run("segment-benchmark", "threshold", work / "gold", "-m", work / "model", "-o", work / "tuned")
    nlp = spacy.load(work / "tuned")
    best = nlp.get_pipe("sentence_segmenter").cfg["threshold"]
    assert best in threshold.TRIED
    assert nlp.config["components"]["sentence_segmenter"]["threshold"] == best
    assert (
        spacy.load(work / "tuned", config={"components": {"sentence_segmenter": {"threshold": 0.9}}})
        .get_pipe("sentence_segmenter")
        .cfg["threshold"]
        == 0.9
    )


def test_evaluate_has_its_tables_beside_it(work):
    assert "SEG200" in fail("segment-evaluate", "sentences", work / "gold", "-o", work / "figures.md")
    assert not (work / "figures.md").exists()


def test_plot_draws_every_kind(work):
    pytest.importorskip("matplotlib")
    run("segment-benchmark", "sentences", work / "gold", "--systems", "sentencizer", "-o", work / "peers.json")
    log = [{"epoch": 0, "step": i, "losses": {"a": 1 / i}, "scores": {"f": 50 * i}, "score": 0.5} for i in (1, 2)]
    (work / "log.jsonl").write_text("\n".join(map(json.dumps, log)))
    files = [work / name for name in ("sentences.json", "topics.json", "peers.json", "log.jsonl")]
    run("segment-plot", *files, "-o", work / "plots", "-f", "svg")
    names = {f"{name}-{kind}" for name in ("sentences", "topics") for kind in ("thresholds", "calibration", "lengths")}
    assert {path.stem for path in (work / "plots").iterdir()} == names | {"peers-speed", "log-learning"}
    assert all(path.read_text().rstrip().endswith("</svg>") for path in (work / "plots").iterdir())


def boxes(figure, artists):
    """Where things stand in a drawn figure."""
    figure.draw_without_rendering()
    return [artist.get_window_extent() for artist in artists]


@pytest.mark.parametrize("fastest", [20_000, 60_000, 400_000, 10**7, 10**9])
def test_plot_of_speed_has_labels_that_can_be_read(fastest):
    pytest.importorskip("matplotlib")
    systems = {"ours": (19_000.0, 0.9), "other": (float(fastest), 0.8)}
    speeds = {"clean": systems, "flat": systems, "corrupted": systems}
    figure = plot._figure(plot.draw_speed, ("characters", speeds))
    assert {axes.get_xlabel() for axes in figure.axes} == {"characters per second"}
    assert [axes.get_title() for axes in figure.axes] == ["clean", "flat", "corrupted"]
    axes = figure.axes[0]
    low, high = axes.get_xlim()
    figure.draw_without_rendering()
    ticks = [tick for tick in axes.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    found = boxes(figure, [tick.label1 for tick in ticks])
    assert len(found) > 1
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(found))


def test_plot_of_learning_keeps_scores_and_errors_apart_and_legends_off_the_curves():
    pytest.importorskip("matplotlib")
    names = ["topics_macro_score", "topics_pk_inverse", "topics_macro_f", "sents_f", "topics_macro_pk", "topics_wd"]
    rows = [{"step": i, "losses": {"a": 1.0}, "scores": dict.fromkeys(names, 50.0)} for i in range(3)]
    figure = plot._figure(plot.draw_learning, rows)
    labels = {axes.get_title(): axes.get_legend_handles_labels()[1] for axes in figure.axes}
    assert labels["dev, more is better"] == names[:4]
    assert labels["dev, less is better"] == names[4:]
    areas = boxes(figure, [axes.patch for axes in figure.axes])
    legends = boxes(figure, [axes.get_legend() for axes in figure.axes])
    assert not any(area.overlaps(legend) for area in areas for legend in legends)
    assert not any(left.overlaps(right) for left, right in itertools.combinations(legends, 2))


def test_plot_says_what_is_wrong(work, monkeypatch):
    pytest.importorskip("matplotlib")
    (work / "odd.json").write_text('{"a": 1}')
    (work / "torn.jsonl").write_text('{"step": 1}\n{"st')
    (work / "empty.jsonl").write_text("")
    said = {
        "odd.json": "'macro' is missing in it or not known",
        "torn.jsonl": "it is not JSON (Invalid JSON on line 2",
        "empty.jsonl": "it holds something else",
        "gone.json": "there is no such file",
    }
    for name, reason in said.items():
        assert f"[SEG136] Cannot draw '{work / name}': {reason}" in fail(
            "segment-plot", work / name, "-o", work / "none"
        )
    assert "SEG200" in fail("segment-plot", work / "sentences.json", "-o", work / "none", "-f", "bmp")
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    assert "SEG137" in fail("segment-plot", work / "sentences.json", "-o", work / "none")
    assert not (work / "none").exists()


def test_card_tells_data_licences_figures_settings_and_limits(work):
    (work / "sources.tsv").write_text(SOURCES)
    sentences = work / "sentences" / "*" / "*.train.*"
    arguments = ["--name", "sents_tiny_sm", "--metrics", work / "sentences.json", "--sentences", sentences]
    run("segment-card", work / "model", work / "cards" / "a", *arguments, "--sources", work / "sources.tsv")
    text = (work / "cards" / "a" / "README.md").read_text()
    meta = json.loads((work / "cards" / "a" / "meta.json").read_text())
    row = json.loads((work / "sentences.json").read_text())["rows"][0]
    assert text.startswith("# xx_sents_tiny_sm\n")
    assert f"| gold/en_known | clean | {row['boundary_f']:.3f} | {row['sents_f']:.3f} |" in text
    assert "| letters/en_two | [our/letters](https://github.com/our/letters/tree/abc) | abc | CC0 |" in text
    assert "| letters/en_two | [our/notes](https://github.com/our/notes) | of each letter | CC0 |" in text
    assert "| stories/en_one | - | - | unknown |" in text
    assert "worst on gold/en_known" in text
    assert "threshold 0.25" in text
    assert meta["requirements"] == ["spacy-segment>=0.1.0,<0.2.0"]
    assert meta["segment"]["settings"]["sentence_segmenter"]["threshold"] == 0.25
    assert meta["segment"]["figures"]["sentence_segmenter"]["clean"]["boundary_f"] == round(row["boundary_f"], 3)
    by_corpus = meta["performance"]["sentence_segmenter"]["clean"]["gold/en_known"]
    assert by_corpus == {"boundary_f": round(row["boundary_f"], 3), "sents_f": round(row["sents_f"], 3)}
    assert meta["sources"] == [
        {"name": "letters", "url": "https://github.com/our", "license": "CC0"},
        {"name": "stories", "url": "", "license": "unknown"},
    ]
    assert "MB, weights in full (float32)" in text
    assert all(f"- {limit}" in text for limit in meta["segment"]["limits"])
    assert spacy.load(work / "cards" / "a")(" ".join(TEXTS[0])).has_annotation("SENT_START")


def test_card_takes_figures_of_several_components_and_keeps_scores_of_training(work):
    nlp = spacy.load(work / "model")
    nlp.meta["performance"] = {"sents_f": 0.5}
    nlp.to_disk(work / "scored")
    findings = ["--metrics", work / "topics.json", "--metrics", work / "sentences.json"]
    run("segment-card", work / "scored", work / "cards" / "both", "--name", "topics_tiny_sm", *findings)
    text = (work / "cards" / "both" / "README.md").read_text()
    performance = json.loads((work / "cards" / "both" / "meta.json").read_text())["performance"]
    assert performance["sents_f"] == 0.5
    for component, corpus in (("topic_segmenter", "days"), ("sentence_segmenter", "gold/en_known")):
        assert f"## Results of {component}" in text
        for condition in CONDITIONS:
            assert f"| {corpus} | {condition} |" in text
            assert f"- {component}, {condition}: " in text
            assert corpus in performance[component][condition]


def test_what_spacy_info_prints_of_many_corpora_is_short():
    nlp = make_tiny()
    names = [f"ud/x{i}" for i in range(200)]
    found = {Source(name, f"UD/{name}", "a" * 40, f"licence {i % 3}"): [name] for i, name in enumerate(names)}
    row = {"boundary_f": 0.87654321, "sents_f": 0.5, "speed": 1234.5}
    rows = [{"corpus": name, "condition": "clean", **row} for name in names]
    finding = {"component": "sentence_segmenter", "macro": {"clean": row}, "rows": rows}
    meta = describe(nlp, found, [finding], 10**6)
    assert meta["sources"][0] == {"name": "ud (67)", "url": "https://github.com/UD", "license": "licence 0"}
    assert meta["segment"]["figures"]["sentence_segmenter"]["clean"] == {
        "boundary_f": 0.877,
        "sents_f": 0.5,
        "speed": 1234,
    }
    assert list(meta["performance"]["sentence_segmenter"]["clean"]) == names
    assert len(json.dumps({key: value for key, value in meta.items() if key != "performance"})) < 1000


def test_card_moves_components_to_another_language_and_forgets_paths(work):
    nlp = make_tiny()
    nlp.config["paths"]["train"] = "/home/somebody/data"
    nlp.to_disk(work / "pathy")
    for lang in ("xx", "en"):
        run("segment-card", work / "pathy", work / "cards" / lang, "--name", "sents_tiny_sm", "--lang", lang)
        loaded = spacy.load(work / "cards" / lang)
        assert (loaded.lang, loaded.pipe_names) == (lang, ["sentence_segmenter"])
        assert "somebody" not in (work / "cards" / lang / "config.cfg").read_text()
        assert [s.text for s in loaded(TEXTS[1][0]).sents] == [s.text for s in nlp(TEXTS[1][0]).sents]


def test_card_says_what_is_wrong_with_figures_and_names(work):
    command = ["segment-card", work / "model", work / "cards" / "c", "--name"]
    (work / "other.json").write_text('{"x": 1}')
    (work / "list.json").write_text("[1]")
    said = {
        "other.json": "'component' is missing in it or not known",
        "list.json": "it holds something else",
        "gone.json": "there is no such file",
    }
    for name, reason in said.items():
        output = fail(*command, "sents_tiny_sm", "--metrics", work / name)
        assert f"[SEG143] '{work / name}' holds no figures for a card: {reason}" in output
    for name in ("sents mixed", "", "a/b", "sents-mixed", "_"):
        assert "SEG200" in fail(*command, name)
    assert "SEG133" in fail(*command, "sents_tiny_sm", "--lang", "qq")
    below_a_file = work / "list.json" / "c"
    assert "SEG303" in fail("segment-card", work / "model", below_a_file, "--name", "sents_tiny_sm")
    assert not (work / "cards" / "c").exists()


def test_card_tells_what_it_leaves_out(work):
    output = run("segment-card", work / "model", work / "cards" / "d", "--name", "sents_tiny_sm")
    assert "No figures were given" in output
    assert "No training files were given" in output
    assert "## Data\n\nNot named.\n" in (work / "cards" / "d" / "README.md").read_text()


def test_sources_need_their_columns(work):
    (work / "bad.tsv").write_text("corpus,licence\n")
    output = fail("segment-card", work / "model", work / "cards" / "b", "--name", "x", "--sources", work / "bad.tsv")
    assert "SEG138" in output


def test_the_table_of_sources_is_whole():
    from test_project import ROOT

    sources = read_sources(ROOT / "configs" / "sources.tsv")
    assert len(sources) > 200
    assert all(source.licence for source in sources)
    assert all(len(source.commit) == 40 or " " in source.commit for source in sources)


def test_data_commands(work):
    run("segment-data", "sentences", work / "sentences" / "*" / "*", work / "c" / "sentences")
    run("segment-data", "topics", work / "topics" / "*" / "*", work / "c" / "topics")
    output = run("segment-data", "corrupt", work / "c" / "sentences" / "*" / "*.test.*", work / "c" / "conditions")
    assert "6 files" in output
    talks = [
        {"text": f"{name} comes. {name} speaks. {name} goes.", "sents": [[0, 10], [11, 22], [23, 32]]}
        for name in ("Ann", "Bob")
    ]
    (work / "talks.train.jsonl").write_text("\n".join(map(json.dumps, talks)))
    output = run(
        "segment-data", "concatenate", work / "talks.train.jsonl", work / "c" / "topics" / "talks", "--number", 3
    )
    assert "1 files" in output
    assert gzip.decompress((work / "c" / "topics" / "talks" / "train.jsonl.gz").read_bytes()).count(b"\n") == 3
    assert "SEG110" in fail("segment-data", "sentences", work / "missing", work / "c")
    assert "SEG110" in fail("segment-data", "concatenate", work / "missing", work / "c")


def test_tables_of_topics_show_what_needs_no_model(work):
    found = json.loads((work / "topics.json").read_text())
    rows = found["baselines"]["clean"]
    assert rows["no boundary"]["f"] == 0 < rows["no boundary"]["pk"]
    assert f"| no boundary | {rows['no boundary']['pk']:.3f}" in (work / "topics.md").read_text()


def test_pictures_of_files_of_one_name_are_told_apart(work, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "r.json").write_bytes((work / "topics.json").read_bytes())
    run("segment-plot", tmp_path / "a" / "r.json", tmp_path / "b" / "r.json", "-o", tmp_path)
    assert {path.name for path in tmp_path.glob("*-calibration.png")} == {"a-r-calibration.png", "b-r-calibration.png"}
    again = [tmp_path / "a" / "r.json"] * 2
    assert "SEG200" in fail("segment-plot", *again, "-o", tmp_path / "c")


def test_a_card_needs_a_version_and_a_pipeline_that_can_be_read(work, tmp_path):
    arguments = ["segment-card", work / "model", tmp_path / "card", "--name", "a"]
    assert "SEG200" in fail(*arguments, "--version", "not a version")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.cfg").write_text("[nlp")
    (tmp_path / "broken" / "meta.json").write_text("[")
    assert "SEG133" in fail("segment-card", tmp_path / "broken", tmp_path / "card", "--name", "a")
