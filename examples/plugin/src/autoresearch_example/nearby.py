"""A search method: one constant of the best configuration so far, drawn anew."""

import random


def suggest(space, observations, seed):
    """Return the next configuration; the same for the same arguments."""
    rng = random.Random(f"{seed} {len(observations)}")
    scored = [trial for trial in observations if trial.value is not None]
    best = min(scored, key=lambda trial: trial.value).configuration if scored else space.default
    tried = [space.default, *(trial.configuration for trial in observations)]
    for _ in range(1000):
        constant = rng.choice(space.parameters)
        choices = constant.choices or [rng.uniform(constant.low, constant.high)]
        proposal = space.repair({**best, constant.name: rng.choice(choices)})
        if proposal not in tried:
            return proposal
    return best  # nothing is left to try: it is refused, and the run ends
