"""The version of this package, which pyproject.toml reads from here, and those of others."""

__all__ = ["__version__", "model_versions", "package_versions"]

__version__ = "0.1.0"


def package_versions(*names: str, builds: bool = True) -> dict[str, str]:
    """Return the versions of tabvae_ray and of installed packages, by name.

    Nothing is imported for it, so that a process without torch or Ray can ask, too.

    Args:
        names: The packages; ``python`` is the interpreter.
        builds: Keep the build, such as ``+cu128``. CPU and CUDA builds of one version of torch may
            work together.
    """
    # Importing these takes longer than importing the rest of the package.
    import platform
    from importlib.metadata import version

    found = {"tabvae_ray": __version__}
    for name in names:
        text = platform.python_version() if name == "python" else version(name)
        found[name] = text if builds else text.partition("+")[0]
    return found


def model_versions() -> dict[str, str]:
    """Return the versions of what trains and writes a model, for its provenance."""
    return package_versions("python", "torch", "pandas", "numpy", "pyarrow")
