"""Seeds of trials."""

import numpy as np

__all__ = ["trial_seed"]


def trial_seed(search_seed: int, number: int) -> int:
    """Return the seed of a trial, made of the search's seed and the trial's number alone."""
    return int(np.random.SeedSequence([search_seed, number]).generate_state(1)[0])
