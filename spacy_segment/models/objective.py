"""The objective of a topic model: parts by name, each with its weight."""

from collections.abc import Callable
from typing import cast

from torch import Tensor

from ..checks import wrong


def merge_weights(usual: dict[str, float], given: dict[str, float] | None) -> dict[str, float]:
    """What every part of the objective counts.

    usual (dict): Weight of every part; given (dict or None): those that are to be others.
    RAISES (ValueError): SEG200 for a part that is not known, a weight below 0, or if nothing counts.
    """
    weights = {**usual, **(given or {})}
    if set(weights) != set(usual) or min(weights.values()) < 0 or not any(weights.values()):
        expected = f"numbers of at least 0, not all 0, by these names: {', '.join(usual)}"
        raise wrong("weights", expected, given)
    return weights


def finish_loss(
    losses: dict[str, Tensor], weights: dict[str, float], backprop_encoder: Callable[[], None]
) -> tuple[dict[str, float], Callable[[], None]]:
    """What `begin_loss` of every topic model gives back.

    RETURNS (tuple): What every part of the objective is, unweighted, and a function that computes the gradients of their
        weighted sum.
    RAISES (ValueError): SEG200 if no part that counts applies to the model.
    """
    if not any(weights[name] for name in losses):
        expected = "weights of parts that apply: without labels there is none to classify"
        raise wrong("weights", expected, weights)
    total = sum(weights[name] * loss for name, loss in losses.items())

    def backprop() -> None:
        cast(Tensor, total).backward()
        backprop_encoder()

    return {name: float(loss.detach()) for name, loss in losses.items()}, backprop
