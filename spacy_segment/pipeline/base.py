"""What both components share: saving and loading that never leave half a model, and settings given at load."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import srsly
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model

from ..checks import wrong
from ..errors import Errors, is_coded
from ..files import write_atomically
from ..listeners import listens
from .sources import settle_sources

SegmenterT = TypeVar("SegmenterT", bound="Segmenter")

# What a model that was just loaded has to get through: two units of two pieces.
TRIAL = ["a", "b"]


class Segmenter(TrainablePipe):
    """Base of the components.

    defaults (dict): Settings and the values they have if none are given.
    check (staticmethod): Raises SEG200 for settings that cannot be.
    adopts_threshold (bool): Whether a threshold that comes with the encoder takes the place of null.
    """

    adopts_threshold: ClassVar[bool] = True
    defaults: ClassVar[dict[str, Any]]
    check: ClassVar[staticmethod]

    def __init__(
        self, vocab: Vocab, model: Model, name: str, scorer: Callable | None, settings: dict[str, Any]
    ) -> None:
        given = {**self.defaults, **settings}
        self.check(given)
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.cfg = {**given, "configured": given}

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save. Every file appears whole or stays as it was.

        RAISES (OSError): SEG303 if a file cannot be written.
        """
        self._tell_model()
        folder = Path(path)
        try:
            if "cfg" not in exclude:
                write_atomically(folder / "cfg", srsly.json_dumps(self.cfg, indent=2).encode())
            if "model" not in exclude:
                write_atomically(folder / "model", self.model.to_bytes())
            if "vocab" not in exclude:
                self.vocab.to_disk(folder / "vocab", exclude=exclude)
        except OSError as error:
            raise OSError(Errors.SEG303.format(path=path, reason=error)) from error

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        self._tell_model()
        return super().to_bytes(exclude=exclude)

    def from_disk(self: SegmenterT, path: str | Path, *, exclude: Iterable[str] = ()) -> SegmenterT:
        """Load. RAISES (ValueError): SEG300, SEG301, SEG200."""
        with self._loading(exclude):
            for name in {"cfg", "model"} - set(exclude):  # a pipe or a device would be read without end
                if not Path(path, name).is_file():
                    raise ValueError(f"there is no file '{name}'")
            if "cfg" not in exclude and not isinstance(srsly.read_json(Path(path, "cfg")), dict):
                raise ValueError("the file 'cfg' holds no settings")
            super().from_disk(path, exclude=exclude)
        return self

    def from_bytes(self: SegmenterT, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> SegmenterT:
        """Load. RAISES (ValueError): SEG300, SEG301, SEG200."""
        with self._loading(exclude):
            super().from_bytes(bytes_data, exclude=exclude)
        return self

    def _set_vocabulary(self, *vocabulary: Any) -> None:
        """Give a vocabulary to the encoder, unless it has one. RAISES (ValueError): SEG200 if it brings its own pieces."""
        encoder = self.model.layers[0]
        if "set_vocabulary" not in encoder.attrs:
            expected = f"null for '{encoder.name}', which brings its own pieces"
            raise wrong("vocabulary", expected, type(vocabulary[0]))
        if not encoder.shims[0].is_built:
            encoder.attrs["set_vocabulary"](encoder, *vocabulary)

    @contextmanager
    def _loading(self, exclude: Iterable[str]) -> Iterator[None]:
        """Whatever is wrong with a file has a coded error and leaves the settings as they were; those given before the load win over
        those in it.
        """
        given = self.cfg["configured"]
        nodes = [self.model, *self.model.layers]
        nodes += [node for node in self.model.walk() if any(hasattr(shim, "is_built") for shim in node.shims)]
        options = [dict(node.attrs) for node in nodes]  # thinc would put the saved ones in their places
        before = dict(self.cfg)
        with reading_model():
            try:
                yield
                for node, attrs in zip(nodes, options, strict=True):
                    node.attrs.update(attrs)
                if "model" not in exclude:
                    self._try_model()
                self._settle(given)
                settle_sources(self)
            except Exception:
                self.cfg.clear()
                self.cfg.update(before)
                for node, attrs in zip(nodes, options, strict=True):
                    node.attrs.update(attrs)
                raise

    def _try_model(self) -> None:
        """Predict once. A model without weights, or one that listens to another component, cannot yet."""
        nodes = list(self.model.walk())
        is_empty = any(not getattr(shim, "is_built", True) for node in nodes for shim in node.shims)
        if not any(node.shims for node in nodes):
            is_empty = not any(node.has_param(name) for node in nodes[1:] for name in node.param_names)
        if is_empty or listens(self.model):
            return
        self._tell_model()
        (prediction,) = self.model.predict([Doc(self.vocab, words=TRIAL, sent_starts=[True] * len(TRIAL))])
        for name, values in vars(prediction).items():
            if values is not None and not np.isfinite(np.asarray(values)).all():
                raise ValueError(Errors.SEG301.format(problems=f"Not finite: the {name} of a prediction."))

    def _settle(self, given: dict[str, Any]) -> dict[str, Any]:
        """Settings given at load win over saved ones; a factory default does not count as given. RETURNS (dict): Those that win."""
        saved, defaults, read = self.cfg["configured"], _as_read(self.defaults), _as_read(given)
        winning = {name: given[name] for name in given if read[name] not in (defaults[name], saved.get(name))}
        self.cfg.update(winning)
        self.cfg["configured"] = given
        self.check(self.cfg)
        return winning

    def _tell_model(self) -> None:
        """Pass settings on that the model has to know."""


@contextmanager
def reading_model() -> Iterator[None]:
    """RAISES (ValueError): SEG300 for whatever goes wrong without a code: files may hold anything, and so may the errors of their
    readers.
    """
    try:
        yield
    except Exception as error:
        if is_coded(error):
            raise
        raise ValueError(Errors.SEG300.format(reason=f"{type(error).__name__}: {error}")) from error


def _as_read(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as they come back from a file, whose reader makes 0.30000000000000004 of 0.3."""
    return srsly.json_loads(srsly.json_dumps(settings))
