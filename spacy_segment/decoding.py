"""Logits -> boundaries: a threshold, limits on length, a wanted number of segments.

There are n units. `logits[i]` is the log-odds that a boundary stands before unit i; unit 0 always opens a segment. What
a boundary gains is its log-odds above those of the threshold. The best segmentation is the set of boundaries with the
largest sum of gains among those that keep the limits; without limits these are the boundaries above the threshold.
So a segment stays as it is unless it breaks a limit, and then the best cuts are added, or the weakest dropped.

No one threshold is best for all texts: where boundaries are plain it is near .5, where they are hard to tell far below.
Without a given one, it is the one that promises the best F1 where it stands (`best_thresholds`). Topics, of which a text has few, are
decided otherwise (`expected_pk`).
"""

from collections import deque

import numpy as np

from .checks import check_limits, check_probability, wrong
from .errors import Errors
from .length_prior import LengthPrior, best_of_lengths
from .odds import log_odds, sigmoid
from .types import Floats1d, Ints1d

IMPOSSIBLE = -np.inf
# How far `best_thresholds` looks to either side, in units, how many units it takes at once, and the thresholds it compares.
REACH = 256
BLOCK = 4096
GRID = np.linspace(0.05, 0.95, 19)
# How much the end of the text, a boundary for certain, counts beside the units: without it a short text would be cut at the
# likeliest of its unlikely places. A final mark there tells more: that sentences near it end with one.
CERTAIN, MARKED = 0.25, 4.0


def decode(
    logits: Floats1d,
    *,
    threshold: float | None = 0.5,
    min_length: int = 0,
    max_length: int | None = None,
    n_segments: int | None = None,
    lengths: Ints1d | None = None,
    forced: np.ndarray | None = None,
    forbidden: np.ndarray | None = None,
    prior: LengthPrior | None = None,
    certain: float = CERTAIN,
) -> Ints1d:
    """Decide where segments start.

    logits (Floats1d): (n,) log-odds of a boundary before each unit; the first does not count.
    threshold (float): A boundary stands where the probability is above it; 0 takes all, 1 none; None the
        one that promises the best F1, see `best_thresholds` (and for `certain`).
    min_length, max_length (int): Limits of a segment. A limit yields where it cannot be kept: to forced boundaries,
        to a run without a place to cut that is longer than the limit, to a text shorter than it.
    n_segments (int or None): Exactly so many segments, whatever the threshold; the limits hold where they can.
    lengths (Ints1d or None): (n,) length of every unit in the unit of the limits, 1 if not given.
    forced, forbidden (ndarray or None): (n,) booleans: a boundary must, must not stand before the unit.
    prior (LengthPrior or None): How long segments are, in the unit of `lengths`; not looked at beside limits or a number.
    RETURNS (Ints1d): Units that open a segment, ascending; empty for no units.
    RAISES (ValueError): SEG120 for logits that are not numbers; SEG200 for a threshold, limits or a number of segments
        that cannot be.
    """
    n = len(logits)
    _check(logits, threshold, min_length, max_length)
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    must = np.zeros(n, dtype=bool) if forced is None else np.array(forced, dtype=bool)
    must[0] = True
    may = must | (np.ones(n, dtype=bool) if forbidden is None else ~np.asarray(forbidden, dtype=bool))
    logits = np.asarray(logits, dtype=np.float64)
    if threshold is None:
        gains = logits - log_odds(best_thresholds(np.where(may & ~must, logits, -np.inf), certain))
    else:
        gains = logits - log_odds(threshold)
    limited = min_length > 1 or max_length is not None
    if n_segments is not None:
        _check_number(n_segments, int(must.sum()), int(may.sum()))
        if not limited:
            return _strongest(gains, must, may, n_segments)
    elif not limited and prior is None:
        return np.flatnonzero(must | (may & (gains > 0)))
    positions = np.concatenate([[0], np.cumsum(np.ones(n, dtype=np.int64) if lengths is None else lengths)])
    if n_segments is not None:
        return _best_of_number(gains, must, may, positions, min_length, max_length, n_segments)
    if not limited and prior is not None:
        return best_of_lengths(gains, must, may, positions, prior)
    return _best_path(gains, must, may, positions, min_length, max_length)


def best_thresholds(logits: Floats1d, certain: float = CERTAIN) -> Floats1d:
    """The threshold at every unit that promises the best F1 for the units around it.

    It is half of the best expected F1 (Lipton et al. 2014). That of the boundaries above a threshold is twice their
    probabilities over their number and the probabilities of all.

    logits (Floats1d): (n,) calibrated log-odds of boundaries, -inf where none can stand.
    certain (float): How many boundaries the end of the text is worth to the units near it.
    RETURNS (Floats1d): (n,) probabilities.

    Lipton, Elkan & Naryanaswamy (2014), Optimal thresholding of classifiers to maximize F1 measure, theorem 1.
    """
    probs = sigmoid(logits)
    n = len(probs)
    best = np.zeros(n)
    for begin in range(0, n, BLOCK):
        units = np.arange(begin, min(begin + BLOCK, n))
        first, last = np.maximum(units - REACH, 0), np.minimum(units + REACH + 1, n)
        near = probs[first[0] : last[-1]]
        above = near > GRID[:, None]
        totals = np.cumsum(np.pad(np.concatenate([near[None], near * above, above]), ((0, 0), (1, 0))), axis=1)
        around = totals[:, last - first[0]] - totals[:, first - first[0]]
        end = np.where(last == n, certain, CERTAIN)
        hits, found = end + around[1 : 1 + len(GRID)], end + around[1 + len(GRID) :]
        best[units] = (2 * hits / (found + end + around[0])).max(axis=0)
    return best / 2


