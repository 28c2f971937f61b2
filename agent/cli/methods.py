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
    from agent.cli.method_list import table_of
    from agent.display.format import formatter_for, open_console
    from agent.propose.methods import list_methods

    listed = list_methods()
    if as_json:
        typer.echo(json_of(listed))
        return
    console = open_console()
    console.print(table_of(listed, formatter_for(console)))
