"""Hyperparameter search: Ray Tune runs trials, Optuna proposes them, records keep them.

The package can be called: ``tabvae_ray.search(table)`` is
:func:`tabvae_ray.search.api.function.search`.
"""

from tabvae_ray.callable_module import make_callable

make_callable(__name__, "tabvae_ray.search.api.function.search")
