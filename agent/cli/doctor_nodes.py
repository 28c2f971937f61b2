"""`doctor --on ray`: every node of a cluster proves itself; nothing is started."""

import json
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

import typer
from rich.text import Text

from agent.cli.build import Place, imports_of, place_around
from agent.cli.reach import readable_paths
from agent.display.folding import FoldingTable
from agent.display.format import formatter_for, open_console
from agent.display.waiting import waiting
from agent.errors import Fault, SandboxFault, WrongOption
from agent.evaluate.cluster.examination import Demands, Examined, examine
from agent.evaluate.cluster.line import NO_NODE, STATUS
from agent.evaluate.cluster.packages import differences
from agent.evaluate.cluster.software import software
from agent.evaluate.engines import read_where
from agent.project.interpreter import interpreter_of
from agent.project.unseen import hidden_on_disk, records

SKEW_SECONDS = 5.0
"""A clock that is further off is named."""
SLOW = 0.9
"""A node that is slower than this share of the fastest is named."""
GIB = 1 << 30
WHY = "it loads what trainings import, and tries to get out of its own sandbox"


def examine_nodes(on: str, as_json: bool) -> None:
    """Prove every node, and print a description of each. Exit with 4 if one is not fit."""
    where = read_where(on)
    if where.engine != "ray":
        message = f"only the nodes of a Ray cluster can be asked, unlike {where}"
        raise WrongOption(message, "--on", "ray")
    from agent.evaluate.cluster.ray_cluster import RayCluster

    demands = _demands()
    with waiting(f"{where}, to connect"):
        cluster = RayCluster(where.address)
    try:
        with waiting("every node to prove itself", WHY):
            examined = examine(cluster, demands)
    finally:
        cluster.close()
    if as_json:
        typer.echo(json.dumps([plain_node(node) for node in examined], indent=2))
    else:
        show_nodes(examined)
    if not examined or any(node.standing is None for node in examined):
        raise typer.Exit(SandboxFault.exit_code)


def _demands() -> Demands:
    """Return what the trials of the project here need; nothing without a project."""
    try:
        place = place_around(Path.cwd())
        return demands_of(place)
    except Fault:
        return Demands()


def demands_of(place: Place) -> Demands:
    """Return what the trials of a project need of a node."""
    project = place.project
    interpreter = interpreter_of(project, place.settings)
    train = Path(project.root) / project.train
    return Demands(
        python=interpreter.path if interpreter.is_own else "",
        imports=imports_of(interpreter, train.read_text("utf-8", "replace")),
        read_only=readable_paths(project, place.settings),
        hidden=(*records(project), *hidden_on_disk(project)),
        checkout=str(Path(project.root) / project.workspace),
    )


def plain_node(node: Examined) -> dict[str, object]:
    """Return a node for `--json`."""
    standing = node.standing.model_dump(mode="json") if node.standing else None
    return {
        "node": node.name,
        "fit": node.standing is not None,
        "refused": node.refused,
        "fix": node.fix,
        "skew": node.skew,
        "megabytes_per_second": node.sent,
        "absent": list(node.absent),
        "standing": standing,
    }


def show_nodes(examined: Sequence[Examined]) -> None:
    """Print a line for each node, and remarks."""
    console = open_console()
    formatter = formatter_for(console)
    console.print(Text(f"this machine: autoresearch {software()}"), soft_wrap=True)
    heads = ("", "node", "sandbox", "device", "slots", "memory", "free", "speed", "files")
    table = FoldingTable(heads)
    for node in examined:
        table.add_row(*map(Text, (formatter.line(cell) for cell in _row(node))))
    console.print(table)
    for node in examined:
        for line in _remarks(node, examined):
            console.print(Text(formatter.line(line)), soft_wrap=True)
    if not examined:
        console.print(Text(f"{NO_NODE}   try: {STATUS}"), soft_wrap=True)
    fit = [node for node in examined if node.standing]
    slots = sum(len(node.slots) for node in fit)
    nodes = f"{len(fit)} of {len(examined)} nodes are fit"
    console.print(f"{nodes}, for {slots} trials at once; nothing was started")


def _row(node: Examined) -> tuple[str, ...]:
    standing = node.standing
    if standing is None:
        return ("BAD", node.name, *[""] * 7)
    return (
        "ok",
        node.name,
        f"tier {standing.tier}",
        standing.device or f"CPU, {standing.cores} cores",
        str(len(standing.slots)),
        f"{standing.memory_bytes / GIB:.0f} GiB",
        f"{standing.free_bytes / GIB:.0f} GiB",
        f"{standing.speed:.0f}",
        f"{node.sent:.0f} MB/s",
    )


def _remarks(node: Examined, others: Sequence[Examined]) -> list[str]:
    """Return remarks on a node, such as that it is slow."""
    standing = node.standing
    if standing is None:
        fix = f"   try: {node.fix}" if node.fix else ""
        return [f"{node.name}: {node.refused}{fix}"]
    remarks: list[str] = []
    if abs(node.skew) > SKEW_SECONDS:
        remarks.append(f"{node.name}: its clock is {node.skew:+.0f} s off")
    fastest = max(other.standing.speed for other in others if other.standing)
    if standing.speed < SLOW * fastest:
        share = standing.speed / fastest
        remarks.append(f"{node.name}: one core is at {share:.0%} of the fastest node's")
    models = {other.standing.device for other in others if other.standing}
    if len(models) > 1:
        device = standing.device or "no accelerator"
        remarks.append(f"{node.name}: {device}; trials are compared on one model only")
    usual = _usual(others)
    if usual.standing and usual.standing.packages != standing.packages:
        packages = differences(standing.packages, usual.standing.packages)
        why = "trials are compared on the same packages only"
        remarks.append(f"{node.name}: other packages than {usual.name} ({packages}); {why}")
    remarks += [f"{node.name}: would be sent {quote(path)}" for path in node.absent]
    return remarks


def _usual(nodes: Sequence[Examined]) -> Examined:
    """Return a node with the packages that most nodes have."""
    sets = [node.standing.packages if node.standing else None for node in nodes]
    fit = [packages for packages in sets if packages is not None]
    return nodes[sets.index(max(fit, key=fit.count))]
