"""Weights between those that a training began with and those that it came to."""

from spacy.language import Language

from ..models import serialize
from ..models.sat import restore_weights, weights_of
from ..models.weights import pretrained_path
from .adapt import check_strength
from .adapter_callbacks import Callback, copy_pipeline


def save_between(
    pretrained: str = "sentences", strength: float = 0.7, component: str = "sentence_segmenter"
) -> Callback:
    """For `[training.before_to_disk]`: save the pipeline part of the way from the weights in the package to what was learned.

    What the training brought is kept for the most part, and so is what it had unlearned. Training itself goes on from all that was learned.

    pretrained (str): Name of the weights that the training began with.
    strength (float): How far, from 0 to 1.
    RAISES (ValueError): SEG200; SEG301, when it is called, if the model has other weights.

    Wortsman et al. (2022), Robust fine-tuning of zero-shot models.
    """
    check_strength(strength)
    start, _ = serialize.read(pretrained_path(pretrained).read_bytes())
    start.pop("rescoring", None)  # fitted to these weights alone

    def save(nlp: Language) -> Language:
        """What is saved in the place of a pipeline in training."""
        saved = copy_pipeline(nlp)
        model = saved.get_pipe(component).model
        learned, meta = weights_of(model)
        learned.pop("rescoring", None)
        serialize.check_fit(learned, start)
        restore_weights(model, {name: start[name].lerp(learned[name], strength) for name in learned}, meta)
        return saved

    return save
