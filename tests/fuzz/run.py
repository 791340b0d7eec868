"""python tests/fuzz/run.py {text,bytes} FOLDER -max_total_time=900 [options of libFuzzer]

Coverage-guided fuzzing with atheris (`pip install -e ".[test,fuzz]"`). FOLDER keeps the inputs that reached something new, and an
input that broke something is written to the working directory; `... run.py text FILE` runs one input again.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["spacy_segment"]):
    from targets import TARGETS, pipeline

    pipeline()  # models are imported when they are made


def main(name, folder, *options):
    target, seeds = TARGETS[name]
    if not Path(folder).is_file():
        Path(folder).mkdir(parents=True, exist_ok=True)
        for i, seed in enumerate(seeds()):
            (Path(folder) / f"seed-{i:03}").write_bytes(seed)
    atheris.Setup([sys.argv[0], folder, *options], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
