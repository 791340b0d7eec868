"""SaT checkpoints of random weights in the published format, for tests and for comparing speed without a download."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

# What is a sentence end to the head that is fitted.
MARKS = ".!?。！？।…"


def make_tokenizer(path: Path, texts: list[str], *, size: int) -> None:
    """Learn a unigram vocabulary with the special pieces of XLM-R in their places and the steps of its tokenizer.

    Kudo (2018).
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import XLMRobertaTokenizerFast

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=size, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    XLMRobertaTokenizerFast(tokenizer_object=tokenizer, model_max_length=512).save_pretrained(path)


def make_checkpoint(
    path: Path,
    *,
    n_layers: int,
    lookahead: int | None,
    n_labels: int,
    hidden_width: int,
    fit_to: str | None = None,
    **limits: Any,
) -> None:
    """Write config.json and model.safetensors into a directory that holds a tokenizer.

    fit_to (str or None): Fit the head to the marks in this text, and have places matter as little as in a trained model:
        then probabilities are near 0 or 1 as those of a trained model are. None leaves all weights random.
    limits (Any): Further fields of the configuration.
    """
    from transformers import XLMRobertaConfig, XLMRobertaForTokenClassification, XLMRobertaTokenizerFast

    torch.manual_seed(0)
    tokenizer = XLMRobertaTokenizerFast.from_pretrained(path, trust_remote_code=False)
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden_width,
        num_hidden_layers=n_layers,
        num_attention_heads=max(2, hidden_width // 64),
        intermediate_size=4 * hidden_width,
        max_position_embeddings=514,
        pad_token_id=1,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        num_labels=n_labels,
    )
    model = XLMRobertaForTokenClassification(config).eval()
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if name.endswith("weight") and weights.ndim == 2 and ".layer." in name:
                # With the usual start layers do next to nothing; with this one all of them count.
                weights.normal_(std=(1.0 if fit_to is None else 0.3) * hidden_width**-0.5)
        model.classifier.weight.normal_(std=hidden_width**-0.5 / 2)
        if fit_to is not None:
            model.roberta.embeddings.position_embeddings.weight.mul_(0.05)
            _fit_head(model, tokenizer, fit_to)
    model.save_pretrained(path, safe_serialization=True)
    fields = json.loads((path / "config.json").read_text())
    fields |= {"model_type": "xlm-token", "architectures": ["SubwordXLMForTokenClassification"], "lookahead": lookahead}
    (path / "config.json").write_text(json.dumps({**fields, "lookahead_split_layers": None, **limits}))


def _fit_head(model: Any, tokenizer: Any, text: str) -> None:
    """Ridge regression of the boundary's row on +4 for pieces that end with a mark and -4 for the others."""
    ids = tokenizer(text, truncation=True, max_length=512, return_tensors="pt")["input_ids"]
    states = model.roberta(ids).last_hidden_state[0].numpy()
    pieces = tokenizer.convert_ids_to_tokens(ids[0])
    target = np.where([piece[-1] in MARKS for piece in pieces], 4.0, -4.0)
    width = states.shape[1]
    rows = np.concatenate([states, np.ones((len(states), 1))], axis=1)
    solution = np.linalg.solve(rows.T @ rows + 0.1 * np.eye(width + 1), rows.T @ target)
    model.classifier.weight[0] = torch.from_numpy(solution[:-1])
    model.classifier.bias[0] = float(solution[-1])
