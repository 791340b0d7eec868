"""Finding files, and writing them so that a half-written one is never seen."""

import errno
import glob
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .errors import Errors


def files_at(path: str, counts: Callable[[Path], bool] = lambda file: True) -> list[str]:
    """A file as it is named, the files below a folder (hidden ones left out), or those of a pattern: sorted, and none for no path.

    counts (Callable): Which files of a folder count.
    RAISES (OSError): For what cannot be looked at.
    """
    place = Path(path)
    if not path:  # not the folder we are in
        return []
    if place.exists() and not place.is_dir():  # before all, for its name may look like a pattern; a pipe counts too
        return [path]
    if place.is_dir():
        below = (file for file in sorted(place.rglob("*")) if file.is_file() and counts(file))
        return [str(file) for file in below if not _is_hidden(file.relative_to(place))]
    return sorted(file for file in glob.glob(path, recursive=True) if Path(file).is_file())


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Write next to the target, flush to the disk, then rename over it: the old file stays until the new one is whole.

    A new file has the mode of the old one. A device or a pipe is written to as it is; a link stays one. Folders that are not there
    are made.

    RAISES (OSError): As `open` and `os.replace` do; nothing is left behind then.
    """
    path = _real(path)
    if _is_device(path):
        with open(path, "wb") as file:
            yield file
        return
    with _made_folder(path.parent):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:50]}.")
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, path.stat().st_mode if path.exists() else 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to fill beside the place where none is yet; it appears there once it is full, or not at all.

    RAISES (OSError): As `mkdtemp` and `rename` do; nothing is left behind then.
    """
    with _made_folder(path.parent):
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name[:50]}."))
        try:
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            temporary.rename(path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


@contextmanager
def _made_folder(path: Path) -> Iterator[None]:
    """Make a folder and those above it. After an error, those that were not there before and are empty go again."""
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise


@contextmanager
def output_file(path: Path) -> Iterator[BinaryIO]:
    """`atomic_file` for what a user asked for. RAISES (OSError): SEG139."""
    try:
        with atomic_file(path) as file:
            yield file
    except OSError as error:
        raise OSError(Errors.SEG139.format(path=path, reason=error)) from error


def write_output(path: Path, data: bytes) -> None:
    """Write a whole file that a user asked for. RAISES (OSError): SEG139."""
    with output_file(path) as file:
        file.write(data)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file, see `atomic_file`."""
    with atomic_file(path) as file:
        file.write(data)


def check_folder(path: Path | None) -> None:
    """Before long work: whether a folder for a pipeline could be made, or written to, if one is asked for. The folder we are in is
    what an empty path means too, so it is not filled.

    RAISES (OSError): SEG303.
    """
    if path is None:
        return
    try:
        if path == Path():
            raise OSError("it is the folder we are in, give one of its own")
        _check_writable(path)
    except OSError as error:
        raise OSError(Errors.SEG303.format(path=path, reason=error)) from error


def check_output(path: Path | None) -> None:
    """Before long work: whether a file could be written, if one is asked for. RAISES (OSError): SEG139."""
    if path is None:
        return
    try:
        real = _real(path)
        if not _is_device(real):
            _check_writable(real.parent)
    except OSError as error:
        raise OSError(Errors.SEG139.format(path=path, reason=error)) from error


def _real(path: Path) -> Path:
    """The file that a path leads to, which need not be there. RAISES (OSError): If it is a folder."""
    path = Path(os.path.realpath(path))
    if path.is_dir():  # said before the work, not by `os.replace` after it
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return path


def _is_device(path: Path) -> bool:
    return path.exists() and not path.is_file()


def _check_writable(folder: Path) -> None:
    """RAISES (OSError): If a folder could not be made, or not be written to."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        raise OSError(f"'{there}' is no folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OSError(f"'{there}' cannot be written to")


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
