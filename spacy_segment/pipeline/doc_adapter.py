"""`doc._.segment_adapter`: the adapter that one Doc asks for."""

from spacy.tokens import Doc

EXTENSION = "segment_adapter"
# The value of a Doc that asks for nothing; None asks for the base model.
UNSET = "as set_adapter says"


def install_extension() -> None:
    """Make `doc._.segment_adapter` known: name of an adapter, None for the base model."""
    if not Doc.has_extension(EXTENSION):
        Doc.set_extension(EXTENSION, default=UNSET)


def doc_adapter(doc: Doc, otherwise: str | None) -> str | None:
    """RETURNS (str or None): Name of the adapter that the Doc asks for, or `otherwise`."""
    install_extension()
    name = doc._.segment_adapter
    return otherwise if name == UNSET else name
