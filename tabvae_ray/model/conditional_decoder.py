"""Draw rows of codes from a trained VAE, given conditions on some columns.

The model gives a row the probability ``p(z) prod_c p(x_c | z, x_<c)``. Rows are proposed with the
heads of the conditioned columns restricted to the allowed values: code ``k`` is weighted by the
share ``s_k`` of its values that satisfy the condition. The unrestricted head gives the allowed
values the probability ``W_c = sum_k p(x_c = k | z, x_<c) s_k``, so a proposal is accepted with
probability ``prod_c W_c / bound``. This is exact for any decoder if the bound is the supremum over
all proposals. The bound is learnt from the proposals (empirical supremum rejection sampling, Caffo,
Booth & Davis 2002): with a bound of 1, rare conditions would cost as much as drawing rows and
dropping those that do not fit.

Columns after the last conditioned one are drawn for accepted proposals only. An independent decoder
draws all columns then.

Shapes: ``B`` rows, ``C`` columns, ``K_c`` codes of column ``c``, ``W`` width of the decoder, ``Z``
latent dimensions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tabvae_ray.model.draw import Draw
from tabvae_ray.model.row_decoder import RowDecoder

__all__ = ["ConditionalDecoder", "Proposals"]

_ROWS = 1024


@dataclass(frozen=True)
class Proposals:
    """Rows that are drawn up to the last conditioned column.

    Args:
        log_weight: ``(B,)`` log of the product of all ``W_c``. If the likeliest codes are taken,
            it is the log of the product of their shares, which may be minus infinity.
        z: ``(B, Z)`` latent vectors.
        codes: ``(B, C)``, of which an autoregressive decoder has drawn some columns.
        context: ``(B, W)`` input of the next column's head, before the activation; None for an
            independent decoder.
    """

    log_weight: Tensor
    z: Tensor
    codes: Tensor
    context: Tensor | None


class ConditionalDecoder:
    """A decoder with conditions on some columns.

    Args:
        decoder: The decoder.
        allowed: Per conditioned column, the share ``(K_c,)`` of each code's values that satisfy
            the condition.
        draw: Draws codes from logits.
    """

    def __init__(self, decoder: RowDecoder, allowed: Mapping[int, Tensor], draw: Draw) -> None:
        self.decoder, self.draw = decoder, draw
        self.allowed = {column: share.to(decoder.head_bias) for column, share in allowed.items()}
        order = decoder.order or []
        # Position of the last conditioned column, plus one.
        self._n_proposed = max((i + 1 for i, c in enumerate(order) if c in self.allowed), default=0)

    @torch.inference_mode()
    def propose(self, z: Tensor) -> Proposals:
        """Draw rows up to the last conditioned column, from latent vectors ``(B, Z)``."""
        parts = [self._propose(part) for part in torch.split(z, _ROWS)]
        context = [part.context for part in parts if part.context is not None]
        return Proposals(
            torch.cat([part.log_weight for part in parts]),
            z,
            torch.cat([part.codes for part in parts]),
            torch.cat(context) if context else None,
        )

    @torch.inference_mode()
    def complete(self, proposals: Proposals, kept: Tensor) -> Tensor:
        """Draw the other columns of accepted proposals.

        Args:
            proposals: The proposals.
            kept: ``(B,)`` mask of those that are accepted.

        Returns:
            ``(number accepted, C)`` codes.
        """
        if proposals.context is None:
            return self.decoder.decode(
                proposals.z[kept],
                temperature=self.draw.temperature,
                sample=self.draw.sample,
                generator=self.draw.generator,
                allowed=self.allowed,
            )
        codes = proposals.codes[kept]
        for context, part in zip(
            torch.split(proposals.context[kept], _ROWS), torch.split(codes, _ROWS), strict=True
        ):
            self._draw_columns(context, part, self._n_proposed, len(self.decoder.cardinalities))
        return codes

    def _propose(self, z: Tensor) -> Proposals:
        features = self.decoder.features(z)
        codes = torch.zeros(
            len(z), len(self.decoder.cardinalities), dtype=torch.int64, device=z.device
        )
        if self.decoder.context is not None:
            log_weight = self._draw_columns(features, codes, 0, self._n_proposed)
            return Proposals(log_weight, z, codes, features)
        log_weight = torch.zeros(len(z), device=z.device)
        for column in self.allowed:
            log_weight += self._log_allowed(self.decoder.column_logits(features, column), column)
        return Proposals(log_weight, z, codes, None)

    def _draw_columns(self, context: Tensor, codes: Tensor, first: int, last: int) -> Tensor:
        """Draw a range of the order's columns into ``codes`` and add them to ``context``, in place.

        Returns:
            ``(B,)`` log of the probability that the heads give to the allowed values.
        """
        order = self.decoder.order
        assert order is not None
        log_weight = torch.zeros(len(codes), device=codes.device)
        for i in range(first, last):
            column = order[i]
            logits = self.decoder.column_logits(context, column)
            if column in self.allowed:
                log_weight += self._log_allowed(logits, column)
                logits = self.draw.restricted(logits, self.allowed[column])
            codes[:, column] = self.draw(logits)
            if i + 1 < len(order):
                self.decoder.add_column(context, column, codes[:, column])
        return log_weight

    def _log_allowed(self, logits: Tensor, column: int) -> Tensor:
        """Compute the log probability of the allowed values: ``(B, K_c) -> (B,)``."""
        allowed = self.allowed[column]
        if not self.draw.sample:
            return allowed[logits.argmax(dim=1)].log()
        inside = self.draw.restricted(logits, allowed) / self.draw.temperature
        return torch.logsumexp(inside, 1) - torch.logsumexp(logits / self.draw.temperature, 1)
