"""One trial: training it, its Ray Tune trainable, and scoring it again."""
