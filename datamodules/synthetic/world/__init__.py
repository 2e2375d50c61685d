"""Where people move: procedural places, their solids, light and textures."""
