"""Ray clusters: connecting, what nodes have, and what they must share."""
