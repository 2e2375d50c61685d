"""Procedural clothed textures for the free body; everything is synthesised."""
