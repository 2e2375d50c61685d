"""Whether a result is to be believed: what is measured, learned from it, and said."""
