"""Checkpoints of trials: where they lie, and which are removed."""

import re

__all__ = ["STATE_FILE"]


# What lies in the directory of a checkpoint.
STATE_FILE = "state.pt"


# Directories of Ray Tune's: a run, and an attempt at a trial in it.
_RUN, _ATTEMPT = re.compile(r"run_\d+"), re.compile(r"\d{6,}(-\d+)?")


def _home_of(checkpoint: str) -> str:
    """The directory of the attempt that a checkpoint was written by."""
    return checkpoint.rpartition("/")[0]
