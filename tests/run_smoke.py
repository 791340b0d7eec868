"""The whole project on a small slice: `python tests/run_smoke.py [DATA]`, or `python -m spacy project run smoke`.

Runs the workflow "all" in the folder `smoke`, checks that every declared output is there, and runs it again, when every
step has to be skipped. Without DATA, or where there is no such folder, the texts are of our own making.
"""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import srsly
from small_corpus import topic_document, write_corpus, write_slice

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "smoke"
SENTENCES = {
    "variables.total_steps": 20,
    "training.eval_frequency": 20,
    "training.batcher.size": 4000,
    "corpora.dev.limit_chars": 500,
    "initialize.components.sentence_segmenter.vocabulary.size": 2000,
    "initialize.components.sentence_segmenter.vocabulary.max_characters": 100_000,
    "components.sentence_segmenter.model.encoder.embedding_width": 32,
    "components.sentence_segmenter.model.encoder.hidden_width": 64,
    "components.sentence_segmenter.model.encoder.inner_width": 64,
    "components.sentence_segmenter.model.encoder.n_layers": 2,
    "components.sentence_segmenter.model.encoder.lookahead": 24,
}
TOPICS = {
    "variables.total_steps": 10,
    "training.eval_frequency": 10,
    "training.batcher.size": 4,
    "initialize.components.topic_segmenter.vocabulary.width": 16,
    "components.topic_segmenter.model.encoder.width": 16,
    "components.topic_segmenter.model.width": 32,
}
VARS = {
    "data": "data",
    "limit": 1000,
    "documents": 2,
    "adapt": "letters/en_two",
    "document": "document.txt",
    "sentences_options": " ".join(f"--{key} {value}" for key, value in SENTENCES.items()),
    "topics_options": " ".join(f"--{key} {value}" for key, value in TOPICS.items()),
}


def prepare(data: Path | None) -> dict:
    """Set up the folder. RETURNS (dict): Its project file."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    if data is not None and (data / "sentences").is_dir():
        write_slice(data, FOLDER / "data")
        VARS["adapt"] = first_corpus(FOLDER / "data" / "sentences")
    else:
        write_corpus(FOLDER / "data")
    (FOLDER / "document.txt").write_text(topic_document(random.Random(0), "document")["text"])
    for name in ("configs", "spacy_segment"):
        (FOLDER / name).symlink_to(ROOT / name)
    project = srsly.read_yaml(ROOT / "project.yml")
    project["vars"].update(VARS)
    srsly.write_yaml(FOLDER / "project.yml", project)
    return project


def first_corpus(folder: Path) -> str:
    """FOLDER/NAME of a corpus with a dev file."""
    path = min(folder.glob("*/*.dev.*"))
    return f"{path.parent.name}/{path.name.split('.')[0]}"


def run(*, capture: bool = False) -> str:
    command = [sys.executable, "-m", "spacy", "project", "run", "all", str(FOLDER)]
    # The models are so small that a second thread would only wait.
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    stdout = subprocess.PIPE if capture else None
    return subprocess.run(command, check=True, text=True, stdout=stdout, env=env).stdout or ""


def main(data: str | None = None) -> None:
    project = prepare(Path(data) if data else None)
    run()
    commands = {command["name"]: command for command in project["commands"]}
    steps = project["workflows"]["all"]
    variables = {f"${{vars.{key}}}": str(value) for key, value in project["vars"].items()}
    for step in steps:
        for output in commands[step]["outputs"]:
            for name, value in variables.items():
                output = output.replace(name, value)
            if not (FOLDER / output).exists():
                sys.exit(f"{step} did not write {output}")
    again = run(capture=True)
    if missing := [step for step in steps if f"Skipping '{step}'" not in again]:
        sys.exit(f"ran again although nothing changed: {', '.join(missing)}")
    sys.stdout.write(f"{len(steps)} steps, and all of them skipped the second time\n")


if __name__ == "__main__":
    main(*sys.argv[1:2])
