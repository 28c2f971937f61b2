"""The command `methods`."""

import typer

from agent.cli import app, epilog
from agent.cli.options import Json


@app.command(epilog=epilog("autoresearch methods", "autoresearch start --method trust"))
def methods(as_json: Json = False) -> None:
    """List the methods for --method, and what each needs.

    Those that need nothing search the constants of train.py, and are a library as well
    (docs/library.md). Methods of other installed packages come last, with where they come from.
    """
    # Imported here: the edit layer takes longer to import than most commands to answer.
    from agent.cli.method_list import as_json as json_of
    from agent.cli.method_list import as_table
    from agent.propose.methods import list_methods

    listed = list_methods()
    typer.echo(json_of(listed) if as_json else as_table(listed))
