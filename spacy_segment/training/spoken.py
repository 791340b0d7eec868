"""What opens the turns of a transcript: a time, a speaker, both or a dash."""

from dataclasses import dataclass, replace

import numpy as np

from .insertion import put_before
from .topic_formats import TopicRecord

# When, and who; together they may be nothing, which is a dash then.
WHEN = ("", "", "{time} ", "[{time}] ", "({time}) ", "{time} - ")
WHO = ("", "{name}: ", "{name} : ", "{name} - ", "<{name}> ", "[{name}] ", "**{name}:** ")
DASH = "- "
# Who speaks, besides words of the text, which have at most so many letters.
SPEAKERS = ("Speaker {}", "SPEAKER {}", "SPEAKER_0{}", "S{}", "P{}", "Q", "A", "Interviewer")
LONGEST_NAME = 12
# Seconds between two turns, at most; when the first one begins.
LONGEST_TURN, LATEST = 40, 4000


@dataclass
class Turns:
    """How the turns of a text open, in a style drawn at random.

    opening (str): With "{time}" and "{name}". speakers (tuple of str): Two names. has_hours (bool): "00:01:30" for "1:30".
    seconds (int): When the last turn began.
    """

    opening: str
    speakers: tuple[str, str]
    has_hours: bool
    seconds: int

    @classmethod
    def draw(cls, text: str, rng: np.random.Generator) -> "Turns":
        """Half of the time the speakers are words of the text, as names or in capitals."""
        opening = f"{rng.choice(WHEN)}{rng.choice(WHO)}" or DASH
        words = [word for word in text.split() if word.isalpha() and len(word) <= LONGEST_NAME]
        if words and rng.random() < 0.5:
            first, second = (word.upper() if rng.random() < 0.5 else word.title() for word in rng.choice(words, 2))
        else:
            speaker = str(rng.choice(SPEAKERS))
            first, second = speaker.format(1), speaker.format(2)
        return cls(opening, (first, second), bool(rng.random() < 0.5), int(rng.integers(LATEST)))

    def next(self, rng: np.random.Generator) -> str:
        """RETURNS (str): What opens the next turn; some time has passed, and either speaks."""
        self.seconds += int(rng.integers(1, LONGEST_TURN))
        hours, minutes, seconds = self.seconds // 3600, self.seconds // 60, self.seconds % 60
        clock = f"{hours:02}:{minutes % 60:02}:{seconds:02}" if self.has_hours else f"{minutes}:{seconds:02}"
        return self.opening.format(time=clock, name=self.speakers[rng.integers(2)])


def put_turns(record: TopicRecord, rng: np.random.Generator) -> TopicRecord:
    """The record with its lines as turns, all in one style drawn at random; a section that starts at a line starts at its opening.

    A text of one line stays as it is.
    """
    lines = record.text.splitlines(keepends=True)
    if len(lines) < 2:
        return record
    turns = Turns.draw(record.text, rng)
    openings = [turns.next(rng) if line.strip() else "" for line in lines]
    places = np.cumsum([0, *map(len, lines[:-1])]).tolist()
    text, moved = put_before(record.text, places, openings)
    sections = [replace(s, start=int(moved(s.start)), end=int(moved(s.end))) for s in record.sections]
    sentences = None if record.sentences is None else moved(record.sentences).tolist()
    return replace(record, text=text, sections=sections, sentences=sentences)
