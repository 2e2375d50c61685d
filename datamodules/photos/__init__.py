"""Your own photos and clips: which frames, which background, one sample of it."""