def _strongest(gains: Floats1d, must: np.ndarray, may: np.ndarray, n_segments: int) -> Ints1d:
    """The forced boundaries, and the strongest of the others; the earlier of two that are equally strong."""
    strength = np.where(must, np.inf, np.where(may, gains, IMPOSSIBLE))
    return np.sort(np.argsort(-strength, kind="stable")[:n_segments])


def _best_path(
    gains: Floats1d, must: np.ndarray, may: np.ndarray, positions: Ints1d, min_length: int, max_length: int | None
) -> Ints1d:
    """Dynamic programme over allowed boundaries, linear in their number.

    `total[j]` is the largest sum of gains of a segmentation of everything before place j. Its last segment starts at
    one of the places that leave it within the limits; the best of them is the head of a queue of falling totals. Where
    there is none, a limit is broken, which costs more than any gain.
    """
    places = [*np.flatnonzero(may).tolist(), len(gains)]
    at = positions[places].tolist()
    gain = [*gains[places[:-1]].tolist(), 0.0]
    is_forced = [*must[places[:-1]].tolist(), True]
    longest = max_length if max_length is not None else at[-1]
    cost = 1.0 + 2 * float(np.abs(gains[places[:-1]]).sum())
    total = [0.0] + [IMPOSSIBLE] * (len(places) - 1)
    back = [0] * len(places)
    queue: deque[int] = deque()  # places whose totals fall, all at least min_length behind
    arriving = 0  # next place to enter the queue
    floor = 0  # last forced place: no segment may span it
    latest = 0  # last reachable place that has entered the queue
    for j in range(1, len(places)):
        while arriving < j and at[j] - at[arriving] >= min_length:
            if total[arriving] > IMPOSSIBLE:
                latest = arriving
                while queue and total[queue[-1]] <= total[arriving]:
                    queue.pop()
                queue.append(arriving)
            arriving += 1
        while queue and (queue[0] < floor or at[j] - at[queue[0]] > longest):
            queue.popleft()
        if queue:
            total[j], back[j] = total[queue[0]] + gain[j], queue[0]
        elif latest >= floor and at[j] - at[latest] > longest:  # nothing on the way could be cut
            total[j], back[j] = total[latest] + gain[j] - cost, latest
        elif is_forced[j]:  # too short, but it must end here
            back[j] = max(range(floor, j), key=total.__getitem__)
            total[j] = total[back[j]] + gain[j] - cost
        if is_forced[j]:
            floor = j
    starts, j = [], len(places) - 1
    while j > 0:
        j = back[j]
        starts.append(places[j])
    return np.asarray(starts[::-1], dtype=np.int64)


def _best_of_number(
    gains: Floats1d,
    must: np.ndarray,
    may: np.ndarray,
    positions: Ints1d,
    min_length: int,
    max_length: int | None,
    n_segments: int,
) -> Ints1d:
    """The same programme with the number of segments as a second dimension; a broken limit costs more than any gain."""
    places = np.append(np.flatnonzero(may), len(gains))
    at = positions[places]
    gain = np.append(gains[places[:-1]], 0.0)
    is_forced = np.append(must[places[:-1]], True)
    cost = 1.0 + 2 * np.abs(gain).sum()
    total = np.full((len(places), n_segments + 1), IMPOSSIBLE)
    total[0, 0] = 0.0
    back = np.zeros((len(places), n_segments + 1), dtype=np.int64)
    floor = 0
    for j in range(1, len(places)):
        size = at[j] - at[floor:j]
        broken = np.maximum(min_length - size, 0) + (0 if max_length is None else np.maximum(size - max_length, 0))
        paths = total[floor:j, :-1] - cost * broken[:, None]
        back[j, 1:] = floor + paths.argmax(axis=0)
        total[j, 1:] = paths.max(axis=0) + gain[j]
        if is_forced[j]:
            floor = j
    starts, j = [], len(places) - 1
    for k in range(n_segments, 0, -1):
        j = int(back[j, k])
        starts.append(int(places[j]))
    return np.asarray(starts[::-1], dtype=np.int64)


def check_logits(logits: Floats1d) -> None:
    """RAISES (ValueError): SEG120 for logits that are not numbers."""
    if np.isnan(logits).any():
        raise ValueError(Errors.SEG120.format(index=int(np.flatnonzero(np.isnan(logits))[0])))


def _check(logits: Floats1d, threshold: float | None, min_length: int, max_length: int | None) -> None:
    check_logits(logits)
    if threshold is not None:
        check_probability(threshold=float(threshold))
    check_limits(min_length, max_length)


def _check_number(n_segments: int, least: int, most: int) -> None:
    if not least <= n_segments <= most:
        expected = f"between {least} (forced boundaries) and {most} (places a segment may start at)"
        raise wrong("n_segments", expected, n_segments)
