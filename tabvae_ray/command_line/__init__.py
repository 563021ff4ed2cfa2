"""Text on a terminal, and checks of a command line that need no heavy library."""
