"""``python -m tabvae_ray.report``: the same as ``tabvae report``."""

import sys

from tabvae_ray.report import main

if __name__ == "__main__":
    sys.exit(main())
