"""The commands ``tabvae train``, ``refit``, ``spec`` and ``show``, which need no Ray."""
