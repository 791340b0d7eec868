"""What becomes of a pipeline's configuration once an encoder has been read: the directory it was read from stays out of what
is saved, and the threshold that came with it goes in.

spaCy writes the configuration before the components, and from values that a factory cannot reach yet. So a component is
remembered with its pipeline until its encoder has been read.
"""

import re
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, ref

from spacy.language import Language

HF_ENCODER = "spacy_segment.HFEncoder.v1"
VARIABLE = re.compile(r"\$\{([^{}]+)\}")
_pipelines: WeakKeyDictionary[Any, "ref[Language]"] = WeakKeyDictionary()


def remember_pipeline(component: Any, nlp: Language) -> None:
    """Note which pipeline a new component is for."""
    _pipelines[component] = ref(nlp)


def settle_sources(component: Any) -> None:
    """Once what directories of this machine hold has been read, null takes their place; a threshold that came with the
    encoder takes the place of null."""
    shims = [shim for node in component.model.walk() for shim in node.shims]
    if component not in _pipelines or not all(getattr(shim, "is_built", True) for shim in shims):
        return
    nlp = _pipelines.pop(component)()
    given = [shim.threshold for shim in shims if getattr(shim, "threshold", None) is not None]
    if given and component.adopts_threshold and component.cfg["threshold"] is None:
        configure(component, nlp, threshold=given[0])
    if nlp is not None and component.name in nlp.component_names:
        _forget(nlp.get_pipe_config(component.name), nlp.config)


def configure(component: Any, nlp: Language | None, **settings: Any) -> None:
    """Change settings of a component, also where they will be saved."""
    component.cfg.update(settings)
    component.cfg["configured"].update(settings)
    if nlp is not None and component.name in nlp.component_names:
        nlp.get_pipe_config(component.name).update(settings)


def _forget(block: Any, config: dict[str, Any]) -> None:
    if not isinstance(block, dict):
        return
    if block.get("@architectures") == HF_ENCODER:
        for key in ("name", "tokenizer"):
            if block.get(key) is not None and Path(_value(block[key], config)).is_dir():
                block[key] = None
    for value in block.values():
        _forget(value, config)


def _value(given: str, config: dict[str, Any]) -> str:
    """What a setting says, be it the name of another one, as in "${paths.encoder}"."""
    variable = VARIABLE.fullmatch(given)
    if variable is None:
        return given
    found: Any = config
    for part in variable[1].split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return str(found)
