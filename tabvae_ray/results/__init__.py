"""What a search leaves behind: its manifest, trial records and checkpoints."""
