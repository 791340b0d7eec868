"""Check the files of a data folder against the assets that a project declares.

`spacy project assets` leaves a file alone that is there already, also a wrong one, and ends well even then; `spacy project
run` looks at no checksum at all. Hence a step of our own, whose output later steps depend on.
"""

import hashlib
from pathlib import Path

import srsly

from ..errors import Errors
from ..files import check_output, write_output

# The folders that are read.
KINDS = ("sentences", "topics")


def verify(data: Path, project: Path, output: Path) -> tuple[int, int]:
    """Check the assets below a folder and write a table of all its files with their MD5 and how they were checked.

    data (Path): Folder with `sentences` and `topics`. Assets with another destination are not looked at.
    project (Path): A `project.yml`.
    output (Path): A tab-separated table to write: file, md5, and "checksum" or "none".
    RETURNS (tuple of int): Number of files, and of those with a checksum that was right.
    RAISES (ValueError): SEG110 if there is no such folder; SEG113 naming every asset that is missing or has another checksum, or if the
        project cannot be read; nothing is written then. (OSError): SEG139.
    """
    check_output(output)
    if not data.is_dir():
        raise ValueError(Errors.SEG110.format(path=data, formats=f"folders: {', '.join(KINDS)}"))
    declared = _declared(data, project)
    found = {path.resolve(): path for kind in KINDS for path in sorted((data / kind).rglob("*")) if path.is_file()}
    sums = {path: hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() for path in found}
    problems = [f"{path.name} is missing" for path in declared if path not in found and not path.is_dir()]
    problems += [
        f"{found[path]} has MD5 {sums[path]}, expected {checksum}"
        for path, checksum in declared.items()
        if checksum and path in found and sums[path] != checksum
    ]
    if problems:
        raise ValueError(Errors.SEG113.format(project=project, problems="; ".join(problems)))
    rows = [
        (path.relative_to(data).as_posix(), sums[key], "checksum" if declared.get(key) else "none")
        for key, path in found.items()
    ]
    table = "".join("\t".join(row) + "\n" for row in [("file", "md5", "checked"), *rows])
    write_output(output, table.encode())
    return len(rows), sum(checked == "checksum" for *_, checked in rows)


def _declared(data: Path, project: Path) -> dict[Path, str | None]:
    """Assets below the folder -> checksum, or None. RAISES (ValueError): SEG113 if the project file cannot be read."""
    root = data.resolve()
    try:
        assets = {
            (project.parent / asset["dest"]).resolve(): asset.get("checksum")
            for asset in srsly.read_yaml(project).get("assets") or []
        }
    except Exception as error:  # of a reader of others; the file may hold anything
        problem = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(Errors.SEG113.format(project=project, problems=problem)) from error
    return {path: checksum for path, checksum in assets.items() if path.is_relative_to(root)}
