"""``python -m tabvae_ray``: the same as ``tabvae``."""

import sys

from tabvae_ray.cli import main

if __name__ == "__main__":
    sys.exit(main(program="python -m tabvae_ray"))
