"""Pictures of a comparison, drawn with matplotlib."""
