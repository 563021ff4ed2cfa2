"""The part of a spec that may leave with a model: only values that enough rows share."""
