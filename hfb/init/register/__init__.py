"""Landmarks or meshes to parameters of the body: Gauss-Newton with priors."""
