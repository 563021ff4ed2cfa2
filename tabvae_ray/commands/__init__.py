"""The commands ``tabvae train``, ``private-search``, ``refit``, ``spec`` and ``show``.

Of them only ``refit`` needs Ray, for a table that does not fit in memory.
"""
