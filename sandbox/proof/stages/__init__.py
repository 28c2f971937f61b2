"""How each row of the hostile suite is staged and judged: a module for each of the attacks'."""
