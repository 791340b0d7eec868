"""How packed training changes weights: Muon for the matrices of the layers, AdamW for all else; and the file it goes on from."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import Errors
from .optimizer import read_checkpoint, stored_state, write_checkpoint

# What either optimizer keeps of a parameter.
MUON = ("momentum_buffer",)
ADAMW = ("exp_avg", "exp_avg_sq")


def check_torch() -> None:
    """RAISES (ImportError): SEG438 if torch is older than Muon."""
    if not hasattr(torch.optim, "Muon"):
        raise ImportError(Errors.SEG438.format(version=torch.__version__))


class PackedOptimizer:
    """One learning rate for both optimizers: Muon's steps are as large as those of AdamW.

    encoder (Module): The weights of its linear layers are orthogonalised (Muon).
    others (list of Module): What is trained beside it; weights may be shared.
    weight_decay (float): Of matrices; vectors (biases, norms) have none.

    Jordan et al. (2024), Muon; Liu et al. (2025), Muon is scalable for LLM training, section 2.2 (the size of steps);
    Loshchilov & Hutter (2019), Decoupled weight decay regularization.
    """

    def __init__(self, encoder: nn.Module, others: list[nn.Module], weight_decay: float) -> None:
        matrices = [layer.weight for layer in encoder.modules() if isinstance(layer, nn.Linear)]
        known = {id(matrix) for matrix in matrices}
        rest = [p for p in nn.ModuleList([encoder, *others]).parameters() if id(p) not in known]
        groups = [
            {"params": [p for p in rest if p.ndim > 1], "weight_decay": weight_decay},
            {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.muon = torch.optim.Muon(matrices, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
        self.adamw = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)

    def step(self, loss: Tensor, rate: float) -> None:
        """Go against the gradient of a loss, clipped at a norm of 1 over all parameters."""
        both = (self.muon, self.adamw)
        for optimizer in both:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([parameter for parameter, _, _ in self._kept()], 1.0)
        for optimizer in both:
            optimizer.step()

    def write(self, path: Path, steps: int, made_of: str = "") -> None:
        """Write weights, moments and the number of steps; made_of as for `write_checkpoint`. RAISES (OSError): SEG421."""
        tensors = (
            (parameter, *(optimizer.state[parameter][name] for name in names))
            for parameter, optimizer, names in self._kept()
        )
        arrays = ([tensor.detach().cpu().numpy() for tensor in state] for state in tensors)
        write_checkpoint(path, steps, arrays, made_of)

    def resume(self, path: Path, made_of: str = "") -> int:
        """Put weights and moments of a checkpoint in place. RETURNS (int): Steps done. RAISES (ValueError): SEG420."""
        steps, arrays = read_checkpoint(path, made_of)
        for place, (parameter, optimizer, names) in enumerate(self._kept()):
            stored = stored_state(path, arrays, place, parameter.shape, f"parameter {place}", n_moments=len(names))
            weights, *moments = (torch.as_tensor(array, device=parameter.device) for array in stored)
            with torch.no_grad():
                parameter.copy_(weights)
            count = torch.tensor(float(steps), device=parameter.device)  # which AdamW goes by
            optimizer.state[parameter] = {"step": count, **dict(zip(names, moments, strict=True))}
        return steps

    def _kept(self) -> Iterator[tuple[nn.Parameter, torch.optim.Optimizer, tuple[str, ...]]]:
        """Every parameter, its optimizer, and what that one keeps of it."""
        for optimizer, names in ((self.muon, MUON), (self.adamw, ADAMW)):
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    yield parameter, optimizer, names
