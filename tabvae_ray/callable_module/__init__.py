"""Modules that can be called, because a public function has the same name.

``tabvae_ray.search`` is the package that ``python -m tabvae_ray.search`` runs, and the function
that notebooks call. Python keeps one object under that name: whatever imports the package sets the
attribute anew. So the module itself is called, and its function is imported at the first call. The
commands call the function itself, whose messages name options.
"""

import inspect
import sys
import textwrap
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from tabvae_ray.callable_module.python_words import python_words
from tabvae_ray.errors import closest

__all__ = ["CallableModule", "make_callable"]

# By the name of the module: the module and the name of the function that a call goes to.
_FUNCTIONS: dict[str, tuple[str, str]] = {}


class CallableModule(ModuleType):  # noqa: D101 - its documentation is that of its instances
    # A module that passes calls on to a function.

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        """The documentation of the function, which ``help`` shows without the signature."""
        first, _, rest = (inspect.getdoc(self.__wrapped__) or "").partition("\n")
        bare = [
            parameter.replace(annotation=inspect.Parameter.empty)
            for parameter in self.__signature__.parameters.values()
        ]
        call = f"{self.__wrapped__.__name__}{inspect.Signature(bare)}"
        return "\n".join([first, "", *textwrap.wrap(call, 88, subsequent_indent="    "), rest])

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call the function of the module, whose signature and documentation are shown by help."""
        known = list(inspect.signature(self.__wrapped__).parameters)
        for name in options:
            if name not in known and (question := closest(name, known)):
                # Python's own message names no argument that is similar.
                raise TypeError(f"{self.__wrapped__.__name__}() has no argument {name!r}{question}")
        with python_words():
            return self.__wrapped__(*args, **options)

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        """The function that calls go to."""
        module, name = _FUNCTIONS[self.__name__]
        function: Callable[..., Any] = getattr(import_module(module), name)
        return function

    @property
    def __signature__(self) -> inspect.Signature:
        """The signature of the function."""
        return inspect.signature(self.__wrapped__)

    def __reduce__(self) -> tuple[Callable[[str], ModuleType], tuple[str]]:
        return import_module, (self.__name__,)


def make_callable(module: str, function: str) -> None:
    """Make a module callable, while it is being imported.

    Args:
        module: The name of the module.
        function: The function to call, as ``package.module.function``.
    """
    home, _, name = function.rpartition(".")
    _FUNCTIONS[module] = home, name
    sys.modules[module].__class__ = CallableModule
