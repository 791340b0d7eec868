"""`python -m spacy segment-plot`: pictures of what `segment-evaluate`, `segment-benchmark` and `spacy train` wrote."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import srsly
import typer
from spacy.cli._util import app
from wasabi import msg

from ..checks import check_choice, wrong
from ..errors import Errors
from ..files import output_file
from ..training.formats import folder_name
from .reporting import in_words, reported

FORMATS = ("png", "svg", "pdf")
# What a file would tell of the time it was made at.
UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
MARKS = "o^svDP*X"
# Inches of a panel of learning curves.
PANEL_WIDTH = 4.5
# Columns of a legend below all panels.
N_COLUMNS = 5
# Names of scores of which less is better end so.
ERRORS = ("_pk", "_wd")
# Ticks in each power of ten of a logarithmic axis, few enough for their labels: by how many powers it shows.
TICKS = {1: (1, 1.5, 2, 3, 5, 7), 2: (1, 3), 10: (1,)}


@app.command("segment-plot")
def plot_cli(
    files: list[Path] = typer.Argument(
        ..., help="JSON of segment-evaluate or of segment-benchmark sentences and topics, JSONL logs of train"
    ),
    output: Path = typer.Option(..., "--output", "-o", help="Folder for the pictures, NAME-KIND.FORMAT"),
    kind: str = typer.Option("png", "--format", "-f", help=f"One of: {', '.join(FORMATS)}"),
) -> None:
    """Precision and recall over thresholds, calibration, error against length, F1 against speed, learning curves."""
    with reported():
        stems = [file.stem for file in files]
        names = [f"{folder_name(file)}-{file.stem}" if stems.count(file.stem) > 1 else file.stem for file in files]
        check_names(names)
        drawn = [name for file, stem in zip(files, names, strict=True) for name in draw_file(file, output, kind, stem)]
    msg.good(f"{len(drawn)} pictures in {output}: {', '.join(drawn)}")


def check_names(names: list[str]) -> None:
    """RAISES (ValueError): SEG200 for files whose pictures would have the same names."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise wrong("files", "files of different names, or in folders of different names", ", ".join(twice))


def draw_file(file: Path, output: Path, kind: str, stem: str) -> Iterator[str]:
    """Draw what a file holds. stem (str): how the names of its pictures begin.

    YIELDS (str): Names of the pictures.
    RAISES (ValueError): SEG136 if it is none of the known files; SEG200 for an unknown format. (ImportError): SEG137.
    """
    check_choice(FORMATS, format=kind)
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(Errors.SEG137) from error
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "spacy_segment"
    try:
        figures = {what: _figure(draw, data) for what, draw, data in _pictures(file)}
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(Errors.SEG136.format(path=file, reason=in_words(file, error))) from error
    for what, figure in figures.items():
        name = f"{stem}-{what}.{kind}"
        with output_file(output / name) as target:
            # Without dates (and names drawn at random) the same figures give the same bytes.
            figure.savefig(target, format=kind, dpi=120, metadata=UNDATED.get(kind))
        yield name


def _pictures(file: Path) -> list[tuple[str, Any, Any]]:
    """What to draw of a file: name, function, data."""
    if file.suffix == ".jsonl":
        return [("learning", draw_learning, list(srsly.read_jsonl(file)))]
    data = srsly.read_json(file)
    if isinstance(data, dict) and "curves" in data:
        return [
            ("thresholds", draw_thresholds, data),
            ("calibration", draw_calibration, data),
            ("lengths", draw_lengths, data),
        ]
    return [("speed", draw_speed, (_unit(data), _speeds(data)))]


def draw_thresholds(figure: Any, data: dict[str, Any]) -> None:
    """Precision against recall, a line for every condition; the dot is the threshold of the pipeline, if it has one."""
    axes = figure.subplots()
    for condition, curve in data["curves"].items():
        rows = curve["thresholds"]
        (line,) = axes.plot([row["r"] for row in rows], [row["p"] for row in rows], label=condition)
        if data["threshold"] is not None:
            used = min(rows, key=lambda row: abs(row["threshold"] - data["threshold"]))
            axes.plot(used["r"], used["p"], "o", color=line.get_color())
    dot = "" if data["threshold"] is None else f", dot at {data['threshold']}"
    _label(axes, f"{data['model']}: all thresholds{dot}", "recall", "precision")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))


