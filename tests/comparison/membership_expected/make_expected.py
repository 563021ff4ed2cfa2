"""Write the tables of this directory, and what public implementations of the attacks find in them.

Run once, in an environment with torch, scikit-learn, domias 0.0.5 (PyPI) and a checkout of
github.com/joshward96/Synth-MIA at commit 9ef39e1d34cb (Apache 2.0) on the path:

    PYTHONPATH=Synth-MIA python tests/comparison/membership_expected/make_expected.py

A fifth of the synthetic rows are members with a little noise. Numbers are scaled to the range of
synthetic and reference rows, as the product does. ``same_distance`` has the attacks of Synth-MIA
with the product's distance, the sum of differences. ``own_distance`` has Synth-MIA and domias as
they come, with Euclidean distances on standardised numbers.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from domias import baselines
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from synth_mia.attackers import DCR, DOMIAS, DPI, MC, Classifier, DCRDiff, LocalNeighborhood

HERE = Path(__file__).parent
N = 300


def people(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    level = rng.normal(size=n)
    return pd.DataFrame({name: np.round(level + rng.normal(size=n), 4) for name in "abcd"})


def tables() -> dict[str, pd.DataFrame]:
    members = people(N, 0)
    noise = np.random.default_rng(4).normal(scale=0.05, size=(N // 5, 4))
    leaked = (members.iloc[: N // 5] + noise).round(4)
    fresh = people(N - len(leaked), 3)
    synthetic: pd.DataFrame = pd.concat([leaked, fresh], ignore_index=True)
    return {
        "members": members,
        "others": people(N, 1),
        "reference": people(N, 2),
        "synthetic": synthetic,
    }


def main() -> None:
    made = tables()
    for name, table in made.items():
        table.to_csv(HERE / f"{name}.csv", index=False)
    labels = np.repeat([1, 0], N)
    both = pd.concat([made["reference"], made["synthetic"]])
    low, span = both.min().to_numpy(), (both.max() - both.min()).to_numpy()

    def scaled(name: str) -> np.ndarray:
        return (made[name].to_numpy() - low) / span

    rows = np.concatenate([scaled("members"), scaled("others")])
    synthetic, reference = scaled("synthetic"), scaled("reference")
    # The radius is the median distance from a reference row to the nearest synthetic one.
    radius = float(np.median(np.abs(reference[:, None] - synthetic[None]).sum(axis=2).min(axis=1)))
    trees = HistGradientBoostingClassifier(max_iter=60, early_stopping=False, random_state=0)
    attacks = {
        "nearest_synthetic": DCR(distance_type=1),
        "calibrated_distance": DCRDiff(distance_type=1),
        "local_neighbourhood": LocalNeighborhood(radius=radius, metric="l1"),
        "data_plagiarism_index": DPI(distance="l1", k_nearest=20),
        "classifier": Classifier(classifier=trees),
    }
    same = {
        name: roc_auc_score(labels, attack._compute_attack_scores(rows, synthetic, reference))
        for name, attack in attacks.items()
    }

    scaler = StandardScaler().fit(both)
    rows = scaler.transform(pd.concat([made["members"], made["others"]]))
    synthetic, reference = (scaler.transform(made[name]) for name in ("synthetic", "reference"))
    attacks = {
        "nearest_synthetic": DCR(),
        "calibrated_distance": DCRDiff(),
        "local_neighbourhood": MC(),
        "data_plagiarism_index": DPI(),
        "density_ratio": DOMIAS(),
        "classifier": Classifier(),
    }
    own = {
        f"{name}, Synth-MIA": roc_auc_score(
            labels, attack._compute_attack_scores(rows, synthetic, reference)
        )
        for name, attack in attacks.items()
    }
    own |= {
        f"{name}, domias": roc_auc_score(labels, values)
        for name, values in {
            "nearest_synthetic": baselines.GAN_leaks(rows, synthetic),
            "calibrated_distance": baselines.GAN_leaks_cal(rows, synthetic, reference),
            "local_neighbourhood": baselines.MC(rows, synthetic),
            "density_ratio": baselines.kde_baseline(rows, synthetic, reference)[1],
        }.items()
    }
    expected = {"same_distance": same, "own_distance": own}
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
