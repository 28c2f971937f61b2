"""Runs trials on a cluster, at places that join, prove themselves and may be lost."""

import itertools
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from agent.errors import PlaceLost
from agent.evaluate.bench import Assignment, PlaceListener, Plan
from agent.evaluate.cluster.line import Cluster, Gone, Node, Unfit
from agent.evaluate.cluster.member import Member
from agent.evaluate.cluster.place import Place
from agent.evaluate.cluster.sending import Sending
from agent.evaluate.cluster.software import software
from agent.evaluate.cluster.trees import Tree
from agent.evaluate.cluster.wire import Ending, Needs, Setup
from agent.evaluate.folders import Export
from agent.evaluate.watch import Listener
from agent.records.events import PlaceJoined, PlaceLeft
from agent.records.guards import Checks
from agent.records.results import Result
from agent.records.slots import Slot
from sandbox.ground.leftovers import temporary_folder
from sandbox.score.evaluator.evaluation import Split

PATIENCE_SECONDS = 45.0
"""A place that is silent for so long is lost; it ends itself after as long without a question."""
LOOK_SECONDS = 3.0
"""How often the driver looks for nodes, and asks idle places whether they are there."""
AGAIN_SECONDS = 60.0
"""A node that was refused is tried again after this, and after twice as long each time."""
LATE_SECONDS = 30.0
"""How much longer than for the first place a session waits for others before it begins."""
WAIT_SECONDS = 1.0
GATHER_SECONDS = 12.0
"""How long a session without a place waits for nodes: a cluster may be coming up just now."""
NEVER = float("inf")
RESUME = "autoresearch resume"


