"""Names of plots. This module imports nothing that takes long."""

from collections.abc import Sequence
from typing import Literal, get_args

from tabvae_ray.errors import ConfigError, brief, closest

__all__ = ["PICTURES", "PLOTS", "PlotName", "wanted_plots"]

PlotName = Literal[
    "pdf", "cdf", "descriptive_statistics", "pca", "correlation_heatmaps", "truncated_svd", "tsne"
]

PLOTS: tuple[PlotName, ...] = get_args(PlotName)
# Plots that take a tenth of a second or two at most.
PICTURES: tuple[PlotName, ...] = (
    "pdf",
    "cdf",
    "descriptive_statistics",
    "pca",
    "correlation_heatmaps",
)


def wanted_plots(
    given: Sequence[PlotName] | str | None, *, has_out: bool, has_plan: bool
) -> tuple[PlotName, ...]:
    """Return the plots that are asked for, or the usual ones if there is only a directory.

    Args:
        given: Names of plots, also separated by commas; ``all`` or ``none``.
        has_out: Whether there is a directory for pictures.
        has_plan: Whether there is a plan, which may name plots.

    Raises:
        ConfigError: If there is no such plot, or no directory.
    """
    if given is None:
        return PICTURES if has_out and not has_plan else ()
    if given == "none":
        return ()
    if not has_out:
        raise ConfigError("--plots: must come with --out, where the pictures go")
    if given == "all":
        return PLOTS
    names = given.split(",") if isinstance(given, str) else given
    wanted = [str(name).strip() for name in names]
    for name in wanted:
        if name not in PLOTS:
            raise ConfigError(
                f"--plots: must be all, none, or some of {', '.join(PLOTS)}, but got "
                f"{brief(name)}{closest(name, PLOTS)}"
            )
    return tuple(name for name in PLOTS if name in wanted)
