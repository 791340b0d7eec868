"""spaCy's console logger with learning curves of a whole run, however often it was killed.

spaCy's own writes nothing where its file is there already, loses the last rows of a killed run, and counts the steps of a
resumed one from 0.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import srsly
from spacy.language import Language
from spacy.training.loggers import console_logger_v3

from ..errors import Errors
from ..files import write_output
from .optimizer import steps_done

Info = dict[str, Any]


def console_logger(
    progress_bar: str | None = None,
    console_output: bool = True,
    output_file: str | None = None,
    checkpoint: str | None = None,
) -> Callable[..., tuple[Callable[[Info | None], None], Callable[[], None]]]:
    """Log as `spacy.ConsoleLogger.v3` does; a run that goes on counts its steps on.

    progress_bar (str or None): "eval": steps to the next evaluation; "train": to the end, where `[training] max_steps` is a
        number and no function.
    console_output (bool): Whether to print rows.
    output_file (str or None): JSONL file with a row for every evaluation, for `segment-plot`. A fresh run begins it anew, a
        resumed one keeps the rows up to its checkpoint.
    checkpoint (str or None): The checkpoint of the optimizer.
    RETURNS (Callable): Makes the logger of a pipeline.
    RAISES (ValueError): SEG422 if a resumed run cannot read its file, SEG420. OSError: SEG139.
    """
    setup_console = console_logger_v3(progress_bar=progress_bar, console_output=console_output)

    def setup(
        nlp: Language, stdout: IO = sys.stdout, stderr: IO = sys.stderr
    ) -> tuple[Callable[[Info | None], None], Callable[[], None]]:
        """Begin, or go on from the checkpoint. RETURNS (tuple of Callable): What logs a step, and what ends the log."""
        done = steps_done(checkpoint)
        path = Path(output_file) if output_file else None
        rows = read_rows(path, done) if path else []
        weights = nlp.config["training"]["score_weights"]
        names = [name for name, weight in weights.items() if weight is not None]
        log_console, finalize = setup_console(nlp, stdout, stderr)

        def log_step(info: Info | None) -> None:
            """info (dict or None): Of an evaluation, None for a step without one."""
            if info is not None:
                info = {**info, "step": info["step"] + done}
            log_console(info)
            if info is not None and path is not None:
                rows.append(make_row(info, names))
                write_rows(path, rows)

        return log_step, finalize

    return setup


def make_row(info: Info, names: list[str]) -> dict[str, Any]:
    """An evaluation as spaCy logs it: losses, and scores in percent. names (list of str): Scores to keep."""
    return {
        "epoch": info["epoch"],
        "step": info["step"],
        "losses": {name: float(loss) for name, loss in info["losses"].items()},
        "scores": {name: 100 * float(info["other_scores"].get(name, 0.0)) for name in names},
        "score": float(info["score"]),
    }


def read_rows(path: Path, done: int) -> list[dict[str, Any]]:
    """Rows of a file up to the step that its run goes on from; none for a fresh run. RAISES (ValueError): SEG422."""
    if not done or not path.exists():
        return []
    try:
        return [row for row in srsly.read_jsonl(path) if row["step"] < done]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(Errors.SEG422.format(path=path, reason=f"{type(error).__name__}: {error}")) from error


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the file anew, whole. RAISES (OSError): SEG139."""
    write_output(path, "".join(srsly.json_dumps(row) + "\n" for row in rows).encode())
