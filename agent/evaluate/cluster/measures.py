"""Runs trials on a cluster, at places that join, prove themselves and may be lost."""

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from pathlib import Path

from agent.errors import PlaceLost
from agent.evaluate.bench import Assignment, PlaceListener, Plan
from agent.evaluate.cluster.believed import Machines, check_ending, checked_slots
from agent.evaluate.cluster.line import (
    NO_NODE,
    STATUS,
    Cluster,
    Gone,
    Node,
    Unfit,
    unreachable,
)
from agent.evaluate.cluster.member import Member
from agent.evaluate.cluster.packages import packages_of
from agent.evaluate.cluster.place import Place
from agent.evaluate.cluster.sending import Sending
from agent.evaluate.cluster.terms import (
    Terms,
    free_name,
    needs_of,
    python_of,
    setup_of,
    share_of,
)
from agent.evaluate.cluster.wire import Ending, Standing
from agent.evaluate.folders import Export
from agent.evaluate.watch import Listener
from agent.records.events import REFUSED, PlaceJoined, PlaceLeft
from agent.records.guards import Checks
from agent.records.results import Result
from agent.records.slots import Slot
from sandbox.ground.leftovers import temporary_folder
from sandbox.score.evaluator.evaluation import Split

LOOK_SECONDS = 3.0
"""How often the driver looks for nodes, and asks idle places whether they are there."""
AGAIN_SECONDS = 60.0
"""A node that was refused is tried again after this, and after twice as long each time."""
LATE_SECONDS = 30.0
"""How much longer than for the first place a session waits for others before it begins."""
WAIT_SECONDS = 1.0
MOST_THREADS = 4096
"""Threads that prove or ping nodes: enough that a node that hangs delays no other."""
GATHER_SECONDS = 12.0
"""How long a session without a place waits for nodes: a cluster may be coming up just now."""
NEVER = float("inf")
RESUME = "autoresearch resume"
CLOSED = "the session is over"


