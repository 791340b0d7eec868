"""Writing files so that a half-written one is never seen."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .errors import Errors


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Write next to the target, flush to the disk, then rename over it: the old file stays until the new one is whole.

    A new file has the mode of the old one. A device or a pipe is written to as it is; a link stays one.

    RAISES (OSError): As `open` and `os.replace` do; nothing is left behind then.
    """
    path = Path(os.path.realpath(path))
    if path.is_dir():  # said before the work, not by `os.replace` after it
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        with open(path, "wb") as file:
            yield file
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
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
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
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


def check_folder(path: Path) -> None:
    """Before long work: whether a folder could be made, or written to.

    RAISES (OSError): SEG303.
    """
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        reason = f"'{there}' cannot be written to" if there.is_dir() else f"'{there}' is no folder"
        raise OSError(Errors.SEG303.format(path=path, reason=reason))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
