"""The commit protocol: as a searched model, and the real code in every order of its store calls."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
from collections import Counter
from collections.abc import Iterator

import commit_model
import pytest
from greenlet import greenlet
from memory_store import MemoryStore

from airflow_provider_planet_reports.landing import report_landing
from airflow_provider_planet_reports.landing.errors import DestinationError
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.receipt import Receipt
from airflow_provider_planet_reports.landing.report_landing import ReportLanding
from airflow_provider_planet_reports.landing.stores.interface import Revision
from airflow_provider_planet_reports.landing.verification import remove_strays
from airflow_provider_planet_reports.landing.zone import LandingZone

KEY = ReportKey("summary", "daily", "1001", "2026-11-01", "a")
CREATE, REPLACE, SWEEP = commit_model.CREATE, commit_model.REPLACE, commit_model.SWEEP
#: Actors of the exhaustive searches: two by default, three for those who have the time.
MOST_ACTORS = int(os.environ.get("PLANET_REPORTS_ACTORS", "2"))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_in_the_model_no_order_of_any_actors_tears_a_report(size: int) -> None:
    for actors in itertools.combinations_with_replacement((CREATE, REPLACE, SWEEP), size):
        assert commit_model.search(actors).torn == 0, actors


@pytest.mark.parametrize(
    ("actors", "mistake"),
    [
        ((CREATE, REPLACE, REPLACE), {"list_after_put": True}),
        ((CREATE, CREATE), {"undecided_deletes": True}),
        ((CREATE, CREATE), {"conditions": False}),
    ],
    ids=["listing after the put", "deleting own files while undecided", "no conditions"],
)
def test_the_model_finds_what_is_wrong_with_protocols_that_look_as_good(
    actors: tuple[str, ...], mistake: dict[str, bool]
) -> None:
    assert commit_model.search(actors, **mistake).torn > 0


class Actor:
    """A landing or clean-up that stops before every call that others can see.

    :param number: its name: ids that it makes up are the same in every search.
    :param put: what becomes of its put: ``answered``, ``unanswered`` (it takes effect, the answer
        is lost), or ``late`` (there is no answer, and it takes effect at any later moment).
    """

    def __init__(self, world: World, number: int, kind: str, put: str) -> None:
        self.world, self.number, self.kind, self.put = world, number, kind, put
        self.result: object = None
        #: What it has learnt so far, which decides what it does next.
        self.learnt: list[object] = []
        self._ids = itertools.count()
        self._greenlet = greenlet(self.act)

    @property
    def over(self) -> bool:
        return self._greenlet.dead

    def step(self) -> None:
        """Do the next call."""
        self._greenlet.switch()

    def end(self) -> None:
        """Stop for good: what is left behind half-way is never freed."""
        self._greenlet.throw()

    def made_up(self) -> str:
        """An id, in the place of a random one."""
        return f"{self.number:08x}{next(self._ids):08x}"

    def act(self) -> None:
        """Do all that is to be done, stopping before each call."""
        self.learnt.append("begun")
        try:
            self.result = self._sweep() if self.kind == SWEEP else self._land()
        except DestinationError as error:
            self.result = error

    def _sweep(self) -> int:
        return remove_strays(self.world.zone, KEY)

    def _land(self) -> Receipt | None:
        snapshot = [entry.key for entry in self.world.store.list(KEY.folder)]
        landing = ReportLanding(self.world.store, KEY, snapshot)
        try:
            if self.kind == REPLACE:
                landing.begin(overwrite=True)
            part = landing.next_part()
            part.write(f"number\n{self.number}\n".encode())
            part.commit()
            return landing.finish({"report_id": "a"}, {})
        finally:
            landing.abandon()


class World:
    """A landing zone and its actors; after every step, its receipt has to be true."""

    def __init__(self, kinds: tuple[str, ...], puts: tuple[str, ...], *, landed: bool) -> None:
        self.home = greenlet.getcurrent()
        self.store = MemoryStore()
        self.zone = LandingZone(self.store)
        self.late: list[tuple[str, bytes, Revision | None]] = []
        self.acting: Actor = Actor(self, 99, CREATE, "answered")
        if landed:
            self.acting.act()
            self.store.write(f"{KEY.folder}part-00001-5747a7.csv", b"left by one that died\n")
        self.actors = [
            Actor(self, number, kind, put)
            for number, (kind, put) in enumerate(zip(kinds, puts, strict=True))
        ]
        self.store.before = self._before
        self.store.after = self._after
        self.store.put = self._put  # type: ignore[method-assign]

    def choices(self) -> list[Actor | int]:
        """All that can happen next: a step of an actor, or the arrival of a late put."""
        return [*range(len(self.late)), *(actor for actor in self.actors if not actor.over)]

    def take(self, choice: Actor | int) -> None:
        """Let it happen."""
        if isinstance(choice, int):
            with contextlib.suppress(DestinationError):
                self.store.put_if(*self.late.pop(choice))
        else:
            self.acting = choice
            choice.step()
        receipt = self.receipt()
        for file in receipt.files if receipt else ():
            assert file.name in self.store.objects, "torn"
            assert hashlib.sha256(self.store.objects[file.name]).hexdigest() == file.sha256

    def end(self) -> None:
        """Let all actors unwind; nobody looks any more."""
        self.store.before = self.store.after = lambda *_: None
        for actor in self.actors:
            actor.end()

    def receipt(self) -> Receipt | None:
        data = self.store.objects.get(KEY.receipt)
        return data and Receipt.from_json(data, KEY, KEY.receipt)

    def files(self) -> set[str]:
        return {key for key in self.store.objects if key.startswith(KEY.folder)}

    def state(self) -> bytes:
        """A digest of all that decides what can happen from here on: there are millions."""
        learnt = [(actor.over, *actor.learnt) for actor in self.actors]
        late = [data for _, data, _ in self.late]
        known = repr((sorted(self.store.objects.items()), late, learnt))
        return hashlib.blake2b(known.encode(), digest_size=16).digest()

    def _before(self, operation: str, key: str) -> None:
        if operation not in ("open", "write"):  # which nobody else can see
            self.home.switch()

    def _after(self, operation: str, key: str, result: object) -> None:
        learnt = tuple(result) if operation == "list" else result
        if operation not in ("open", "write"):
            self.acting.learnt.append((operation, key, str(learnt)))

    def _put(self, key: str, data: bytes, *, replaces: Revision | None) -> None:
        actor = self.acting
        if actor.put == "late":
            self.store.before("put", key)
            self.late.append((key, data, replaces))
            actor.learnt.append("no answer")
            raise DestinationError("No answer came.")
        MemoryStore.put(self.store, key, data, replaces=replaces)
        if actor.put == "unanswered":
            raise DestinationError("The answer was lost.")


def last_states(kinds: tuple[str, ...], puts: tuple[str, ...], *, landed: bool) -> Iterator[World]:
    """Yield every world that can come of some actors' steps, in whatever order they take them."""
    seen: set[bytes] = set()
    paths: list[tuple[int, ...]] = [()]
    while paths:
        path = paths.pop()
        world = World(kinds, puts, landed=landed)
        for number in path:
            world.take(world.choices()[number])
        while choices := world.choices():
            if (state := world.state()) in seen:
                world.end()
                break
            seen.add(state)
            paths += [(*path, number) for number in range(1, len(choices))]
            path = (*path, 0)
            world.take(choices[0])
        else:
            yield world