@dataclass(frozen=True)
class Terms:
    """What the user asks of the places of a run."""

    address: str = ""
    """Of the cluster, as the engine has it; empty for the one that this machine belongs to."""
    workers: int | None = None
    """How many trials may run at once; None for one on each accelerator, or node without one."""
    has_memory_limit: bool = False
    """Whether the plan's memory is what the user stated; else each node shares out its own."""
    unsafe: bool = False
    imports: tuple[str, ...] = ()
    """What the interpreter of the trainings must be able to import inside the sandbox."""
    own_python: bool = True
    """Whether the trainings run on the harness's own interpreter: then on each node's."""
    patience: float = PATIENCE_SECONDS


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
        self._closed = threading.Event()
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

    # ------------------------------------------------------------ places

    def open(self, listen: PlaceListener) -> None:
        """Connect, and wait until every node that is there has proved itself or was refused.

        Slow ones are waited for only a while once there is a place. Raise PlaceLost where none is
        fit.
        """
        self._listen = listen
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            sent = self._stack.enter_context(temporary_folder("sent", self._folder))
            self._sending = Sending(sent, self._export, self._export_whole)
            self._needs = self._needed()
            self._cluster = self._connect()
            self._stack.callback(self._cluster.close)
            self._joining = ThreadPoolExecutor(32, thread_name_prefix="join")
            self._stack.callback(self._joining.shutdown)
            self._gather()
            if not self.slots:
                raise self._nobody()
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
            self._await([self._joining.submit(self._join, node) for node in self._new_nodes()])
            if self.slots or time.monotonic() > until:
                return
            self._closed.wait(WAIT_SECONDS)

    def _await(self, began: list[Future[None]]) -> None:
        """Wait for nodes to prove themselves, at most LATE_SECONDS after the first is a place."""
        pending = set(began)
        late: float | None = None
        while pending and (late is None or time.monotonic() < late):
            done, pending = wait(pending, WAIT_SECONDS, FIRST_COMPLETED)
            for joined in done:
                joined.result()
            if self.slots and late is None:
                late = time.monotonic() + LATE_SECONDS

    def _nobody(self) -> PlaceLost:
        reasons = [f"  {m.name}: {m.refused}" for m in self._members.values() if m.refused]
        if not reasons:
            return PlaceLost("the cluster has no node with a CPU to train on", "ray status")
        listing = "\n".join(reasons)
        return PlaceLost(f"no node of the cluster can train:\n{listing}", "autoresearch doctor")

    def _needed(self) -> Needs:
        """Return what all trials need, with all that they may read; hashing it takes a while."""
        plan = self._plan
        paths = list(plan.read_only)
        if plan.evaluation is not None:
            paths += [*plan.evaluation.hidden, *plan.evaluation.test]
        sent: dict[str, Tree] = {}
        for path in paths:
            if Path(path).exists():
                others = [hidden for hidden in plan.hidden if hidden != path]
                sent[path] = self._sending.folder(path, others)
        data = self._sending.folder(plan.data) if plan.data else None
        return Needs(
            plan=plan,
            has_memory_limit=self._terms.has_memory_limit,
            home=str(Path.home()),
            data=data,
            sent=sent,
        )

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
                    self._members[key] = Member(node, self._name(node), again_at=NEVER)
                    fresh.append(node)
                elif member.place is None and now >= member.again_at:
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
        """Have a node prove itself, and take it in."""
        member = self._members.get(node.key)
        if member is None or self._closed.is_set():
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
            member.share = self._share(node)
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
            standing = place.prove(self._setup(member.share, cpus))
            place.equip(self._needs, self._sending)
        except BaseException:
            place.close(politely=True)
            raise
        finally:
            with self._lock:
                self._proving.discard(place)
        slots = tuple(
            slot.model_copy(update={"number": next(self._numbers), "place": place.name})
            for slot in standing.slots
        )
        with self._lock:
            if self._closed.is_set():
                place.close(politely=True)
                return
            member.place = place
            member.standing = standing
            member.slots = slots
            member.refused = ""
            self._places[place.name] = member
        self._listen(PlaceJoined(place.name, slots))

    def _setup(self, slots: int, cpus: int) -> Setup:
        terms = self._terms
        return Setup(
            version=software(),
            patience=terms.patience,
            slots=slots,
            cores=cpus,
            unsafe=terms.unsafe,
            python="" if terms.own_python else self._plan.python,
            imports=terms.imports,
        )

    def _share(self, node: Node) -> int:
        """Return how many workers a node gets, of those that the user allows."""
        workers = self._terms.workers
        if workers is None:
            return node.gpus or 1
        others = [member.share for member in self._members.values()]
        each = math.ceil(workers / len(others))  # cores are worth more on a node of their own
        most = node.gpus or min(node.cpus, each)
        return max(0, min(most, workers - sum(others)))

    def _name(self, node: Node) -> str:
        """Return a name that no other node has now: its host, with a number if need be."""
        taken = {member.name for member in self._members.values()}
        name = node.name
        for number in itertools.count(2):
            if name not in taken:
                break
            name = f"{node.name}-{number}"
        return name

    def _refuse(self, member: Member, why: str) -> None:
        is_news = why != member.refused
        member.share = 0
        member.refused = why
        member.tries += 1
        member.again_at = time.monotonic() + AGAIN_SECONDS * 2 ** min(member.tries - 1, 6)
        if is_news:
            self._listen(PlaceLeft(member.name, f"refused: {why}"))

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
            self._places.pop(place.name, None)
        with suppress(Gone):
            place.close(politely=False)
        with self._replacing:
            self._listen(PlaceLeft(place.name, why))
            if not self._places and not self._closed.is_set():
                self._replace()

    def _replace(self) -> None:
        """Try all nodes at once, since no place is left.

        A run that lost the last place waits for this, so that the session ends only if no node is
        fit.
        """
        with suppress(Gone):
            for node in self._cluster.nodes():
                member = self._members.get(node.key)
                if member is not None and member.place is None and not self._places:
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
            raise PlaceLost(f"{slot.place} is gone", RESUME)
        try:
            ending = place.run(assignment, self._sending, listen, cancel, self._folder)
            if ending.fault:
                raise Unfit(ending.fault)
            _refuse_foreign(ending, assignment)
        except (Gone, Unfit) as error:
            self._lose(member, str(error))
            with self._replacing:
                pass
            raise PlaceLost(str(error), RESUME) from None
        return ending


def _refuse_foreign(ending: Ending, assignment: Assignment) -> None:
    """Raise Unfit for a result that speaks of another machine, seed or role than was ordered."""
    order = assignment.order
    wanted = (assignment.slot.machine, order.seed, order.role)
    for score in ending.result.scores if ending.result else ():
        if (score.machine, score.seed, score.role) != wanted:
            raise Unfit("a result is not of what was ordered")
