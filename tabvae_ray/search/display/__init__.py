"""What a search shows while it runs and when it ends."""
