"""How people move: scripted actions, motion capture, feet on the ground."""
