"""The directory an encoder was read from stays out of the configuration that is saved with a pipeline.

spaCy writes the configuration before the components, and from values that a factory cannot reach yet. So a component is
remembered with its pipeline until its encoder has been read.
"""

from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, ref

from spacy.language import Language

HF_ENCODER = "spacy_segment.HFEncoder.v1"
_pipelines: WeakKeyDictionary[Any, "ref[Language]"] = WeakKeyDictionary()


def remember_pipeline(component: Any, nlp: Language) -> None:
    """Note which pipeline a new component is for."""
    _pipelines[component] = ref(nlp)


def forget_directories(component: Any) -> None:
    """Null takes the place of directories of this machine, once what they hold has been read."""
    shims = [shim for node in component.model.walk() for shim in node.shims]
    if component not in _pipelines or not all(getattr(shim, "is_built", True) for shim in shims):
        return
    nlp = _pipelines.pop(component)()
    if nlp is not None and component.name in nlp.component_names:
        _forget(nlp.get_pipe_config(component.name))


def _forget(block: Any) -> None:
    if not isinstance(block, dict):
        return
    if block.get("@architectures") == HF_ENCODER:
        for key in ("name", "tokenizer"):
            if block.get(key) is not None and Path(block[key]).is_dir():
                block[key] = None
    for value in block.values():
        _forget(value)
