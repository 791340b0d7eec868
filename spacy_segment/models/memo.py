"""What training would make of the same text again and again."""

from typing import Any

# Numbers kept, of all texts together: 600 MB of pieces, at 12 bytes each.
LARGEST = 50_000_000


class Memo:
    """Remembers what was made of a text, until there is too much of it. It is left behind by copies and pickles."""

    def __init__(self, largest: int = LARGEST) -> None:
        self.largest = largest
        self.clear()

    def clear(self) -> None:
        self._made: dict[str, Any] = {}
        self._size = 0

    def get(self, text: str) -> Any:
        """What was made of the text, or None."""
        return self._made.get(text)

    def put(self, text: str, made: Any, *, size: int) -> None:
        if self._size + size <= self.largest:
            self._made[text] = made
            self._size += size

    def __reduce__(self) -> tuple[type, tuple[int]]:
        return Memo, (self.largest,)
