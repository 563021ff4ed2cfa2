"""The rows that break rules stand in the report, the worst rule first."""

from types import SimpleNamespace

from tabvae_ray.report.chosen_model import rules
from tabvae_ray.table.rules.counting import RuleCounts


def test_the_worst_rule_comes_first_beside_its_exceptions_among_real_rows() -> None:
    counts = RuleCounts(
        {"t = a + b": 25, "c <= d": 1, "x": None}, {"t = a + b": 2, "c <= d": 0, "x": 0}, 100, 200
    )
    comparison = SimpleNamespace(rules=counts)
    contents = SimpleNamespace(pictures=SimpleNamespace(comparison=comparison, n_rows=100))
    found = rules(contents)  # type: ignore[arg-type]
    assert found is not None
    assert list(found.facts.items()) == [
        ("t = a + b", "25 (25.00%); 1.00% of the real rows"),
        ("c <= d", "1 (1.00%)"),
        ("x", "cannot be checked"),
    ]
    comparison.rules = None
    assert rules(contents) is None  # type: ignore[arg-type]
