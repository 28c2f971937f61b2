"""The name of the function in a call."""

import ast


def last_name(function: ast.expr) -> str:
    """Return the last part of a function's name: `Adam` for torch.optim.Adam; "" without a name."""
    match function:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""
