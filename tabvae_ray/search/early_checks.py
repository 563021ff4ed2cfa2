"""Checks that a search makes before it imports Ray and torch."""

from tabvae_ray.command_line.input_document import local_document
from tabvae_ray.space.named_spaces import find_space, is_auto, named_space
from tabvae_ray.space.select_rule import check_select

__all__ = ["check_early"]


def check_early(space: str | None, spec: str | None, select: str | None) -> None:
    """Check what the space, the spec and ``--select`` say before Ray and torch are imported."""
    path = None if is_auto(space) else find_space(space or "")
    if select is not None:
        files = [named_space("small"), named_space("full")] if path is None else [path]
        documents = [local_document(str(file)) for file in files]
        if path is not None or not select.startswith("weights"):
            # The space that is chosen for a table has the objectives of one of these.
            check_select(select, *documents)
    if path is not None:
        from tabvae_ray.space.private import refuse_private
        from tabvae_ray.space.space_file import load_space

        refuse_private(load_space(path))
    if spec is not None:
        from tabvae_ray.table.declaration import SpecDeclaration

        SpecDeclaration.load(spec)
