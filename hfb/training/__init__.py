"""Trainings: the motion prior (eq. 10) and the lifting network."""
