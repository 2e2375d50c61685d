"""The user's own photos and clips as blurry samples: which frames, which background."""
