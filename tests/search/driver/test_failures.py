from types import SimpleNamespace

import pytest

from tabvae_ray.errors import StorageError, StorageUnavailableError
from tabvae_ray.search.driver.failures import Failure, Retries, failure_of


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        ("ray.exceptions.ActorDiedError: The actor died unexpectedly", "lost", "ray.exceptions."),
        ("the node 10.0.0.2 is unavailable", "lost", "the node"),
        ("1 worker(s) were killed due to the node running low on memory.", "memory", "1 worker(s)"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to", "memory", "torch.Out"),
        ("Traceback\nMemoryError", "memory", "MemoryError"),
        ("Traceback\nStorageError: s3://b: cannot be read", "storage", "s3://b: cannot be read"),
        (
            "E\nmy.StorageUnavailableError: s3://b: cannot be read",
            "storage",
            "s3://b: cannot be read",
        ),
        ("\x1b[36mTraceback\x1b[0m\nZeroDivisionError: by zero", "code", "ZeroDivisionError"),
        (None, "lost", "The actor died unexpectedly: nothing more is known"),
    ],
)
def test_a_failure_is_told_from_the_text_of_rays_error(
    text: str | None, kind: str, reason: str
) -> None:
    failure = failure_of(SimpleNamespace(error_file=None, get_error=lambda: text))
    assert failure.kind == kind
    assert failure.reason.startswith(reason)
    assert "\x1b" not in failure.text


@pytest.mark.parametrize(("kind", "allowed"), [("lost", 10), ("code", 1), ("memory", 1)])
def test_a_trial_continues_so_often(kind: str, allowed: int) -> None:
    retries, failure = Retries(), Failure(kind, "")
    assert [retries.allow(0, failure) for _ in range(12)] == [n < allowed for n in range(12)]
    assert retries.allow(1, failure)


def test_a_storage_that_does_not_answer_is_told_from_one_that_refuses() -> None:
    away, refused = StorageUnavailableError("s3://b: timed out"), StorageError("s3://b: denied")
    for error in (away, refused):
        text = f"Traceback\n  ...\ntabvae_ray.errors.{type(error).__name__}: {error}"
        found = failure_of(SimpleNamespace(error_file=None, get_error=lambda text=text: text))
        assert found.kind == "storage"
        assert (type(found.storage_error), str(found.storage_error)) == (type(error), str(error))
