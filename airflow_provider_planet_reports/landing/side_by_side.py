"""Many calls at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from airflow_provider_planet_reports.landing.stores.interface import Store

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def side_by_side(
    store: Store, call: Callable[[_Item], _Result], items: Iterable[_Item], *, threads: int
) -> Iterator[_Result]:
    """Yield what a function returns for each item, in order.

    At most twice as many calls as threads are begun ahead of the caller, so memory stays flat. If
    a call fails, a signal handler raises, or the caller stops early, the store is cancelled: its
    calls end, and the threads with them.

    :param store: what the function calls.
    :param call: the function.
    :param items: its arguments.
    :param threads: calls at a time.
    """
    begun: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="landing-zone") as pool:
        try:
            for item in items:
                begun.append(pool.submit(call, item))
                if len(begun) > 2 * threads:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            store.cancel()
            raise


def wait_for(calls: Sequence[Future[None]], *, most_telling: type[Exception]) -> None:
    """Wait until calls have ended. When one fails, those that have not begun are dropped.

    :param calls: the calls.
    :param most_telling: the kind of error to raise if several have failed, and one with it.
    :raises Exception: what one of them raised.
    """
    _, rest = wait(calls, return_when=FIRST_EXCEPTION)
    for call in rest:
        call.cancel()
    wait(calls)
    raised = [error for call in calls if not call.cancelled() and (error := call.exception())]
    for error in sorted(raised, key=lambda error: not isinstance(error, most_telling))[:1]:
        raise error
