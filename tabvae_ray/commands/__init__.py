"""The commands ``tabvae train``, ``spec`` and ``show``, which need no Ray."""
