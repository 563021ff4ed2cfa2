"""One trial: its trainable, and scoring it again."""
