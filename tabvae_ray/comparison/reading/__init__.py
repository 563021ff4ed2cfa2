"""Tables as scores see them."""
