"""Checks of files that commands read, before torch, Ray and pandas are imported."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tabvae_ray.config import TabularVAEConfig

__all__ = ["check_files", "read_config"]


def check_files(*, spec: str | None = None, config: str | None = None) -> None:
    """Check what a spec and the configuration of a model say; None is left out.

    Raises:
        ConfigError: If the configuration breaks a rule.
        DataError: If the spec breaks a rule.
        StorageError: If a file cannot be read.
    """
    if spec is not None:
        from tabvae_ray.table.declaration import SpecDeclaration

        SpecDeclaration.load(spec)
    if config is not None:
        read_config(config)


def read_config(location: str) -> "TabularVAEConfig":
    """Read the configuration of a model, YAML or JSON.

    Raises:
        ConfigError: If it breaks a rule.
        StorageError: If it cannot be read.
    """
    from tabvae_ray.config import TabularVAEConfig
    from tabvae_ray.documents import read_document
    from tabvae_ray.errors import ConfigError, brief
    from tabvae_ray.storage import Location

    source = Location(location)
    document = read_document(source)
    if not isinstance(document, Mapping):
        raise ConfigError(f"{source}: must be a mapping, but got {brief(document)}")
    return TabularVAEConfig.from_mapping(document, str(source))
