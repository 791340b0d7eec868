"""What becomes of a pipeline's configuration once an encoder has been read: the directory it was read from stays out of what
is saved, and the threshold that came with it goes in. Before a pipeline is given away, all paths go.

spaCy writes the configuration before the components, and from values that a factory cannot reach yet. So a component is
remembered with its pipeline until its encoder has been read.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, ref

from spacy.language import Language
from spacy.util import walk_dict
from thinc.api import Model

# By the beginnings of architectures: what says where an encoder is read from, and what stands there once it was.
READ_FROM: dict[str, dict[str, Any]] = {
    "spacy_segment.HFEncoder.": {"name": None, "tokenizer": None},
    "spacy-transformers.": {"name": ""},
}
VARIABLE = re.compile(r"\$\{([^{}]+)\}")
_pipelines: WeakKeyDictionary[Any, "ref[Language]"] = WeakKeyDictionary()


def remember_pipeline(component: Any, nlp: Language) -> None:
    """Note which pipeline a new component is for."""
    _pipelines[component] = ref(nlp)


def settle_sources(component: Any) -> None:
    """Once what directories of this machine hold has been read, null takes their place; a threshold that came with the
    encoder takes the place of null."""
    shims = [shim for node in component.model.walk() for shim in node.shims]
    if not all(getattr(shim, "is_built", True) for shim in shims):
        return
    nlp = _pipelines.pop(component, lambda: None)()  # a copy of a component is not remembered
    for shim in (shim for shim in shims if hasattr(shim, "threshold")):
        given, shim.threshold = shim.threshold, None
        if given is not None and component.adopts_threshold and component.cfg["threshold"] is None:
            configure(component, nlp, threshold=given)
    if nlp is not None and component.name in nlp.component_names:
        config = nlp.config
        _forget(nlp.get_pipe_config(component.name), lambda given: Path(_value(given, config)).is_dir())


def forget_paths(nlp: Language) -> None:
    """Take the paths of this machine out of a trained pipeline, but for those that a component of others still reads.

    nlp (Language): Its configuration is changed, and what spacy-transformers remembers of where an encoder was.
    """
    config = nlp.config
    for name, pipe in nlp.components:
        _forget(
            nlp.get_pipe_config(name),
            lambda given: given.startswith("${paths.") or Path(_value(given, config)).is_dir(),
        )
        if isinstance(getattr(pipe, "model", None), Model):
            _forget_origin(pipe.model)
    used = {value for _, value in walk_dict(nlp.config["components"]) if isinstance(value, str)}
    for key, value in config.get("paths", {}).items():
        if f"${{paths.{key}}}" not in used and value not in used:
            config["paths"][key] = None
    if "output_file" in config.get("training", {}).get("logger", {}):
        config["training"]["logger"]["output_file"] = None


def configure(component: Any, nlp: Language | None, **settings: Any) -> None:
    """Change settings of a component, also where they will be saved."""
    component.cfg.update(settings)
    component.cfg["configured"].update(settings)
    if nlp is not None and component.name in nlp.component_names:
        nlp.get_pipe_config(component.name).update(settings)


def _forget(block: Any, is_path: Callable[[str], bool]) -> None:
    if not isinstance(block, dict):
        return
    for beginning, settings in READ_FROM.items():
        if str(block.get("@architectures")).startswith(beginning):
            block.update({key: to for key, to in settings.items() if block.get(key) and is_path(block[key])})
    for value in block.values():
        _forget(value, is_path)


def _forget_origin(model: Model) -> None:
    """The layer of spacy-transformers, its configuration and its tokenizer each save where they were read, be it a folder that
    was made for a moment to load them."""
    for node in model.walk():
        if node.attrs.get("has_transformer"):
            node.attrs["name"] = node.transformer.config.name_or_path = node.tokenizer.name_or_path = ""


def _value(given: str, config: dict[str, Any]) -> str:
    """What a setting says, be it the name of another one, as in "${paths.encoder}"."""
    variable = VARIABLE.fullmatch(given)
    if variable is None:
        return given
    found: Any = config
    for part in variable[1].split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return str(found)
