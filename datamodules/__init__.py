"""Where samples come from: the synthetic generator, folders of samples and captured images."""
