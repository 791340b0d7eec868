"""Read an encoder from a directory or the hub. The one place that calls Hugging Face: local first, offline safe."""

import inspect
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from torch import Tensor, nn

from ..errors import Errors
from ..types import Floats1d, Floats2d
from . import serialize
from .torch.lookahead import ROBERTA_LIKE, LimitedLookahead

# The format of published SaT checkpoints: XLM-R with a limit of look-ahead and a classifier, row 0 of which is "a newline
# follows". transformers does not know it, nor the limits, of which the least are here.
SAT = "xlm-token"
LIMITS = {"lookahead": 0, "lookahead_split_layers": 1}
# What a configuration may hold: plain values, none of them beyond all proportion.
PLAIN = (bool, int, float, str, type(None), list, tuple, dict)
LARGEST = 10_000_000
MOST_LAYERS = 1000
# What DeBERTa reads of a configuration beside the arguments of its class.
BESIDE = ("position_buckets", "norm_rel_ebd", "share_att_key", "conv_kernel_size", "conv_groups", "conv_act")
# Files that a tokenizer is read from.
TOKENIZERS = ("tokenizer.json", "vocab.*", "*.model")
# Look-ahead, in pieces, of an encoder whose checkpoint says nothing of it.
LOOKAHEAD = 48
# Thresholds of the published models: of one label (trained on gold sentences), of many without and with the limit.
THRESHOLDS = {"sm": 0.25, "unlimited": 0.01, "base": 0.025}


@dataclass(frozen=True)
class Checkpoint:
    """What was read: settings that rebuild the encoder and its weights; of a SaT checkpoint the row of the head that is the
    boundary's, and the threshold of its kind."""

    meta: dict[str, Any]
    weights: dict[str, Tensor]
    head: tuple[Floats2d, Floats1d] | None = None
    threshold: float | None = None


def read_checkpoint(name: str, *, tokenizer: str | None, n_layers: int | None) -> Checkpoint:
    """Read configuration, weights and tokenizer; no code of theirs is run.

    name (str): Directory, or name on the hub. tokenizer (str or None): The same of the tokenizer, if it is elsewhere.
    RAISES (ValueError): SEG310, also for weights that are not all there.
    """
    from transformers import AutoModel, AutoTokenizer, XLMRobertaForTokenClassification, XLMRobertaTokenizerFast

    try:
        _check_directory(Path(name))
        _check_tokenizer(Path(tokenizer or name))
        config, limits = _read_config(name)
        if n_layers is not None:
            config.num_hidden_layers = n_layers
        is_sat = limits is not None
        options: dict[str, Any] = {"config": config, "trust_remote_code": False, "use_safetensors": True}
        read: Callable = AutoModel.from_pretrained
        if is_sat:
            read = XLMRobertaForTokenClassification.from_pretrained
            options.pop("trust_remote_code")
        elif config.model_type in ROBERTA_LIKE or config.model_type == "bert":
            options["add_pooling_layer"] = False
        model, found = read(name, output_loading_info=True, **options)
        if found["missing_keys"]:
            raise ValueError(f"its weights lack {', '.join(sorted(found['missing_keys']))}")
        with _asking(tokenizer or name):
            if is_sat:
                fast = XLMRobertaTokenizerFast.from_pretrained(tokenizer or name, trust_remote_code=False)
            else:
                fast = AutoTokenizer.from_pretrained(tokenizer or name, trust_remote_code=False, use_fast=True)
        pieces = fast.backend_tokenizer.to_str()
        encoder = model.roberta if is_sat else model
        weights = {f"encoder.{key}": value for key, value in encoder.state_dict().items()}
        serialize.check_finite(weights)
    except Exception as error:  # files of others, read by code of others: it may be any
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(Errors.SEG310.format(name=Path(name).name, reason=reason)) from error
    meta = {
        "config": config.to_dict() | (limits or {}),
        "tokenizer": pieces,
        "special": [fast.cls_token_id, fast.sep_token_id, fast.pad_token_id],
    }
    meta["config"].pop("_name_or_path", None)
    if limits is None:
        return Checkpoint(meta, weights)
    head = [values.detach().numpy()[:1] for values in (model.classifier.weight, model.classifier.bias)]
    return Checkpoint(meta, weights, (head[0], head[1]), THRESHOLDS[_kind(config, limits)])


def kind_of(name: str) -> str:
    """RETURNS (str): Which key of THRESHOLDS a SaT checkpoint has, by its labels and look-ahead, never by its name.

    RAISES (ValueError): SEG310 if there is no SaT checkpoint.
    """
    try:
        config, limits = _read_config(name)
        if limits is None:
            raise ValueError(f"its model_type is {config.model_type!r}, expected {SAT!r}")
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(Errors.SEG310.format(name=Path(name).name, reason=error)) from error
    return _kind(config, limits)


def _kind(config: Any, limits: dict[str, Any]) -> str:
    if config.num_labels == 1:
        return "sm"
    return "unlimited" if limits["lookahead"] is None else "base"


