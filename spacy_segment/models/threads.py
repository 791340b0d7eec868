"""Independent parts of a prediction, several at once."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Lock
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

# Memory grows with the parts that are computed at once.
MOST_AT_ONCE = 8
_one_caller = Lock()


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Apply a function to every item, several at once, which share the threads that torch would use for one product.

    Small products leave a second thread idle half of the time. torch has one number of threads for all: it is put back
    at the end, and whoever calls while another call is running gets one item after the other.

    RETURNS (list): The results, in order.
    """
    items = list(items)
    n_threads = torch.get_num_threads()
    n_at_once = min(n_threads, len(items), MOST_AT_ONCE)
    if n_at_once < 2 or not _one_caller.acquire(blocking=False):
        return [function(item) for item in items]
    pool = ThreadPoolExecutor(n_at_once)
    try:
        torch.set_num_threads(n_threads // n_at_once)
        futures = [pool.submit(copy_context().run, function, item) for item in items]
        return [future.result() for future in futures]
    finally:
        pool.shutdown(cancel_futures=True)  # whoever breaks off waits for the items that run, not for all
        torch.set_num_threads(n_threads)
        _one_caller.release()
