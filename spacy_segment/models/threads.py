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
MOST_THREADS = 8
_one_caller = Lock()


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Apply a function to every item, in as many threads as torch would use for one product, with one thread in each product.

    Small products leave a second thread idle half of the time. torch has one number of threads for all: it is put back
    at the end, and whoever calls while another call is running gets one item after the other.

    RETURNS (list): The results, in order.
    """
    items = list(items)
    n_threads = torch.get_num_threads()
    if min(n_threads, len(items)) < 2 or not _one_caller.acquire(blocking=False):
        return [function(item) for item in items]
    pool = ThreadPoolExecutor(min(n_threads, MOST_THREADS))
    try:
        torch.set_num_threads(1)
        futures = [pool.submit(copy_context().run, function, item) for item in items]
        return [future.result() for future in futures]
    finally:
        pool.shutdown(cancel_futures=True)  # whoever breaks off waits for the items that run, not for all
        torch.set_num_threads(n_threads)
        _one_caller.release()