@pytest.fixture
def nothing_random(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids and times are the same in every search, so that equal states are found to be equal."""
    acting = []
    original = World.__init__

    def remembered(self: World, *args: object, **options: object) -> None:
        acting[:] = [self]
        original(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(World, "__init__", remembered)
    monkeypatch.setattr("secrets.token_hex", lambda size: acting[0].acting.made_up())
    monkeypatch.setattr(report_landing, "_now", lambda: "2026-11-02T00:00:00+00:00")


def casts(size: int) -> list[tuple[tuple[str, ...], bool]]:
    """All casts of a size, where nothing is landed and where something is."""
    kinds = itertools.combinations_with_replacement((CREATE, REPLACE, SWEEP), size)
    return [*itertools.product(kinds, (False, True))]


def all_puts(kinds: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """What may become of the actors' puts; two of one kind that change places are no other case."""
    for puts in itertools.product(("answered", "unanswered", "late"), repeat=len(kinds)):
        pairs = [*zip(kinds, puts, strict=True)]
        if all(one <= other for one, other in itertools.pairwise(pairs) if one[0] == other[0]):
            yield puts


def name_of(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else ["none landed", "landed"][bool(value)]


@pytest.mark.usefixtures("nothing_random")
@pytest.mark.parametrize(("kinds", "landed"), casts(MOST_ACTORS), ids=name_of)
def test_the_real_code_tears_nothing_in_any_order_of_its_calls_whatever_answers_are_lost(
    kinds: tuple[str, ...], landed: bool
) -> None:
    for puts in all_puts(kinds):
        for world in last_states(kinds, puts, landed=landed):
            told = [actor.result for actor in world.actors]
            won = [result for result in told if isinstance(result, Receipt)]
            receipt = world.receipt()
            # Something is landed if it was before, or if any landing was told that it had won.
            assert (receipt is not None) >= (landed or bool(won))
            if "late" in puts:
                continue
            # No landing is undecided, unless it lost to a clean-up, which puts
            # the old receipt again.
            assert all(SWEEP in kinds for each in told if isinstance(each, DestinationError)), told
            # Who is named by the receipt was told so.
            if receipt and receipt.landing[:8] != f"{99:08x}":
                assert receipt.landing in [each.landing for each in won]


@pytest.mark.usefixtures("nothing_random")
@pytest.mark.parametrize(("kinds", "landed"), [((CREATE,) * 2, False), ((REPLACE,) * 2, True)])
def test_two_landings_that_get_all_answers_leave_one_edition_and_no_stray(
    kinds: tuple[str, ...], landed: bool
) -> None:
    won = Counter()
    for world in last_states(kinds, ("answered",) * 2, landed=landed):
        receipt = world.receipt()
        assert receipt is not None
        assert world.files() == {file.name for file in receipt.files}
        won[tuple(actor.result is not None for actor in world.actors)] += 1
    # Either may win; of two that replace, both do where the second begins after the first.
    assert won.keys() == {(True, False), (False, True), *([(True, True)] if landed else [])}


def test_a_lost_landing_leaves_nothing_of_its_own(memory: MemoryStore) -> None:
    late, first = ReportLanding(memory, KEY), ReportLanding(memory, KEY)
    for landing, data in ((late, b"a\n1\n"), (first, b"a\n2\n")):
        part = landing.next_part()
        part.write(data)
        part.commit()
    receipt = first.finish({"report_id": "a"}, {})
    assert late.finish({"report_id": "a"}, {}) is None
    assert receipt is not None
    assert {*memory.objects} == {KEY.receipt, receipt.files[0].name}


@pytest.mark.parametrize("conditions", ["ignored", "unsupported"])
def test_without_conditions_nothing_of_unknown_landings_is_deleted(conditions: str) -> None:
    store = MemoryStore(conditions)
    unknown = f"{KEY.folder}part-00001-5747a7.csv"
    store.write(unknown, b"of a landing that may still commit\n")
    editions = []
    for number in range(2):
        landing = ReportLanding(store, KEY, {*store.objects} - {KEY.receipt})
        landing.begin(overwrite=True)
        part = landing.next_part()
        part.write(f"a\n{number}\n".encode())
        part.commit()
        receipt = landing.finish({"report_id": "a"}, {})
        assert receipt is not None
        editions.append(receipt.files[0].name)
    # The edition that was replaced is known, and goes.
    assert {*store.objects} == {KEY.receipt, unknown, editions[1]}
    assert remove_strays(LandingZone(store), KEY) == 0
    assert unknown in store.objects
