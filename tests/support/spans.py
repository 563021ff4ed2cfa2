"""Tables of durations that others determine."""

from datetime import time

import numpy as np
import pandas as pd
import pyarrow as pa

__all__ = ["calls"]


def calls(n: int, kind: str) -> pd.DataFrame:
    """Return visits: when they begin and end, how long they are, and how long with the wait.

    Args:
        n: Number of rows.
        kind: What durations are: ``text``, ``time``, ``arrow`` or a dtype of NumPy. Those that are
            times are below a day.
    """
    rng = np.random.default_rng(7)
    came = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**7, n), unit="s")
    stay = pd.to_timedelta(rng.integers(300, 40_000 if kind == "time" else 200_000, n), unit="s")
    wait = pd.to_timedelta(rng.integers(1, 3_600, n), unit="s")
    spans = {"stay": stay, "wait": wait, "total": stay + wait}
    columns = {name: _as(kind, span) for name, span in spans.items()}
    return pd.DataFrame({"came": came, **columns, "left": came + stay})


def _as(kind: str, spans: pd.TimedeltaIndex) -> object:
    seconds = spans.total_seconds().astype(int)
    if kind == "text":
        return [f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in seconds]
    if kind == "time":
        return [time(s // 3600, s // 60 % 60, s % 60) for s in seconds]
    if kind == "arrow":
        return pd.array(spans.astype("m8[us]"), pd.ArrowDtype(pa.duration("us")))
    return spans.astype(kind)