class ClusterBench:
    """Measures on a cluster. Each place has a station on its node; this is the driver's side."""

    def __init__(
        self,
        plan: Plan,
        terms: Terms,
        connect: Callable[[], Cluster],
        folder: Path,
        export: Export,
        export_whole: Callable[[Path, Split], None] | None = None,
    ) -> None:
        """Keep the settings; arguments as for Bench. connect: opens the cluster."""
        self._connect = connect
        self._plan = plan
        self._terms = terms
        self._folder = folder
        self._export = export
        self._export_whole = export_whole
        self._members: dict[str, Member] = {}
        self._places: dict[str, Member] = {}
        self._proving: set[Place] = set()
        self._numbers = itertools.count()
        self._lock = threading.RLock()
        self._replacing = threading.RLock()
        # How many threads have lost the last place and have not looked for another one yet.
        self._seeking = 0
        self._closed = threading.Event()
        self._cancel = threading.Event()
        self._stack = ExitStack()
        self._listen: PlaceListener = lambda _: None

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The slots of the present places."""
        with self._lock:
            slots: list[Slot] = []
            for member in self._places.values():
                slots += member.slots
            return tuple(slots)

    @property
    def is_seeking(self) -> bool:
        """Whether the last place was lost, and another one is looked for at this moment."""
        with self._lock:
            return self._seeking > 0

    # ------------------------------------------------------------ places

    def open(self, listen: PlaceListener, cancel: threading.Event) -> None:
        """Connect, and wait until every node has proved itself or was refused.

        Slow ones are waited for only a while once there is a place, and none once `cancel` is set.
        Raise PlaceLost where none is fit.
        """
        self._listen = listen
        self._cancel = cancel
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            sent = self._stack.enter_context(temporary_folder("sent", self._folder))
            self._sending = Sending(sent, self._export, self._export_whole)
            self._needs = needs_of(self._plan, self._terms, self._sending)
            self._machines = Machines(packages_of(python_of(self._terms, self._plan)))
            self._cluster = self._connect()
            self._stack.callback(self._cluster.close)
            self._joining = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="join")
            self._stack.callback(self._joining.shutdown)
            self._gather()
            if not self.slots and not cancel.is_set():
                raise self._nobody()
        except Gone as gone:
            self.close()
            raise unreachable(gone) from None
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._watch, name="watch-nodes", daemon=True).start()

    def close(self) -> None:
        """End all places, also those that are still being proved, and leave the cluster."""
        self._closed.set()
        with self._lock:
            places = [member.place for member in self._places.values() if member.place]
            proving = list(self._proving)
            self._places.clear()
        for place in proving:
            place.close(politely=False)
        with ThreadPoolExecutor(max(1, len(places))) as closing:
            for place in places:
                closing.submit(place.close, True)
        self._stack.close()

    def _gather(self) -> None:
        """Prove all present nodes; if none is fit, wait for others for GATHER_SECONDS."""
        until = time.monotonic() + GATHER_SECONDS
        while True:
            began = [self._joining.submit(self._join, node) for node in self._new_nodes()]
            self._await(began)
            if self.slots or time.monotonic() > until or self._cancel.wait(WAIT_SECONDS):
                return

    def _await(self, began: list[Future[None]]) -> None:
        """Wait for nodes to prove themselves, at most LATE_SECONDS after the first is a place."""
        pending = set(began)
        late: float | None = None
        while pending and not self._cancel.is_set():
            if late is not None and time.monotonic() > late:
                return
            done, pending = wait(pending, WAIT_SECONDS, FIRST_COMPLETED)
            for joined in done:
                joined.result()
            if self.slots and late is None:
                late = time.monotonic() + LATE_SECONDS

    def _nobody(self) -> PlaceLost:
        reasons = [f"  {m.name}: {m.refused}" for m in self._members.values() if m.refused]
        if not reasons:
            return PlaceLost(NO_NODE, STATUS)
        listing = "\n".join(reasons)
        return PlaceLost(f"no node of the cluster can train:\n{listing}", "autoresearch doctor")

    def _watch(self) -> None:
        """Look for new nodes and ping every place, until the bench is closed."""
        while not self._closed.wait(LOOK_SECONDS):
            try:
                nodes = self._new_nodes()
            except Gone as gone:
                for member in list(self._places.values()):
                    self._lose(member, f"the cluster cannot be reached: {gone}")
                continue
            with suppress(RuntimeError):  # closed meanwhile
                for node in nodes:
                    self._joining.submit(self._join, node)
                for member in list(self._places.values()):
                    self._joining.submit(self._ping, member)

    def _new_nodes(self) -> list[Node]:
        """Return the nodes to try now; drop those that are gone."""
        alive = {node.key: node for node in self._cluster.nodes()}
        now = time.monotonic()
        fresh: list[Node] = []
        with self._lock:
            gone = [self._members.pop(key) for key in [*self._members] if key not in alive]
            for key, node in alive.items():
                member = self._members.get(key)
                if member is None:
                    name = free_name(node, self._members.values())
                    self._members[key] = Member(node, name, again_at=NEVER)
                    fresh.append(node)
                elif now >= member.again_at:
                    member.again_at = NEVER
                    fresh.append(node)
        for member in gone:
            self._lose(member, "its node is gone")
        return fresh

    def _ping(self, member: Member) -> None:
        place = member.place
        if place is None or not place.is_idle:
            return
        try:
            place.ping()
        except (Gone, Unfit) as error:
            self._lose(member, str(error))

    def _join(self, node: Node) -> None:
        """Make a node a place if it proves itself, else refuse it.

        A node whose examination is under way is waited for.
        """
        member = self._members.get(node.key)
        if member is None:
            return
        with member.joining:
            if member.place is not None or self._closed.is_set():
                return
            try:
                self._take_in(member)
            except (Gone, Unfit) as error:
                self._refuse(member, str(error))
            except BaseException as error:
                self._refuse(member, f"{type(error).__name__}: {error}")
                raise

    def _take_in(self, member: Member) -> None:
        node = member.node
        with self._lock:
            member.share = share_of(node, self._members.values(), self._terms.workers)
        if not member.share:
            member.again_at = time.monotonic() + LOOK_SECONDS  # another one may leave
            return
        gpus = min(node.gpus, member.share)
        cpus = max(1, node.cpus * gpus // node.gpus) if node.gpus else node.cpus
        line = self._cluster.line(node, cpus, gpus)
        place = Place(member.name, line, self._terms.patience)
        with self._lock:
            self._proving.add(place)
        try:
            if self._closed.is_set():
                raise Gone(CLOSED)
            standing = place.prove(setup_of(self._terms, self._plan, member.share, cpus))
            place.equip(self._needs, self._sending)
            self._enter(member, place, standing)
        except BaseException:
            place.close(politely=True)
            raise
        finally:
            with self._lock:
                self._proving.discard(place)

    def _enter(self, member: Member, place: Place, standing: Standing) -> None:
        """Make a place of a node that has proved itself, and tell of it before it can be lost.

        Raise Unfit for more slots than were asked for, and Gone where it comes too late.
        """
        with self._lock:
            if self._closed.is_set():
                raise Gone(CLOSED)
            if self._members.get(member.node.key) is not member:
                raise Gone("its node is gone")
            ours = {"place": place.name, "machine": self._machines.name(standing)}
            slots = tuple(
                slot.model_copy(update={**ours, "number": next(self._numbers)})
                for slot in checked_slots(standing, member.share)
            )
            member.place = place
            member.standing = standing
            member.slots = slots
            member.refused = ""
            self._places[place.name] = member
            self._listen(PlaceJoined(place.name, slots))

    def _refuse(self, member: Member, why: str) -> None:
        is_news = why != member.refused
        member.share = 0
        member.refused = why
        member.tries += 1
        member.again_at = time.monotonic() + AGAIN_SECONDS * 2 ** min(member.tries - 1, 6)
        if is_news:
            self._listen(PlaceLeft(member.name, f"{REFUSED}{why}"))

    def _lose(self, member: Member, why: str) -> None:
        """Remove a place, if it is there. Its node may prove itself again later."""
        with self._lock:
            place = member.place
            if place is None:
                return
            member.place = None
            member.slots = ()
            member.share = 0
            member.tries += 1
            member.again_at = time.monotonic() + AGAIN_SECONDS
            if self._places.get(place.name) is member:
                del self._places[place.name]
            is_last = not self._places
            self._seeking += is_last
        try:
            with suppress(Gone):
                place.close(politely=False)
            with self._replacing:
                self._listen(PlaceLeft(place.name, why))
                if not self._places:
                    self._replace()
        finally:
            with self._lock:
                self._seeking -= is_last

    def _replace(self) -> None:
        """Try all nodes at once, since no place is left.

        A run that lost the last place waits for this, so that the session ends only if no node is
        fit.
        """
        with suppress(Gone):
            for node in self._cluster.nodes():
                if self._places or self._closed.is_set() or self._cancel.is_set():
                    return
                member = self._members.get(node.key)
                if member is not None:
                    member.again_at = NEVER
                    with suppress(Exception):
                        self._join(node)

    # ------------------------------------------------------------ runs

    def run(
        self, assignment: Assignment, listen: Listener, cancel: threading.Event
    ) -> Result | None:
        """Train and score the ordered code at the place of the slot; see Measures."""
        return self._work(assignment, listen, cancel).result

    def check(
        self, assignment: Assignment, listen: Listener, cancel: threading.Event
    ) -> Checks | None:
        """Run the ordered checks at the place of the slot; see Measures."""
        return self._work(assignment, listen, cancel).checks

    def _work(self, assignment: Assignment, listen: Listener, cancel: threading.Event) -> Ending:
        slot = assignment.slot
        member = self._places.get(slot.place)
        place = member.place if member else None
        if member is None or place is None or slot not in member.slots:
            with self._replacing:
                pass
            raise PlaceLost(f"{slot.place} is gone", RESUME)
        try:
            ending = place.run(assignment, self._sending, listen, cancel, self._folder)
            check_ending(ending, assignment, cancel)
            if place.failed:
                self._lose(member, place.failed)
        except (Gone, Unfit) as error:
            self._lose(member, str(error))
            with self._replacing:
                pass
            raise PlaceLost(str(error), RESUME) from None
        return ending
