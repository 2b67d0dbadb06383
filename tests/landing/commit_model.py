"""The commit protocol as a small model: every order of the steps of some actors on one report.

Actors are landings that create, landings that replace (``overwrite``) and sweepers (``verify
--remove-strays``). Each reads the receipt, lists the folder, (writes a file of its own name,) puts
the receipt on a condition, then deletes: if it has won, what its snapshot holds and the receipt
does not name; if it has lost, its own file. Those that replace list before they read, since a run
lists once, before it lands any report. At every step an actor may die. A put may be answered, may
take effect with its answer lost, or may arrive long after its sender has given up. Searched is a
state whose receipt names a file that is not there ("torn").

Three switches turn it into protocols that look as good and are not.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

CREATE, REPLACE, SWEEP = "create", "replace", "sweep"
READ, WRITE, LIST, PUT, ASK, LIST_LATE, DELETE, OVER = range(8)
NOTHING = frozenset()
#: What each does, up to its put.
STEPS = {
    CREATE: (READ, LIST, WRITE, PUT),
    REPLACE: (LIST, READ, WRITE, PUT),
    SWEEP: (READ, LIST, PUT),
}


class Searched(NamedTuple):
    """How many states there are, and how many of them are torn."""

    states: int
    torn: int


def search(actors, *, list_after_put=False, conditions=True, undecided_deletes=False):
    """Search all states that some actors can bring about."""
    # files: owners; receipt: (owner, revision) or None; late: puts under way (actor, base, new)
    start = (
        NOTHING,
        None,
        NOTHING,
        tuple((STEPS[kind][0], None, NOTHING, NOTHING) for kind in actors),
    )
    seen, stack, torn = set(), [start], 0
    while stack:
        state = stack.pop()
        if state in seen:
            continue
        seen.add(state)
        files, receipt, late, steps = state
        if receipt is not None and receipt[0] not in files:
            torn += 1
            continue

        def go(i, step, files=files, receipt=receipt, late=late, steps=steps):
            after = list(steps)
            after[i] = step
            stack.append((files, receipt, late, tuple(after)))

        for put in late:  # a put that its sender has given up arrives
            _, base, new = put
            stack.append(
                (files, new if receipt == base or not conditions else receipt, late - {put}, steps)
            )
        for i, (at, base, snapshot, todo) in enumerate(steps):
            kind = actors[i]
            if at == OVER:
                continue
            over = (OVER, None, NOTHING, NOTHING)
            go(i, over)  # dies
            then = dict(pairwise(STEPS[kind])).get(at)
            if at == READ:
                if (kind == CREATE and receipt is not None) or (kind == SWEEP and receipt is None):
                    go(i, over)
                else:
                    go(i, (then, receipt, snapshot, NOTHING))
            elif at == WRITE:
                go(i, (then, base, snapshot, NOTHING), files=files | {i})
            elif at == LIST:
                go(i, (then, base, NOTHING if list_after_put else files, NOTHING))
            elif at in (PUT, ASK):
                new = (base[0], f"{i}") if kind == SWEEP else (i, f"{i}")
                named = {new[0]}
                garbage = (snapshot | ({base[0]} if base else NOTHING)) - named
                won = (DELETE, base, snapshot, frozenset(garbage))
                lost = (DELETE, base, snapshot, NOTHING if kind == SWEEP else frozenset({i}))
                if at == PUT:
                    succeeds = receipt == base or not conditions
                    if succeeds and list_after_put:
                        go(i, (LIST_LATE, base, snapshot, NOTHING), receipt=new)
                    elif succeeds:
                        go(i, won, receipt=new)
                        go(i, (ASK, base, snapshot, NOTHING), receipt=new)  # the answer is lost
                    else:
                        go(i, (ASK, base, snapshot, NOTHING))
                    go(
                        i, (ASK, base, snapshot, NOTHING), late=late | {(i, base, new)}
                    )  # given up, still under way
                elif receipt is not None and (receipt == new if kind == SWEEP else receipt[0] == i):
                    # A sweeper may have put a landing's receipt again: its id tells, not its bytes.
                    go(i, won)
                elif receipt == base:  # undecided: the put may still arrive
                    go(i, lost if undecided_deletes else over)
                else:
                    go(i, lost)
            elif at == LIST_LATE:
                go(i, (DELETE, base, snapshot, files - {i}))
            elif not todo:
                go(i, over)
            else:
                for each in todo:
                    go(i, (DELETE, base, snapshot, todo - {each}), files=files - {each})
    return Searched(len(seen), torn)
