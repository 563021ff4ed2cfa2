"""``python -m tabvae_ray.report``."""

import sys

from tabvae_ray.report import main

if __name__ == "__main__":
    sys.exit(main())
