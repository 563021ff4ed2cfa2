"""Priors: the distributions that z is drawn from when rows are generated.

Shapes: ``B`` rows, ``Z`` latent dimensions, ``G`` components of the mixture.
"""

import torch
from torch import Tensor

__all__ = ["GaussianMixturePrior", "Prior", "StandardNormalPrior"]

# Below this many rows per dimension and component, a full covariance is more noise than signal.
_ROWS_PER_DIMENSION = 10


class StandardNormalPrior:
    """N(0, I)."""

    def __init__(self, latent_dim: int) -> None:
        self.latent_dim = latent_dim

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.latent_dim})"

    def mean(self, n: int, device: torch.device) -> Tensor:
        """Return ``(n, Z)`` copies of the mean."""
        return torch.zeros(n, self.latent_dim, device=device)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``(n, Z)`` latent vectors, on the generator's device."""
        return torch.empty(n, self.latent_dim, device=generator.device).normal_(generator=generator)

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors that an export keeps, by name."""
        return {}


class GaussianMixturePrior:
    """A Gaussian mixture with full covariances, fitted to encoded training rows.

    For a small beta, the encoded rows fill only a part of N(0, I), and draws from N(0, I) include
    latent vectors that the decoder was never trained on. A mixture fitted to the encoded rows
    (Ghosh et al. 2020, From variational to deterministic autoencoders, section 4) avoids them.

    Args:
        weights: ``(G,)``, a distribution.
        means: ``(G, Z)``.
        factors: ``(G, Z, Z)`` lower Cholesky factors of the covariances.
    """

    def __init__(self, weights: Tensor, means: Tensor, factors: Tensor) -> None:
        self.weights, self.means, self.factors = weights, means, factors
        self.latent_dim = means.shape[1]

    def __repr__(self) -> str:
        n = len(self.weights)
        return f"{type(self).__name__}({n} components, latent_dim={self.latent_dim})"

    @classmethod
    def fit(
        cls, z: Tensor, n_components: int, seed: int, *, min_rows: int = 0
    ) -> "GaussianMixturePrior":
        """Fit to draws of z, one per training row.

        Args:
            z: ``(N, Z)`` draws from q(z | row), N >= 2.
            n_components: Upper bound of the components; fewer are used for few rows.
            seed: Seed of the initialisation.
            min_rows: Least number of rows that a component stands for; a smaller one shows the
                latent vector of few rows and is left out.
        """
        from sklearn.mixture import GaussianMixture
        from threadpoolctl import threadpool_limits

        draws = z.double().cpu().numpy()
        n_components = max(1, min(n_components, len(draws) // (_ROWS_PER_DIMENSION * z.shape[1])))
        mixture = GaussianMixture(n_components, reg_covar=1e-4, random_state=seed, max_iter=50)
        # An unconverged mixture is still a better prior than N(0, I).
        mixture.tol = 1e-2
        # scikit-learn would use all cores, but a trial has only its share.
        with threadpool_limits(torch.get_num_threads()):
            mixture.fit(draws)
        kept = mixture.weights_ * len(draws) >= min_rows
        if not kept.any():
            # A single component stands for all rows.
            return cls.fit(z, 1, seed)
        weights = mixture.weights_[kept] / mixture.weights_[kept].sum()
        return cls(
            torch.tensor(weights, dtype=torch.float32),
            torch.tensor(mixture.means_[kept], dtype=torch.float32),
            torch.linalg.cholesky(torch.tensor(mixture.covariances_[kept])).float(),
        )

    def mean(self, n: int, device: torch.device) -> Tensor:
        """Return ``(n, Z)`` copies of the mixture's mean."""
        return (self.weights @ self.means).to(device).expand(n, -1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``(n, Z)`` latent vectors, on the generator's device."""
        device = generator.device
        if n == 0:
            # torch.multinomial draws at least one.
            return torch.empty(0, self.latent_dim, device=device)
        component = torch.multinomial(
            self.weights.to(device), n, replacement=True, generator=generator
        )
        noise = torch.empty(n, self.latent_dim, device=device).normal_(generator=generator)
        z = self.means.to(device)[component]
        for g, factor in enumerate(self.factors.to(device)):
            rows = component == g
            z[rows] += noise[rows] @ factor.T
        return z

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors that an export keeps, by name."""
        return {
            "prior.weights": self.weights,
            "prior.means": self.means,
            "prior.factors": self.factors,
        }


Prior = StandardNormalPrior | GaussianMixturePrior
