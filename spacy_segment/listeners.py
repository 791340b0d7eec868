"""Parts of models that pass on what a shared component, a `tok2vec` or a `transformer`, has made of a Doc."""

from thinc.api import Model


def listens(model: Model) -> bool:
    """Whether a model has such a part: it knows nothing of a Doc that the shared component has not read."""
    return any("listener" in node.name for node in model.walk())
