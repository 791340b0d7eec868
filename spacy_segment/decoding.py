"""placeholder"""
import numpy as np


def decode(logits, *, threshold, min_length=0, max_length=None, n_segments=None, lengths=None, forced=None, forbidden=None):
    keep = logits > np.log(threshold / (1 - threshold))
    keep = (keep | forced) & ~forbidden
    keep[0] = True
    return np.flatnonzero(keep)
