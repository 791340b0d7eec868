"""The segmentation of the smallest expected Pk: where topics start, found from all places at once (numpy alone).

Where a topic starts is often plain within a few sentences, and which of them opens it is not: each alone is unlikely, yet a boundary
there is right. Pk asks of every window of k units whether its ends are in one topic. With boundaries that are independent of
one another they are so with probability `same`, the product of what the places inside leave over; then a boundary inside the window is
wrong with probability `same`, none with 1 - `same`. A window that boundaries divide counts once, however many do so.

Beeferman, Berger & Lafferty (1999), Statistical models for text segmentation (Pk).
"""

import numpy as np

from .decoding import check_logits
from .odds import log_odds, sigmoid
from .types import Bools1d, Floats1d, Ints1d

# A window is worth a boundary where `same` is below this; at .5 too few stand, for places near one another are not independent.
EVEN = 0.58
# What the log-odds of a boundary beyond those of USUAL count beside its windows: it stands at the likeliest of the places near it.
OWN, USUAL = 0.05, 0.3
# Less likely places are not looked at, unless forced.
LEAST = 0.02
# How far log-odds are from 0 at least once it is decided.
CLEAR = 1e-3


def decided_log_odds(logits: Floats1d, forced: Bools1d) -> Floats1d:
    """Log-odds above 0 exactly where `least_expected_pk` has boundaries, and otherwise in their order (but for forced ones).

    So `decode` with a threshold of .5 makes that segmentation, and where it breaks a limit, or has more or fewer segments than are
    wanted, the weakest boundaries go, or the best ones come.

    RETURNS (Floats1d): (n,).
    RAISES (ValueError): SEG120 for logits that are not numbers.
    """
    check_logits(logits)
    odds = np.asarray(logits, dtype=np.float64) - log_odds(USUAL)
    stands = np.zeros(len(odds), dtype=bool)
    stands[least_expected_pk(logits, forced)] = True
    free = ~forced
    free[:1] = False
    for places, sign in ((stands & free, 1), (~stands & free, -1)):
        odds[places] += sign * max(0.0, CLEAR - (sign * odds[places]).min(initial=CLEAR))
    return odds


def least_expected_pk(logits: Floats1d, forced: Bools1d) -> Ints1d:
    """Decide where topics start. A dynamic programme over the likely places, linear in their number.

    The best segmentation up to a place has its last boundary before it either k units away or more, and then all windows around
    the place are new, or nearer, and then those behind that boundary are.

    logits (Floats1d): (n,) calibrated log-odds of a boundary before each unit; that of the first does not count.
    forced (Bools1d): (n,) units that a topic starts with in any case, as the first does.
    RETURNS (Ints1d): Units that open a topic, ascending; empty for no units.
    """
    n = len(logits)
    if n < 2:
        return np.arange(n)
    logits = np.asarray(logits, dtype=np.float64)
    probs = sigmoid(logits)
    k = int(np.clip(round(n / (2 * (1 + probs[1:].sum()))), 1, n - 1))
    worth = _worth_before(probs, k)
    likely = forced | (probs >= LEAST)
    likely[0] = False
    places = np.append(0, np.flatnonzero(likely))
    own = OWN * (logits[places] - log_odds(USUAL))
    total, back = np.zeros(len(places)), np.zeros(len(places), dtype=np.int64)
    far = 0  # places before this one are k units away or more
    best = 0  # the best of these
    floor = 0  # the last forced place: a boundary is never skipped
    for j in range(1, len(places)):
        place = places[j]
        while places[far] <= place - k:
            if far == floor or total[far] > total[best]:
                best = far
            far += 1
        near = max(far, floor)
        totals = total[near:j] - worth[places[near:j]]
        if far > floor:
            totals = np.append(totals, total[best] - worth[max(place - k, 0)])
        chosen = int(totals.argmax())
        back[j] = near + chosen if near + chosen < j else best
        total[j] = totals[chosen] + worth[place] + own[j]
        if forced[place]:
            floor = j
    j = floor + int(total[floor:].argmax())
    starts = [places[j]]
    while j > 0:
        j = back[j]
        starts.append(places[j])
    return np.asarray(starts[::-1], dtype=np.int64)


def _worth_before(probs: Floats1d, k: int) -> Floats1d:
    """What it is worth to divide all windows that begin before each unit, summed up, (n,), k of them counting 1 at most."""
    left = np.cumsum(np.log1p(-np.minimum(probs, 1 - 1e-9)))
    same = np.exp(left[k:] - left[:-k])
    worth = np.cumsum(np.append(0.0, 2 * (EVEN - same) / k))
    return np.append(worth, np.full(k - 1, worth[-1]))
