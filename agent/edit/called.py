"""What an expression that is called goes by."""

import ast


def last_name(function: ast.expr) -> str:
    """Return the last name of what is called: `Adam` for torch.optim.Adam; "" if it has none."""
    match function:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""
