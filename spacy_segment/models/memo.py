"""What training would make of the same text again and again."""

from collections.abc import Callable
from typing import Any, TypeVar

Made = TypeVar("Made")

# Numbers kept, of all texts together: 600 MB of pieces, at 12 bytes each.
LARGEST = 50_000_000


class Memo:
    """Remembers what was made of a text, until there is too much of it. It is left behind by copies and pickles."""

    def __init__(self, largest: int = LARGEST) -> None:
        self.largest = largest
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._made: dict[str, Any] = {}
        self._size = 0

    def recall(self, text: str, make: Callable[[], Made], *, size: Callable[[Made], int]) -> Made:
        """What was made of the text, made now if it is not known. size (Callable): Numbers in it."""
        return self.recall_all([text], lambda texts: [make()], size=size)[0]

    def recall_all(
        self, texts: list[str], make: Callable[[list[str]], list[Made]], *, size: Callable[[Made], int]
    ) -> list[Made]:
        """What was made of every text; of those that are not known it is made now, at once."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._made]
        fresh = dict(zip(missing, make(missing), strict=True)) if missing else {}
        for text, made in fresh.items():
            if self._size + size(made) <= self.largest:
                self._made[text] = made
                self._size += size(made)
        return [fresh[text] if text in fresh else self._made[text] for text in texts]

    def __reduce__(self) -> tuple[type, tuple[int]]:
        return Memo, (self.largest,)
