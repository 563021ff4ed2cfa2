"""Run a marginal method of the package dpmm on a table, in an environment that has it.

`python marginal_rows.py METHOD TRAIN DOMAIN OUT ROWS EPSILON DELTA`: METHOD is aim, privbayes or
mst.
TRAIN and OUT are CSV; DOMAIN is JSON with `categories`, or `lower` and `upper`, for each column. A
tenth of epsilon finds the bins of numbers, as is the package's default at epsilon 1. The answer
goes to stdout as JSON.
"""

import json
import logging
import sys
import time
import warnings

import pandas as pd

BINS_PART = 0.1
# The default of the models, in MB; the pipelines set no limit.
MOST_MB = 80


def main() -> None:
    """Fit the method, and write its rows."""
    from dpmm.pipelines import aim, mst, priv_bayes

    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    method, train, domain, out, rows, epsilon, delta = sys.argv[1:]
    with open(domain) as file:
        known = json.load(file)
    text = {name: str for name, part in known.items() if "categories" in part}
    table = pd.read_csv(train, dtype=text, keep_default_na=False, na_values={})[list(known)]
    pipelines = {
        "aim": aim.AIMPipeline,
        "privbayes": priv_bayes.PrivBayesPipeline,
        "mst": mst.MSTPipeline,
    }
    total = float(epsilon)
    pipeline = pipelines[method](
        epsilon=(1 - BINS_PART) * total,
        proc_epsilon=BINS_PART * total,
        delta=float(delta),
        max_model_size=MOST_MB,
        n_jobs=1,
    )
    started = time.perf_counter()
    pipeline.fit(table, domain=known, random_state=0)
    seconds = time.perf_counter() - started
    pipeline.generate(n_records=int(rows), random_state=0).to_csv(out, index=False)
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