def draw_calibration(figure: Any, data: dict[str, Any]) -> None:
    """Share of boundaries among candidates of a probability; on the dashed line they are what they say."""
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], "--", color="grey", linewidth=1)
    for condition, curve in data["curves"].items():
        rows = curve["calibration"]
        name = f"{condition} (error {curve['calibration_error']:.3f})"
        axes.plot([row["prob"] for row in rows], [row["true"] for row in rows], "o-", label=name)
    _label(axes, f"{data['model']}: calibration", "probability of a boundary", "share of boundaries")


def draw_lengths(figure: Any, data: dict[str, Any]) -> None:
    """Share of reference segments of which an end was missed, by their length."""
    axes = figure.subplots()
    for condition, curve in data["curves"].items():
        rows = curve["lengths"]
        axes.plot([row["from"] for row in rows], [row["wrong"] / row["n"] for row in rows], "o-", label=condition)
    axes.set_xscale("log", base=2)
    axes.set_ylim(0, 1.02)
    _label(axes, f"{data['model']}: error by length", f"length in {data['unit']} (from)", "share not found")


def draw_speed(figure: Any, data: tuple[str, dict[str, dict[str, tuple[float, float]]]]) -> None:
    """F1 against speed: a panel for every condition, a mark for every system, the same in all of them."""
    unit, conditions = data
    names = list(dict.fromkeys(name for systems in conditions.values() for name in systems))
    panels = figure.subplots(1, len(conditions), squeeze=False, sharex=True, sharey=True)[0]
    handles = {}
    for axes, (condition, systems) in zip(panels, conditions.items(), strict=True):
        for name, (speed, score) in systems.items():
            number = names.index(name)
            mark = MARKS[number % len(MARKS)]
            (handles[name],) = axes.plot(speed, score, mark, color=f"C{number % 10}", markersize=8, alpha=0.8)
        axes.set_ylim(-0.02, 1.05)
        _label(axes, condition, f"{unit} per second", "boundary F1")
    _scale_speeds(panels[0])
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=N_COLUMNS, fontsize=8)


def draw_learning(figure: Any, rows: list[dict[str, Any]]) -> None:
    """Loss and scores over the steps of training; scores of which less is better in a panel of their own, if there are any."""
    steps = [row["step"] for row in rows]
    losses = {name: [row["losses"][name] for row in rows] for name in rows[0]["losses"]}
    scores = {name: [row["scores"][name] / 100 for row in rows] for name in rows[0]["scores"]}
    errors = {name: scores.pop(name) for name in list(scores) if name.endswith(ERRORS)}
    panels = {"loss between evaluations": losses, "dev, more is better": scores, "dev, less is better": errors}
    panels = {title: curves for title, curves in panels.items() if curves}
    figure.set_figwidth(PANEL_WIDTH * len(panels))
    for axes, (title, curves) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        for name, values in curves.items():
            axes.plot(steps, values, "o-", label=name)
        _label(axes, title, "step", "loss" if curves is losses else "score")


def _unit(data: Any) -> str:
    return "sentences" if isinstance(data, dict) else "characters"


def _speeds(data: Any) -> dict[str, dict[str, tuple[float, float]]]:
    """RETURNS (dict): Condition -> system -> (characters or sentences per second, mean F1 over corpora)."""
    if isinstance(data, dict):
        systems = {name: (row["speed"], row["f"]) for name, row in data["macro"].items() if row["speed"]}
        return {"topics": systems}
    groups: dict[str, dict[str, list[dict]]] = defaultdict(lambda: defaultdict(list))
    for row in data:
        groups[row["condition"]][row["system"]].append(row)
    return {
        condition: {
            name: (
                sum(row["characters"] for row in rows) / max(1e-9, sum(row["seconds"] for row in rows)),
                fmean(row["boundary_f"] for row in rows),
            )
            for name, rows in systems.items()
        }
        for condition, systems in groups.items()
    }


def _figure(draw: Callable[[Any, Any], None], data: Any) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    draw(figure, data)
    return figure


def _scale_speeds(axes: Any) -> None:
    """Logarithmic, with labels such as "30k" that leave each other room."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    powers = np.log10(high / low)
    subs = next(ticks for most, ticks in TICKS.items() if powers <= most or most == max(TICKS))
    axes.xaxis.set(
        major_locator=LogLocator(subs=subs), minor_locator=NullLocator(), major_formatter=EngFormatter(sep="")
    )


def _label(axes: Any, title: str, x: str, y: str) -> None:
    """Title and names of axes; a legend below, where it covers no curve."""
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
