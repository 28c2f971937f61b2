"""Groups the commands and options of --help by what a person wants to do.

COMMANDS and OPTIONS are the whole order: a command or option that is in no group comes last, and
a test names it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from typer.core import TyperCommand, TyperGroup

from agent.errors import EXIT_CODES, UsageFault, unknown

OTHER_WORDS = {
    "cancel": "stop",
    "continue": "resume",
    "end": "stop",
    "help": "--help",
    "history": "log",
    "importance": "plot importance",
    "kill": "stop",
    "ls": "list",
    "mv": "rename",
    "ps": "list",
    "quit": "stop",
    "remove": "delete",
    "results": "log",
    "rm": "delete",
    "run": "start",
    "runs": "list",
    "trials": "log",
    "ui": "dashboard",
    "version": "--version",
}
"""Commands of other tools, which no spelling brings near ours."""

Groups = Mapping[str, Sequence[str]]
Rows = list[tuple[str, str]]

COMMANDS: Groups = {
    "Every night": ("init", "start", "status", "log", "resume"),
    "Talk to a run while it works": (
        "tell",
        "try",
        "pause",
        "go",
        "set",
        "brief",
        "skip",
        "hold",
        "inbox",
        "stop",
    ),
    "Look closer": ("show", "diff", "compare", "report", "dashboard", "plot", "export"),
    "Check what was kept, and take it": ("replicate", "ablate", "approve", "reject", "finalize"),
    "Let an agent drive": ("mcp", "skill"),
    "Manage runs": ("list", "rename", "delete", "adopt"),
    "Constants, machine, models and methods": (
        "space",
        "noise",
        "doctor",
        "models",
        "methods",
        "prompt",
        "bench",
        "notify",
    ),
}

_RUN: Groups = {
    "What proposes": (
        "--model",
        "--method",
        "--effort",
        "--writers",
        "--fill",
        "--warm",
        "--seed",
    ),
    "How long, for how much": ("--budget", "--limit", "--trials", "--hours", "--max-cost"),
    "Which run": (
        "--from",
        "--settings",
        "--into",
        "--together",
        "--tag",
        "--results",
        "--since",
        "--leave-branch",
        "--detach",
        "--dry-run",
    ),
    "What is measured": ("--metric", "--direction"),
    "What a model sees": ("--look", "--notes"),
    "How trials are judged": ("--verdict", "--false-keeps", "--baseline-repeats", "--prune"),
    "The machine": ("--on", "--workers", "--python", "--memory", "--vram", "--disk", "--output"),
    "On Slurm": (
        "--partition",
        "--gpus",
        "--cpus",
        "--mem",
        "--time",
        "--account",
        "--qos",
        "--constraint",
        "--driver",
    ),
    "Who else hears of it": ("--notify", "--tracker", "--json"),
    "Permissions": ("--trust", "--unsafe-no-sandbox"),
}
_BENCH: Groups = {
    "What is compared": ("--methods", "--tasks", "--past", "--model", "--list"),
    "How much of it": ("--trials", "--seeds", "--first-seed", "--workers"),
    "Results": ("--output", "--report", "--json"),
}
_INIT: Groups = {
    "The bundled research": ("--preset", "--anyway"),
    "What is run": ("--script", "--command", "--python", "--read-only", "--budget", "--limit"),
    "What is measured": (
        "--metric",
        "--direction",
        "--repeats",
        "--evaluate",
        "--hidden",
        "--outputs",
    ),
    "What is edited": ("--files",),
    "How it is asked": ("--yes", "--no-run"),
    "Permissions": ("--trust", "--unsafe-no-sandbox"),
}
OPTIONS: Mapping[str, Groups] = {
    "init": _INIT,
    "start": _RUN,
    "resume": _RUN,
    "adopt": _RUN,
    "bench": _BENCH,
}
"""The groups of the commands that have many options; those of the others are listed as they are."""

OTHER_COMMANDS = "Other commands"
WIDEST_TERM = 30


class Command(TyperCommand):
    """A command whose --help groups its options."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words behind the command in its usage: `[OPTIONS] N [RUN]`."""
        arguments = [part for part in self.get_params(ctx) if part.param_type_name == "argument"]
        return ["[OPTIONS]", *(_usage(argument) for argument in arguments)]

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples, and where the exit codes are."""
        super().format_epilog(ctx, formatter)
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text("Exit codes: see `autoresearch --help`.")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the groups of options."""
        groups = list(option_groups(self, ctx))
        width = 0
        for _, rows in groups:
            width = max([width, *(len(term) for term, _ in rows if len(term) <= WIDEST_TERM)])
        for heading, rows in groups:
            with formatter.section(heading):
                formatter.write_dl([(term.ljust(width), text) for term, text in rows])


class Commands(TyperGroup):
    """The commands, grouped; an unknown one is an error with the nearest name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command that is typed first. Raise UsageFault if there is none."""
        name = args[0]
        if not name.startswith("-") and name not in self.commands and not ctx.resilient_parsing:
            meant = OTHER_WORDS.get(name)
            if meant is not None:
                message = f"Unknown command {name!r}. Did you mean {meant!r}?"
                own = meant.split()[0]
                help_of = own if own.startswith("--") else f"{own} --help"
                raise UsageFault(message, f"autoresearch {help_of}")
            raise UsageFault(unknown("command", name, self.commands), "autoresearch --help")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each group of commands."""
        width = max(map(len, self.list_commands(ctx)))
        for heading, commands in command_groups(self):
            rows = [(name.ljust(width), summary(command)) for name, command in commands]
            with formatter.section(heading):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples, and the table of exit codes."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl([(f"{code:>3}", meaning) for code, meaning in EXIT_CODES.items()])


def summary(command: Any) -> str:
    """Return the first sentence of a command's help."""
    return " ".join((command.help or "").partition("\n\n")[0].split())


def command_groups(group: Any) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Yield each heading with its commands, as (name, command)."""
    visible = [name for name, command in group.commands.items() if not command.hidden]
    for heading, names in _grouped(visible, COMMANDS, OTHER_COMMANDS):
        yield heading, [(name, group.commands[name]) for name in names]


def option_groups(command: Any, ctx: Any) -> Iterator[tuple[str, Rows]]:
    """Yield each heading with its arguments or options, as (term, help)."""
    arguments: Rows = []
    options: dict[str, tuple[str, str]] = {}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is None:
            continue
        if parameter.param_type_name == "argument":
            arguments.append((_name_of(parameter), record[1]))
        else:
            options[max(parameter.opts, key=len)] = record
    if arguments:
        yield "Arguments", arguments
    if command.name not in OPTIONS:
        yield "Options", list(options.values())
        return
    for heading, names in _grouped(options, OPTIONS[command.name], "Other options"):
        yield heading, [options[name] for name in names]


def _grouped(
    names: Sequence[str] | Mapping[str, Any], groups: Groups, last: str
) -> Iterator[tuple[str, list[str]]]:
    """Yield each heading that has some of `names`, with them; the rest comes last."""
    placed: set[str] = set()
    for heading, members in groups.items():
        present = [name for name in members if name in names]
        placed.update(present)
        if present:
            yield heading, present
    rest = [name for name in names if name not in placed]
    if rest:
        yield last, rest


def _usage(argument: Any) -> str:
    name = _name_of(argument)
    word = name if argument.required else f"[{name}]"
    several = argument.nargs != 1 and "..." not in name
    return f"{word}..." if several else word


def _name_of(argument: Any) -> str:
    """Return the name of an argument, without the brackets that its usage line adds."""
    name: str = argument.metavar or argument.name.upper()
    return name.replace("[", "").replace("]", "")
