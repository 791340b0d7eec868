"""Texts whose segments are about equally long, such as verse: what their length says about where they start (numpy alone)."""

from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from .types import Bools1d, Floats1d, Ints1d

# Smallest deviation of log lengths: a few examples of one hand are more alike than the texts to come.
NARROWEST = 0.1
# Up to this deviation (verse) segments are plainly of one length; prose has no less than some 0.3.
REGULAR = 0.2
# With a larger deviation lengths tell nothing.
WIDEST = 0.5
# What a segment of any other length costs, in log-odds: headings and prose may stand among verse. One of a multiple of the length
# from which on that is so costs that multiple.
CEILING = 6.0
# Lines of one text are alike, those of another of its kind longer or shorter: the mean may move by one of SHIFTS, and every segment
# then costs as much as one whose length is so far from the mean of lengths that deviate by MOVES.
SHIFTS = (0.0, -0.2, 0.2, -0.4, 0.4)
MOVES = 0.3
# Logarithm of a length that no sentence has.
LONGEST = 20.0


@dataclass(frozen=True)
class LengthPrior:
    """A normal distribution of the logarithms of lengths, in characters with the white space behind.

    mean, deviation (float): Of the logarithms.
    """

    mean: float
    deviation: float

    @property
    def is_sound(self) -> bool:
        """Whether this can come from lengths of sentences."""
        numbers = all(isinstance(x, int | float) for x in (self.mean, self.deviation))
        return numbers and abs(self.mean) < LONGEST and NARROWEST <= self.deviation <= WIDEST

    @property
    def is_regular(self) -> bool:
        """Whether the lengths are so much alike that they are to be believed."""
        return self.deviation <= REGULAR

    def cost(self, lengths: Ints1d) -> Floats1d:
        """What segments of these lengths lose, (n,): 0 for the commonest."""
        z = (np.log(np.maximum(lengths, 1)) - self.mean) / self.deviation
        return np.minimum(z * z / 2, CEILING) * np.maximum(1.0, lengths / self.longest)

    @property
    def longest(self) -> float:
        """The longest segment that costs no more than CEILING; a longer one costs as many as it is times longer."""
        return float(np.exp(self.mean + self.deviation * np.sqrt(2 * CEILING)))


def fit_lengths(lengths: Ints1d) -> LengthPrior | None:
    """RETURNS (LengthPrior or None): None if lengths differ too much (or there are none) to tell anything."""
    if not len(lengths):
        return None
    logs = np.log(np.maximum(lengths, 1))
    deviation = float(logs.std())
    if deviation > WIDEST:
        return None
    return LengthPrior(float(np.median(logs)), max(deviation, NARROWEST))


def best_of_lengths(gains: Floats1d, must: Bools1d, may: Bools1d, positions: Ints1d, prior: LengthPrior) -> Ints1d:
    """The segmentation with the largest sum of gains less the costs of its lengths, at the mean that suits this text best.

    gains (Floats1d): (n,) log-odds above those of the threshold. must, may (Bools1d): (n,) a boundary must, may stand
        there; the first must. positions (Ints1d): (n + 1,) where units start, and where the last one ends.
    RETURNS (Ints1d): Units that open a segment, ascending.
    """
    found = []
    for shift in SHIFTS:
        moved = LengthPrior(prior.mean + shift, prior.deviation)
        found.append(_best_path(gains - (shift / MOVES) ** 2 / 2, must, may, positions, moved))
    return max(found, key=itemgetter(0))[1]


def _best_path(
    gains: Floats1d, must: Bools1d, may: Bools1d, positions: Ints1d, prior: LengthPrior
) -> tuple[float, Ints1d]:
    """The largest sum of gains less costs, and the segmentation that has it, by dynamic programming.

    `total[j]` is the best sum of everything before place j. Its last segment starts at a place that is near enough for
    its length to matter, or at the best of those further back, from which on all characters cost the same. So time is
    linear in the number of places.
    """
    places = np.append(np.flatnonzero(may), len(gains))
    at = positions[places]
    gain = np.append(gains[places[:-1]], 0.0)
    is_forced = np.append(must[places[:-1]], True)
    first_near = np.searchsorted(at, at - prior.longest)
    cost = CEILING / prior.longest * at  # of all characters before a place
    total = np.zeros(len(places))
    back = np.zeros(len(places), dtype=np.int64)
    floor = near = far = 0  # last forced place; first place near enough; best place before that one, from the floor on
    for j in range(1, len(places)):
        start = min(max(floor, int(first_near[j])), j - 1)
        for i in range(near, start):
            far = i if i == floor or total[i] + cost[i] > total[far] + cost[far] else far
        near = max(near, start)
        paths = total[near:j] - prior.cost(at[j] - at[near:j])
        best = int(paths.argmax())
        total[j], back[j] = paths[best], near + best
        from_far = total[far] - (cost[j] - cost[far])
        if near > floor and from_far > total[j]:
            total[j], back[j] = from_far, far
        total[j] += gain[j]
        if is_forced[j]:
            floor = near = far = j
    starts, j = [], len(places) - 1
    while j > 0:
        j = int(back[j])
        starts.append(int(places[j]))
    return float(total[-1]), np.asarray(starts[::-1], dtype=np.int64)
