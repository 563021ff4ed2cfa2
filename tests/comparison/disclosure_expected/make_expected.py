"""Write the tables of this directory, and what Anonymeter finds in them.

Run once, with anonymeter 1.1.0 (BSD 3-Clause Clear) in an environment of its own, because it needs
numpy below 1.27: ``python tests/comparison/disclosure_expected/make_expected.py``. Half of the
synthetic rows are training rows with a little noise. Anonymeter draws queries at random and takes
the first of equally near rows, so singling out and linkability are means of 20 repetitions.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anonymeter.evaluators import InferenceEvaluator, LinkabilityEvaluator, SinglingOutEvaluator

HERE = Path(__file__).parent
KNOWN, SECRET = ["age", "height", "ward"], ["income", "score", "illness"]
N, N_CONTROL, N_REPEATS = 300, 300, 20


def people(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    level = rng.normal(size=n)
    return pd.DataFrame(
        {
            "age": np.round(40 + 10 * level + 5 * rng.normal(size=n), 2),
            "height": np.round(170 + 8 * rng.normal(size=n), 2),
            "ward": rng.choice(["north", "south", "east"], n),
            "income": np.round(np.exp(8 + 0.5 * level + 0.3 * rng.normal(size=n)), 2),
            "score": np.round(rng.uniform(1, 10, n), 3),
            "illness": np.where(level + rng.normal(size=n) > 0, "flu", "cold"),
        }
    )


def tables() -> dict[str, pd.DataFrame]:
    training, control = people(N, 0), people(N_CONTROL, 1)
    rng = np.random.default_rng(3)
    leaked = training.iloc[: N // 2].copy()
    for name in ("age", "height", "income", "score"):
        leaked[name] = np.round(leaked[name] + 0.01 * rng.normal(size=len(leaked)), 3)
    synthetic = pd.concat([leaked, people(N // 2, 2)], ignore_index=True)
    return {"training": training, "control": control, "synthetic": synthetic}


def risk_of(result: Any) -> list[float]:
    found = result.risk(confidence_level=0.95)
    return [found.value, *found.ci]


def main() -> None:
    warnings.simplefilter("ignore")
    made = tables()
    for name, table in made.items():
        table.to_csv(HERE / f"{name}.csv", index=False)
    ori, control, syn = made["training"], made["control"], made["synthetic"]
    expected: dict[str, Any] = {"known": KNOWN, "secret": SECRET, "inference": {}}
    for secret in SECRET:
        found = InferenceEvaluator(
            ori,
            syn,
            aux_cols=KNOWN,
            secret=secret,
            n_attacks=N,
            control=control,
            regression=secret != "illness",
        ).evaluate(n_jobs=1)
        result = found.results()
        expected["inference"][secret] = {
            "n_success": int(result.n_success),
            "n_control": int(result.n_control),
            "risk": risk_of(found),
        }
    links, singles = [], []
    for seed in range(N_REPEATS):
        # Rows in another order, for the first of equally near ones.
        order = syn.sample(frac=1, random_state=seed).reset_index(drop=True)
        found = LinkabilityEvaluator(
            ori, order, aux_cols=(KNOWN, SECRET), n_attacks=N, control=control
        ).evaluate(n_jobs=1)
        result = found.results()
        links.append([result.n_success, result.n_control, *risk_of(found)])
        found = SinglingOutEvaluator(
            ori, syn, n_attacks=300, n_cols=3, control=control, seed=seed
        ).evaluate(mode="multivariate")
        result = found.results()
        singles.append([result.n_success, result.n_control, *risk_of(found)])
    for name, runs in (("linkability", links), ("singling_out", singles)):
        mean, spread = np.mean(runs, axis=0), np.std(runs, axis=0)
        expected[name] = {
            "n_success": float(mean[0]),
            "n_control": float(mean[1]),
            "risk": [float(value) for value in mean[2:]],
            "spread_of_risk": float(spread[2]),
        }
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