def build_encoder(
    meta: dict[str, Any], *, lookahead: int | str | None, n_values: tuple[int, ...] = ()
) -> LimitedLookahead:
    """An encoder with fresh weights.

    lookahead (int, None or "auto"): Pieces seen to the right in all; "auto" for what the checkpoint says, or LOOKAHEAD.
    n_values (tuple of int): See `LimitedLookahead`.
    """
    import transformers
    from transformers import AutoModel

    config = build_config(meta["config"])
    kind = config.model_type
    encoder: nn.Module
    if kind in ROBERTA_LIKE or kind == "bert":
        encoder = AutoModel.from_config(config, trust_remote_code=False, add_pooling_layer=False)
    else:
        encoder = AutoModel.from_config(config, trust_remote_code=False)
    return LimitedLookahead(
        encoder.float(),
        lookahead=lookahead_per_layer(meta["config"], lookahead, config.num_hidden_layers),
        four_dimensional=int(transformers.__version__.split(".")[0]) >= 5,
        n_values=n_values,
    )


def lookahead_per_layer(config: dict[str, Any], lookahead: int | str | None, n_layers: int) -> list[int] | None:
    """Split the look-ahead over all layers, or, if the checkpoint says so, over the first ones; then the rest see none.

    RETURNS (list of int or None): Pieces seen to the right by each layer; None for no limit.
    """
    total: Any = config.get("lookahead", LOOKAHEAD) if lookahead == "auto" else lookahead
    if total is None:
        return None
    n_seeing = min(config.get("lookahead_split_layers") or n_layers, n_layers)
    return [total // n_seeing] * n_seeing + [0] * (n_layers - n_seeing)


def _read_config(name: str) -> tuple[Any, dict[str, Any] | None]:
    """RETURNS (tuple): The configuration, and for a SaT checkpoint the fields that transformers does not know."""
    from transformers import AutoConfig, PretrainedConfig, XLMRobertaConfig

    with _asking(name):
        fields, _ = PretrainedConfig.get_config_dict(name)
    if fields.get("model_type") != SAT:
        return build_config(AutoConfig.from_pretrained(name, trust_remote_code=False).to_dict()), None
    limits = {key: fields.pop(key, None) for key in LIMITS}
    for key, least in LIMITS.items():
        value = limits[key]
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise ValueError(f"its {key} is {value!r}, no number of at least {least}")
    fields.pop("model_type")
    config = XLMRobertaConfig.from_dict(fields)
    build_config(config.to_dict())  # raises if its values are out of proportion
    return config, limits


def build_config(values: dict[str, Any]) -> Any:
    """A configuration of transformers from values out of a file: of a text encoder, without anything that names code,
    other models, or sizes out of all proportion.

    RAISES (ValueError): If it is not one.
    """
    from transformers import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    kind = str(values.get("model_type"))
    if kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        raise ValueError(f"{kind!r} is no text encoder that this version of transformers knows")
    cls = CONFIG_MAPPING[kind]
    known = {*inspect.signature(cls.__init__).parameters, *BESIDE} - {"self", "kwargs"}
    settings = {name: value for name, value in values.items() if name in known and isinstance(value, PLAIN)}
    large = [name for name, value in settings.items() if isinstance(value, int | float) and abs(value) > LARGEST]
    if large:
        raise ValueError(f"its {large[0]} is {settings[large[0]]}, more than {LARGEST}")
    # Drop-out of attention is not a layer that training could set: without this it would always be on.
    settings |= {name: 0.0 for name in settings if "attention" in name and "drop" in name}
    config = cls(**settings)
    if not 0 < config.num_hidden_layers <= MOST_LAYERS:
        raise ValueError(f"it tells of {config.num_hidden_layers} layers, and {MOST_LAYERS} are the most")
    return config


@contextmanager
def _asking(name: str) -> Iterator[None]:
    """Let the hub be asked for what is no directory, without its log of every try.

    RAISES (ValueError): If it gives nothing.
    """
    if Path(name).is_dir():
        yield
        return
    log = logging.getLogger("huggingface_hub")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    except Exception as error:
        # Where there are no files, transformers may name packages that it lacks.
        reason = "" if isinstance(error, ImportError) else f" ({error})"
        raise ValueError(f"there is no directory '{name}', and nothing of that name on the hub{reason}") from error
    finally:
        log.setLevel(level)


def _check_tokenizer(path: Path) -> None:
    """RAISES (ValueError): If a local directory holds no tokenizer of any kind, or a broken one: transformers names packages that it
    lacks.
    """
    file = path / "tokenizer.json"
    if file.is_file():
        try:
            Tokenizer.from_file(str(file))
        except Exception as error:  # it is of no other class
            raise ValueError(f"the tokenizer.json in '{path.name}' is broken ({error})") from error
    elif path.is_dir() and not any(file for pattern in TOKENIZERS for file in path.glob(pattern)):
        raise ValueError(f"there is no tokenizer.json in '{path.name}', give its place, as 'tokenizer' or --tokenizer")


def _check_directory(path: Path) -> None:
    """RAISES (ValueError): If files of a local directory would make transformers read files elsewhere."""
    if (path / "adapter_config.json").exists():
        raise ValueError("it is an adapter of another encoder")
    index = path / "model.safetensors.index.json"
    if index.is_file():
        outside = [name for name in json.loads(index.read_text())["weight_map"].values() if Path(name).name != name]
        if outside:
            raise ValueError(f"its weights lie outside of it, at {outside[0]}")
