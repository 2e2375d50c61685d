"""Shape from Blur and Motion from Blur: an object without joints, from their descriptions."""
