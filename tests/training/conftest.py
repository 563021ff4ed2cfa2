from tests.search.conftest import space_file, tiny

__all__ = ["space_file", "tiny"]
